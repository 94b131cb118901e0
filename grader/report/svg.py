"""What plots are drawn with: an SVG tree that only takes clean text, and round numbers for axes. Pure."""

import itertools
import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from grader.report.visible import visible

Length = float | str  # pixels, or a share of the width as in "12.5%"
GLYPH = 6.9  # mean width of a letter at the size that plots are lettered in


def new_svg(width: int, height: float, words: str, kind: str) -> ET.Element:
    """An empty picture; `words` say what it shows to whoever can't see it."""
    svg = ET.Element("svg", {"class": f"plot {kind}", "role": "img", "aria-label": visible(words)})
    svg.set("viewBox", f"0 0 {width} {height:.0f}")
    svg.set("width", str(width))
    svg.set("height", f"{height:.0f}")
    title(svg, words)
    return svg


def line(svg: ET.Element, kind: str, start: tuple[Length, Length], end: tuple[Length, Length]) -> ET.Element:
    """A straight line of a CSS class."""
    places = {"x1": _length(start[0]), "y1": _length(start[1]), "x2": _length(end[0]), "y2": _length(end[1])}
    return ET.SubElement(svg, "line", {"class": kind, **places})


def box(
    svg: ET.Element, kind: str, corner: tuple[Length, Length], size: tuple[Length, Length], *, round: float = 0
) -> ET.Element:
    """A rectangle of a CSS class by its upper left corner."""
    places = {"x": _length(corner[0]), "y": _length(corner[1]), "width": _length(size[0]), "height": _length(size[1])}
    rounded = {"rx": _length(round)} if round else {}
    return ET.SubElement(svg, "rect", {"class": kind, **places, **rounded})


def circle(svg: ET.Element, kind: str, centre: tuple[float, float], radius: float) -> ET.Element:
    """A circle of a CSS class."""
    places = {"cx": _length(centre[0]), "cy": _length(centre[1]), "r": _length(radius)}
    return ET.SubElement(svg, "circle", {"class": kind, **places})


def path(svg: ET.Element, kind: str, steps: str) -> ET.Element:
    """A path of a CSS class, in SVG's own pen strokes."""
    return ET.SubElement(svg, "path", {"class": kind, "d": steps})


def letter(svg: ET.Element, kind: str, text: str, x: float, y: float) -> None:
    """A text of a CSS class; classes `middle` and `end` say which point of it stands at x."""
    anchor = next((word for word in kind.split() if word in ("middle", "end")), "start")
    places = {"x": _length(x), "y": _length(y), "text-anchor": anchor}
    ET.SubElement(svg, "text", {"class": kind, **places}).text = visible(text)


def title(element: ET.Element, words: str) -> None:
    """What a pointer that rests on the element is told."""
    ET.SubElement(element, "title").text = visible(words)


def written(svg: ET.Element) -> str:
    """The picture as markup."""
    return ET.tostring(svg, encoding="unicode")


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


def _length(value: Length) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
