"""Progress for people and machines: a live table in a terminal, plain lines in logs, JSON lines for programs.

Text of strangers is shown without colours and control characters.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING

from grader.core.limits import write_duration
from grader.core.progress import Progress, Several, Silent
from grader.core.text import defused

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

FEWEST = 3  # runs before anybody is told how long the rest will take
MOST_SHOWN = 200  # characters of what a run says about itself
PACE_S = 24 * 3600.0  # the time from which the pace is taken: all of a batch
HOW_FAR = re.compile(r"(\d+) of (\d+)|\((\d+)\s?%\)")
Clock = Callable[[], float]


class ProgressTable:
    """Who is being graded, how far that is and for how long; how many are done, and about how long the rest will take."""

    def __init__(self, total: int, bars: "Bars") -> None:
        self._bars, self._lock = bars, threading.RLock()
        self._running: dict[str, TaskID] = {}
        self._whole = bars.add_task("", what="", visible=False)
        self.begin(total, 1)

    def begin(self, total: int, jobs: int) -> None:
        """Count from here on."""
        with self._lock:
            for task in self._running.values():
                self._bars.remove_task(task)
            self._running.clear()
            self._total, self._done, self._ran, self._troubles = total, 0, 0, 0
            self._bars.reset(self._whole, total=total, what="", description=f"0 of {total} done", visible=total > 1)

    def step(self, who: str, what: str) -> None:
        """Show how far `who` is: "cell 3 of 12", "downloading ... (30 %)"."""
        found = HOW_FAR.search(what)
        now, of = (int(part) for part in (found[1] or found[3], found[2] or 100)) if found else (1, 100)
        done = max(0, now - 1)  # cell 3 is not done yet; and the clock of what is done stands still
        with self._lock:
            if who not in self._running:
                self._running[who] = self._bars.add_task(_printable(who), what="")
            self._bars.update(self._running[who], completed=done, total=of, what=_printable(what)[:MOST_SHOWN])

    def done(self, who: str, what: str, *, trouble: bool = False) -> None:
        """Take `who` out of the table. What never ran, because it was stored, says nothing of the pace of the others."""
        with self._lock:
            task = self._running.pop(who, None)
            self._done += 1
            self._troubles += trouble
            if task is not None:
                self._ran += 1
                self._bars.remove_task(task)
            self._bars.update(
                self._whole, advance=int(task is not None), total=self._total - self._done + self._ran,
                description=f"{self._done} of {self._total} done",
            )  # fmt: skip
            told = [f"{self._troubles} to look at" if self._troubles else "", self.time_left()]
            self._bars.update(self._whole, what=" · ".join(filter(None, told)))
        if trouble:
            self.say(f"{who}: {what}")

    def say(self, what: str) -> None:
        """A line above the table."""
        from rich.text import Text

        self._bars.console.print(Text(_printable(what)))

    def time_left(self) -> str:
        """About how long the rest will take; "" where nobody knows."""
        left = next(task.time_remaining for task in self._bars.tasks if task.id == self._whole)
        if left is None or self._ran < FEWEST or self._done >= self._total:
            return ""
        return "less than a minute left" if left < 60 else f"about {write_duration(60 * round(left / 60))} left"


class PlainProgress(ProgressTable):
    """The same in a log: one line for each finished submission and each download."""

    def __init__(self, total: int, stream: IO[str], clock: Clock = time.monotonic) -> None:
        from rich.progress import Progress as Bars

        self._stream = stream
        super().__init__(total, Bars(disable=True, get_time=clock, speed_estimate_period=PACE_S))

    def step(self, who: str, what: str) -> None:
        """Only downloads are worth a line in a log."""
        super().step(who, what)
        if what.startswith("downloading"):
            self.say(f"{who}: {what}")

    def done(self, who: str, what: str, *, trouble: bool = False) -> None:
        """Count it and say so, after some runs with how long the rest will take."""
        with self._lock:
            super().done(who, what)
            left = self.time_left()
            self.say(f"[{self._done}/{self._total}] {who}: {what}{f'  [{left}]' if left else ''}")

    def say(self, what: str) -> None:
        """A line of its own."""
        print(_printable(what), file=self._stream, flush=True)


class Events:
    """A JSON object a line (docs/reference/events.md): what happens, to whom, after how many seconds."""

    def __init__(self, stream: IO[str], clock: Clock = time.monotonic) -> None:
        self._stream, self._clock, self._started = stream, clock, clock()
        self._total = self._done = 0
        self._lock = threading.Lock()

    def begin(self, total: int, jobs: int) -> None:
        """`begin`: how many there are, and how many at a time."""
        with self._lock:
            self._total, self._done = total, 0
        self._write("begin", total=total, jobs=jobs)

    def step(self, who: str, what: str) -> None:
        """`step`: where a submission is."""
        self._write("step", student=who, what=what[:MOST_SHOWN])

    def done(self, who: str, what: str, *, trouble: bool = False) -> None:
        """`done`: a submission has its row."""
        with self._lock:
            self._done += 1
            done = self._done
        self._write("done", student=who, what=what, trouble=trouble, done=done, total=self._total)

    def say(self, what: str) -> None:
        """`note`: something about the whole batch."""
        self._write("note", what=what)

    def _write(self, event: str, **more: object) -> None:
        line = json.dumps({"event": event, "seconds": round(self._clock() - self._started, 3), **more})
        with self._lock:
            print(line, file=self._stream, flush=True)


@contextmanager
def show_progress(total: int, stream: IO[str], *, quiet: bool, events: IO[str] | None = None) -> Iterator[Progress]:
    """What suits `stream`: a live table in a terminal, else plain lines, nothing where `quiet`; and `events`, if any."""
    with ExitStack() as stack:
        listeners: list[Progress] = [Events(events)] if events is not None else []
        if not quiet:
            listeners.append(
                stack.enter_context(live_table(total)) if stream.isatty() else PlainProgress(total, stream)
            )
        yield Several(listeners) if listeners else Silent()


@contextmanager
def live_table(total: int) -> Iterator[ProgressTable]:
    """The table on standard error; it is gone afterwards."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars
    from rich.table import Column

    def text(field: str, width: int | None = None) -> TextColumn:
        return TextColumn(field, markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", max_width=width))

    columns = (text("{task.description}", 40), BarColumn(16), text("{task.fields[what]}"), TimeElapsedColumn())
    with Bars(
        *columns, console=Console(stderr=True), transient=True, refresh_per_second=4, speed_estimate_period=PACE_S
    ) as bars:  # fmt: skip
        yield ProgressTable(total, bars)


def _printable(text: str) -> str:
    return defused("".join(char if char.isprintable() else "?" for char in text))
