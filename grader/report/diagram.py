"""The diagram of a network: layers from top to bottom, wires that fork and meet, and each output as a block. Pure.

Every layer is a row, and every row draws its own piece of the wires, stretched to the row's height; so the diagram is part
of the table that says the same in words. A tensor that is still needed further down keeps a lane of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from grader.evidence import Layer

DEEPEST = 8  # networks within networks
MOST_LANES = 8  # beyond it wires are spaghetti, and only words are left
LANE = 14  # pixels from lane to lane
TALLEST = 30  # pixels of the largest block


@dataclass(frozen=True)
class Row:
    """One layer's piece of the wiring: its own lane, the lanes that it reads, those that go past, and whether it goes on."""

    lane: int
    reads: tuple[int, ...]
    past: tuple[int, ...]
    goes_on: bool


@dataclass(frozen=True)
class Wiring:
    """All rows, and how many lanes they need."""

    rows: tuple[Row, ...]
    lanes: int


def wire(layers: Sequence[Layer]) -> Wiring:
    """Lanes for layers in the order of computation; a network whose layers don't say what they read is a chain."""
    sources = _sources(layers)
    last = [max((j for j, read in enumerate(sources) if i in read), default=i) for i in range(len(layers))]
    lane_of: dict[int, int] = {}  # of those whose output is still needed
    rows = []
    for i, read in enumerate(sources):
        reads = tuple(lane_of[j] for j in read)
        kept = {j: lane for j, lane in lane_of.items() if last[j] > i}
        lane = next(lane for lane in range(len(layers)) if lane not in kept.values())
        rows.append(Row(lane, reads, tuple(sorted(kept.values())), last[i] > i))
        lane_of = {**kept, i: lane} if last[i] > i else kept
    return Wiring(tuple(rows), 1 + max((max((row.lane, *row.past)) for row in rows), default=0))


def lanes_shown(layers: Sequence[Layer]) -> int:
    """How many lanes the diagram needs room for; none where they are too many to be drawn."""
    lanes = wire(layers).lanes
    return lanes if lanes <= MOST_LANES else 0


def _sources(layers: Sequence[Layer]) -> list[tuple[int, ...]]:
    """For each layer the earlier ones that it reads, by place."""
    found = []
    place: dict[str, int] = {}
    silent = not any(layer.inputs for layer in layers)
    for i, layer in enumerate(layers):
        named = dict.fromkeys(place[name] for name in layer.inputs if name in place)
        found.append(((i - 1,) if i else ()) if silent else tuple(named))
        parts = layer.name.split("/", DEEPEST)  # what holds layers stands for the last of them
        place |= {"/".join(parts[: depth + 1]): i for depth in range(len(parts))}
    return found


def draw_wires(wiring: Wiring, number: int) -> str:
    """The wires of one row as SVG that fills the row's height; empty where there are too many lanes."""
    if wiring.lanes > MOST_LANES:
        return ""
    row = wiring.rows[number]
    x = _middle(row.lane)
    strokes = [f"M{_middle(lane)} 0V100" for lane in row.past]
    for lane in row.reads:
        start = _middle(lane)
        strokes.append(f"M{x} 0V50" if lane == row.lane else f"M{start} 0C{start} 30 {x} 20 {x} 50")
    strokes += [f"M{x} 50V100"] if row.goes_on else []
    width = LANE * wiring.lanes
    return (
        f'<svg class="wires" width="{width}" height="100%" viewBox="0 0 {width} 100" preserveAspectRatio="none" '
        f'aria-hidden="true" focusable="false"><path d="{"".join(strokes)}"/>'
        f'<path class="node" d="M{x} 50h0"/></svg>'
    )


def largest_picture(layers: Sequence[Layer]) -> int:
    """The longest side of anything that goes through the network: what blocks are measured by."""
    shapes = [
        sizes for layer in layers for sizes in (*layer.input_shapes, layer.output_shape) if sizes and len(sizes) > 1
    ]
    return max((size for sizes in shapes for size in sizes[:-1] if size is not None), default=1)


def draw_volume(layer: Layer, largest: int) -> str:
    """The layer's output as a block: its face shrinks with the picture, its depth grows with the channels."""
    sizes = [size for size in layer.output_shape or () if size is not None]
    if not sizes:
        return ""
    deep = math.log2(max(sizes[-1], 1))
    if len(sizes) == 1:
        return _block("row", 5.0, min(TALLEST, 5 + 3 * deep), 0.0)
    side = 5 + (TALLEST - 5) * min(max(sizes[:-1]) / max(largest, 1), 1.0) ** 0.7
    return _block("volume", side, side, min(13.0, 1 + 1.5 * deep))


def _block(kind: str, width: float, height: float, depth: float) -> str:
    """A block seen from the front and a little from above; `depth` in pixels to the right and up."""
    up = depth * 0.6
    box = 48
    x, y = (box - width - depth) / 2, (box - height + up) / 2
    face = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    top = f'<path d="M{x:.1f} {y:.1f}l{depth:.1f} {-up:.1f}h{width:.1f}l{-depth:.1f} {up:.1f}z"/>' if depth else ""
    side = (
        f'<path class="side" d="M{x + width:.1f} {y:.1f}l{depth:.1f} {-up:.1f}v{height:.1f}l{-depth:.1f} {up:.1f}z"/>'
        if depth
        else ""
    )
    return (
        f'<svg class="block {kind}" width="{box}" height="{box}" viewBox="0 0 {box} {box}" aria-hidden="true" '
        f'focusable="false">{top}{side}{face}</svg>'
    )


def _middle(lane: int) -> int:
    return LANE * lane + LANE // 2
