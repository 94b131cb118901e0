"""The judged accuracy as a report shows it: beside what is needed and the reference, and class by class. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from grader.report.plots import Band, NumberLine
from grader.report.visible import one_line, shorten
from grader.report.words import (
    VERDICT_TONES,
    VERDICTS,
    Tone,
    accuracy_percent,
    accuracy_sentence,
    count,
    interval_percent,
    percent,
    plural,
    reference_sentence,
    reference_words,
)
from grader.results import Accuracy, Result, Spread


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
    compared: tuple[tuple[str, str, str], ...]
    line: NumberLine


@dataclass(frozen=True)
class ConfusionCell:
    """How often one class was called another; `shade` from 0 to 9."""

    count: int
    shade: int
    right: bool
    words: str


@dataclass(frozen=True)
class ConfusionView:
    """The confusion matrix with class names, the share right of each class, and the worst mix-ups in words."""

    classes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[ConfusionCell, ...], str], ...]
    worst: tuple[str, ...]


def accuracy_view(result: Result) -> AccuracyView | None:
    """The judged accuracy of a result whose text is visible already, or None where none was taken."""
    accuracy = result.accuracy
    if accuracy is None:
        return None
    label = accuracy_percent(accuracy)
    compared = tuple((item.source, item.accuracy) for item in result.compared)
    return AccuracyView(
        value=label,
        counts=f"{count(accuracy.correct)} of {count(accuracy.judged)} images",
        interval=interval_percent(accuracy),
        badge=VERDICTS.get(accuracy.verdict or "", ""),
        tone=VERDICT_TONES.get(accuracy.verdict or "", "calm"),
        sentence=accuracy_sentence(accuracy),
        reference=reference_sentence(result.baseline, accuracy) if result.baseline else "",
        compared=tuple(
            (shorten(one_line(c.source), 200), percent(c.accuracy, 2), one_line(c.judged_on)) for c in result.compared
        ),
        line=NumberLine(
            value=accuracy.value,
            label=label,
            low=accuracy.interval[0],
            high=accuracy.interval[1],
            threshold=accuracy.threshold,
            reference=_band(result.baseline, accuracy.judged) if result.baseline else None,
            others=tuple((shorten(one_line(name), 60), value) for name, value in compared[:6]),
        ),
    )


def _band(spread: Spread, judged: int) -> Band:
    label = f"reference: {reference_words(spread, judged)}"
    return Band(label=label, lowest=spread.lowest, mean=spread.mean, highest=spread.highest)


def confusion_view(accuracy: Accuracy | None, classes: Sequence[str]) -> ConfusionView | None:
    """The confusion matrix, or None where there is none; classes without names are numbered."""
    if accuracy is None or not accuracy.confusion:
        return None
    matrix = accuracy.confusion
    given = tuple(shorten(one_line(name), 30) for name in classes)
    names = given if len(given) == len(matrix) else tuple(str(i) for i in range(len(matrix)))
    rows = []
    for i, row in enumerate(matrix):
        total = max(sum(row), 1)
        cells = [_confusion_cell(n, i == j, total, names[i], names[j]) for j, n in enumerate(row)]
        rows.append((names[i], tuple(cells), percent(row[i] / total, 1)))
    mixed = sorted(((n, i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j and n), reverse=True)
    phrases = tuple(f"{plural(n, 'image')} of “{names[i]}” taken for “{names[j]}”" for n, i, j in mixed[:3])
    return ConfusionView(names, tuple(rows), phrases)


def _confusion_cell(n: int, right: bool, total: int, true: str, called: str) -> ConfusionCell:
    # by the square root: a share of 1 % is still seen beside one of 99 %, and no mix-up looks like a hit
    shade = 0 if n <= 0 else max(1, min(9, round(9 * math.sqrt(n / total))))
    words = f"{plural(n, 'image')} of {true} " + ("recognised" if right else f"taken for {called}")
    return ConfusionCell(n, shade, right, words)
