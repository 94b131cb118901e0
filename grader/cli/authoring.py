"""`grader new` and `grader lint`: assignments of one's own."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.options import (
    CourseOption,
    Data,
    Debug,
    Json,
    OwnSandbox,
    Quiet,
    can_be_written,
    find_course,
    must_be_folder,
    progress_bar,
)
from grader.cli.terminal import print_lines
from grader.core.errors import UsageError

app = typer.Typer()

Images = Annotated[
    Path | None, typer.Option("--images", metavar="DIR",
        help="Make it about this folder of images, train/<class>/ and test/<class>/.")
]  # fmt: skip
Gradescope = Annotated[
    bool, typer.Option("--gradescope", help="Pack the assignment ID, which is there, as an autograder for Gradescope.")
]

Into = Annotated[
    Path | None,
    typer.Option(
        "--into", "-o", metavar="PATH",
        help="Copy --images to this data root (default: the user's cache), or write the zip of --gradescope to this file "
        "(default: ID.zip).",
    ),
]  # fmt: skip


@app.command()
def new(
    assignment: Annotated[str, typer.Argument(metavar="ID", help="The id it gets, as in `fashion`.")],
    images: Images = None,
    dataset: Annotated[str | None, typer.Option("--dataset", metavar="NAME",
        help="Make it about this dataset, which is there (default: mnist).")] = None,
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="Give it this title, which students read.")] = "",
    gradescope: Gradescope = False,
    into: Into = None,
    data: Data = None, course: CourseOption = None, debug: Debug = False,
) -> None:  # fmt: skip
    """Begin an assignment, or pack one for Gradescope.

    A new one is a rubric, an exercise, a starter, a reference solution and a test.
    """
    if gradescope:
        if images is not None or dataset is not None or title:
            raise UsageError("--gradescope packs what is there; it takes no --images, --dataset or --title.")
        _pack(assignment, into, data, course)
        return
    from grader.authoring.scaffold import NewAssignment, course_folder, new_assignment
    from grader.course.find import cache_folder

    if images is not None:
        if dataset is not None:
            raise UsageError("Both --images and --dataset are given.", "Give one of them.")
        must_be_folder(images)
    root = course_folder(course)
    wanted = NewAssignment(id=assignment, title=title, dataset=dataset or "mnist", images=images)
    for path in new_assignment(wanted, root, data_root=into or data or cache_folder()):
        print(path)
    where = f" --data {shlex.quote(str(into))}" if into is not None and images is not None else ""
    print(f"\nNow change what you like, then type `grader lint {assignment} --course {shlex.quote(str(root))}{where}`.")


def _pack(assignment: str, into: Path | None, data: Path | None, course: Path | None) -> None:
    from grader.authoring.gradescope import pack_autograder
    from grader.core.workspace import write_whole

    target = can_be_written(into or Path(f"{assignment}.zip"))
    write_whole(target, pack_autograder(find_course(course), assignment, data))
    print(f"{target}: upload it to Gradescope as the assignment's autograder (base image: Ubuntu 22.04 or later).")


@app.command()
def lint(
    assignment: Annotated[str | None, typer.Argument(metavar="ASSIGNMENT",
        help="The assignment's id (default: all of them).")] = None,
    full: Annotated[bool, typer.Option("--full", "-f",
        help="Train the reference solution in full, as a hand-in is.")] = False,
    sandbox: OwnSandbox = None, data: Data = None, course: CourseOption = None, quiet: Quiet = False,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Say what is wrong with an assignment.

    Ends with 0 where there is no fault, 1 where there is one.
    """
    from grader.authoring.lint import Means, lint_assignment

    home = find_course(course)
    names = [assignment] if assignment is not None else home.assignment_folders()
    if not names:
        raise UsageError(
            f"{home.root / 'assignments'} holds no assignment.", "Begin one with `grader new ID --course DIR`."
        )
    means = Means(data=data, isolation=sandbox.value if sandbox else None, full=full)
    found = {}
    for name in names:
        with progress_bar(as_json or quiet) as progress:
            found[name] = lint_assignment(home, name, means, progress)
        if not as_json:
            faults = sum(item.fault for item in found[name])
            verdict = "no fault" if not faults else "1 fault" if faults == 1 else f"{faults} faults"
            print_lines([f"{name}: {verdict}", *(f"  {item.words()}" for item in found[name])])
    if as_json:
        print(json.dumps({name: [asdict(item) for item in items] for name, items in found.items()}, indent=2))
    raise typer.Exit(1 if any(item.fault for items in found.values() for item in items) else 0)
