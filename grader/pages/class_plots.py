"""Plots of a class as inline SVG: the histogram of points, and every accuracy on one strip. Pure."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grader.core.text import joined, percent
from grader.pages.language import many, say
from grader.pages.plots import Canvas, SeedSpread, region, start_of, ticks

At = Callable[[float], float]
DOT = 5.0  # radius of one student's dot
HIGHEST = 15  # dots above each other; a larger class is drawn as bars


@dataclass(frozen=True, kw_only=True)
class AccuracyStrip:
    """The accuracies of a class (student, accuracy), what is needed, and what the reference reaches."""

    accuracies: tuple[tuple[str, float], ...]
    threshold: float | None = None
    reference: SeedSpread | None = None


def histogram(bins: Sequence[int], *, pass_share: float | None, width: int = 460, height: int = 190) -> str:
    """How many results fall into each tenth of the points, with the pass mark."""
    svg = Canvas(width, height, _histogram_in_words(bins), "histogram")
    left, right, top, bottom = 10, width - 10, 34, height - 26
    slot = (right - left) / len(bins)
    for i, n in enumerate(bins):
        tall = (bottom - top) * n / max(*bins, 1)
        below = pass_share is not None and (i + 0.5) / len(bins) < pass_share
        kind = "bar below" if below else "bar"
        svg.box(kind, (left + i * slot + 2, bottom - tall), (slot - 4, tall))
        if n:
            svg.letter("count middle", str(n), left + (i + 0.5) * slot, bottom - tall - 5)
    for i in range(0, len(bins) + 1, 2):
        anchor = " end" if i == len(bins) else " middle" if i else ""
        svg.letter(f"tick{anchor}", percent(i / len(bins)), left + i * slot, bottom + 18)
    svg.line("axis", (left, bottom), (right, bottom))
    if pass_share is not None and 0 <= pass_share <= 1:
        x = left + pass_share * (right - left)
        svg.line("notch", (x, 6), (x, bottom))
        svg.letter("tag end" if pass_share > 0.2 else "tag", say("pass mark"), x + (-7 if pass_share > 0.2 else 7), 16)
    return svg.written()


def accuracy_strip(shown: AccuracyStrip, *, width: int = 720) -> str:
    """Every accuracy on one line: dots that are stacked where they meet, or bars for a large class.

    Below the threshold they are squares (or bars of the other colour), so that nothing differs by colour alone.
    """
    band, needed = shown.reference, shown.threshold
    edges = [value for _, value in shown.accuracies] + ([needed] if needed is not None else [])
    low, high, step = region(edges + ([band.lowest, band.highest] if band else []))

    def at(value: float) -> float:
        return 24 + min(max((value - low) / (high - low), 0.0), 1.0) * (width - 48)

    columns = Counter(_column(at(value)) for _, value in shown.accuracies)
    bars = max(columns.values(), default=0) > HIGHEST
    tall = 120 if bars else 2 * DOT * max(columns.values(), default=1)
    top = 26
    axis = top + tall + 6
    svg = Canvas(width, axis + (66 if band else 44), _strip_in_words(shown), "strip-of-accuracies")
    if needed is not None:
        text = say("needed {accuracy}", accuracy=percent(needed))
        svg.line("leader needed", (at(needed), top - 8), (at(needed), axis + 6))
        svg.letter("tag needed", text, start_of(at(needed), text, width), top - 12)
    (_bars if bars else _dots)(svg, shown, at, foot=axis - 4, tall=tall)
    svg.line("axis", (24, axis), (width - 24, axis))
    for tick in ticks(low, high, step):
        svg.line("axis", (at(tick), axis - 4), (at(tick), axis + 4))
        svg.letter("tick middle", percent(tick, 2), at(tick), axis + 20)
    if band is not None:
        svg.box("band", (at(band.lowest), axis + 28), (max(at(band.highest) - at(band.lowest), 2), 10))
        svg.line("mean", (at(band.mean), axis + 25), (at(band.mean), axis + 41))
        svg.letter("tag reference", band.label, start_of(at(band.mean), band.label, width), axis + 56)
    return svg.written()


def _column(x: float) -> int:
    return round(x / (2 * DOT))


def _dots(svg: Canvas, shown: AccuracyStrip, at: At, *, foot: float, tall: float) -> None:
    stacked: Counter[int] = Counter()
    for student, value in sorted(shown.accuracies, key=lambda item: item[1]):
        column = _column(at(value))
        x, y = column * 2 * DOT, foot - DOT - 2 * DOT * stacked[column]
        stacked[column] += 1
        told = f"{student}: {percent(value, 2)}"
        if _below(value, shown.threshold):
            svg.box("student below", (x - DOT + 0.6, y - DOT + 0.6), (2 * DOT - 1.2, 2 * DOT - 1.2), told=told)
        else:
            svg.circle("student", (x, y), DOT - 0.4, told=told)


def _bars(svg: Canvas, shown: AccuracyStrip, at: At, *, foot: float, tall: float) -> None:
    above = Counter(_column(at(value)) for _, value in shown.accuracies if not _below(value, shown.threshold))
    below = Counter(_column(at(value)) for _, value in shown.accuracies if _below(value, shown.threshold))
    most = max((above + below).values())
    for column in sorted({*above, *below}):
        start = foot
        for kind, counted in (("student", above), ("student below", below)):
            height = tall * counted[column] / most
            if height:
                start -= height
                box = (2 * DOT - 1, height)
                svg.box(kind, (column * 2 * DOT - DOT + 0.5, start), box, told=_students(counted[column]))


def _students(n: int) -> str:
    return many(n, "{n} student", "{n} students")


def _below(value: float, threshold: float | None) -> bool:
    return threshold is not None and value < threshold


def _histogram_in_words(bins: Sequence[int]) -> str:
    spans = [f"{10 * i}–{10 * i + 10} %: {n}" for i, n in enumerate(bins) if n]
    if not spans:
        return say("Shares of the points, and how many students have them. No marks yet.")
    return say("Shares of the points, and how many students have them. {spans}.", spans=", ".join(spans))


def _strip_in_words(shown: AccuracyStrip) -> str:
    values = [value for _, value in shown.accuracies]
    if not values:
        return say("No accuracies yet.")
    words: list[str] = [
        many(
            len(values),
            "The accuracy of {n} student, {low} to {high}",
            "The accuracies of {n} students, {low} to {high}",
            low=percent(min(values), 2),
            high=percent(max(values), 2),
        )
    ]
    if (needed := shown.threshold) is not None:
        reached = sum(not _below(value, needed) for value in values)
        words.append(say("needed {accuracy}", accuracy=percent(needed)))
        words.append(many(reached, "reached by {n} student", "reached by {n} students"))
    return joined((*words, shown.reference.label if shown.reference else ""), "; ")
