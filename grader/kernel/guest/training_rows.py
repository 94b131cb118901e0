"""What a network is given to learn from, looked at as it passes by: its first rows, and small grey copies of more.

The copies are enough to recognise a picture by, and to no other use: the host compares them with pictures that never come in
here. A look must not change what passes: no random number is drawn, nothing is taken out of a generator, and no pipeline or
sequence is asked for a batch that the training did not ask for, because that would move on its shuffling and its
augmentation. Once the time for looking is spent, no more is looked at.
"""

import math
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from grader.core.thumbnails import small_copies
from grader.kernel.guest.wrapping import neutral

MOST_ROWS, MOST_BYTES = 2048, 768 << 20  # of one training: rows that are copied, and what they take as they are
PER_BATCH, MOST_BATCHES = 8, 128  # rows of a batch that passes by; batches
PART = 256  # rows at once
SECONDS = 3.0  # of processor time, for all looks of a run


class TimeLeft:
    """The time that is left for looking."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds


MOST_KEPT, MOST_KEPT_BYTES = 256, 8 << 20
MOST_LABEL = 1e6  # of a class


class FirstRows:
    """The first rows of one training, an array (n, ...), and their classes; None until they were seen.

    `copies` are small ones of more rows, arrays of bytes (n, SIDE * SIDE): of a whole array, or of some rows of each batch
    that passes by.
    """

    def __init__(self, time_left: TimeLeft) -> None:
        self.x: Any = None
        self.labels: list[int] = []
        self.copies: list[Any] = []
        self._time_left = time_left
        self._batches = 0

    @neutral()
    def keep(self, x: Any, y: Any = None) -> None:
        """Remember the first rows of what is first given. Never raises."""
        if self.x is not None:
            return
        try:
            self._keep(x, y)
        except Exception:
            self.x = None
        if self.x is not None:
            with suppress(Exception):
                self._spread(_input(x))

    def keep_batch(self, batch: Any) -> None:
        """The same for what a generator yields: (x, y), or with weights, or x alone."""
        given = batch if isinstance(batch, (tuple, list)) else (batch,)
        self.keep_parts(*given[:2])

    def heard(self, batch: Any) -> Any:
        """The same, with the batch as its answer."""
        self.keep_batch(batch)
        return batch

    def keep_parts(self, x: Any, y: Any = None) -> None:
        """The same for a batch whose parts come one by one."""
        if self.x is None:
            self.keep(x, y)
        elif self.wanted():
            self._pass_by(x)

    def wanted(self) -> int:
        """How many rows of the next batch are wanted."""
        if self.x is None:
            return MOST_KEPT
        return PER_BATCH if self._batches < MOST_BATCHES and self._time_left.seconds > 0 else 0

    def _keep(self, x: Any, y: Any) -> None:
        import numpy

        x = _input(x)
        one = numpy.asarray(x[:1])
        if one.ndim < 2 or one.dtype.kind not in "biuf" or not one.size:
            return
        wanted = numpy.uint8 if one.dtype == numpy.uint8 else numpy.float32
        count = min(MOST_KEPT, MOST_KEPT_BYTES // (one.size * numpy.dtype(wanted).itemsize))
        rows = numpy.array(x[:count], dtype=wanted)
        if len(rows):
            self.labels = _classes(y, len(rows))
            self.x = rows

    def _spread(self, x: Any) -> None:
        """Look at rows of a whole array (n, ...), as many from each part of it."""
        row = math.prod(x.shape[1:]) * getattr(x.dtype, "itemsize", 4) or 1
        most = max(1, min(MOST_ROWS, MOST_BYTES // row))
        chosen = x[:: math.ceil(len(x) / most)]
        for start in range(0, len(chosen), PART):
            self._look(chosen[start : start + PART])

    @neutral()
    def _pass_by(self, x: Any) -> None:
        """Look at the first rows of a batch (n, ...). Never raises."""
        self._batches += 1
        with suppress(Exception):
            self._look(_input(x)[:PER_BATCH])

    def _look(self, rows: Any) -> None:
        if self._time_left.seconds <= 0:
            return
        started = time.thread_time()
        copies = small_copies(rows)
        if copies is not None:
            self.copies.append(copies)
        self._time_left.seconds -= time.thread_time() - started


def _input(x: Any) -> Any:
    """The input, or the first one of several."""
    if isinstance(x, dict):
        x = list(x.values())
    return x[0] if isinstance(x, (tuple, list)) and x and getattr(x[0], "ndim", 0) > 1 else x


def _classes(y: Any, count: int) -> list[int]:
    import numpy

    try:
        first = numpy.asarray(y[:count])
        if first.dtype.kind not in "biuf" or len(first) != count:
            return []
        first = first.reshape(count, -1)
        chosen = first.argmax(axis=1) if first.shape[1] > 1 else numpy.rint(first[:, 0])
        if numpy.abs(chosen.astype(float)).max(initial=0) > MOST_LABEL:
            return []  # no classes
        return [int(value) for value in chosen]
    except Exception:
        return []


@contextmanager
def watched(x: Any, y: Any, rows: FirstRows) -> Iterator[Any]:
    """What to give `fit` in place of `x`, so that `rows` sees the first batch; `x` itself wherever that will do."""
    if isinstance(x, types.GeneratorType):
        yield _passing(x, rows)
    elif hasattr(x, "element_spec") and hasattr(x, "map"):
        yield _tapped(x, rows)
    elif hasattr(type(x), "__getitem__") and not hasattr(x, "shape") and not isinstance(x, (tuple, list, dict)):
        with _overheard(x, "__getitem__", rows.heard):
            yield x
    elif _is_loader(x):
        with _overheard(x, "__iter__", lambda batches: _passing(batches, rows)):
            yield x
    else:
        if x is not None:
            rows.keep(x, y)
        yield x


def _passing(batches: Any, rows: FirstRows) -> Iterator[Any]:
    for batch in batches:  # no `yield from`: that would close the student's generator with ours
        rows.keep_batch(batch)
        yield batch


@neutral()
def _tapped(dataset: Any, rows: FirstRows) -> Any:
    """A `tf.data` pipeline with one more stage, which shows rows of its batches and hands on all of them as they are."""
    import tensorflow as tf

    def wanted() -> Any:
        import numpy

        return numpy.int64(rows.wanted())

    def look(*parts: Any) -> Any:
        tensors = [part for part in parts[:2] if isinstance(part, tf.Tensor) and part.shape.rank]
        if not tensors:
            return parts if len(parts) > 1 else parts[0]

        count = tf.numpy_function(wanted, [], tf.int64, stateful=True)
        count.set_shape(())

        def show() -> Any:
            first = [tensor[:count] for tensor in tensors]
            with tf.control_dependencies([tf.numpy_function(rows.keep_parts, first, [])]):
                return tf.constant(True)

        shown = tf.cond(count > 0, show, lambda: tf.constant(False))
        with tf.control_dependencies([shown]):
            same = tf.nest.map_structure(tf.identity, parts)
        return same if len(same) > 1 else same[0]

    try:
        return dataset.map(look)
    except Exception:
        return dataset


def _is_loader(x: Any) -> bool:
    """Whether it is a `DataLoader` of PyTorch."""
    data = sys.modules.get("torch.utils.data")
    return data is not None and isinstance(x, data.DataLoader)


@contextmanager
def _overheard(source: Any, name: str, hear: Callable[[Any], Any]) -> Iterator[None]:
    """While it lasts, whoever calls the method `name` of `source` gets what `hear` makes of its answer."""
    kind = type(source)
    original, own = getattr(kind, name), name in vars(kind)

    def answer(self: Any, *given: Any) -> Any:
        found = original(self, *given)
        return hear(found) if self is source else found

    try:
        setattr(kind, name, answer)
    except (AttributeError, TypeError):  # a class that can't be changed
        yield
        return
    try:
        yield
    finally:
        if own:
            setattr(kind, name, original)
        else:
            delattr(kind, name)
