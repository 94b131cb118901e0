"""`grader check`: students look at their own work before they hand it in."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.options import CourseOption, Data, Debug, Json, SandboxName, Seed, find_course, progress_bar
from grader.core.errors import GraderError, UsageError

if TYPE_CHECKING:
    from grader.core.evidence import Evidence, Isolation
    from grader.course.course import Course
    from grader.selfcheck.estimate import Checked
    from grader.selfcheck.run import SelfCheck

app = typer.Typer()

Own = Annotated[
    str | None, typer.Argument(metavar="ASSIGNMENT", help="An assignment's id, as in `grader check exercise1`.")
]
File = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="Your notebook or module (default: the one in this folder).")
]
Full = Annotated[bool, typer.Option("--full", help="Train in full and judge on the public test images.")]
Watch = Annotated[bool, typer.Option("--watch", help="Check again each time the file is saved; Ctrl-C ends it.")]
OwnOut = Annotated[Path | None, typer.Option("--out", help="Write the report there as well.")]
OwnSandbox = Annotated[
    SandboxName | None, typer.Option("--sandbox", help="How your code is held (default: bubblewrap, else none).")
]  # fmt: skip


@app.command()
def check(
    assignment: Own = None, file: File = None, full: Full = False, watch: Watch = False, out: OwnOut = None,
    sandbox: OwnSandbox = None, data: Data = None, course: CourseOption = None, seed: Seed = 0,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Check your own work before you hand it in: in seconds what is wrong, or with --full what the full run gives.

    Ends with 0 where all is fine, 1 where something would cost points, 2 for wrong usage, 3 where we broke.
    """
    from grader.core.system import require_packages
    from grader.core.workspace import output_folder

    require_packages()
    from grader.selfcheck.run import open_selfcheck, pick_file

    home = find_course(course)
    if assignment is None:
        raise UsageError("Which assignment is it?", _listed(home))
    if assignment not in home.assignment_ids() and Path(assignment).suffix in {".ipynb", ".py"}:
        raise UsageError(f"`{assignment}` is not an assignment.", f"The assignment comes first. {_listed(home)}")
    home.assignment(assignment)
    path = file if file is not None else pick_file(Path(), assignment)
    if out is not None:
        output_folder(out)
    with ExitStack() as stack:
        with progress_bar(as_json) as progress:
            held: Isolation | None = sandbox.value if sandbox else None
            context = open_selfcheck(
                home, assignment, full=full, isolation=held, data=data, seed=seed, progress=progress, often=watch
            )
            opened = stack.enter_context(context)
        if watch:
            _watch(path, opened, out, as_json)
            return
        checked, evidence = _check_once(path, opened, as_json)
        _show(checked, evidence, opened, out, as_json)
    raise typer.Exit(_exit_code(checked))


def _check_once(path: Path, opened: "SelfCheck", as_json: bool) -> "tuple[Checked, Evidence]":
    from grader.selfcheck.run import check_submission, read_own

    with progress_bar(as_json) as progress:
        return check_submission(read_own(path), opened, progress)


def _watch(path: Path, opened: "SelfCheck", out: Path | None, as_json: bool) -> None:
    """Check, wait for the next save, check again. Ctrl-C is the way out and no error."""
    from grader.selfcheck.run import stamp, wait_for_save

    try:
        seen = stamp(path)
        while True:
            try:
                _show(*_check_once(path, opened, as_json), opened, out, as_json)
            except GraderError as error:  # half a file, say: the next save may mend it
                print(f"grader: {error}", flush=True)
            if not as_json:
                print(f"\nWatching {path.name}; Ctrl-C ends it.\n", flush=True)
            seen = wait_for_save(path, seen)
    except KeyboardInterrupt:
        if not as_json:
            print("\nNo longer watching.", flush=True)


def _show(checked: "Checked", evidence: "Evidence", opened: "SelfCheck", out: Path | None, as_json: bool) -> None:
    from grader.core.limits import write_duration
    from grader.selfcheck.text import describe

    if as_json:
        print(checked.model_dump_json(by_alias=True, indent=2), flush=True)
    else:
        print("\n".join(describe(checked)))
        print(f"\nChecked in {write_duration(checked.took_s)}.", flush=True)
    if out is not None:
        from grader.marking.publish import publish_student

        report = publish_student(out, checked.result, evidence, opened.context.rubric, opened.course)
        if not as_json:
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
