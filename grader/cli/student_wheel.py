"""`grader student-wheel`: the file that students install."""

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.options import CourseOption, Debug, can_be_written, find_course

app = typer.Typer()


@app.command("student-wheel")
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

    from grader.authoring.student_wheel import pack_wheel
    from grader.authoring.students_course import students_course
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
