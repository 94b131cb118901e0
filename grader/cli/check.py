"""`grader check`: students look at their own work before they hand it in."""

import shlex
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.options import (
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
from grader.core.errors import GraderError, UsageError

if TYPE_CHECKING:
    from grader.core.evidence import Evidence, Isolation
    from grader.course.course import Course
    from grader.selfcheck.estimate import Checked
    from grader.selfcheck.run import SelfCheck

app = typer.Typer()

Own = Annotated[
    str | None, typer.Argument(metavar="ASSIGNMENT", help="The assignment's id, as in `grader check exercise1`.")
]
File = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="Your notebook or module (default: the one in this folder).")
]
Full = Annotated[bool, typer.Option("--full", "-f", help="Train in full and judge on the public test images.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Check again each time the file is saved; Ctrl-C ends it.")]
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
    verbose: Verbose = False, quiet: Quiet = False, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Check your own work before you hand it in.

    Says in seconds what is wrong, or with --full what the full run gives.

    Ends with 0 where all is fine, 1 where something would cost points, 2 for wrong usage, 3 where we broke.
    """
    from grader.core.system import require_packages
    from grader.core.workspace import output_folder

    require_packages()
    from grader.selfcheck.run import open_selfcheck, pick_file

    home = find_course(course)
    assignment, file = _in_order(home, assignment, file)
    home.assignment(assignment)
    path = file if file is not None else pick_file(Path(), assignment)
    if out is not None:
        output_folder(out)
    output = Output(out=out, as_json=as_json, quiet=as_json or quiet, verbose=verbose)
    with ExitStack() as stack:
        with progress_bar(output.quiet) as progress:
            held: Isolation | None = sandbox.value if sandbox else None
            context = open_selfcheck(
                home, assignment, full=full, isolation=held, data=data, seed=seed, progress=progress, often=watch
            )
            opened = stack.enter_context(context)
        if watch:
            _watch(path, opened, output)
            return
        checked, evidence = _check_once(path, opened, output)
        _show(checked, evidence, opened, output)
    raise typer.Exit(_exit_code(checked))


def _in_order(home: "Course", assignment: str | None, file: Path | None) -> tuple[str, Path | None]:
    """The assignment and the file, also where they were typed the other way round. Raises UsageError."""
    known = home.assignment_ids()
    if assignment is None:
        raise UsageError("Which assignment is it?", _listed(home))
    if assignment in known:
        return assignment, file
    if file is not None and str(file) in known:  # nothing is written or marked here: what is meant is plain
        said = shlex.join(["grader", "check", str(file), assignment])
        print(f"note: the assignment comes first; this is taken as `{said}`.", file=sys.stderr)
        return str(file), Path(assignment)
    if file is None and (Path(assignment).suffix in {".ipynb", ".py"} or Path(assignment).exists()):
        example = shlex.join(["grader", "check", known[0], assignment]) if known else "grader check ASSIGNMENT FILE"
        raise UsageError(
            f"`{assignment}` is not an assignment, and the assignment comes first, as in `{example}`.",
            f"Available: {', '.join(known) or 'none'}.",
        )
    return assignment, file


def _check_once(path: Path, opened: "SelfCheck", output: Output) -> "tuple[Checked, Evidence]":
    from grader.selfcheck.run import check_submission, read_own

    with progress_bar(output.quiet) as progress:
        return check_submission(read_own(path), opened, progress)


def _watch(path: Path, opened: "SelfCheck", output: Output) -> None:
    """Check, wait for the next save, check again. Ctrl-C is the way out and no error."""
    from grader.selfcheck.run import stamp, wait_for_save

    try:
        seen = stamp(path)
        while True:
            try:
                _show(*_check_once(path, opened, output), opened, output)
            except GraderError as error:  # half a file, say: the next save may mend it
                print(f"grader: {error}", flush=True)
            if not output.as_json:
                print(f"\nWatching {path.name}; Ctrl-C ends it.\n", flush=True)
            seen = wait_for_save(path, seen)
    except KeyboardInterrupt:
        if not output.as_json:
            print("\nNo longer watching.", flush=True)


def _show(checked: "Checked", evidence: "Evidence", opened: "SelfCheck", output: Output) -> None:
    from grader.core.limits import write_duration
    from grader.selfcheck.text import describe

    if output.as_json:
        print(checked.model_dump_json(by_alias=True, indent=2), flush=True)
    else:
        print("\n".join(describe(checked)))
        print(f"\nChecked in {write_duration(checked.took_s)}.", flush=True)
    if output.out is not None:
        from grader.marking.publish import publish_student

        report = publish_student(output.out, checked.result, evidence, opened.context.rubric, opened.course)
        if not output.as_json:
            print(f"Report: {report}", flush=True)


def _exit_code(checked: "Checked") -> int:
    from grader.core.results import Status

    if checked.result.status is Status.BROKEN:
        return 3
    return 1 if checked.costs_points else 0


def _listed(home: "Course") -> str:
    known = home.assignment_ids()
    example = f" Type `grader check {known[0]}`." if known else ""
    return f"Available: {', '.join(known) or 'none'}.{example}"
