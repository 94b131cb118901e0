"""What a person should look at before trusting a number: flags with reasons, never a verdict. Pure.

No point depends on a flag. Each says what was seen and what the usual innocent reason is; thresholds leave honest work far
behind (`docs/explanation/integrity.md` has the measurements). What only an instructor can judge is for instructors alone.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from grader.checks.integrity_training import training_flags
from grader.checks.training import fits_of_chosen
from grader.claimed import VALIDATIONS
from grader.dataset import Dataset
from grader.evidence import ArraySummary, Evidence, Fit
from grader.results import Accuracy, Flag

GAP, SIGMAS = 0.05, 3.0  # of accuracy; standard errors of the difference, on top
FEWEST_TESTED, UNKNOWN_TESTED = 100, 500  # images of an evaluation that counts; assumed where nobody knows
FAR_RANGE = 5.0  # times as wide: images that were prepared in another way
FEWEST_ROWS = 3  # that are judged images, or of the test set
TEST_SHARE, STAND_IN_SHARE = 0.01, 0.1  # of the rows that were looked at; stand-ins resemble augmented photographs
FEWEST_IN_FILES = 20
SHIFTED_SHARE, ABOVE_CHANCE = 0.3, 0.3  # of images that change their class, beside those that are wrong; of accuracy


@dataclass(frozen=True, kw_only=True)
class Own:
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
        own = () if replaced else looked_for("its own accuracy", lambda: _own_flags(evidence, dataset, accuracy))
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


def _own_accuracy(evidence: Evidence) -> Own | None:
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
        return Own(last=values, every=(*values, *every), images=images, x=tested[-1][1], evaluated=True, split=False)
    if not validated or not (curve := _validation(fits[-1])):
        return None
    last = fits[-1]
    images = _count(last.validation_x) or UNKNOWN_TESTED
    return Own(
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


def _differs(value: float, own: Own, accuracy: Accuracy, why: str) -> Flag:
    number = "test accuracy" if own.evaluated else "validation accuracy"
    reason = (
        f"The notebook's own {number} is {value:.1%}; on {accuracy.judged:,} other images it is {accuracy.value:.1%}. "
        f"That is further apart than chance explains. {why}"
    )
    return Flag(kind="own_accuracy_differs", reason=reason)


def _why_lower(evidence: Evidence, own: Own) -> str:
    overlap = evidence.claims.overlap
    if overlap is not None and overlap.test >= FEWEST_ROWS:
        return "Images of the test set are among those that the network was trained on, so it knew them already."
    return _other_range(evidence, own) or (
        "The usual reason: the images of the test were among those it was trained on, or much like them."
    )


def _why_higher(evidence: Evidence, own: Own) -> str:
    return _other_range(evidence, own) or (
        "The usual reason: in the notebook the images or labels of the test are prepared in another way than those for "
        "training."
    )


def _other_range(evidence: Evidence, own: Own) -> str:
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
