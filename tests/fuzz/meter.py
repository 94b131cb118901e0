"""Measures what a fuzzing test costs in memory: the peak of one case, and what stays behind after a thousand.

Hypothesis keeps a record of what it tried, so memory can't be measured while it runs. The first and the last thousand
cases are kept, and run again without it, with Python's and NumPy's allocations traced (tracemalloc): the first thousand
fill what caches there are; what is held after the last thousand and was not before them is growth. The resident memory
of the process over the last thousand is told beside it: it counts what C and Rust libraries allocate for themselves.
"""

import functools
import gc
import os
import time
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

THOUSAND = 1000
MOST_PEAK = 64 << 20
MOST_GROWTH = 64 << 10

Case = tuple[tuple[Any, ...], dict[str, Any]]


class Meter:
    """Wrap the body of a Hypothesis test with `around`, run the test, then `replay`."""

    def __init__(self, name: str, body: Callable[..., Any]) -> None:
        self.name, self.cases, self.seconds, self.peak, self.growth, self.resident = name, 0, 0.0, 0, 0, 0
        self.grown_at = "nowhere"
        self._body = body
        self._first: list[Case] = []
        self._last: deque[Case] = deque(maxlen=THOUSAND)

    def around(self) -> Callable[..., Any]:
        """The body, which keeps what it is given."""

        @functools.wraps(self._body)
        def kept(*arguments: Any, **named: Any) -> Any:
            self.cases += 1
            (self._first if len(self._first) < THOUSAND else self._last).append((arguments, named))
            begun = time.process_time()
            try:
                return self._body(*arguments, **named)
            finally:
                self.seconds += time.process_time() - begun

        return kept

    def replay(self) -> None:
        """Run the first thousand and the last thousand again and measure them."""
        tracemalloc.start()
        try:
            self._run(self._first)
            before, resident = _snapshot(), _resident()
            self._run(self._last)
            after, self.resident = _snapshot(), _resident() - resident
        finally:
            tracemalloc.stop()
        changes = after.compare_to(before, "lineno")
        self.growth = sum(change.size_diff for change in changes)
        largest = max(changes, key=lambda change: change.size_diff, default=None)
        if largest is not None and largest.size_diff > 0:
            self.grown_at = f"{largest.traceback} ({largest.size_diff:,} bytes)"

    def _run(self, cases: Iterable[Case]) -> None:
        for arguments, named in cases:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            self._body(*arguments, **named)
            self.peak = max(self.peak, tracemalloc.get_traced_memory()[1] - before)

    @staticmethod
    def heading() -> str:
        """What the columns of `line` are; seconds are those of the processor in the code under test."""
        return f"{'target':<80} {'cases':>7} {'seconds':>8} {'peak KiB':>9} {'growth KiB':>11} {'process KiB':>12}"

    def line(self) -> str:
        """The measurement in one line."""
        told = f"{self.name[:80]:<80} {self.cases:>7,} {self.seconds:>8.1f} {self.peak / 1024:>9.0f}"
        return f"{told} {self.growth / 1024:>+11.1f} {self.resident / 1024:>+12.0f}"


def _snapshot() -> tracemalloc.Snapshot:
    gc.collect()
    hidden = [tracemalloc.Filter(False, file) for file in (__file__, tracemalloc.__file__)]
    return tracemalloc.take_snapshot().filter_traces(hidden)


def _resident() -> int:
    """Bytes of this process that are in memory (proc(5), statm)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
