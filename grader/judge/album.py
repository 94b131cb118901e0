"""Training pictures as they are looked things up in: small grey copies, made once for each way that rows are framed.

One album serves all judges of a batch, from as many threads as there are.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from grader.dataset import Images, Split
from grader.grey_copies import areas
from grader.judge.preprocessing import LUMA, MOST_PADDING, framed, go_on

Numbers = NDArray[np.float32]
Way = tuple[str, tuple[int, int] | None, bool]  # frame, the size where it tells on the frame, by luma
BETWEEN = tuple((one + other) / 2 for one, other in zip(LUMA, LUMA[::-1], strict=True))
ALIKE = 0.9  # correlation of small copies from which on two pictures may be one
PART = 10_000  # pictures compared at once
MOST_BYTES = 192 << 20  # of copies: those of 60,000 digits are 45 MiB


class Album:
    """A training split; rows are looked up in it. What that takes is made when it is first asked for, and kept."""

    def __init__(self, split: Split) -> None:
        self.images, self.labels = split.images, split.labels
        self._copies: OrderedDict[Way, Numbers] = OrderedDict()
        self._standard: tuple[Numbers, Numbers] | None = None
        self._lock = threading.Lock()

    def find(
        self, rows: Numbers, frame: str, size: tuple[int, int], before_each: Callable[[], None] = go_on
    ) -> NDArray[np.int64]:
        """For each row (n, height, width, channels) the place of the picture most like it, -1 where none is alike.

        What `before_each` raises before a picture is made small ends the work.
        """
        copies = self._small(frame, size, rows.shape[3], before_each)
        return _most_alike(_normalised(small_copies(rows)), len(copies), lambda part: copies[part], np.abs)

    def find_by_pixels(self, rows: Numbers, *, divided: bool) -> NDArray[np.int64]:
        """The same where each pixel has a mean of its own, and if `divided` a deviation too: both sides are compared so."""
        mean, deviation = self.standard()

        def values(part: slice) -> Numbers:
            centred = np.asarray(self.images[part], np.float32) - mean
            return _normalised((centred / deviation if divided else centred).reshape(len(centred), -1))

        return _most_alike(_normalised(rows.reshape(len(rows), -1)), len(self.images), values, lambda alike: alike)

    def overall(self) -> tuple[float, float] | None:
        """Mean and deviation of all pixels together; None for photographs of many sizes."""
        if not isinstance(self.images, np.ndarray):
            return None
        mean, deviation = (part.astype(np.float64) for part in self.standard())
        return float(mean.mean()), float(np.sqrt((deviation**2 + mean**2).mean() - mean.mean() ** 2))

    def standard(self) -> tuple[Numbers, Numbers]:
        """Mean and deviation of each pixel over all pictures, which must be of one size."""
        with self._lock:
            if self._standard is None:
                self._standard = standardise(np.asarray(self.images))
            return self._standard

    def _small(self, frame: str, size: tuple[int, int], channels: int, before_each: Callable[[], None]) -> Numbers:
        """The small copies (n, SIDE * SIDE) of all pictures, each of length 1; the ways used longest ago are let go."""
        way = (frame, size if frame != "stretched" else None, channels == 1)
        with self._lock:
            copies = self._copies.pop(way, None)
            if copies is None:
                copies = _normalised(_copies_of(self.images, frame, size, channels, before_each))
            self._copies[way] = copies
            while len(self._copies) > 1 and sum(kept.nbytes for kept in self._copies.values()) > MOST_BYTES:
                self._copies.popitem(last=False)
        return copies


def _most_alike(
    rows: Numbers, count: int, part_of: Callable[[slice], Numbers], strength: Callable[[Numbers], Numbers]
) -> NDArray[np.int64]:
    """Of `count` pictures, a part at a time, the place of the one most like each row, -1 where none is alike."""
    best, score = np.full(len(rows), -1), np.full(len(rows), ALIKE, np.float32)
    for start in range(0, count, PART):
        alike = strength(rows @ part_of(slice(start, start + PART)).T)
        place = alike.argmax(axis=1)
        value = alike[np.arange(len(rows)), place]
        best, score = np.where(value > score, place + start, best), np.maximum(value, score)
    return best


def _copies_of(
    images: Images, frame: str, size: tuple[int, int], channels: int, before_each: Callable[[], None]
) -> Numbers:
    def small(pictures: NDArray[np.uint8]) -> Numbers:
        before_each()
        return small_copies(framed(pictures, frame, size), channels)

    if isinstance(images, np.ndarray):
        step = max(1, PART // MOST_PADDING) if frame == "padded" else PART
        parts = (images[start : start + step] for start in range(0, len(images), step))
        return np.concatenate([small(part) for part in parts])
    return np.concatenate([small(image[None]) for image in images])


def small_copies(images: NDArray[np.generic], channels: int = 3) -> Numbers:
    """Grey copies of images (n, height, width, channels) by the means of areas: float32 (n, SIDE * SIDE).

    `channels`: those of the rows that they are compared with. Grey rows were made by one of two luma formulas.
    """
    if images.shape[3] == 3 and channels == 1:
        grey = np.asarray(images @ np.asarray(BETWEEN), np.float32)
    else:
        grey = np.asarray(images.mean(axis=3, dtype=np.float32))
    down, right = areas(grey.shape[1]), areas(grey.shape[2])
    return np.asarray((down @ grey @ right.T).reshape(len(images), -1), np.float32)


def _normalised(flat: Numbers) -> Numbers:
    centred = flat - flat.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    return np.asarray(centred / np.where(length < 1e-9, 1, length), np.float32)


def standardise(images: NDArray[np.uint8]) -> tuple[Numbers, Numbers]:
    """Mean and deviation of each pixel over all training images; a pixel that never changes has deviation 1."""
    total = np.zeros(images.shape[1:], np.float64)
    squares = np.zeros(images.shape[1:], np.float64)
    for start in range(0, len(images), PART):
        part = images[start : start + PART].astype(np.float32)
        total += part.sum(axis=0, dtype=np.float64)
        squares += (part**2).sum(axis=0, dtype=np.float64)
    mean = total / len(images)
    deviation = np.sqrt(np.maximum(squares / len(images) - mean**2, 0))
    return mean.astype(np.float32), np.where(deviation < 1e-6, 1, deviation).astype(np.float32)
