"""What the commands share: typed options, the steps from words to values, and how work ends before its time."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING, Annotated

import typer

from grader.cli.command import exchanged
from grader.core.errors import GraderError, UsageError

if TYPE_CHECKING:
    from grader.core.progress import Progress
    from grader.course.course import Course
    from grader.marking.publish import OutputOptions
    from grader.run.context import RunOptions


INTERRUPTED = 130  # what Typer ends with after Ctrl-C
TERMINATED = 143
GOES_ON = "the same command goes on where it stopped."


@contextmanager
def ending_in_order() -> Iterator[None]:
    """A request to end (SIGTERM, a terminal that is closed) unwinds like Ctrl-C, so that what is there is published."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]
    before = {number: signal.signal(number, _unwind) for number in signals}
    try:
        yield
    except GraderError as error:
        if _still_running():
            print(f"grader: {error}", file=sys.stderr, flush=True)
            leave(error.exit_code)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ending_in_words() -> Iterator[None]:
    """An error of ours ends a script as it ends a command: with its message and its exit code."""
    try:
        yield
    except GraderError as error:
        print(f"grader: {error}", file=sys.stderr, flush=True)
        sys.exit(error.exit_code)


def _unwind(number: int, frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def _still_running() -> bool:
    """Whether threads wait for sandboxes: an ordinary exit would wait for them, up to the limit of a run."""
    return any(thread.name.startswith("grade_") for thread in threading.enumerate())


def leave(code: int) -> None:
    """End at once; sandboxes die with this process."""
    sys.stdout.flush()
    os._exit(code)


class SandboxName(StrEnum):
    """What --sandbox takes."""

    BUBBLEWRAP = "bubblewrap"
    PODMAN = "podman"
    NONE = "none"


COURSE_AND_DATA, HOW_IT_RUNS, OUTPUT = "Course and data", "How it runs", "What is printed"  # headings of `--help`


class TrainName(StrEnum):
    """What --train takes."""

    ALWAYS = "always"
    HANDED_IN = "handed-in"
    NEVER = "never"


Out = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Write results to this folder.")]
SandboxOption = Annotated[
    SandboxName,
    typer.Option(
        "--sandbox", "-s", metavar="NAME", rich_help_panel=HOW_IT_RUNS,
        help="Hold untrusted code by bubblewrap, podman or none; none is for your own work.",
    ),
]  # fmt: skip
OwnSandbox = Annotated[
    SandboxName | None,
    typer.Option(
        "--sandbox", "-s", metavar="NAME", rich_help_panel=HOW_IT_RUNS,
        help="Hold the code by bubblewrap, podman or none (default: bubblewrap where it works, else none).",
    ),
]  # fmt: skip
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", "-d", metavar="DIR", envvar="GRADER_DATA", rich_help_panel=COURSE_AND_DATA,
        help="Take datasets from this folder, which holds mnist/, pets/, ...",
    ),
]  # fmt: skip
CourseOption = Annotated[
    Path | None,
    typer.Option(
        "--course", "-c", metavar="DIR", envvar="GRADER_COURSE", rich_help_panel=COURSE_AND_DATA,
        help="Use a course of your own instead of the one that comes along.",
    ),
]  # fmt: skip
Seed = Annotated[
    int,
    typer.Option(
        "--seed", metavar="N", min=0, max=2**32 - 1, rich_help_panel=HOW_IT_RUNS,
        help="Seed Python, NumPy and Keras with this number.",
    ),
]  # fmt: skip
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON.", rich_help_panel=OUTPUT)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Don't print how far the work is.", rich_help_panel=OUTPUT)]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print a line for each skipped check, too.", rich_help_panel=OUTPUT)
]
Debug = Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.", rich_help_panel=OUTPUT)]
Warm = Annotated[
    bool,
    typer.Option(
        "--warm", rich_help_panel=HOW_IT_RUNS, help="Fork kernels from one interpreter, which saves seconds for each."
    ),
]
Train = Annotated[
    TrainName | None,
    typer.Option(
        "--train", metavar="NAME", rich_help_panel=HOW_IT_RUNS,
        help="Train always, handed-in (judge handed-in networks instead) or never (default: as the rubric says).",
    ),
]  # fmt: skip


def open_order(
    home: "Course", out: Path, earlier: Path | None, rerun: bool, sandbox: SandboxName, data: Path | None, seed: int,
    *, jobs: int, warm: bool = False, train: TrainName | None = None,
) -> "tuple[OutputOptions, RunOptions]":  # fmt: skip
    """Where results go, and what the person at the keyboard chose."""
    from grader.core.workspace import output_folder
    from grader.marking.publish import OutputOptions
    from grader.run.context import RunOptions

    output = OutputOptions(out=output_folder(out), course=home, earlier=earlier, rerun=rerun, data=data)
    options = RunOptions(
        isolation=sandbox.value, data=data, seed=seed, jobs=jobs, warm=warm, train=train.value if train else None
    )  # fmt: skip
    return output, options


def require_order(home: "Course", assignment: str, other: str | Path) -> None:
    """Raise UsageError where the word for the assignment is none, and the one behind it is: they were exchanged."""
    if assignment not in home.assignment_ids() and str(other) in home.assignment_ids():
        raise UsageError(
            f"`{assignment}` is not an assignment: the assignment comes first.",
            f"Type `{exchanged(assignment, str(other))}`.",
        )


def find_course(root: Path | None) -> "Course":
    """The course at `root`, or the one that comes along. Raises UsageError."""
    from grader.course.course import Course

    return Course.at(root)


def can_be_written(path: Path, option: str = "--into") -> Path:
    """The path of a file to write, unless something stands in its way. Raises UsageError."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", f"Name a file with {option}.")
    above = next((parent for parent in path.absolute().parents if parent.exists()), None)
    if above is not None and not (above.is_dir() and os.access(above, os.W_OK)):
        raise UsageError(
            f"{path} can't be written: {above} is not a folder that may be written to.", f"Name another {option}."
        )
    return path


def must_be_folder(folder: Path) -> None:
    """Raise UsageError for what is not a folder."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", "Check the path.")


def read_pairs(words: list[str], option: str, form: str = "NAME=FOLDER") -> dict[str, str]:
    """Words like NAME=FOLDER as a mapping. Raises UsageError."""
    pairs = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"{option} {word}: is not understood.", f"Write {option} {form}.")
        pairs[name] = value
    return pairs


def progress_bar(quiet: bool, total: int = 1, *, events: IO[str] | None = None) -> AbstractContextManager["Progress"]:
    """Progress on standard error; nothing of it where `quiet`. `events` gets it as JSON lines."""
    from grader.pages.progress import show_progress  # here, because it brings pydantic along and `--help` must not wait

    return show_progress(total, sys.stderr, quiet=quiet, events=events)


@contextmanager
def open_events(name: str | None) -> Iterator[IO[str] | None]:
    """Where --events go: a file that is added to, or standard error. Raises UsageError."""
    if name is None or name == "-":
        yield sys.stderr if name else None
        return
    try:
        file = Path(name).open("a", encoding="utf-8")  # noqa: SIM115 - closed below; only opening is explained
    except OSError as error:
        raise UsageError(f"--events {name}: can't be written ({error.strerror}).", "Name another file.") from None
    with file:
        yield file
