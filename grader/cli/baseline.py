"""`grader baseline`: what the course's own solutions reach, measured or listed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.options import (
    CourseOption,
    Data,
    Debug,
    Json,
    Out,
    Quiet,
    SandboxName,
    SandboxOption,
    find_course,
    open_order,
    progress_bar,
)
from grader.core.errors import UsageError

if TYPE_CHECKING:
    from grader.course.course import Course

app = typer.Typer()
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
    from grader.authoring.baseline import measure_baseline, read_architecture, read_solution, write_baseline
    from grader.course.baselines import describe_baseline
    from grader.run.context import open_context

    home.assignment(assignment)
    folder, size = out / assignment, image_size or IMAGE_SIZE
    if architecture is None:
        solution, title = read_solution(home, assignment), "reference solution"
    else:
        chosen = home.architecture(architecture)
        solution, title = read_architecture(home, assignment, chosen, size), f"{chosen.title}, small, {size} pixels"
        folder /= f"{architecture}-{size}"
    home, output, options = open_order(course, folder, None, False, sandbox, data, 0, jobs=1)
    with (
        progress_bar(as_json or quiet, total=seeds) as progress,
        open_context(home, assignment, options, progress) as context,
    ):
        measured = measure_baseline(context, output, solution, title=title, seeds=seeds, progress=progress)
    if write:
        write_baseline(home.baseline_file(assignment, architecture), measured)
    print(measured.model_dump_json(by_alias=True, indent=2) if as_json else describe_baseline(measured))


def _list(home: "Course", as_json: bool) -> None:
    import json

    from grader.course.baselines import baseline_table, read_baseline

    found = [baseline for path in home.baseline_files() if (baseline := read_baseline(path)) is not None]
    if as_json:
        print(json.dumps([item.model_dump(mode="json", by_alias=True) for item in found], indent=2, ensure_ascii=False))
    elif not found:
        print("No baseline was measured yet. Measure one: `grader baseline ASSIGNMENT --seeds 5`.")
    else:
        print("\n".join(baseline_table(found)))
