"""Plots as inline SVG, drawn by hand as element trees: what is text stays text, whoever wrote it. Pure.

Colours come from the page's CSS by class, never from a `style` attribute, so that dark mode and the page's
Content-Security-Policy both hold. Each plot says in words what it shows (`<title>` and `aria-label`), and no
two things differ by colour alone.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grader.report.svg import (
    GLYPH,
    apart,
    box,
    circle,
    lanes,
    letter,
    line,
    new_svg,
    nice,
    path,
    start_of,
    ticks,
    title,
    written,
)
from grader.report.visible import shorten, visible
from grader.report.words import Tone, percent

LARGEST = 1e12  # beyond it, and for what is not a number, a curve has a gap
POINTS = 240  # of a curve; more can't be told apart at its width
DOTTED = 24  # up to so many points each is marked
BAND = 15  # pixels that a reference takes below a number line

Place = Callable[[float, float], tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Band:
    """Several runs of one thing: their mean, and from the lowest to the highest."""

    label: str
    lowest: float
    mean: float
    highest: float


@dataclass(frozen=True, kw_only=True)
class NumberLine:
    """An accuracy with its interval, what is needed, the reference, and others to compare with (label, accuracy)."""

    value: float
    label: str
    low: float
    high: float
    threshold: float | None = None
    reference: Band | None = None
    others: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Series:
    """One curve: a value for each epoch, None for a gap."""

    label: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Chart:
    """Curves over the epochs of one training; `percent`: the values are fractions."""

    title: str
    series: tuple[Series, ...]
    percent: bool = False


@dataclass(frozen=True)
class Segment:
    """A part of the points: `share` of all of them, drawn solid if earned."""

    label: str
    share: float
    tone: Tone
    earned: bool


def number_line(shown: NumberLine, *, width: int = 720) -> str:
    """The accuracy on a line from 0 to 1, zoomed to where things happen, with a small map of the whole."""
    low, high, step = _region(shown)

    def at(value: float) -> float:
        share = (value - low) / (high - low) if math.isfinite(value) else 0.0
        return 24 + min(max(share, 0.0), 1.0) * (width - 48)

    marks = [("needed", f"needed {percent(shown.threshold)}", shown.threshold)] if shown.threshold is not None else []
    marks += [("reference", shown.reference.label, shown.reference.mean)] if shown.reference else []
    marks += [("other", f"{shorten(name, 36)}: {percent(value, 2)}", value) for name, value in shown.others]
    in_lanes = lanes([(at(value), text) for _, text, value in marks], width)
    top, below = 46, BAND if shown.reference else 0
    lettered = top + below + 52
    height = lettered + 22 * (max(in_lanes, default=-1) + 1) + 14
    svg = new_svg(width, height, _line_in_words(shown), "number-line")
    for (kind, _, value), lane in zip(marks, in_lanes, strict=True):
        foot = lettered + 22 * lane - 14
        line(svg, f"leader {kind}", (at(value), top + 10 if kind == "reference" else top - 14), (at(value), foot))
    _scale(svg, ticks(low, high, step), at, y=top, labels=top + below + 24, free_of=[at(v) for _, _, v in marks])
    if shown.reference:
        _band(svg, shown.reference, at, y=top + 10)
    left, right = at(shown.low), at(shown.high)
    box(svg, "interval", (left, top - 7), (max(right - left, 2), 14), round=7)
    circle(svg, "value", (at(shown.value), top), 6)
    for (kind, text, value), lane in zip(marks, in_lanes, strict=True):
        if kind == "other":
            path(svg, kind, f"M{at(value):.1f} {top - 7}l7 7l-7 7l-7 -7z")
        letter(svg, f"tag {kind}", text, start_of(at(value), text, width), lettered + 22 * lane)
    letter(svg, "tag value", shown.label, start_of(at(shown.value), shown.label, width, GLYPH * 1.2), top - 20)
    _overview(svg, low, high, width=width, y=height - 8)
    return written(svg)


def curves(chart: Chart, *, width: int = 360, height: int = 230) -> str:
    """One chart of learning curves: training solid with dots, validation dashed with squares, named at their ends."""
    kept = [item for item in map(_without_oddities, chart.series) if any(v is not None for v in item.values)]
    numbers = [value for item in kept for value in item.values if value is not None]
    svg = new_svg(width, height, _curves_in_words(chart.title, kept, chart.percent), "curves")
    left, right, top, bottom = 50, width - 84, 14, height - 40
    epochs = max((len(item.values) for item in kept), default=0)
    if not numbers:
        letter(svg, "tick", "no values were recorded", left, height / 2)
        return written(svg)
    low, high, step = nice(min(numbers), max(numbers))

    def place(epoch: float, value: float) -> tuple[float, float]:
        across = (epoch - 1) / (epochs - 1) if epochs > 1 else 0.5
        return left + across * (right - left), bottom - (value - low) / (high - low) * (bottom - top)

    for tick in ticks(low, high, step):
        y = place(1, tick)[1]
        line(svg, "grid", (left, y), (right, y))
        letter(svg, "tick end", _value_in_words(tick, chart.percent), left - 8, y + 4)
    for epoch in sorted({1, (epochs + 1) // 2, epochs}):
        letter(svg, "tick middle", str(epoch), place(epoch, low)[0], bottom + 18)
    letter(svg, "tick middle", "epoch", (left + right) / 2, bottom + 34)
    ends = [_draw_curve(svg, item, f"series-{i}", place, chart.percent) for i, item in enumerate(kept, 1)]
    for i, (item, y) in enumerate(zip(kept, apart(ends), strict=True), 1):
        letter(svg, f"name series-{i}", shorten(item.label, 12), right + 12, y + 4)
    return written(svg)


def histogram(bins: Sequence[int], *, pass_share: float | None, width: int = 460, height: int = 190) -> str:
    """How many results fall into each tenth of the points, with the pass mark."""
    spans = ", ".join(f"{10 * i} to {10 * i + 10} %: {n}" for i, n in enumerate(bins) if n) or "No marks yet"
    svg = new_svg(width, height, f"Shares of the points, and how many students have them. {spans}.", "histogram")
    left, right, top, bottom = 10, width - 10, 34, height - 26
    slot = (right - left) / len(bins)
    for i, n in enumerate(bins):
        tall = (bottom - top) * n / max(*bins, 1)
        below = pass_share is not None and (i + 0.5) / len(bins) < pass_share
        kind = "bar below" if below else "bar"
        box(svg, kind, (left + i * slot + 2, bottom - tall), (slot - 4, tall))
        if n:
            letter(svg, "count middle", str(n), left + (i + 0.5) * slot, bottom - tall - 5)
    for i in range(0, len(bins) + 1, 2):
        anchor = " end" if i == len(bins) else " middle" if i else ""
        letter(svg, f"tick{anchor}", percent(i / len(bins)), left + i * slot, bottom + 18)
    line(svg, "axis", (left, bottom), (right, bottom))
    if pass_share is not None and 0 <= pass_share <= 1:
        x = left + pass_share * (right - left)
        line(svg, "notch", (x, 6), (x, bottom))
        letter(svg, "tag end" if pass_share > 0.2 else "tag", "pass mark", x + (-7 if pass_share > 0.2 else 7), 16)
    return written(svg)


def points_strip(segments: Sequence[Segment], *, pass_share: float | None, words: str) -> str:
    """All points in one bar: earned ones solid from the left, lost ones hollow, and a notch at the pass mark."""
    svg = ET.Element("svg", {"class": "plot strip", "width": "100%", "height": "36", "role": "img"})
    svg.set("aria-label", visible(words))
    title(svg, words)
    at = 0.0
    for item in segments:
        kind = f"piece {item.tone if item.earned else 'lost'}"
        piece = box(svg, kind, (f"{100 * at:.3f}%", 6), (f"{100 * item.share:.3f}%", 24))
        title(piece, item.label)
        at += item.share
    if pass_share is not None and 0 < pass_share <= 1:
        x = f"{100 * pass_share:.3f}%"
        line(svg, "notch", (x, 0), (x, 36))
    return written(svg)


def share_bar(share: float, words: str) -> str:
    """A small bar that is filled to a share of its width."""
    svg = new_svg(80, 8, words, "share")
    box(svg, "whole", (0, 0), (80, 8))
    box(svg, "piece", (0, 0), (80 * (min(max(share, 0.0), 1.0) if math.isfinite(share) else 0), 8))
    return written(svg)


def _line_in_words(shown: NumberLine) -> str:
    words = f"Accuracy {shown.label}, 95 % interval {percent(shown.low, 2)} to {percent(shown.high, 2)}"
    if shown.threshold is not None:
        words += f"; needed {percent(shown.threshold)}"
    if (band := shown.reference) is not None:
        words += f"; {band.label}, lowest {percent(band.lowest, 2)}, highest {percent(band.highest, 2)}"
    return words + "".join(f"; {name} {percent(at, 2)}" for name, at in shown.others) + "."


def _curves_in_words(name: str, series: Sequence[Series], as_percent: bool) -> str:
    parts = []
    for item in series:
        known = [value for value in item.values if value is not None]
        if known:
            first, last = _value_in_words(known[0], as_percent), _value_in_words(known[-1], as_percent)
            parts.append(f"{item.label} from {first} to {last}")
    epochs = max((len(item.values) for item in series), default=0)
    return f"{name} over {epochs} epochs: {', '.join(parts) or 'no values'}."


def _value_in_words(value: float, as_percent: bool) -> str:
    return percent(value, 2) if as_percent else f"{round(value, 9):.4g}"


def _region(shown: NumberLine) -> tuple[float, float, float]:
    at = [shown.value, shown.low, shown.high, *(other for _, other in shown.others)]
    at += [shown.threshold] if shown.threshold is not None else []
    at += [shown.reference.lowest, shown.reference.mean, shown.reference.highest] if shown.reference else []
    inside = [min(max(value, 0.0), 1.0) for value in at if math.isfinite(value)] or [0.0, 1.0]
    span = max(max(inside) - min(inside), 0.01)
    low, high, step = nice(max(min(inside) - span * 0.15, 0.0), min(max(inside) + span * 0.15, 1.0))
    return max(low, 0.0), min(high, 1.0), step


def _band(svg: ET.Element, band: Band, at: Callable[[float], float], *, y: int) -> None:
    """Below the axis, where it hides no interval: a box over all runs, a tick at their mean."""
    left, right, middle = at(band.lowest), at(band.highest), at(band.mean)
    if right > left:
        box(svg, "band", (left, y), (right - left, BAND - 5))
    line(svg, "mean", (middle, y - 3), (middle, y + BAND - 2))


def _scale(
    svg: ET.Element,
    places: Sequence[float],
    at: Callable[[float], float],
    *,
    y: int,
    labels: int,
    free_of: Sequence[float],
) -> None:
    """The axis; ticks go without a label where it would stand on a leader or on the label before it."""
    line(svg, "axis", (at(places[0]), y), (at(places[-1]), y))
    lettered: list[float] = []
    for tick in places:
        x = at(tick)
        line(svg, "axis", (x, y - 4), (x, y + 4))
        if all(abs(x - other) > 26 for other in free_of) and all(abs(x - other) > 44 for other in lettered):
            letter(svg, "tick middle", percent(tick, 2), x, labels)
            lettered.append(x)


def _overview(svg: ET.Element, low: float, high: float, *, width: int, y: float) -> None:
    left, right = 40, width - 52
    box(svg, "whole", (left, y - 3), (right - left, 6), round=3)
    start = left + low * (right - left)
    box(svg, "window", (start, y - 5), (max((high - low) * (right - left), 3), 10), round=3)
    letter(svg, "tick end", percent(0), left - 8, y + 4)
    letter(svg, "tick", percent(1), right + 8, y + 4)


def _draw_curve(svg: ET.Element, item: Series, kind: str, place: Place, as_percent: bool) -> float:
    """Draw one curve with its gaps; the height of its last point."""
    step = max(1, -(-len(item.values) // POINTS))
    epochs = {*range(1, len(item.values) + 1, step), len(item.values)}
    known = [(epoch, item.values[epoch - 1]) for epoch in sorted(epochs)]
    strokes, pen = "", "M"
    for epoch, value in known:
        if value is None:
            pen = "M"
            continue
        x, y = place(epoch, value)
        strokes, pen = f"{strokes}{pen}{x:.1f} {y:.1f}", "L"
    path(svg, f"curve {kind}", strokes)
    drawn = [(epoch, value) for epoch, value in known if value is not None]
    for epoch, value in drawn if len(known) <= DOTTED else drawn[-1:]:
        x, y = place(epoch, value)
        if kind == "series-1":
            dot = circle(svg, f"dot {kind}", (x, y), 3.5)
        else:
            dot = box(svg, f"dot {kind}", (x - 3.2, y - 3.2), (6.4, 6.4))
        title(dot, f"{item.label}, epoch {epoch}: {_value_in_words(value, as_percent)}")
    return place(*drawn[-1])[1]


def _without_oddities(item: Series) -> Series:
    return Series(item.label, tuple(v if v is not None and abs(v) < LARGEST else None for v in item.values))
