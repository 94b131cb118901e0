"""Which layers do a network's answers depend on, and does it see the same in pictures that are moved by a pixel? Pure.

A layer is cut by exchanging its outputs among the images: it then says of each image what it said of another one. Where the
answers stay what they were, nothing that it makes of an image reaches them, whatever the graph looks like. In a network
without branches every layer stands in the only way from image to answer, and none is cut.
`judge/worker.py` does the cutting.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from grader.checks.layers import LITTLE, is_operation
from grader.core.evidence import Architecture, Layer, Shifted
from grader.core.metrics import predicted_classes
from grader.course.dataset import Images

ALIKE = 1e-6  # of the largest answer: images that are less apart are answered alike, and nothing can be told

Answers = NDArray[np.float32]
Cut = Callable[[tuple[str, ...]], Answers]  # the answers (n, units) to some images where layers of these names are cut


def has_branches(layers: Sequence[Layer]) -> bool:
    """Whether there may be a way from image to answer that leaves a layer out."""
    names = {layer.name for layer in layers}
    held = any(layer.name.rpartition("/")[0] in names for layer in layers)
    return held or any(len(layer.inputs) > 1 for layer in layers)


def measure_influence(layers: Sequence[Layer], cut: Cut, *, most_s: float) -> dict[str, float]:
    """The influence of layers by name. All of a class are cut together first; alone, rare ones first, while time is left."""
    if not has_branches(layers):
        return {}
    began, whole = time.monotonic(), cut(())
    spread = _size(whole - whole.mean(axis=0))
    if not np.isfinite(spread) or spread <= ALIKE * float(np.abs(whole).max(initial=0)):
        return {}
    found: dict[str, float] = {}
    alone: list[str] = []
    for names in _by_kind(layers):
        together = _influence(whole, cut(names), spread)
        if len(names) == 1 or together < LITTLE:
            found |= dict.fromkeys(names, together)
        else:
            alone += names
    for name in alone:
        if time.monotonic() - began > most_s:
            break
        found[name] = _influence(whole, cut((name,)), spread)
    return found


def with_influence(architecture: Architecture, found: dict[str, float]) -> Architecture:
    """The architecture with what was measured."""
    layers = tuple(layer.model_copy(update={"influence": found.get(layer.name)}) for layer in architecture.layers)
    return architecture.model_copy(update={"layers": layers})


def _by_kind(layers: Sequence[Layer]) -> list[tuple[str, ...]]:
    """The names of the layers of each class, the rarest class first."""
    kinds: dict[str, list[str]] = {}
    for layer in layers:
        if layer.kind != "InputLayer" and not is_operation(layer):
            kinds.setdefault(layer.kind, []).append(layer.name)
    return sorted((tuple(names) for names in kinds.values()), key=len)


def _influence(before: Answers, after: Answers, spread: float) -> float:
    """How far answers moved, as a part of how far they are apart; 1 where there are no answers (NaN)."""
    moved = _size(after - before) / spread
    return round(moved, 4) if np.isfinite(moved) else 1.0


def _size(values: Answers) -> float:
    return float(np.sqrt(np.square(values.astype(np.float64)).mean()))


DIGITS, PHOTOGRAPHS = 500, 100  # pictures that are moved
DIRECTIONS = ((-1, 0), (1, 0), (0, -1), (0, 1))  # down, right; each picture in one of them


def choose_shifted(count: int, *, photographs: bool) -> NDArray[np.int64]:
    """The places, evenly spread, of the pictures that are moved among `count`."""
    wanted = min(count, PHOTOGRAPHS if photographs else DIGITS)
    return np.linspace(0, count - 1, wanted).astype(np.int64)


def shift_images(images: Images, size: tuple[int, int]) -> Sequence[NDArray[np.uint8]]:
    """Each picture moved by one pixel of `size` (height, width), the one that it is resized to; its edge is repeated."""
    moved = []
    for number, image in enumerate(images):
        down, right = DIRECTIONS[number % len(DIRECTIONS)]
        pixel = max(1, round(image.shape[0] / size[0])), max(1, round(image.shape[1] / size[1]))
        moved.append(_shift(image, down * pixel[0], right * pixel[1]))
    return moved


def _shift(image: NDArray[np.uint8], down: int, right: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    rows, columns = np.arange(height) - down, np.arange(width) - right
    return image[np.clip(rows, 0, height - 1)][:, np.clip(columns, 0, width - 1)]


def count_changed(before: NDArray[np.float32], after: NDArray[np.float32], *, activation: str) -> Shifted:
    """How many of the outputs (n, units) name another class; what is no number is another one."""
    same = predicted_classes(before, logits=activation == "linear") == predicted_classes(
        after, logits=activation == "linear"
    )
    same &= np.isfinite(after).all(axis=1)
    return Shifted(images=len(before), changed=int((~same).sum()))
