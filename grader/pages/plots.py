"""Plots as inline SVG: the accuracy's number line, learning curves, points; a class's histogram and accuracies. Pure.

Each plot says in words what it shows (`<title>` and `aria-label`), and no two things differ by colour alone. Colours come
from the page's CSS by class, never from a `style` attribute, so that dark mode and the page's Content-Security-Policy both
hold. All text goes through `_escaped`, whoever wrote it.
"""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from grader.core.text import joined, shorten, visible
from grader.pages.language import many, numbers, percent, say
from grader.pages.wording import Tone

Length = float | str  # pixels, or a share of the width as in "12.5%"
At = Callable[[float], float]  # where a value stands on an axis
Place = Callable[[float, float], tuple[float, float]]  # where a value of an epoch stands
GLYPH = 6.9  # mean width of a letter at the size that plots are lettered in
CLEAR = 6.0  # pixels between two labels on one line
LARGEST = 1e12  # beyond it, and for what is not a number, a curve has a gap
POINTS = 240  # of a curve; more can't be told apart at its width
DOTTED = 24  # up to so many points each is marked
BAND = 15  # pixels that a reference takes below a number line
MOST_JOINTS = 20
DOT = 5.0  # radius of one student's dot
HIGHEST = 15  # dots above each other; a larger class is drawn as bars


class Canvas:
    """An SVG picture of a CSS class; `words` say what it shows to whoever can't see it."""

    def __init__(
        self, width: int, height: float, words: str, kind: str, *, fluid: bool = False, links: bool = False
    ) -> None:
        """`links`: there are links in it, which a picture as one whole would hide."""
        role = "group" if links else "img"
        size = 'width="100%"' if fluid else f'viewBox="0 0 {width} {height:.0f}" width="{width}"'
        label = f'aria-label="{_escaped(words)}"'
        self._parts = [f'<svg class="plot {kind}" role="{role}" {size} height="{height:.0f}" {label}>{_title(words)}']

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
        href: str | None = None,
    ) -> None:
        """A rectangle of a CSS class by its upper left corner; `told` to a pointer that rests on it, with a link."""
        (x, y), (width, height) = corner, size
        rounded = f' rx="{_at(round)}"' if round else ""
        place = f'x="{_at(x)}" y="{_at(y)}" width="{_at(width)}" height="{_at(height)}"'
        self._add(f'<rect class="{kind}" {place}{rounded}', "rect", told, href)

    def circle(
        self, kind: str, centre: tuple[float, float], radius: float, *, told: str = "", href: str | None = None
    ) -> None:
        """A circle of a CSS class."""
        place = f'cx="{_at(centre[0])}" cy="{_at(centre[1])}" r="{_at(radius)}"'
        self._add(f'<circle class="{kind}" {place}', "circle", told, href)

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

    def _add(self, opened: str, tag: str, told: str = "", href: str | None = None) -> None:
        drawn = f"{opened}>{_title(told)}</{tag}>" if told else f"{opened}/>"
        linked = f'<a href="{_escaped(href)}" aria-label="{_escaped(told)}">{drawn}</a>' if href else drawn
        self._parts.append(linked)


def nice(low: float, high: float) -> tuple[float, float, float]:
    """The region widened to round ends, and the distance between ticks."""
    span = max(high - low, abs(high) * 1e-3, 1e-6)
    rough = span / 4
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return first * step, max(last, first + 1) * step, step


def ticks(low: float, high: float, step: float) -> list[float]:
    """The places of ticks from one end to the other."""
    return [low + i * step for i in range(round((high - low) / step) + 1)][:12]


def start_of(x: float, text: str, width: int, glyph: float = GLYPH) -> float:
    """Where a text starts so that it is centred at x, but stays inside the picture."""
    length = len(text) * glyph
    return max(2.0, min(x - length / 2, width - length - 2))


def lanes(labels: Sequence[tuple[float, str]], width: int) -> list[int]:
    """For each label (x, text) the first lane where it overlaps no other."""
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


def apart(heights: Sequence[float]) -> list[float]:
    """The same heights, pushed apart until labels there don't touch."""
    placed = list(heights)
    order = sorted(range(len(placed)), key=placed.__getitem__)
    for before, after in itertools.pairwise(order):
        placed[after] = max(placed[after], placed[before] + 16)
    return placed


def _title(words: str) -> str:
    return f"<title>{_escaped(words)}</title>"


def _escaped(text: str) -> str:
    return escape(visible(text))


def _at(value: Length) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


@dataclass(frozen=True, kw_only=True)
class SeedSpread:
    """Several runs of one thing: their mean, and from the lowest to the highest."""

    label: str
    lowest: float
    mean: float
    highest: float


@dataclass(frozen=True, kw_only=True)
class NumberLine:
    """An accuracy with its interval, what is needed, the reference, and others to compare with (label, accuracy).

    `full`: from which accuracy on there are all points, where they rise in proportion.
    """

    value: float
    label: str
    low: float
    high: float
    threshold: float | None = None
    full: float | None = None
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
    values = [shown.value, shown.low, shown.high, *(other for _, other in shown.others)]
    values += [] if shown.full is None else [shown.full]
    low, high, step = _region(values, shown.threshold, shown.reference)

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


def curves(chart: Chart) -> str:
    """One chart of learning curves: training solid with dots, validation dashed with squares, named at their ends."""
    kept = [item for item in map(_without_oddities, chart.series) if any(v is not None for v in item.values)]
    numbers = [value for item in kept for value in item.values if value is not None]
    width, height = 360, 240
    svg = Canvas(width, height, _curves_in_words(chart, kept), "curves")
    names = round(max((len(item.label) for item in kept), default=0) * GLYPH)
    left, right, top, bottom = 50, width - max(84, 15 + names), 24, height - 40
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
        svg.letter("tick end", value_in_words(tick, chart.percent), left - 8, y + 4)
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
    """All points in one bar: earned ones solid from the left, lost ones hollow, with a notch at the pass mark."""
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
    """The labels below the line: kind, text, value."""
    marks: list[tuple[str, str, float]] = []
    if shown.threshold is not None:
        marks.append(("needed", _needed(shown.threshold), shown.threshold))
    if shown.full is not None:
        marks.append(("needed", _full(shown.full), shown.full))
    if shown.reference:
        marks.append(("reference", shown.reference.label, shown.reference.mean))
    return [*marks, *(("other", f"{shorten(name, 36)}: {percent(value, 2)}", value) for name, value in shown.others)]


def _line_in_words(shown: NumberLine) -> str:
    low, high = percent(shown.low, 2), percent(shown.high, 2)
    words = [say("Accuracy {value}, 95 % interval {low} to {high}", value=shown.label, low=low, high=high)]
    if shown.threshold is not None:
        words.append(_needed(shown.threshold))
    if shown.full is not None:
        words.append(_full(shown.full))
    if (band := shown.reference) is not None:
        lowest, highest = percent(band.lowest, 2), percent(band.highest, 2)
        words.append(say("{label}, lowest {low}, highest {high}", label=band.label, low=lowest, high=highest))
    return joined((*words, *(f"{name} {percent(at, 2)}" for name, at in shown.others)), "; ")


def _curves_in_words(chart: Chart, series: Sequence[Series]) -> str:
    parts: list[str] = []
    for item in series:
        known = [value for value in item.values if value is not None]
        first, last = value_in_words(known[0], chart.percent), value_in_words(known[-1], chart.percent)
        parts.append(say("{curve} from {first} to {last}", curve=item.label, first=first, last=last))
    if chart.onset is not None and parts:
        parts.append(say("overfitting after epoch {epoch}", epoch=chart.onset))
    epochs = max((len(item.values) for item in series), default=0)
    told = joined(parts, ", ") if parts else say("no values")
    return many(
        epochs, "{title} over {n} epoch: {told}.", "{title} over {n} epochs: {told}.", title=chart.title, told=told
    )


def value_in_words(value: float, as_percent: bool) -> str:
    """A value of a curve, as beside its axis."""
    return percent(value, 2) if as_percent else numbers(f"{round(value, 9):.4g}")


def _region(
    values: Sequence[float], threshold: float | None, reference: SeedSpread | None
) -> tuple[float, float, float]:
    """The part of 0 to 1 where all of them are, with some air, round ends, and the distance between ticks."""
    shown = [*values, *([] if threshold is None else [threshold])]
    shown += [reference.lowest, reference.mean, reference.highest] if reference else []
    inside = [min(max(value, 0.0), 1.0) for value in shown if math.isfinite(value)] or [0.0, 1.0]
    span = max(max(inside) - min(inside), 0.01)
    low, high, step = nice(max(min(inside) - span * 0.15, 0.0), min(max(inside) + span * 0.15, 1.0))
    return max(low, 0.0), min(high, 1.0), step


def _band(svg: Canvas, band: SeedSpread, at: Callable[[float], float], *, y: int) -> None:
    """Draw a box over all runs and a tick at their mean, below the axis so that no interval is hidden."""
    left, right, middle = at(band.lowest), at(band.highest), at(band.mean)
    if right > left:
        svg.box("band", (left, y), (right - left, BAND - 5))
    svg.line("mean", (middle, y - 3), (middle, y + BAND - 2))


def _scale(
    svg: Canvas,
    places: Sequence[float],
    at: Callable[[float], float],
    *,
    y: float,
    labels: float,
    free_of: Sequence[float] = (),
) -> None:
    """Draw the axis; a tick has no label where it would overlap a leader or the label before it."""
    svg.line("axis", (at(places[0]), y), (at(places[-1]), y))
    reached = -math.inf
    for tick in places:
        x, text = at(tick), percent(tick, 2)
        half = len(text) * GLYPH / 2
        svg.line("axis", (x, y - 4), (x, y + 4))
        if x - half >= reached + CLEAR and all(abs(x - other) > half + 2 for other in free_of):
            svg.letter("tick middle", text, x, labels)
            reached = x + half


def _overview(svg: Canvas, low: float, high: float, *, width: int, y: float) -> None:
    left, right = 40, width - 52
    svg.box("whole", (left, y - 3), (right - left, 6), round=3)
    start = left + low * (right - left)
    svg.box("window", (start, y - 5), (max((high - low) * (right - left), 3), 10), round=3)
    svg.letter("tick end", percent(0), left - 8, y + 4)
    svg.letter("tick", percent(1), right + 8, y + 4)


def _onset(svg: Canvas, x: float, *, top: float, bottom: float, middle: float) -> None:
    """Draw a line where overfitting sets in, with its name on the side where there is room."""
    svg.line("onset", (x, top - 4), (x, bottom))
    svg.letter("tag end" if x > middle else "tag", say("overfitting"), x + (-6 if x > middle else 6), top - 8)


def _draw_curve(svg: Canvas, item: Series, kind: str, place: Place, as_percent: bool) -> float:
    """Draw one curve with its gaps; returns the height of its last point."""
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
        reached = value_in_words(value, as_percent)
        told = say("{curve}, epoch {epoch}: {value}", curve=item.label, epoch=str(epoch), value=reached)
        if kind == "series-1":
            svg.circle(f"dot {kind}", (x, y), 3.5, told=told)
        else:
            svg.box(f"dot {kind}", (x - 3.2, y - 3.2), (6.4, 6.4), told=told)
    return place(*drawn[-1])[1]


def _without_oddities(item: Series) -> Series:
    return Series(item.label, tuple(v if v is not None and abs(v) < LARGEST else None for v in item.values))


@dataclass(frozen=True, kw_only=True)
class AccuracyStrip:
    """The accuracies of a class (student, accuracy), what is needed, and what the reference reaches.

    `links` are the addresses of the students' reports, in the same order; () where there are none.
    """

    accuracies: tuple[tuple[str, float], ...]
    links: tuple[str | None, ...] = ()
    threshold: float | None = None
    reference: SeedSpread | None = None


def histogram(bins: Sequence[int], *, pass_share: float | None) -> str:
    """How many results fall into each tenth of the points, with the pass mark."""
    width, height = 460, 190
    svg = Canvas(width, height, _histogram_in_words(bins), "histogram")
    left, right, top, bottom = 10, width - 10, 34, height - 26
    slot = (right - left) / len(bins)
    for i, n in enumerate(bins):
        tall = (bottom - top) * n / max(*bins, 1)
        below = pass_share is not None and (i + 0.5) / len(bins) < pass_share
        kind = "bar below" if below else "bar"
        svg.box(kind, (left + i * slot + 2, bottom - tall), (slot - 4, tall))
    for i in range(0, len(bins) + 1, 2):
        anchor = " end" if i == len(bins) else " middle" if i else ""
        svg.letter(f"tick{anchor}", percent(i / len(bins)), left + i * slot, bottom + 18)
    svg.line("axis", (left, bottom), (right, bottom))
    if pass_share is not None and 0 <= pass_share <= 1:
        x = left + pass_share * (right - left)
        svg.line("notch", (x, 6), (x, bottom))
        text = say("pass mark")
        left_of_it = x - 7 - len(text) * GLYPH > 0
        svg.letter("tag end" if left_of_it else "tag", text, x + (-7 if left_of_it else 7), 16)
    for i, n in enumerate(bins):  # above the line of the pass mark, which may go through them
        if n:
            svg.letter("count middle", str(n), left + (i + 0.5) * slot, bottom - (bottom - top) * n / max(bins) - 5)
    return svg.written()


def accuracy_strip(shown: AccuracyStrip, *, width: int = 720) -> str:
    """Every accuracy on one line: dots that are stacked where they meet, or bars for a large class.

    Below the threshold they are squares (or bars of the other colour), so that nothing differs by colour alone.
    """
    band, needed = shown.reference, shown.threshold
    low, high, step = _region([value for _, value in shown.accuracies], needed, band)

    def at(value: float) -> float:
        return 24 + min(max((value - low) / (high - low), 0.0), 1.0) * (width - 48)

    columns = Counter(_column(at(value)) for _, value in shown.accuracies)
    bars = max(columns.values(), default=0) > HIGHEST
    tall = 120 if bars else 2 * DOT * max(columns.values(), default=1)
    top = 26
    axis = top + tall + 6
    linked = any(shown.links) and not bars
    svg = Canvas(width, axis + (66 if band else 44), _strip_in_words(shown), "strip-of-accuracies", links=linked)
    if needed is not None:
        text = _needed(needed)
        svg.line("leader needed", (at(needed), top - 8), (at(needed), axis + 6))
        svg.letter("tag needed", text, start_of(at(needed), text, width), top - 12)
    (_bars if bars else _dots)(svg, shown, at, foot=axis - 4, tall=tall)
    _scale(svg, ticks(low, high, step), at, y=axis, labels=axis + 20)
    if band is not None:
        svg.box("band", (at(band.lowest), axis + 28), (max(at(band.highest) - at(band.lowest), 2), 10))
        svg.line("mean", (at(band.mean), axis + 25), (at(band.mean), axis + 41))
        svg.letter("tag reference", band.label, start_of(at(band.mean), band.label, width), axis + 56)
    return svg.written()


def _column(x: float) -> int:
    return round(x / (2 * DOT))


def _dots(svg: Canvas, shown: AccuracyStrip, at: At, *, foot: float, tall: float) -> None:
    stacked: Counter[int] = Counter()
    links = shown.links or (None,) * len(shown.accuracies)
    placed = zip(shown.accuracies, links, strict=True)
    for (student, value), href in sorted(placed, key=lambda item: item[0][1]):
        column = _column(at(value))
        x, y = column * 2 * DOT, foot - DOT - 2 * DOT * stacked[column]
        stacked[column] += 1
        told = f"{student}: {percent(value, 2)}"
        if _below(value, shown.threshold):
            svg.box(
                "student below", (x - DOT + 0.6, y - DOT + 0.6), (2 * DOT - 1.2, 2 * DOT - 1.2), told=told, href=href
            )
        else:
            svg.circle("student", (x, y), DOT - 0.4, told=told, href=href)


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
                svg.box(
                    kind,
                    (column * 2 * DOT - DOT + 0.5, start),
                    box,
                    told=many(counted[column], "{n} student", "{n} students"),
                )


def _needed(threshold: float) -> str:
    return say("needed {accuracy}", accuracy=percent(threshold))


def _full(accuracy: float) -> str:
    return say("all points from {accuracy}", accuracy=percent(accuracy))


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
        words.append(_needed(needed))
        words.append(many(reached, "reached by {n} student", "reached by {n} students"))
    return joined((*words, shown.reference.label if shown.reference else ""), "; ")
