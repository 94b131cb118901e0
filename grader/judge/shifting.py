"""Pictures moved by a pixel, to see whether a network means what they show. Pure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from grader.dataset import Images
from grader.evidence import Shifted
from grader.judge.metrics import predicted_classes

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
