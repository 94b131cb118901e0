"""Small grey copies of pictures, made in the same way inside a kernel and on the host. Pure."""

import math
from functools import lru_cache
from typing import Any

SIDE = 14  # pixels of a copy's side
DETAIL = 56  # pixels of a side that are enough of a larger picture
MOST_SIDE, MOST_PROPORTION = 2_048, 8  # pixels of a picture's longer side; times as long as the shorter one


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
    lines = areas(height) @ values.reshape(count, height, width * channels)
    grey = lines.reshape(count, SIDE, width, channels).mean(axis=3)
    flat = (grey @ areas(width).T).reshape(count, -1)
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


@lru_cache(64)
def areas(size: int) -> Any:
    """The matrix (SIDE, size) whose rows are the shares of pixels in each of SIDE equal parts of a line; read only."""
    import numpy

    edges = numpy.linspace(0, size, SIDE + 1)
    pixels = numpy.arange(size)
    overlap = numpy.minimum(edges[1:, None], pixels + 1) - numpy.maximum(edges[:-1, None], pixels)
    shares = numpy.clip(overlap, 0, None)
    matrix = (shares / shares.sum(axis=1, keepdims=True)).astype(numpy.float32)
    matrix.setflags(write=False)
    return matrix
