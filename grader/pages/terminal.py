"""What a terminal shows: a result in plain lines without colours or control characters, and the progress of a batch.

Progress is a live table in a terminal, plain lines in logs, JSON lines for programs.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING

from grader.core.grades import flags_of, grades_of, with_grade
from grader.core.limits import write_duration, write_size
from grader.core.progress import Progress, Several, Silent, TimeLeft
from grader.core.results import Grade, Result
from grader.core.text import cleaned, count, defused, number, one_line, percent
from grader.pages.headline import comment_of_instructor, points_word, write_grade_headline, write_headline
from grader.pages.wording import (
    CAUSES,
    ISOLATION,
    MARKS,
    SERVE,
    accuracy_percent,
    accuracy_sentence,
    interval_percent,
    reference_sentence,
    substitute_warning,
)

if TYPE_CHECKING:
    from rich.console import Group


NAME = 28  # columns of a student's name in a row


def summary(result: Result) -> list[str]:
    """One submission in lines: what became of it, each check with reason and next step, how it ran, flags."""
    return [_defused_line(line) for line in _summary(cleaned(result))]


def _summary(result: Result) -> Iterator[str]:
    found = write_headline(result)
    yield f"{one_line(result.student)} · {one_line(result.assignment)} · {one_line(result.submission or 'nothing')}"
    yield f"{found.mark} {found.headline}. {found.sentence}"
    if comment := comment_of_instructor(result):
        yield f"From your instructor: {one_line(comment)}"
    if result.absent:
        return
    if any(flag.kind == "substitute_data" for flag in result.flags):
        yield f"! {substitute_warning()}"
    if result.isolation == "none":
        yield "! It ran without a sandbox."
    yield from _accuracy(result)
    yield ""
    for check in result.checks:
        points = "advice" if check.out_of <= 0 else f"{number(check.points)}/{number(check.out_of)}"
        yield f"  {MARKS[check.outcome]} {points:>7}  {one_line(check.title)}"
        yield from [f"{' ' * 13}{one_line(check.reason)}"] if check.reason else []
        yield from [f"{' ' * 13}→ {one_line(check.hint)}"] if check.hint else []
    yield ""
    ending = result.ending
    used = write_duration(ending.wall_s)
    used += "" if ending.cpu_s is None else f", {write_duration(ending.cpu_s)} of processor time"
    used += "" if ending.peak_mb is None else f", {write_size(ending.peak_mb * (1 << 20))} of memory at most"
    yield f"Run: {CAUSES[ending.cause]}. {one_line(ending.message)} ({used})"
    data = f" Data: {one_line(result.dataset)}, {SERVE[result.serve][0]}." if result.dataset else ""
    yield f"Isolation: {ISOLATION[result.isolation][0]}.{data}"
    yield from (f"Flag: {one_line(flag.kind)}: {one_line(flag.reason)}" for flag in result.flags)
    yield from (f"Made to work on the way: {one_line(shim)}" for shim in result.shims)
    yield from (f"Note: {one_line(note)}" for note in result.notes)


def _accuracy(result: Result) -> Iterator[str]:
    accuracy = result.accuracy
    if accuracy is None:
        yield from ["Accuracy: not measured."] if result.dataset else []
        return
    of = f"{count(accuracy.correct)} of {count(accuracy.judged)} on {one_line(result.judged_on)}"
    yield f"Accuracy: {accuracy_percent(accuracy)} ({of}; 95 % interval {interval_percent(accuracy)})"
    if accuracy.threshold is not None:
        yield f"  {accuracy_sentence(accuracy)}"
    if result.baseline is not None:
        yield f"  {reference_sentence(result.baseline, accuracy)}"
    for other in result.compared:
        yield f"  to compare with: {percent(other.accuracy, 2)}, {one_line(other.source)}"


def row(result: Result) -> str:
    """One submission in one line of a batch; a group's in one for each member."""
    result = cleaned(result)
    return "\n".join(_row(result, grade) for grade in grades_of(result))


def _row(result: Result, grade: Grade) -> str:
    alone = with_grade(result, grade) if result.members else result
    found = write_headline(result) if result.smoke is not None else write_grade_headline(result, grade)
    name = one_line(grade.student.name if result.members else result.student, NAME)
    nothing = "excused" if grade.excused else "nothing" if grade.status is None else "no mark"
    points = nothing if grade.points is None else f"{points_word(grade)}/{number(grade.out_of)}"
    accuracy = accuracy_percent(result.accuracy) if result.accuracy else "–"
    kinds = dict.fromkeys(flag.kind for flag in flags_of(alone) if not grade.excused)
    flags = "".join(f", {one_line(kind)}" for kind in kinds)
    ending = "" if result.ending.cause == "finished" or result.absent else f" ({CAUSES[result.ending.cause]})"
    return _defused_line(
        f"{found.mark} {name:<{NAME}} {points:>9} {accuracy:>9}  {found.headline.lower()}{ending}{flags}"
    )


def _defused_line(line: str) -> str:
    return defused(line.replace("\u00a0", " ").rstrip())


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
        """Only downloads are worth a line in a log."""
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
        """Who, where, for how long: those that are on the way."""
        with self._lock:
            now = self._clock()
            return [
                (_printable(who), _printable(what)[:MOST_SHOWN], write_duration(round(self._pace.since(who, now))))
                for who, what in list(self._now.items())[:MOST_ROWS]
            ]

    def drawing(self) -> "Group":
        """What is drawn."""
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
    """What suits `stream`: a live table in a terminal, else plain lines, nothing where `quiet`; and `events`, if any."""
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
    """How long the rest will take, as coarsely as it is known."""
    if seconds < 60:
        return "less than a minute left"
    return f"about {write_duration(60 * round(seconds / 60))} left"


def _printable(text: str) -> str:
    return defused("".join(char if char.isprintable() else "?" for char in text))
