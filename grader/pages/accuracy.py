"""The judged accuracy as a report shows it: beside what is needed and the reference, class by class, and mistakes. Pure.

`find_mistakes` chooses the images that a network was most surely wrong about, for a page that may show them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grader.checks.layers import output_activation
from grader.core.evidence import Architecture
from grader.core.grades import shared_grade
from grader.core.metrics import predicted_classes
from grader.core.results import Accuracy, Attempt, Comparison, Result, Spread
from grader.core.text import joined, one_line
from grader.course.dataset import Images
from grader.pages.cells import Picture, thumbnail
from grader.pages.language import many, numbers, percent, say, translated
from grader.pages.plots import NumberLine, SeedSpread
from grader.pages.wording import (
    VERDICT_TONES,
    VERDICTS,
    Tone,
    accuracy_percent,
    accuracy_sentence,
    images,
    interval_percent,
    reference_sentence,
    reference_words,
)

SHOWN = 12
MOST_MIX_UPS = 60  # of a confusion matrix, in words


@dataclass(frozen=True, kw_only=True)
class JudgedImages:
    """What the images were judged by: outputs (n, units) of a network, true classes (n,), and the images themselves."""

    outputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    images: Images


@dataclass(frozen=True)
class Mistake:
    """An image, what it shows, what the network said, and how sure it was of that."""

    picture: Picture
    true: str
    called: str
    sure: str


def find_mistakes(
    judged: JudgedImages, architecture: Architecture | None, classes: Sequence[str]
) -> tuple[Mistake, ...]:
    """The images that the network got wrong, the most confident first; at most twelve.

    None where the three parts of `judged` are not of the same images, or the network is not known.
    """
    if architecture is None or not len(judged.outputs) == len(judged.labels) == len(judged.images):
        return ()
    logits = output_activation(architecture) == "linear"
    predicted = predicted_classes(judged.outputs, logits=logits)
    sure = confidence(judged.outputs, logits=logits)
    wrong = np.flatnonzero((predicted != judged.labels) & np.isfinite(sure))
    order = wrong[np.argsort(-sure[wrong], kind="stable")][:SHOWN]
    return tuple(
        Mistake(
            picture=thumbnail(judged.images[i]),
            true=_named(classes, int(judged.labels[i])),
            called=_named(classes, int(predicted[i])),
            sure=numbers(f"{min(100 * sure[i], 99.9):.1f}\u00a0%") if sure[i] < 1 else "100\u00a0%",
        )
        for i in order
    )


def confidence(outputs: NDArray[np.float32], *, logits: bool) -> NDArray[np.float64]:
    """The probability of the predicted class (n,) from raw outputs; `logits`: without softmax or sigmoid."""
    values = outputs.astype(np.float64)
    if values.shape[1] == 1:
        with np.errstate(over="ignore"):
            second = 1 / (1 + np.exp(-values[:, 0])) if logits else values[:, 0]
        return np.maximum(second, 1 - second)
    if logits:
        with np.errstate(invalid="ignore", over="ignore"):
            raised = np.exp(values - values.max(axis=1, keepdims=True))
            values = raised / raised.sum(axis=1, keepdims=True)
    return np.asarray(values.max(axis=1))


def _named(classes: Sequence[str], number: int) -> str:
    """The name of a class; a network may have more outputs than there are classes."""
    return one_line(classes[number], 30) if number < len(classes) else str(number)


@dataclass(frozen=True, kw_only=True)
class AccuracyView:
    """The judged accuracy in words, and the line that is drawn of it."""

    value: str
    counts: str
    interval: str
    badge: str
    tone: Tone
    sentence: str
    reference: str
    compared: tuple[str, ...]
    attempts: tuple[Attempt, ...]  # where there were several
    line: NumberLine


@dataclass(frozen=True)
class ConfusionView:
    """The confusion matrix with class names, the share right of each class, and mix-ups in words: the worst, and others.

    A cell is how often one class was called another, and a shade from 0 to 9.
    """

    classes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[int, int], ...], str], ...]
    worst: tuple[str, ...]
    others: tuple[str, ...]


def is_doubted(result: Result) -> bool:
    """Whether a person is still to say what the accuracy is worth; a borderline one says itself that it is close."""
    grade, accuracy = shared_grade(result), result.accuracy
    return grade is not None and grade.provisional and accuracy is not None and accuracy.verdict != "borderline"


def accuracy_view(result: Result) -> AccuracyView | None:
    """The judged accuracy of a result whose text is visible already, or None where none was measured."""
    accuracy = result.accuracy
    if accuracy is None:
        return None
    label, doubted = accuracy_percent(accuracy), is_doubted(result)
    verdict = "" if doubted else accuracy.verdict or ""
    compared = tuple((translated(item.source), item.accuracy) for item in result.compared)
    return AccuracyView(
        value=label,
        counts=many(accuracy.judged, "{right} of {n} image", "{right} of {n} images", right=accuracy.correct),
        interval=interval_percent(accuracy),
        badge=_badge(accuracy, verdict, doubted),
        tone="warn" if doubted else VERDICT_TONES.get(verdict, "calm"),
        sentence="" if doubted else accuracy_sentence(accuracy),
        reference=reference_sentence(result.baseline, accuracy, placed=not doubted) if result.baseline else "",
        compared=tuple(_comparison(item) for item in result.compared),
        attempts=result.attempts if len(result.attempts) > 1 else (),
        line=NumberLine(
            value=accuracy.value,
            label=label,
            low=accuracy.interval[0],
            high=accuracy.interval[1],
            threshold=accuracy.threshold,
            full=accuracy.full,
            reference=reference_band(result.baseline, accuracy.judged) if result.baseline else None,
            others=tuple((one_line(name, 60), value) for name, value in compared[:6]),
        ),
    )


def _badge(accuracy: Accuracy, verdict: str, doubted: bool) -> str:
    if doubted:
        return say("provisional")
    return say("borderline, counted as reached") if accuracy.granted else say(VERDICTS.get(verdict, ""))


def _comparison(other: Comparison) -> str:
    value, source, beside = percent(other.accuracy, 2), translated(one_line(other.source, 200)), _beside(other)
    if not beside:
        return say("To compare with: {value}, {source}.", value=value, source=source)
    return say("To compare with: {value}, {source} ({beside}).", value=value, source=source, beside=beside)


def _beside(other: Comparison) -> str:
    """What else is known of another accuracy: its images, its range, and how the two networks differ image by image."""
    said: list[str] = [translated(one_line(other.judged_on))] if other.judged_on else []
    if other.runs is not None and other.lowest is not None and other.highest is not None:
        low, high = percent(other.lowest, 2), percent(other.highest, 2)
        said.append(many(other.runs, "{n} run, {low} to {high}", "{n} runs, {low} to {high}", low=low, high=high))
    if other.only_here is not None and other.only_there is not None and other.p_value is not None:
        alone = images(other.only_here)
        said.append(say("{alone} recognised by this network alone, {n} by the other", alone=alone, n=other.only_there))
        said.append(say("McNemar's test: p = {p}", p=numbers(f"{other.p_value:.2g}")))
    return joined(said, "; ")


def reference_band(spread: Spread, judged: int) -> SeedSpread:
    """The reference solution's accuracies on `judged` images, as plots show them."""
    label = say("reference: {words}", words=reference_words(spread, judged))
    return SeedSpread(label=label, lowest=spread.lowest, mean=spread.mean, highest=spread.highest)


def confusion_view(accuracy: Accuracy | None, classes: Sequence[str]) -> ConfusionView | None:
    """The confusion matrix, or None where there is none; classes without names are numbered."""
    if accuracy is None or not accuracy.confusion:
        return None
    matrix = accuracy.confusion
    given = tuple(one_line(name, 30) for name in classes)
    names = given if len(given) == len(matrix) else tuple(str(i) for i in range(len(matrix)))
    rows = []
    for i, row in enumerate(matrix):
        total = max(sum(row), 1)
        rows.append((names[i], tuple((n, _shade(n / total)) for n in row), percent(row[i] / total, 1)))
    mixed = sorted(((n, i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j and n), reverse=True)
    told = tuple(_mix_up(n, f"“{names[i]}”", f"“{names[j]}”") for n, i, j in mixed[:MOST_MIX_UPS])
    return ConfusionView(names, tuple(rows), told[:3], told[3:])


def _shade(share: float) -> int:
    # by the square root: a share of 1 % is still seen beside one of 99 %, and no mix-up looks like a hit
    return max(1, min(9, round(9 * math.sqrt(share)))) if share > 0 else 0


def _mix_up(n: int, true: str, called: str) -> str:
    return many(
        n, "{n} image of {true} taken for {called}", "{n} images of {true} taken for {called}", true=true, called=called
    )
