"""`grader check`: students look at their own work before they hand it in."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.options import (
    OUTPUT,
    CourseOption,
    Data,
    Debug,
    Json,
    OwnSandbox,
    Quiet,
    Seed,
    Verbose,
    find_course,
    progress_bar,
)
from grader.cli.terminal import print_lines
from grader.core.errors import GraderError, UsageError
from grader.core.text import available

if TYPE_CHECKING:
    from grader.core.assignment import Assignment
    from grader.course.course import Course
    from grader.selfcheck.client import Checker
    from grader.selfcheck.estimate import Answer, Checked

app = typer.Typer()

Own = Annotated[
    str | None, typer.Argument(metavar="ASSIGNMENT", help="The assignment's id, as in `grader check exercise1`.")
]
File = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="Your notebook or module (default: the one in this folder).")
]
Server = Annotated[
    bool | None,
    typer.Option(
        "--server/--no-server",
        help="Leave a server that makes the next check faster, or end it (default: leave one where a terminal is).",
    ),
]
NO_SERVER = "GRADER_NO_SERVER"  # the variable that says so for good
Full = Annotated[bool, typer.Option("--full", "-f", help="Train in full and judge on the public test images.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Check again each time the file is saved; Ctrl-C ends it.")]
Spoken = Annotated[
    str | None,
    typer.Option(
        "--language", "-l", metavar="CODE", rich_help_panel=OUTPUT,
        help="Say what was found in this language: en, it (default: as the assignment says).",
    ),
]  # fmt: skip
OwnOut = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="DIR", help="Write the report to this folder as well.")
]


@dataclass(frozen=True, kw_only=True)
class Output:
    """Where the answer goes, and how much of it."""

    out: Path | None
    as_json: bool
    quiet: bool
    verbose: bool


@app.command()
def check(
    assignment: Own = None, file: File = None, full: Full = False, watch: Watch = False, out: OwnOut = None,
    sandbox: OwnSandbox = None, data: Data = None, course: CourseOption = None, seed: Seed = 0,
    server: Server = None, language: Spoken = None,
    verbose: Verbose = False, quiet: Quiet = False, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Check your own work before you hand it in.

    Says in seconds what is wrong, or with --full what the full run gives.

    Ends with 0 where all is fine, 1 where something would cost points, 2 for wrong usage, 3 where we broke.
    """
    from grader.core.installation import require_packages
    from grader.core.workspace import output_folder

    require_packages()
    from grader.selfcheck.client import CheckOptions, open_checker
    from grader.selfcheck.own_files import pick_file

    home, may_ask, leave_one = find_course(course), *_server_choice(server)
    ended = 0 if may_ask else _end_servers()
    if server is False and assignment is None:
        print("The server of earlier checks was ended." if ended else "There was no server to end.")
        return
    assignment, file = _in_order(home, assignment, file)
    speaking = _speak(home, home.assignment(assignment), language)
    path = file if file is not None else pick_file(Path(), assignment)
    if out is not None:
        output_folder(out)
    output = Output(out=out, as_json=as_json, quiet=as_json or quiet, verbose=verbose)
    chosen = CheckOptions(
        full=full, often=watch, isolation=sandbox.value if sandbox else None, data=data, seed=seed, server=may_ask
    )
    with speaking, open_checker(home, assignment, path, chosen) as checker:
        with progress_bar(output.quiet) as progress:
            checker.open(progress)
        if watch:
            _watch(path, checker, output)
            return
        found = _check_once(path, checker, output)
        _show(found, output)
        if leave_one and checker.leave_server() and not output.quiet:
            print_lines([_left()])
    raise typer.Exit(_exit_code(found.checked))


@contextmanager
def _speak(home: "Course", assignment: "Assignment", language: str | None) -> Iterator[None]:
    """A block in which the language is spoken that was asked for, or else that of the assignment's pages.

    Raises UsageError for one that nobody has translated, and GraderErrors of the block in its words.
    """
    from grader.pages.language import ENGLISH, translated, use_language

    folder = home.report_templates() / "languages"
    known = tuple(sorted({ENGLISH, *(path.stem for path in folder.glob("*.po"))}))
    if language is not None and language not in known:
        raise UsageError(f"--language {language}: the grader does not speak it.", available(known))
    with use_language(folder, language or assignment.report.language):
        try:
            yield
        except GraderError as error:
            error.message, error.remedy = translated(error.message), translated(error.remedy)
            raise


def _in_order(home: "Course", assignment: str | None, file: Path | None) -> tuple[str, Path | None]:
    """The assignment and the file, also where they were typed the other way round. Raises UsageError."""
    known = home.assignment_ids()
    if assignment is None:
        raise UsageError("Which assignment is it?", _listed(home))
    if assignment in known:
        return assignment, file
    if file is not None and str(file) in known:  # nothing is written or marked here: what is meant is plain
        said = shlex.join(["grader", "check", str(file), assignment])
        print_lines([f"note: the assignment comes first; this is taken as `{said}`."], sys.stderr)
        return str(file), Path(assignment)
    if file is None and (Path(assignment).suffix in {".ipynb", ".py"} or Path(assignment).exists()):
        example = shlex.join(["grader", "check", known[0], assignment]) if known else "grader check ASSIGNMENT FILE"
        raise UsageError(
            f"`{assignment}` is not an assignment, and the assignment comes first, as in `{example}`.",
            available(known),
        )
    return assignment, file


def _left() -> str:
    from grader.pages.language import say

    return say(
        "A server keeps TensorFlow ready for ten minutes: the next check is faster. `--no-server` ends it, and leaves none."
    )


def _server_choice(wanted: bool | None) -> tuple[bool, bool]:
    """Whether a server may be asked, and whether one is left: without a word only where a person sits at a terminal."""
    if wanted is None and os.environ.get(NO_SERVER):
        return False, False
    return wanted is not False, sys.stdout.isatty() if wanted is None else wanted


def _end_servers() -> int:
    from grader.selfcheck.client import end_servers

    return end_servers()


def _check_once(path: Path, checker: "Checker", output: Output) -> "Answer":
    with progress_bar(output.quiet) as progress:
        return checker.check(path, output.out, progress)


def _watch(path: Path, checker: "Checker", output: Output) -> None:
    """Check, wait for the next save, check again. Ctrl-C is the way out and no error."""
    from grader.pages.language import say, translated
    from grader.selfcheck.own_files import stamp, wait_for_save
    from grader.selfcheck.text import changes

    try:
        seen, before = stamp(path), None
        while True:
            try:
                found = _check_once(path, checker, output)
                _show(found, output)
                if before is not None and not output.as_json:
                    print_lines(["", *changes(before, found.checked)])
                before = found.checked
            except GraderError as error:  # half a file, say: the next save may mend it
                print_lines([f"grader: {translated(error.message)} {translated(error.remedy)}".rstrip()])
            if not output.as_json:
                print_lines(["", say("Watching {file}; Ctrl-C ends it.", file=path.name), ""])
            seen = wait_for_save(path, seen)
    except KeyboardInterrupt:
        if not output.as_json:
            print_lines(["", say("No longer watching.")])


def _show(found: "Answer", output: Output) -> None:
    from grader.pages.language import say, write_duration
    from grader.selfcheck.text import describe

    checked = found.checked
    if output.as_json:
        print(checked.model_dump_json(by_alias=True, indent=2), flush=True)
        return
    print_lines(describe(checked, fold=not output.verbose))
    print_lines(["", say("Checked in {time}.", time=write_duration(checked.took_s))])
    if output.out is not None and found.report is not None:
        report, here = Path(found.report), output.out.absolute()
        shown = output.out / report.relative_to(here) if report.is_relative_to(here) else report
        print(say("Report: {path}", path=str(shown)), flush=True)


def _exit_code(checked: "Checked") -> int:
    from grader.core.results import Status

    if checked.result.status is Status.BROKEN:
        return 3
    return 1 if checked.costs_points else 0


def _listed(home: "Course") -> str:
    known = home.assignment_ids()
    example = f" Type `grader check {known[0]}`." if known else ""
    return f"{available(known)}{example}"
