"""Flags: what a person should look at before trusting a number; and the status of a submission. Pure.

No point depends on a flag. Each says what was seen and what the usual innocent reason is; what only an instructor can judge
is for instructors alone. Thresholds leave honest work far behind (measurements: `docs/explanation/integrity.md`). In this
order: the training (weights that did not move, or came from elsewhere), the network's own accuracy and its images, the
preparation, chance and repeated runs, the row of a submission that could not be run.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.checks.accuracy import may_be_chance
from grader.checks.base import Planned
from grader.checks.training import KERAS_BATCH_SIZE, fits_of_chosen
from grader.core.assignment import Retry
from grader.core.evidence import (
    VALIDATIONS,
    ArraySummary,
    Candidate,
    Cause,
    Claims,
    Ending,
    Evidence,
    Fit,
    Isolation,
    Preparation,
    training_accuracy,
    validation_accuracy,
)
from grader.core.notebook import SHORTENED, reported_accuracies
from grader.core.results import Accuracy, Attempt, CheckResult, Comparison, Flag, ModelSummary, Outcome, Result, Status
from grader.course.dataset import Dataset
from grader.course.rubric import Rubric
from grader.marking.handed_in import FOR_REVIEW

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
    by_hand = any(fit.how != "fit" for fit in claims.fits)
    done = [] if by_hand else [fit for fit in fits_of_chosen(claims) if fit.epochs_done]
    before = _good_before(claims, done[0], classes) if done else None
    if evidence.cut_short:  # what a few steps gave says nothing of a network that was trained elsewhere
        yield from () if before is None else (before,)
        return
    if done:
        yield from _unchanged(done)
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


GAP, SIGMAS = 0.05, 3.0  # of accuracy; standard errors of the difference, on top
FEWEST_TESTED, UNKNOWN_TESTED = 100, 500  # images of an evaluation that counts; assumed where nobody knows
FAR_RANGE = 5.0  # times as wide: images that were prepared in another way
FEWEST_ROWS = 3  # that are judged images, or of the test set
TEST_SHARE, STAND_IN_SHARE = 0.01, 0.1  # of the rows that were looked at; stand-ins resemble augmented photographs
FEWEST_IN_FILES = 20
SHIFTED_SHARE, ABOVE_CHANCE = 0.3, 0.3  # of images that change their class, beside those that are wrong; of accuracy


@dataclass(frozen=True, kw_only=True)
class OwnClaim:
    """What the notebook itself says of its network: the last accuracies, all, how many images, and which."""

    last: tuple[float, ...]
    every: tuple[float, ...]
    images: int
    x: ArraySummary | None
    evaluated: bool  # by `evaluate`; else as validation while it was trained
    split: bool  # validated on a part of the training images


def integrity_flags(evidence: Evidence, dataset: Dataset | None, accuracy: Accuracy | None) -> tuple[Flag, ...]:
    """All that there is to look at; `accuracy` is what was judged, None where nothing was."""
    if evidence.smoke is not None or dataset is None:
        return ()
    classes = len(dataset.classes)
    found = [
        *looked_for("images of the test", lambda: _overlap_flags(evidence, dataset)),
        *looked_for("the training", lambda: training_flags(evidence, accuracy, classes=classes)),
    ]
    if accuracy is not None:
        replaced = any(flag.kind == "weights_changed_after_training" for flag in found)
        no_number = replaced or evidence.cut_short  # the code's own accuracy is of other weights
        own = () if no_number else looked_for("its own accuracy", lambda: _own_flags(evidence, dataset, accuracy))
        found += [*own, *looked_for("shifted images", lambda: _shift_flags(evidence, accuracy, classes=classes))]
    return tuple(found)


def looked_for(what: str, find: Callable[[], Iterable[Flag]]) -> tuple[Flag, ...]:
    """The flags that `find` raises; where it breaks, one that says so: what a kernel claims may break a mark no more."""
    try:
        return tuple(find())
    except Exception as error:  # as with checks: our bug, and told to whoever has to look
        reason = f"The grader broke while it looked at {what} ({type(error).__name__}): look at it yourself."
        return (Flag(kind="not_looked_at", reason=reason, audience="instructor"),)


def shows_stand_ins(evidence: Evidence, dataset: Dataset) -> bool:
    """Whether the served test set is made of training photographs, so that a notebook's own number on it says little."""
    spare = any(name not in (dataset.train, dataset.judged) for name in dataset.split)
    return evidence.serve == "sealed" and dataset.kind == "photographs" and not spare


def _own_flags(evidence: Evidence, dataset: Dataset, accuracy: Accuracy) -> Iterator[Flag]:
    """The judged accuracy far from what the notebook itself found, in either direction."""
    preparation = evidence.facts.judgement.preparation
    own = _own_accuracy(evidence)
    if own is None or preparation is None or preparation.swapped:
        return
    lowest, highest = min(own.last), max(own.every)
    fair = not shows_stand_ins(evidence, dataset) or (own.split and not own.evaluated)
    if fair and lowest - accuracy.value > _margin(lowest, own.images, accuracy):
        yield _differs(lowest, own, accuracy, _why_lower(evidence, own))
    elif accuracy.value - highest > _margin(highest, own.images, accuracy):
        yield _differs(highest, own, accuracy, _why_higher(evidence, own))


def _margin(own: float, images: int, accuracy: Accuracy) -> float:
    """How far apart two accuracies may lie: `GAP`, and what chance does with so few images."""
    spread = own * (1 - own) / images + accuracy.value * (1 - accuracy.value) / accuracy.judged
    return GAP + SIGMAS * float(spread**0.5)


def _own_accuracy(evidence: Evidence) -> OwnClaim | None:
    claims, fits = evidence.claims, [fit for fit in fits_of_chosen(evidence.claims) if fit.epochs_done]
    taken = next((item.name for item in claims.candidates if item.taken), None)
    validated = [curve for fit in fits if (curve := _validation(fit))]
    every = [value for curve in validated for value in curve]
    tested = [
        (item.accuracy or 0.0, item.x)
        for item in claims.evaluations
        if item.model == taken and _is_share(item.accuracy) and _count(item.x) >= FEWEST_TESTED
    ]
    if tested:
        values = tuple(value for value, _ in tested)
        images = min(_count(x) for _, x in tested)
        return OwnClaim(
            last=values, every=(*values, *every), images=images, x=tested[-1][1], evaluated=True, split=False
        )
    if not validated or not (curve := _validation(fits[-1])):
        return None
    last = fits[-1]
    images = _count(last.validation_x) or UNKNOWN_TESTED
    return OwnClaim(
        last=(curve[-1], max(curve)), every=tuple(every), images=images, x=last.validation_x, evaluated=False,
        split=last.validation == "split",
    )  # fmt: skip


def _validation(fit: Fit) -> tuple[float, ...]:
    found = next((fit.history[name] for name in VALIDATIONS if fit.history.get(name)), ())
    return tuple(value for value in found if value is not None and _is_share(value))


def _is_share(value: float | None) -> bool:
    """Whether it is an accuracy at all: a kernel may say anything."""
    return value is not None and 0 <= value <= 1


def _count(x: ArraySummary | None) -> int:
    return max(0, x.shape[0] or 0) if x is not None and x.shape else 0


def _differs(value: float, own: OwnClaim, accuracy: Accuracy, why: str) -> Flag:
    number = "test accuracy" if own.evaluated else "validation accuracy"
    reason = (
        f"The notebook's own {number} is {value:.1%}; on {accuracy.judged:,} other images it is {accuracy.value:.1%}. "
        f"That is further apart than chance explains. {why}"
    )
    return Flag(kind="own_accuracy_differs", reason=reason)


def _why_lower(evidence: Evidence, own: OwnClaim) -> str:
    overlap = evidence.claims.overlap
    if overlap is not None and overlap.test >= FEWEST_ROWS:
        return "Images of the test set are among those that the network was trained on, so it knew them already."
    return _other_range(evidence, own) or (
        "The usual reason: the images of the test were among those it was trained on, or much like them."
    )


def _why_higher(evidence: Evidence, own: OwnClaim) -> str:
    return _other_range(evidence, own) or (
        "The usual reason: in the notebook the images or labels of the test are prepared in another way than those for "
        "training."
    )


def _other_range(evidence: Evidence, own: OwnClaim) -> str:
    """That test and training images differ in their range, where they do."""
    fits = fits_of_chosen(evidence.claims)
    x = next((fit.x for fit in reversed(fits) if fit.x is not None), None)
    ranges = [
        (item.low, item.high)
        for item in (x, own.x)
        if item is not None and item.low is not None and item.high is not None
    ]
    if len(ranges) < 2:
        return ""
    (low, high), (test_low, test_high) = ranges
    widths = sorted((high - low, test_high - test_low))
    if widths[1] <= FAR_RANGE * widths[0]:
        return ""
    return (
        f"The images for training go from {low:g} to {high:g}, those of the test from {test_low:g} to {test_high:g}: "
        "prepare both in the same way."
    )


def _overlap_flags(evidence: Evidence, dataset: Dataset) -> Iterator[Flag]:
    """Judged images, or the test set, among what was trained on or handed in."""
    overlap = evidence.claims.overlap
    if overlap is not None and overlap.judged >= FEWEST_ROWS:
        yield _trained_on_judged(evidence, overlap.judged, overlap.rows)
    share = STAND_IN_SHARE if shows_stand_ins(evidence, dataset) else TEST_SHARE
    if overlap is not None and overlap.test >= max(FEWEST_ROWS, share * overlap.rows):
        reason = (
            f"Of {overlap.rows:,} rows that the network was trained on, {overlap.test:,} are images of the test set. The "
            "mark rests on other images, but the notebook's own test accuracy is none for new images: keep the test set "
            "out of the training."
        )
        yield Flag(kind="trained_on_test", reason=reason)
    held = {name: count for name, count in evidence.facts.handed_in.items() if count >= FEWEST_IN_FILES}
    if held:
        named = ", ".join(f"{name} (about {count:,})" for name, count in list(held.items())[:5])
        used = "Some of the rows that it was trained on are among them." if overlap and overlap.judged else (
            "None of the rows of its training that were looked at is one of them."
        )  # fmt: skip
        reason = (
            f"Files that were handed in hold images that are judged: {named}. That is common where the whole of a public "
            f"dataset lies beside a notebook. {used}"
        )
        yield Flag(kind="judged_images_in_files", reason=reason, audience="instructor")


def _trained_on_judged(evidence: Evidence, judged: int, rows: int) -> Flag:
    found = f"Of {rows:,} rows that the network was trained on, {judged:,} are images that it is judged on"
    if evidence.serve == "open":
        reason = f"{found}: the test set was served as it is. The accuracy is none for new images."
        return Flag(kind="trained_on_judged", reason=reason)
    reason = (
        f"{found}. They were not served, so they came with the submission, perhaps as part of a public dataset. The "
        "accuracy is none for new images; ask where the data came from."
    )
    return Flag(kind="trained_on_judged", reason=reason, audience="instructor")


def _shift_flags(evidence: Evidence, accuracy: Accuracy, *, classes: int) -> Iterator[Flag]:
    shifted = evidence.facts.judgement.shifted
    if shifted is None or not shifted.images or accuracy.value < 1 / classes + ABOVE_CHANCE:
        return
    if shifted.changed < (SHIFTED_SHARE + 1 - accuracy.value) * shifted.images:
        return
    reason = (
        f"Moved by one pixel, {shifted.changed} of {shifted.images} judged images are taken for another class; for usual "
        "networks it is a few in a hundred. The network hangs on exact pixels more than on what the images show."
    )
    yield Flag(kind="fragile_to_shifts", reason=reason)


DOUBTFUL = "This is provisional: the network may expect its images prepared in another way, and a person looks first."
RESTS_ON_ACCURACY = ("own_accuracy_differs", "fragile_to_shifts")
SUSPICIOUS_GAP = 0.15  # of training accuracy, between what the notebook claims and what the judge can reproduce
GUESSED_GAP, ERRORS = 0.05, 2.0  # where no recorded row confirms the preparation; standard errors, on top


@dataclass(frozen=True, kw_only=True)
class UnrunSubmission:
    """What is known of a submission that was not run."""

    rubric: Rubric
    student: str
    submission: str
    isolation: Isolation
    versions: dict[str, str]
    seed: int
    started: str


def decide_status(evidence: Evidence, outcomes: tuple[Outcome, ...], flags: tuple[Flag, ...]) -> Status:
    """Broken if any check is; explained where nothing could be judged; else graded, or for a person to look at."""
    if Outcome.BROKEN in outcomes or evidence.facts.ending.cause is Cause.INFRASTRUCTURE:
        return Status.BROKEN
    if any(flag.kind in FOR_REVIEW for flag in flags):
        return Status.NEEDS_REVIEW
    if evidence.facts.judgement.outcome not in ("judged", "called"):
        return Status.EXPLAINED
    if any(flag.kind == "preparation_unsure" for flag in flags):
        return Status.NEEDS_REVIEW
    return Status.GRADED


def raise_flags(evidence: Evidence, dataset: Dataset | None, accuracy: Accuracy | None = None) -> tuple[Flag, ...]:
    """What a person should look at; `accuracy` is what was judged."""
    first = looked_for("the preparation of the images", lambda: preparation_flags(evidence, dataset))
    unsure = any(flag.kind == "preparation_unsure" for flag in first)
    others = integrity_flags(evidence, dataset, accuracy)  # a number that may be wrong is no reason to ask for another
    return (*first, *(flag for flag in others if not unsure or flag.kind not in RESTS_ON_ACCURACY))


def preparation_flags(evidence: Evidence, dataset: Dataset | None) -> tuple[Flag, ...]:
    """Whether the judge understood what the network expects."""
    preparation = evidence.facts.judgement.preparation
    claimed = None if evidence.cut_short else training_accuracy(evidence.claims)
    validated = validation_accuracy(evidence.claims)
    flags = substitute_flags(dataset)
    if preparation is None:
        return flags
    if preparation.swapped:
        reason = (
            f"Of the training images the judge tried {1 - preparation.accuracy:.1%} were taken for the other class: the "
            "notebook numbers the two classes the other way round."
        )
        return (*flags, Flag(kind="classes_swapped", reason=reason))
    if claimed is None:
        return flags
    gap = SUSPICIOUS_GAP if preparation.matched else _guessed_gap(preparation)
    told = [claimed]
    if preparation.matched and validated is not None:
        told.append(validated)  # a young BatchNormalization validates far worse than it trains, and so it is judged
    if min(told) - preparation.accuracy <= gap:
        return flags
    reason = (
        f"The notebook reports {claimed:.1%} on its training data, but the best preparation of the images that the judge "
        f"found gives {preparation.accuracy:.1%} on training images: the network may expect its images prepared in "
        "another way."
    )
    return (*flags, Flag(kind="preparation_unsure", reason=reason))


def _guessed_gap(preparation: Preparation) -> float:
    """How far the judge may stay below the notebook where accuracy on `probed` images alone chose the preparation."""
    variance = preparation.accuracy * (1 - preparation.accuracy) / max(preparation.probed, 1)
    return min(SUSPICIOUS_GAP, GUESSED_GAP + ERRORS * math.sqrt(max(0.0, variance)))  # stored evidence may be damaged


def substitute_flags(dataset: Dataset | None) -> tuple[Flag, ...]:
    """The flag that keeps a demonstration from passing for the real thing."""
    if dataset is None or dataset.substitute_for is None:
        return ()
    reason = f"Judged on {dataset.judged_title}: a demonstration, and no result for {dataset.substitute_for}."
    return (Flag(kind="substitute_data", reason=reason),)


def verdict_flags(
    accuracy: Accuracy | None, checks: Sequence[CheckResult], compared: Mapping[str, Comparison]
) -> tuple[Flag, ...]:
    """Where chance may have cost points, or was given the benefit of the doubt."""
    if accuracy is None:
        return ()
    flags = []
    if accuracy.verdict == "borderline" and accuracy.threshold is not None:
        bar = accuracy.threshold  # where a line of points begins, reaching it gives none
        below = f"is below {bar:.2%}" if accuracy.value < bar else f"is not above {bar:.2%}"
        why = "within what chance explains: it counts as reached" if accuracy.granted else "chance may have decided"
        reason = f"{accuracy.value:.2%} of {accuracy.judged:,} images {below}, but {why}."
        flags.append(Flag(kind="borderline", reason=reason))
    lost = any(check.name == "better_than" and check.outcome is Outcome.FAILED and check.out_of for check in checks)
    for other in compared.values():
        if lost and accuracy.value <= other.accuracy and may_be_chance(other, accuracy.value):
            reason = (
                f"{accuracy.value:.2%} is not better than {other.accuracy:.2%} for {other.source}, but so small a "
                "difference may be chance."
            )
            flags.append(Flag(kind="close_comparison", reason=reason))
    return tuple(flags)


def without_advice(checks: Sequence[CheckResult], planned: Sequence[Planned]) -> tuple[CheckResult, ...]:
    """The checks of a submission for review: what rests on an accuracy that may be wrong gives no advice."""
    return tuple(
        found.model_copy(update={"hint": "", "reason": f"{found.reason} {DOUBTFUL}".lstrip()})
        if item.check.judged and found.outcome in (Outcome.FAILED, Outcome.PARTIAL)
        else found
        for found, item in zip(checks, planned, strict=True)
    )


def attempt_flag(attempts: Sequence[Attempt], retry: Retry, *, due: bool) -> Flag:
    """What became of a borderline run; `due`: the rubric asks for one more run than there are."""
    told = [
        f"{'could not be judged' if item.accuracy is None else f'{item.accuracy:.2%}'} with seed {item.seed}"
        for item in attempts
    ]
    reason = f"The first run was borderline: {', '.join(told)}."
    if len(attempts) > 1:
        reason += f" The {retry.counts} counts."
    if due:
        reason += " Another run is due and was not made: grade the submission again, what is stored is kept."
    return Flag(kind="borderline", reason=reason)


def explain_unread(row: UnrunSubmission, *, reason: str, remedy: str, ours: bool) -> Result:
    """The result of a submission that was not run: it can't be read, or (`ours`) the grader failed.

    Who handed in nothing (`submission` is empty) has no checks: there is nothing that they could have looked at.
    """
    rubric = row.rubric
    outcome = Outcome.BROKEN if ours else Outcome.FAILED
    checks = tuple(
        CheckResult(
            name=item.check.name, title=item.title, outcome=outcome, points=0, out_of=item.spec.points, reason=reason,
            hint=remedy, rests_on=item.check.rests_on,
        )
        for item in (rubric.planned if row.submission or ours else ())
    )  # fmt: skip
    return Result(
        assignment=rubric.assignment.id,
        title=rubric.assignment.title,
        student=row.student,
        submission=row.submission,
        status=Status.BROKEN if ours else Status.EXPLAINED,
        points=0,
        out_of=rubric.assignment.out_of,
        pass_mark=rubric.assignment.pass_mark,
        passed=False,
        isolation=row.isolation,
        dataset=rubric.dataset_id,
        serve="sealed",
        judged_on=rubric.judged_on,
        accuracy=None,
        model=ModelSummary(),
        checks=checks,
        flags=substitute_flags(rubric.dataset),
        ending=Ending(cause=Cause.INFRASTRUCTURE if ours else Cause.NOT_RUN, message=f"{reason} {remedy}".strip()),
        evidence="",
        versions=row.versions,
        seed=row.seed,
        started=row.started,
    )
