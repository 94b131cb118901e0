"""What plots are drawn with: a canvas that only takes clean text, and round numbers for axes. Pure.

Colours come from the page's CSS by class, never from a `style` attribute, so that dark mode and the page's
Content-Security-Policy both hold. All text goes through `_escaped`, whoever wrote it.

Plots of one submission as inline SVG: the accuracy's number line, learning curves, the strip of points. Pure.

Each plot says in words what it shows (`<title>` and `aria-label`), and no two things differ by colour alone.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from grader.core.text import joined, percent, shorten, visible
from grader.pages.language import many, say
from grader.pages.wording import Tone

Length = float | str  # pixels, or a share of the width as in "12.5%"
GLYPH = 6.9  # mean width of a letter at the size that plots are lettered in


class Canvas:
    """An SVG picture of a CSS class; `words` say what it shows to whoever can't see it."""

    def __init__(self, width: int, height: float, words: str, kind: str, *, fluid: bool = False) -> None:
        size = 'width="100%"' if fluid else f'viewBox="0 0 {width} {height:.0f}" width="{width}"'
        label = f'aria-label="{_escaped(words)}"'
        self._parts = [f'<svg class="plot {kind}" role="img" {size} height="{height:.0f}" {label}>{_title(words)}']

    def line(self, kind: str, start: tuple[Length, Length], end: tuple[Length, Length]) -> None:
        """A straight line of a CSS class."""
        (x1, y1), (x2, y2) = start, end
        self._add(f'<line class="{kind}" x1="{_at(x1)}" y1="{_at(y1)}" x2="{_at(x2)}" y2="{_at(y2)}"', "line")

    def box(
        self,
        kind: str,
        corner: tuple[Length, Length],
        size: tuple[Length, Length],
        *,
        round: float = 0,
        told: str = "",
    ) -> None:
        """A rectangle of a CSS class by its upper left corner; `told` to a pointer that rests on it."""
        (x, y), (width, height) = corner, size
        rounded = f' rx="{_at(round)}"' if round else ""
        place = f'x="{_at(x)}" y="{_at(y)}" width="{_at(width)}" height="{_at(height)}"'
        self._add(f'<rect class="{kind}" {place}{rounded}', "rect", told)

    def circle(self, kind: str, centre: tuple[float, float], radius: float, *, told: str = "") -> None:
        """A circle of a CSS class."""
        place = f'cx="{_at(centre[0])}" cy="{_at(centre[1])}" r="{_at(radius)}"'
        self._add(f'<circle class="{kind}" {place}', "circle", told)

    def path(self, kind: str, steps: str) -> None:
        """A path of a CSS class, in SVG's own pen strokes."""
        self._add(f'<path class="{kind}" d="{steps}"', "path")

    def letter(self, kind: str, text: str, x: float, y: float) -> None:
        """A text of a CSS class; classes `middle` and `end` say which point of it stands at x."""
        anchor = next((word for word in kind.split() if word in ("middle", "end")), "start")
        place = f'x="{_at(x)}" y="{_at(y)}" text-anchor="{anchor}"'
        self._parts.append(f'<text class="{kind}" {place}>{_escaped(text)}</text>')

    def written(self) -> str:
        """The picture as markup."""
        return f"{''.join(self._parts)}</svg>"

    def _add(self, opened: str, tag: str, told: str = "") -> None:
        self._parts.append(f"{opened}>{_title(told)}</{tag}>" if told else f"{opened}/>")


def nice(low: float, high: float, steps: int = 4) -> tuple[float, float, float]:
    """The region widened to round ends, and the distance of its ticks."""
    span = max(high - low, abs(high) * 1e-3, 1e-6)
    rough = span / steps
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return first * step, max(last, first + 1) * step, step


def ticks(low: float, high: float, step: float) -> list[float]:
    """The places of ticks from one end to the other."""
    return [low + i * step for i in range(round((high - low) / step) + 1)][:12]


def start_of(x: float, text: str, width: int, glyph: float = GLYPH) -> float:
    """Where a text starts so that it stands about x and inside the picture."""
    length = len(text) * glyph
    return max(2.0, min(x - length / 2, width - length - 2))


def lanes(labels: Sequence[tuple[float, str]], width: int) -> list[int]:
    """For each label (x, text) the first lane where it hits no other."""
    taken: list[list[tuple[float, float]]] = []
    chosen = []
    for x, text in labels:
        start = start_of(x, text, width)
        end = start + len(text) * GLYPH + 14
        free = (i for i, lane in enumerate(taken) if all(end <= a or start >= b for a, b in lane))
        lane = next(free, len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append((start, end))
        chosen.append(lane)
    return chosen


def apart(heights: Sequence[float], least: float = 16.0) -> list[float]:
    """The same heights, pushed apart until labels there don't touch."""
    placed = list(heights)
    order = sorted(range(len(placed)), key=placed.__getitem__)
    for before, after in itertools.pairwise(order):
        placed[after] = max(placed[after], placed[before] + least)
    return placed


def _title(words: str) -> str:
    return f"<title>{_escaped(words)}</title>"


def _escaped(text: str) -> str:
    return escape(visible(text))


def _at(value: Length) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


LARGEST = 1e12  # beyond it, and for what is not a number, a curve has a gap
POINTS = 240  # of a curve; more can't be told apart at its width
DOTTED = 24  # up to so many points each is marked
BAND = 15  # pixels that a reference takes below a number line
MOST_JOINTS = 20

Place = Callable[[float, float], tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class SeedSpread:
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
    reference: SeedSpread | None = None
    others: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Series:
    """One curve: a value for each epoch, None for a gap."""

    label: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Chart:
    """Curves over the epochs of one training; `percent`: the values are fractions.

    `joints` are epochs after which another training goes on, `onset` the last one before the network overfits.
    """

    title: str
    series: tuple[Series, ...]
    percent: bool = False
    joints: tuple[int, ...] = ()
    onset: int | None = None


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

    marks = _marks(shown)
    in_lanes = lanes([(at(value), text) for _, text, value in marks], width)
    top, below = 46, BAND if shown.reference else 0
    lettered = top + below + 52
    height = lettered + 22 * (max(in_lanes, default=-1) + 1) + 14
    svg = Canvas(width, height, _line_in_words(shown), "number-line")
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
        svg.letter(f"tag {kind}", text, start_of(at(value), text, width), lettered + 22 * lane)
    svg.letter("tag value", shown.label, start_of(at(shown.value), shown.label, width, GLYPH * 1.2), top - 20)
    _overview(svg, low, high, width=width, y=height - 8)
    return svg.written()


def curves(chart: Chart, *, width: int = 360, height: int = 240) -> str:
    """One chart of learning curves: training solid with dots, validation dashed with squares, named at their ends."""
    kept = [item for item in map(_without_oddities, chart.series) if any(v is not None for v in item.values)]
    numbers = [value for item in kept for value in item.values if value is not None]
    svg = Canvas(width, height, _curves_in_words(chart, kept), "curves")
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


def points_strip(segments: Sequence[Segment], *, pass_share: float | None, words: str) -> str:
    """All points in one bar: earned ones solid from the left, lost ones hollow, and a notch at the pass mark."""
    svg = Canvas(0, 36, words, "strip", fluid=True)
    at = 0.0
    for item in segments:
        kind = f"piece {item.tone if item.earned else 'lost'}"
        svg.box(kind, (f"{100 * at:.3f}%", 6), (f"{100 * item.share:.3f}%", 24), told=item.label)
        at += item.share
    if pass_share is not None and 0 < pass_share <= 1:
        x = f"{100 * pass_share:.3f}%"
        svg.line("notch", (x, 0), (x, 36))
    return svg.written()


def share_bar(share: float, words: str) -> str:
    """A small bar that is filled to a share of its width."""
    svg = Canvas(80, 8, words, "share")
    svg.box("whole", (0, 0), (80, 8))
    svg.box("piece", (0, 0), (80 * (min(max(share, 0.0), 1.0) if math.isfinite(share) else 0), 8))
    return svg.written()


def _marks(shown: NumberLine) -> list[tuple[str, str, float]]:
    """What is lettered below the line: its kind, its text, its place."""
    marks: list[tuple[str, str, float]] = []
    if shown.threshold is not None:
        marks.append(("needed", say("needed {accuracy}", accuracy=percent(shown.threshold)), shown.threshold))
    if shown.reference:
        marks.append(("reference", shown.reference.label, shown.reference.mean))
    return [*marks, *(("other", f"{shorten(name, 36)}: {percent(value, 2)}", value) for name, value in shown.others)]


def _line_in_words(shown: NumberLine) -> str:
    low, high = percent(shown.low, 2), percent(shown.high, 2)
    words: list[str] = [say("Accuracy {value}, 95 % interval {low} to {high}", value=shown.label, low=low, high=high)]
    if shown.threshold is not None:
        words.append(say("needed {accuracy}", accuracy=percent(shown.threshold)))
    if (band := shown.reference) is not None:
        lowest, highest = percent(band.lowest, 2), percent(band.highest, 2)
        words.append(say("{label}, lowest {low}, highest {high}", label=band.label, low=lowest, high=highest))
    return joined((*words, *(f"{name} {percent(at, 2)}" for name, at in shown.others)), "; ")


def _curves_in_words(chart: Chart, series: Sequence[Series]) -> str:
    parts: list[str] = []
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


def _band(svg: Canvas, band: SeedSpread, at: Callable[[float], float], *, y: int) -> None:
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


def _dot_in_words(label: str, epoch: int, value: str) -> str:
    return say("{curve}, epoch {epoch}: {value}", curve=label, epoch=str(epoch), value=value)


def _without_oddities(item: Series) -> Series:
    return Series(item.label, tuple(v if v is not None and abs(v) < LARGEST else None for v in item.values))
