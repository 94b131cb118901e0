"""Small grey copies of what a network is trained on: enough to recognise a picture by, and to no other use.

The host compares them with pictures that never come in here. A look costs little and changes nothing: no random number is
drawn, nothing is taken out of a generator, and once the time for it is spent no more is looked at.
"""

import math
import time
from typing import Any

from grader.grey_copies import small_copies

MOST_ROWS, MOST_BYTES = 2048, 768 << 20  # of one training: rows that are copied, and what they take as they are
PER_BATCH, MOST_BATCHES = 8, 128  # rows of a batch that passes by; batches
PART = 256  # rows at once
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
