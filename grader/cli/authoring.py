"""`grader baseline`, `new`, `lint` and `student-wheel`: what a course's own solutions reach; assignments of one's own."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.options import (
    CourseOption,
    Data,
    Debug,
    Json,
    Out,
    OwnSandbox,
    Quiet,
    SandboxName,
    SandboxOption,
    can_be_written,
    find_course,
    must_be_folder,
    open_order,
    progress_bar,
)
from grader.cli.terminal import print_json, print_lines
from grader.core.errors import UsageError

if TYPE_CHECKING:
    from grader.course.course import Course

app, last_app = typer.Typer(), typer.Typer()  # the second stands behind all others in the list of commands
IMAGE_SIZE = 96

Name = Annotated[
    str | None,
    typer.Option("--architecture", metavar="NAME", help="Measure this known architecture, scaled down, in its place."),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        metavar="N",
        min=1,
        help=f"Give --architecture images of this many pixels a side (default: {IMAGE_SIZE}).",
    ),
]

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
def baseline(
    assignment: Annotated[
        str | None, typer.Argument(metavar="ASSIGNMENT", help="The assignment's id (default: list what was measured).")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, max=100,
        help="Measure with this many seeds, from 0 on.")] = 1,
    architecture: Name = None, image_size: ImageSize = None,
    out: Out = Path("out/baseline"), write: Annotated[
        bool, typer.Option("--write/--no-write", help="Record the result in reference/<id>/baseline.json.")] = True,
    sandbox: SandboxOption = SandboxName.BUBBLEWRAP, data: Data = None, course: CourseOption = None,
    quiet: Quiet = False, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Measure a reference solution, or list what was measured.

    It goes through the grader itself, as a hand-in does, once for each seed.
    """
    if architecture is None and image_size is not None:
        raise UsageError("--image-size is for --architecture.", "Name one, as in --architecture vgg16.")
    home = find_course(course)
    if assignment is None:
        if architecture is not None:
            raise UsageError("--architecture needs an ASSIGNMENT.", "Type `grader baseline pets --architecture NAME`.")
        _list(home, as_json)
        return
    from grader.authoring.baseline import measure_baseline, read_architecture, write_baseline
    from grader.course.baselines import describe_baseline
    from grader.intake import read_path
    from grader.run.context import open_context

    home.assignment(assignment)
    folder, size = out / assignment, image_size or IMAGE_SIZE
    if architecture is None:
        solution, title = read_path(home.reference(assignment)), "reference solution"
    else:
        chosen = home.architecture(architecture)
        solution, title = read_architecture(home, assignment, chosen, size), f"{chosen.title}, small, {size} pixels"
        folder /= f"{architecture}-{size}"
    output, options = open_order(home, folder, None, False, sandbox, data, 0, jobs=1)
    with (
        progress_bar(as_json or quiet, total=seeds) as progress,
        open_context(home, assignment, options, progress) as context,
    ):
        measured = measure_baseline(context, output, solution, title=title, seeds=seeds, progress=progress)
    if write:
        write_baseline(home.baseline_file(assignment, architecture), measured)
    print(measured.model_dump_json(by_alias=True, indent=2) if as_json else describe_baseline(measured))


def _list(home: "Course", as_json: bool) -> None:
    from grader.course.baselines import baseline_table, read_baseline

    found = [baseline for path in home.baseline_files() if (baseline := read_baseline(path)) is not None]
    if as_json:
        print_json([item.model_dump(mode="json", by_alias=True) for item in found])
    elif not found:
        print("No baseline was measured yet. Measure one: `grader baseline ASSIGNMENT --seeds 5`.")
    else:
        print("\n".join(baseline_table(found)))


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
    from grader.course.find_dataset import cache_folder

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
    from grader.authoring.packing import pack_autograder
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


@last_app.command("student-wheel")
def student_wheel(
    assignments: Annotated[
        list[str] | None,
        typer.Argument(metavar="ASSIGNMENT", help="The exercises in it (default: all but demonstrations)."),
    ] = None,
    into: Annotated[Path, typer.Option("--into", "-o", metavar="DIR", help="Write the file to this folder.")] = Path("dist"),
    course: CourseOption = None, debug: Debug = False,
) -> None:  # fmt: skip
    """Pack the grader with your exercises as one file for students.

    No solutions, no baselines and no hidden cases are in it.
    """
    from datetime import UTC, datetime

    from grader.authoring.student_wheel import pack_wheel, students_course
    from grader.core.limits import write_size
    from grader.core.workspace import write_whole

    content = students_course(find_course(course), assignments or ())
    wheel = pack_wheel(content, datetime.now(UTC))
    target = can_be_written(into / wheel.name)
    write_whole(target, wheel.data)
    print(f"{target}: {write_size(len(wheel.data))}, for {', '.join(content.assignments)}")
    for note in content.notes:
        print(f"  {note}")
    print(f"Give students this file and its name. They type: pip install {wheel.name}")
