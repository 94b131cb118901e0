"""Small grey copies of what a network is trained on: enough to recognise a picture by, and to no other use.

The host compares them with pictures that never come in here. A look costs little and changes nothing: no random number is
drawn, nothing is taken out of a generator, and once the time for it is spent no more is looked at.
"""

import math
import time
from typing import Any

SIDE = 14  # pixels of a copy's side, as the host's are
MOST_ROWS, MOST_BYTES = 2048, 768 << 20  # of one training: rows that are copied, and what they take as they are
PER_BATCH, MOST_BATCHES = 8, 128  # rows of a batch that passes by; batches
PART = 256  # rows at once
DETAIL = 56  # pixels of a side that are enough of a larger picture
MOST_SIDE, MOST_PROPORTION = 2_048, 8  # pixels of a picture's longer side; times as long as the shorter one
SECONDS = 3.0  # of processor time, for all looks of a run


class Spare:
    """The time that is left for looking."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds


class Glances:
    """Copies of rows of one training, arrays of bytes (n, SIDE * SIDE)."""

    def __init__(self, spare: Spare | None = None) -> None:
        self._spare = spare or Spare()
        self._batches = 0
        self.copies: list[Any] = []

    def wanted(self) -> int:
        """How many rows of a batch that passes by are worth a look."""
        return PER_BATCH if self._batches < MOST_BATCHES and self._spare.seconds > 0 else 0

    def spread(self, x: Any) -> None:
        """Look at rows of a whole array (n, ...), as many from each part of it. Never raises."""
        try:
            row = math.prod(x.shape[1:]) * getattr(x.dtype, "itemsize", 4) or 1
            most = max(1, min(MOST_ROWS, MOST_BYTES // row))
            chosen = x[:: math.ceil(len(x) / most)]
            for start in range(0, len(chosen), PART):
                self._add(chosen[start : start + PART])
        except Exception:
            return

    def pass_by(self, x: Any) -> None:
        """Look at the first rows of a batch (n, ...). Never raises."""
        self._batches += 1
        try:
            self._add(x[:PER_BATCH])
        except Exception:
            return

    def _add(self, rows: Any) -> None:
        if self._spare.seconds <= 0:
            return
        started = time.thread_time()
        copies = small_copies(rows)
        if copies is not None:
            self.copies.append(copies)
        self._spare.seconds -= time.thread_time() - started


def small_copies(rows: Any) -> Any:
    """Grey copies of pictures (n, ...) by the means of areas, each stretched to all of 0 to 255: uint8 (n, SIDE * SIDE).

    None for what is no pictures, and for larger or longer ones than anybody trains on. A picture of one colour, or with
    numbers that are none, becomes black.
    """
    import numpy

    values = _pictures(numpy.asarray(rows))
    if values is None or not looks_like_pictures(*values.shape[1:3]):
        return None
    step = max(1, min(values.shape[1:3]) // DETAIL)  # along the longer side there are then at most 8 times as many
    values = numpy.ascontiguousarray(values[:, ::step, ::step], dtype=numpy.float32)
    count, height, width, channels = values.shape
    lines = _areas(height) @ values.reshape(count, height, width * channels)
    grey = lines.reshape(count, SIDE, width, channels).mean(axis=3)
    flat = (grey @ _areas(width).T).reshape(count, -1)
    flat[~numpy.isfinite(flat).all(axis=1)] = 0
    low, high = flat.min(axis=1, keepdims=True), flat.max(axis=1, keepdims=True)
    return numpy.rint(255 * (flat - low) / numpy.where(high > low, high - low, 1)).astype(numpy.uint8)


def looks_like_pictures(height: int, width: int) -> bool:
    """Whether a picture may have these sides: what a look costs hangs on them."""
    shorter, longer = sorted((height, width))
    return shorter > 0 and longer <= min(MOST_SIDE, MOST_PROPORTION * shorter)


def _pictures(rows: Any) -> Any:
    """Rows as (n, height, width, channels), whether they were flat, grey or had their channels first; None if neither."""
    if rows.dtype.kind not in "biuf" or not rows.size or not 2 <= rows.ndim <= 4:
        return None
    if rows.ndim == 2:
        for channels in (1, 3):
            side = math.isqrt(rows.shape[1] // channels)
            if side > 1 and side * side * channels == rows.shape[1]:
                return rows.reshape(len(rows), side, side, channels)
        return None
    if rows.ndim == 3:
        return rows[..., None]
    if rows.shape[3] in (1, 3, 4):
        return rows[..., :3]
    return rows.transpose(0, 2, 3, 1) if rows.shape[1] in (1, 3) else None


def _areas(size: int) -> Any:
    """The matrix (SIDE, size) whose rows are the shares of pixels in each of SIDE equal parts of a line."""
    import numpy

    edges = numpy.linspace(0, size, SIDE + 1)
    pixels = numpy.arange(size)
    overlap = numpy.minimum(edges[1:, None], pixels + 1) - numpy.maximum(edges[:-1, None], pixels)
    shares = numpy.clip(overlap, 0, None)
    return (shares / shares.sum(axis=1, keepdims=True)).astype(numpy.float32)
