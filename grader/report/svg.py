"""What plots are drawn with: a canvas that only takes clean text, and round numbers for axes. Pure.

Colours come from the page's CSS by class, never from a `style` attribute, so that dark mode and the page's
Content-Security-Policy both hold. All text goes through `_escaped`, whoever wrote it.
"""

import itertools
import math
from collections.abc import Sequence
from html import escape

from grader.report.phrases import SPEECH, Speech, Text, in_other_languages, write
from grader.report.visible import visible

Length = float | str  # pixels, or a share of the width as in "12.5%"
GLYPH = 6.9  # mean width of a letter at the size that plots are lettered in


class Canvas:
    """An SVG picture of a CSS class; `words` say what it shows to whoever can't see it."""

    def __init__(
        self, width: int, height: float, words: Text, kind: str, speech: Speech = SPEECH, *, fluid: bool = False
    ) -> None:
        self._speech = speech
        size = 'width="100%"' if fluid else f'viewBox="0 0 {width} {height:.0f}" width="{width}"'
        label = f'aria-label="{self._escaped(words)}"{in_other_languages(words, speech, "aria-label")}'
        self._parts = [f'<svg class="plot {kind}" role="img" {size} height="{height:.0f}" {label}>{self._title(words)}']

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
        told: Text = "",
    ) -> None:
        """A rectangle of a CSS class by its upper left corner; `told` to a pointer that rests on it."""
        (x, y), (width, height) = corner, size
        rounded = f' rx="{_at(round)}"' if round else ""
        place = f'x="{_at(x)}" y="{_at(y)}" width="{_at(width)}" height="{_at(height)}"'
        self._add(f'<rect class="{kind}" {place}{rounded}', "rect", told)

    def circle(self, kind: str, centre: tuple[float, float], radius: float, *, told: Text = "") -> None:
        """A circle of a CSS class."""
        place = f'cx="{_at(centre[0])}" cy="{_at(centre[1])}" r="{_at(radius)}"'
        self._add(f'<circle class="{kind}" {place}', "circle", told)

    def path(self, kind: str, steps: str) -> None:
        """A path of a CSS class, in SVG's own pen strokes."""
        self._add(f'<path class="{kind}" d="{steps}"', "path")

    def letter(self, kind: str, text: Text, x: float, y: float) -> None:
        """A text of a CSS class; classes `middle` and `end` say which point of it stands at x."""
        anchor = next((word for word in kind.split() if word in ("middle", "end")), "start")
        others = in_other_languages(text, self._speech)
        place = f'x="{_at(x)}" y="{_at(y)}" text-anchor="{anchor}"'
        self._parts.append(f'<text class="{kind}" {place}{others}>{self._escaped(text)}</text>')

    def written(self) -> str:
        """The picture as markup."""
        return f"{''.join(self._parts)}</svg>"

    def said(self, text: Text) -> str:
        """The text in the page's own language, by whose length it is placed."""
        return self._speech.write(text)

    def _add(self, opened: str, tag: str, told: Text = "") -> None:
        self._parts.append(f"{opened}>{self._title(told)}</{tag}>" if told else f"{opened}/>")

    def _title(self, words: Text) -> str:
        return f"<title{in_other_languages(words, self._speech)}>{self._escaped(words)}</title>"

    def _escaped(self, text: Text) -> str:
        return escape(visible(write(text, self._speech.own.catalogue)))


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


def _at(value: Length) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
