"""Progress for people and machines: a live table in a terminal, plain lines in logs, JSON lines for programs."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING

from grader.core.limits import write_duration
from grader.core.progress import Progress, Several, Silent, TimeLeft
from grader.core.text import defused

if TYPE_CHECKING:
    from rich.console import Group

FEWEST = 3  # runs before a log is told how long the rest will take
MOST_SHOWN = 200  # characters of what a run says about itself
MOST_ROWS = 16  # of the live table
Clock = Callable[[], float]


class PlainProgress:
    """One line for each finished submission and each download; safe to use from several threads."""

    def __init__(self, total: int, stream: IO[str], clock: Clock = time.monotonic) -> None:
        self._total, self._stream, self._clock = total, stream, clock
        self._jobs, self._done, self._ran = 1, 0, 0
        self._pace = TimeLeft()
        self._lock = threading.Lock()

    def begin(self, total: int, jobs: int) -> None:
        """Count from here on."""
        with self._lock:
            self._total, self._jobs, self._pace, self._done, self._ran = total, jobs, TimeLeft(), 0, 0

    def step(self, who: str, what: str) -> None:
        """Write a line for a download; other steps are too many for a log."""
        with self._lock:
            self._pace.start(who, self._clock())
        if what.startswith("downloading"):
            self.say(f"{who}: {what}")

    def done(self, who: str, what: str, *, trouble: bool = False) -> None:
        """Count it and say so, after some runs with how long the rest will take."""
        with self._lock:
            self._done += 1
            self._ran += self._pace.finish(who, self._clock()) is not None
            left = self._pace.left(self._total - self._done, self._jobs, self._clock()) if self._ran >= FEWEST else None
            rest = f"  [{_about(left)}]" if left is not None else ""
            print(
                f"[{self._done}/{self._total}] {_printable(who)}: {_printable(what)}{rest}",
                file=self._stream,
                flush=True,
            )

    def say(self, what: str) -> None:
        """A line of its own."""
        print(_printable(what), file=self._stream, flush=True)


class Live:
    """Who is on the way, how far, how many are done, how long the rest will take: as a table that is drawn again.

    `tell` is given a line for each submission in trouble as it comes, and for what else is to be read.
    """

    def __init__(self, total: int, tell: Callable[[str], None], clock: Clock = time.monotonic) -> None:
        self._total, self._tell, self._clock = total, tell, clock
        self._jobs, self._done, self._troubles = 1, 0, 0
        self._now: dict[str, str] = {}
        self._pace = TimeLeft()
        self._lock = threading.Lock()

    def begin(self, total: int, jobs: int) -> None:
        """Count from here on."""
        with self._lock:
            self._total, self._jobs, self._pace, self._now = total, jobs, TimeLeft(), {}
            self._done = self._troubles = 0

    def step(self, who: str, what: str) -> None:
        """Show where `who` is."""
        with self._lock:
            self._now[who] = what
            self._pace.start(who, self._clock())

    def done(self, who: str, what: str, *, trouble: bool = False) -> None:
        """Take `who` off the table."""
        with self._lock:
            self._now.pop(who, None)
            self._pace.finish(who, self._clock())
            self._done += 1
            self._troubles += trouble
        if trouble:
            self._tell(f"{_printable(who)}: {_printable(what)}")

    def say(self, what: str) -> None:
        """A line above the table."""
        self._tell(_printable(what))

    def headline(self) -> str:
        """How many are done, on the way and in trouble, and how long the rest will take."""
        with self._lock:
            words = [f"{self._done} of {self._total} done"] if self._total > 1 else []
            words += [f"{len(self._now)} on the way"] if self._total > 1 else []
            words += [f"{self._troubles} to look at"] if self._troubles else []
            left = self._pace.left(self._total - self._done, self._jobs, self._clock())
            return " · ".join([*words, *([_about(left)] if left is not None else [])])

    def rows(self) -> list[tuple[str, str, str]]:
        """For each submission on the way: who, at which step, for how long."""
        with self._lock:
            now = self._clock()
            return [
                (_printable(who), _printable(what)[:MOST_SHOWN], write_duration(round(self._pace.since(who, now))))
                for who, what in list(self._now.items())[:MOST_ROWS]
            ]

    def drawing(self) -> "Group":
        """The table with the headline above it."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(overflow="ellipsis", no_wrap=True, max_width=40)
        table.add_column(overflow="ellipsis", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        for row in self.rows():
            table.add_row(*map(Text, row))
        return Group(Text(self.headline(), no_wrap=True, overflow="ellipsis"), table)


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
    """Show a live table if `stream` is a terminal, else plain lines, nothing if `quiet`; and write `events`, if any."""
    with ExitStack() as stack:
        listeners: list[Progress] = [Events(events)] if events is not None else []
        if not quiet:
            listeners.append(
                stack.enter_context(live_table(total)) if stream.isatty() else PlainProgress(total, stream)
            )
        yield Several(listeners) if listeners else Silent()


@contextmanager
def live_table(total: int) -> Iterator[Live]:
    """The table on standard error, drawn four times a second."""
    from rich.console import Console
    from rich.live import Live as Drawing
    from rich.text import Text

    console = Console(stderr=True)
    live = Live(total, lambda words: console.print(Text(words)))
    with Drawing(get_renderable=live.drawing, console=console, transient=True):
        yield live


def _about(seconds: float) -> str:
    """How long the rest will take, rounded to minutes."""
    if seconds < 60:
        return "less than a minute left"
    return f"about {write_duration(60 * round(seconds / 60))} left"


def _printable(text: str) -> str:
    return defused("".join(char if char.isprintable() else "?" for char in text))
