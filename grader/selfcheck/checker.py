"""`Checker`: makes a self-check by the server that an earlier one left behind, or else by itself, with the same outcome."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grader.core.evidence import Isolation
from grader.core.progress import Progress
from grader.course.course import Course
from grader.selfcheck.client import ServerSettings, ask_server, is_served, start_server
from grader.selfcheck.estimate import Answer

if TYPE_CHECKING:
    from grader.selfcheck.run import SelfCheck


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What the person at the keyboard chose."""

    full: bool = False
    often: bool = False
    isolation: Isolation | None = None  # None: the best there is
    data: Path | None = None
    seed: int = 0
    server: bool = True  # ask one


class Checker:
    """Made by `open_checker`."""

    def __init__(self, course: Course, assignment: str, file: Path, options: CheckOptions, stack: ExitStack) -> None:
        self._course, self._assignment, self._options, self._stack = course, assignment, options, stack
        self._opened: SelfCheck | None = None
        self._settings = ServerSettings(
            course=str(course.root.absolute()), assignment=assignment, seed=options.seed, file=str(file.absolute()),
            data=str(options.data.absolute()) if options.data is not None else None,
        )  # fmt: skip
        can_be = course.assignment(assignment).dataset is not None and not options.full  # functions take seconds
        self._asks = options.server and can_be and options.isolation in (None, "bubblewrap")

    def open(self, progress: Progress) -> None:
        """Open what a check needs, unless a server has it. Raises GraderError."""
        if not (self._asks and is_served(self._settings)):
            self._open(progress)

    def check(self, file: Path, out: Path | None, progress: Progress) -> Answer:
        """What is found. Raises UsageError, SubmissionError, Infrastructure, and what `open` raises."""
        found = ask_server(self._settings, file, out, progress) if self._asks else None
        if found is not None:
            return found
        from grader.selfcheck.run import make_check  # takes a second

        return make_check(file, out, self._open(progress), progress)

    def leave_server(self) -> bool:
        """Start a server for the next check, where this one was made without; whether it was started."""
        opened = self._opened
        return (
            self._asks
            and opened is not None
            and opened.context.sandbox.isolation == "bubblewrap"
            and not is_served(self._settings)
            and start_server(self._settings)
        )

    def _open(self, progress: Progress) -> "SelfCheck":
        from grader.selfcheck.run import open_selfcheck

        if self._opened is None:
            options = self._options
            self._opened = self._stack.enter_context(
                open_selfcheck(
                    self._course, self._assignment, full=options.full, isolation=options.isolation, data=options.data,
                    seed=options.seed, progress=progress, often=options.often,
                )
            )  # fmt: skip
        return self._opened


@contextmanager
def open_checker(course: Course, assignment: str, file: Path, options: CheckOptions) -> Iterator[Checker]:
    """A checker; whatever it opens is closed afterwards. Raises UsageError, RubricError."""
    with ExitStack() as stack:
        yield Checker(course, assignment, file, options, stack)
