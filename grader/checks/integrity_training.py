"""Whether a network is what its training made: weights that did not move, or that came from elsewhere; other outputs. Pure.

All of it rests on what the kernel said.
"""

from collections.abc import Iterator, Sequence

from grader.checks.training import KERAS_BATCH_SIZE, fits_of_chosen
from grader.evidence import Candidate, Claims, Evidence, Fit
from grader.notebook import SHORTENED, reported_accuracies
from grader.results import Accuracy, Flag

FEWEST_FIRST = 16  # images of a first batch that says something
GOOD_AT_FIRST, SIGMAS_AT_FIRST = 0.6, 5.0  # of the way from chance to perfect; standard errors above chance
FEW_STEPS, GOOD_SOON = 10, 0.9  # steps of an optimizer; of the way from chance to perfect
REPLACED = 0.15  # of accuracy, above all that training ever showed
SAVED_GAP = 0.1  # of accuracy, between saved outputs and those of the run
CUT = ("smoke run", "training was stopped")  # notes of a training that was shorter than it was meant to be
KNOWN_WEIGHTS = ("applications", "imagenet")


def training_flags(evidence: Evidence, accuracy: Accuracy | None, *, classes: int) -> Iterator[Flag]:
    """What of the training a person should look at."""
    claims = evidence.claims
    own = fits_of_chosen(claims)
    by_hand = any(fit.how != "fit" for fit in claims.fits)
    done = [fit for fit in own if fit.epochs_done]
    if done and not by_hand:
        yield from _unchanged(done)
        before = _good_before(claims, done[0], classes)
        if before is not None:
            yield before
        elif accuracy is not None:
            yield from _good_soon(done, accuracy, classes)
    taken = next((item for item in claims.candidates if item.taken), None)
    if accuracy is not None and taken is not None and taken.changed:
        yield from _replaced(claims, taken, accuracy)
    yield from _saved_outputs(evidence)


def _unchanged(done: Sequence[Fit]) -> Iterator[Flag]:
    if any(fit.moved != 0 for fit in done):
        return
    steps = sum(fit.updates or 0 for fit in done)
    reason = (
        f"The weights of the network are the same before and after `fit` ({steps:,} steps): nothing was learnt there. The "
        "usual reasons are layers that are frozen, or a learning rate of 0."
    )
    yield Flag(kind="weights_unchanged", reason=reason)


def _good_before(claims: Claims, first: Fit, classes: int) -> Flag | None:
    """That the network knew its first batch before its first step, which is a question only in the first training of all."""
    trained = next((fit for fit in claims.fits if fit.epochs_done), None)
    value, images = first.first_accuracy, _first_batch(first)
    if trained is not first or value is None or images < FEWEST_FIRST or len(set(first.labels)) < 2:
        return None
    chance = 1 / classes
    spread = (chance * (1 - chance) / images) ** 0.5
    if value < max(chance + GOOD_AT_FIRST * (1 - chance), chance + SIGMAS_AT_FIRST * spread):
        return None
    known = any(word in cell.source.lower() for cell in claims.cells for word in KNOWN_WEIGHTS)
    reason = (
        f"Before its first training step the network recognised {value:.0%} of its first {images} images: it began with "
        "weights that were trained before. "
    )
    reason += (
        "The code names a known network with weights of its own, which is a common beginning."
        if known
        else "Where that is allowed, say in the notebook where they come from."
    )
    return Flag(kind="good_before_training", reason=reason)


def _first_batch(fit: Fit) -> int:
    """How many images the first batch had."""
    rows = fit.x.shape[0] if fit.x is not None and fit.x.shape else None
    return min(rows, fit.batch_size or KERAS_BATCH_SIZE) if rows is not None else len(fit.labels)


def _good_soon(done: Sequence[Fit], accuracy: Accuracy, classes: int) -> Iterator[Flag]:
    updates = [fit.updates for fit in done]
    steps = sum(count for count in updates if count is not None)
    if None in updates or not 0 < steps <= FEW_STEPS:
        return
    if accuracy.value < 1 / classes + GOOD_SOON * (1 - 1 / classes):
        return
    reason = (
        f"{accuracy.value:.1%} after {steps} training {'step' if steps == 1 else 'steps'} is more than so few usually give: "
        "the network may have begun with weights that were trained before."
    )
    yield Flag(kind="good_after_few_steps", reason=reason)


def _replaced(claims: Claims, taken: Candidate, accuracy: Accuracy) -> Iterator[Flag]:
    shown = [
        value
        for fit in claims.fits
        for name, curve in fit.history.items()
        if "acc" in name
        for value in curve
        if value is not None
    ]
    if not shown or accuracy.value - max(shown) <= REPLACED:
        return
    reason = (
        f"The weights of `{taken.name}` were changed after its last training (as `load_weights` and `set_weights` do), and "
        f"it recognises {accuracy.value:.1%} of the judged images where no training showed more than {max(shown):.1%}. "
        "Weights of an earlier run are a common reason: the mark should rest on the training that was handed in."
    )
    yield Flag(kind="weights_changed_after_training", reason=reason)


def _saved_outputs(evidence: Evidence) -> Iterator[Flag]:
    """Accuracies in the outputs that were handed in, and those that the same cells gave now."""
    claims = evidence.claims
    if any(words in note for note in claims.notes for words in CUT):
        return
    texts = {
        cell.number: "\n".join(output.text for output in cell.outputs if output.kind != "error")
        for cell in claims.cells
        if cell.error is None
    }
    now = {number: reported_accuracies(text) for number, text in texts.items() if SHORTENED not in text}
    far = [
        (item, now[item.cell][item.words])
        for item in evidence.submission.saved
        if item.words in now.get(item.cell, {}) and item.value - now[item.cell][item.words] > SAVED_GAP
    ]
    if not far:
        return
    item, found = far[-1]
    reason = (
        f"The notebook was handed in with '{item.words} {item.value:.1%}' in the output of cell {item.cell}; run again, the "
        f"same cell gives {found:.1%}. The usual reasons are other data at home, or code that was changed after the run: "
        "run all cells again before handing in."
    )
    yield Flag(kind="saved_outputs_differ", reason=reason)
