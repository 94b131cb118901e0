"""Plots of one submission as inline SVG: the accuracy's number line, learning curves, the strip of points. Pure.

Each plot says in words what it shows (`<title>` and `aria-label`), and no two things differ by colour alone.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grader.report.phrases import SPEECH, Phrase, Speech, Text, joined, many, say
from grader.report.svg import GLYPH, Canvas, apart, lanes, nice, start_of, ticks
from grader.report.visible import shorten
from grader.report.words import Tone, percent

LARGEST = 1e12  # beyond it, and for what is not a number, a curve has a gap
POINTS = 240  # of a curve; more can't be told apart at its width
DOTTED = 24  # up to so many points each is marked
BAND = 15  # pixels that a reference takes below a number line
MOST_JOINTS = 20

Place = Callable[[float, float], tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Band:
    """Several runs of one thing: their mean, and from the lowest to the highest."""

    label: Text
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

    label: Text
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Chart:
    """Curves over the epochs of one training; `percent`: the values are fractions.

    `joints` are epochs after which another training goes on, `onset` the last one before the network overfits.
    """

    title: Text
    series: tuple[Series, ...]
    percent: bool = False
    joints: tuple[int, ...] = ()
    onset: int | None = None


@dataclass(frozen=True)
class Segment:
    """A part of the points: `share` of all of them, drawn solid if earned."""

    label: Text
    share: float
    tone: Tone
    earned: bool


def number_line(shown: NumberLine, *, width: int = 720, speech: Speech = SPEECH) -> str:
    """The accuracy on a line from 0 to 1, zoomed to where things happen, with a small map of the whole."""
    low, high, step = _region(shown)

    def at(value: float) -> float:
        share = (value - low) / (high - low) if math.isfinite(value) else 0.0
        return 24 + min(max(share, 0.0), 1.0) * (width - 48)

    marks = _marks(shown)
    in_lanes = lanes([(at(value), speech.write(text)) for _, text, value in marks], width)
    top, below = 46, BAND if shown.reference else 0
    lettered = top + below + 52
    height = lettered + 22 * (max(in_lanes, default=-1) + 1) + 14
    svg = Canvas(width, height, _line_in_words(shown), "number-line", speech)
    for (kind, _, value), lane in zip(marks, in_lanes, strict=True):
        foot = lettered + 22 * lane - 14
        svg.line(f"leader {kind}", (at(value), top + 10 if kind == "reference" else top - 14), (at(value), foot))
    _scale(svg, ticks(low, high, step), at, y=top, labels=top + below + 24, free_of=[at(v) for _, _, v in marks])
    if shown.reference:
        _band(svg, shown.reference, at, y=top + 10)
    left, right = at(shown.low), at(shown.high)
    svg.box("interval", (left, top - 7), (max(right - left, 2), 14), round=7)
    svg.circle("value", (at(shown.value), top), 6)
    for (kind, text, value), lane in zip(marks, in_lanes, strict=True):
        if kind == "other":
            svg.path(kind, f"M{at(value):.1f} {top - 7}l7 7l-7 7l-7 -7z")
        svg.letter(f"tag {kind}", text, start_of(at(value), speech.write(text), width), lettered + 22 * lane)
    svg.letter("tag value", shown.label, start_of(at(shown.value), shown.label, width, GLYPH * 1.2), top - 20)
    _overview(svg, low, high, width=width, y=height - 8)
    return svg.written()


def curves(chart: Chart, *, width: int = 360, height: int = 240, speech: Speech = SPEECH) -> str:
    """One chart of learning curves: training solid with dots, validation dashed with squares, named at their ends."""
    kept = [item for item in map(_without_oddities, chart.series) if any(v is not None for v in item.values)]
    numbers = [value for item in kept for value in item.values if value is not None]
    svg = Canvas(width, height, _curves_in_words(chart, kept), "curves", speech)
    left, right, top, bottom = 50, width - 84, 24, height - 40
    epochs = max((len(item.values) for item in kept), default=0)
    if not numbers:
        svg.letter("tick", say("no values were recorded"), left, height / 2)
        return svg.written()
    low, high, step = nice(min(numbers), max(numbers))

    def place(epoch: float, value: float) -> tuple[float, float]:
        across = (epoch - 1) / (epochs - 1) if epochs > 1 else 0.5
        return left + across * (right - left), bottom - (value - low) / (high - low) * (bottom - top)

    for tick in ticks(low, high, step):
        y = place(1, tick)[1]
        svg.line("grid", (left, y), (right, y))
        svg.letter("tick end", _value_in_words(tick, chart.percent), left - 8, y + 4)
    for epoch in sorted({1, (epochs + 1) // 2, epochs}):
        svg.letter("tick middle", str(epoch), place(epoch, low)[0], bottom + 18)
    svg.letter("tick middle", say("epoch"), (left + right) / 2, bottom + 34)
    for joint in (joint for joint in chart.joints[:MOST_JOINTS] if joint < epochs):
        x = place(joint + 0.5, low)[0]
        svg.line("joint", (x, top), (x, bottom))
    if chart.onset is not None and chart.onset <= epochs:
        _onset(svg, place(chart.onset, low)[0], top=top, bottom=bottom, middle=(left + right) / 2)
    ends = [_draw_curve(svg, item, f"series-{i}", place, chart.percent) for i, item in enumerate(kept, 1)]
    for i, (item, y) in enumerate(zip(kept, apart(ends), strict=True), 1):
        svg.letter(f"name series-{i}", item.label, right + 12, y + 4)
    return svg.written()


def points_strip(segments: Sequence[Segment], *, pass_share: float | None, words: Text, speech: Speech = SPEECH) -> str:
    """All points in one bar: earned ones solid from the left, lost ones hollow, and a notch at the pass mark."""
    svg = Canvas(0, 36, words, "strip", speech, fluid=True)
    at = 0.0
    for item in segments:
        kind = f"piece {item.tone if item.earned else 'lost'}"
        svg.box(kind, (f"{100 * at:.3f}%", 6), (f"{100 * item.share:.3f}%", 24), told=item.label)
        at += item.share
    if pass_share is not None and 0 < pass_share <= 1:
        x = f"{100 * pass_share:.3f}%"
        svg.line("notch", (x, 0), (x, 36))
    return svg.written()


def share_bar(share: float, words: Text, speech: Speech = SPEECH) -> str:
    """A small bar that is filled to a share of its width."""
    svg = Canvas(80, 8, words, "share", speech)
    svg.box("whole", (0, 0), (80, 8))
    svg.box("piece", (0, 0), (80 * (min(max(share, 0.0), 1.0) if math.isfinite(share) else 0), 8))
    return svg.written()


def _marks(shown: NumberLine) -> list[tuple[str, Text, float]]:
    """What is lettered below the line: its kind, its text, its place."""
    marks: list[tuple[str, Text, float]] = []
    if shown.threshold is not None:
        marks.append(("needed", say("needed {accuracy}", accuracy=percent(shown.threshold)), shown.threshold))
    if shown.reference:
        marks.append(("reference", shown.reference.label, shown.reference.mean))
    return [*marks, *(("other", f"{shorten(name, 36)}: {percent(value, 2)}", value) for name, value in shown.others)]


def _line_in_words(shown: NumberLine) -> Text:
    low, high = percent(shown.low, 2), percent(shown.high, 2)
    words: list[Text] = [say("Accuracy {value}, 95 % interval {low} to {high}", value=shown.label, low=low, high=high)]
    if shown.threshold is not None:
        words.append(say("needed {accuracy}", accuracy=percent(shown.threshold)))
    if (band := shown.reference) is not None:
        lowest, highest = percent(band.lowest, 2), percent(band.highest, 2)
        words.append(say("{label}, lowest {low}, highest {high}", label=band.label, low=lowest, high=highest))
    return joined((*words, *(f"{name} {percent(at, 2)}" for name, at in shown.others)), "; ")


def _curves_in_words(chart: Chart, series: Sequence[Series]) -> Text:
    parts: list[Text] = []
    for item in series:
        known = [value for value in item.values if value is not None]
        first, last = _value_in_words(known[0], chart.percent), _value_in_words(known[-1], chart.percent)
        parts.append(say("{curve} from {first} to {last}", curve=item.label, first=first, last=last))
    if chart.onset is not None and parts:
        parts.append(say("overfitting after epoch {epoch}", epoch=chart.onset))
    epochs = max((len(item.values) for item in series), default=0)
    told = joined(parts, ", ") if parts else say("no values")
    return many(
        epochs, "{title} over {n} epoch: {told}.", "{title} over {n} epochs: {told}.", title=chart.title, told=told
    )


def _value_in_words(value: float, as_percent: bool) -> str:
    return percent(value, 2) if as_percent else f"{round(value, 9):.4g}"


def _region(shown: NumberLine) -> tuple[float, float, float]:
    at = [shown.value, shown.low, shown.high, *(other for _, other in shown.others)]
    at += [shown.threshold] if shown.threshold is not None else []
    at += [shown.reference.lowest, shown.reference.mean, shown.reference.highest] if shown.reference else []
    return region(at)


def region(values: Sequence[float]) -> tuple[float, float, float]:
    """The part of 0 to 1 where the values are, with some air, round ends, and the distance of its ticks."""
    inside = [min(max(value, 0.0), 1.0) for value in values if math.isfinite(value)] or [0.0, 1.0]
    span = max(max(inside) - min(inside), 0.01)
    low, high, step = nice(max(min(inside) - span * 0.15, 0.0), min(max(inside) + span * 0.15, 1.0))
    return max(low, 0.0), min(high, 1.0), step


def _band(svg: Canvas, band: Band, at: Callable[[float], float], *, y: int) -> None:
    """Below the axis, where it hides no interval: a box over all runs, a tick at their mean."""
    left, right, middle = at(band.lowest), at(band.highest), at(band.mean)
    if right > left:
        svg.box("band", (left, y), (right - left, BAND - 5))
    svg.line("mean", (middle, y - 3), (middle, y + BAND - 2))


def _scale(
    svg: Canvas,
    places: Sequence[float],
    at: Callable[[float], float],
    *,
    y: int,
    labels: int,
    free_of: Sequence[float],
) -> None:
    """The axis; ticks go without a label where it would stand on a leader or on the label before it."""
    svg.line("axis", (at(places[0]), y), (at(places[-1]), y))
    lettered: list[float] = []
    for tick in places:
        x = at(tick)
        svg.line("axis", (x, y - 4), (x, y + 4))
        if all(abs(x - other) > 26 for other in free_of) and all(abs(x - other) > 44 for other in lettered):
            svg.letter("tick middle", percent(tick, 2), x, labels)
            lettered.append(x)


def _overview(svg: Canvas, low: float, high: float, *, width: int, y: float) -> None:
    left, right = 40, width - 52
    svg.box("whole", (left, y - 3), (right - left, 6), round=3)
    start = left + low * (right - left)
    svg.box("window", (start, y - 5), (max((high - low) * (right - left), 3), 10), round=3)
    svg.letter("tick end", percent(0), left - 8, y + 4)
    svg.letter("tick", percent(1), right + 8, y + 4)


def _onset(svg: Canvas, x: float, *, top: float, bottom: float, middle: float) -> None:
    """A line where overfitting sets in, and its name on the side where there is room."""
    svg.line("onset", (x, top - 4), (x, bottom))
    svg.letter("tag end" if x > middle else "tag", say("overfitting"), x + (-6 if x > middle else 6), top - 8)


def _draw_curve(svg: Canvas, item: Series, kind: str, place: Place, as_percent: bool) -> float:
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
    svg.path(f"curve {kind}", strokes)
    drawn = [(epoch, value) for epoch, value in known if value is not None]
    for epoch, value in drawn if len(known) <= DOTTED else drawn[-1:]:
        x, y = place(epoch, value)
        told = _dot_in_words(item.label, epoch, _value_in_words(value, as_percent))
        if kind == "series-1":
            svg.circle(f"dot {kind}", (x, y), 3.5, told=told)
        else:
            svg.box(f"dot {kind}", (x - 3.2, y - 3.2), (6.4, 6.4), told=told)
    return place(*drawn[-1])[1]


def _dot_in_words(label: Text, epoch: int, value: str) -> Phrase:
    return say("{curve}, epoch {epoch}: {value}", curve=label, epoch=str(epoch), value=value)


def _without_oddities(item: Series) -> Series:
    return Series(item.label, tuple(v if v is not None and abs(v) < LARGEST else None for v in item.values))
