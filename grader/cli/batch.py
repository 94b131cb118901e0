"""The steps of `grader batch`: from words to a class that is graded, and to what is printed of it."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from grader.cli.ending import ending_in_order
from grader.cli.options import SandboxName, open_events, open_order, progress_bar
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.batch import Rows
    from grader.bench import Bench
    from grader.course import Course
    from grader.executors import Collector, Plan
    from grader.progress import Progress

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
    from grader.batch import grade_class
    from grader.bench import open_bench
    from grader.gradebook import open_gradebook
    from grader.intake.opening import open_class
    from grader.results import Status
    from grader.workspace import workspace

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
        bench = stack.enter_context(open_bench(home, wish.assignment, setup, progress))
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
    from grader.executors import plan_jobs, usable_cores
    from grader.sandbox.memory import available_memory

    return plan_jobs(wish.jobs, memory=memory, available=available_memory(), cores=usable_cores())


def _collector(
    stack: ExitStack, home: "Course", wish: BatchWish, bench: "Bench", progress: "Progress"
) -> "Collector | None":
    """A cluster's, where one was named."""
    if wish.executor == LOCAL:
        return None
    from grader.cli.worker import collect_order
    from grader.cluster.collector import open_cluster
    from grader.cluster.worker import COURSE, DATA

    hints = {COURSE: str(home.root), **({DATA: str(wish.data.resolve())} if wish.data else {})}
    return stack.enter_context(open_cluster(wish.executor, bench, collect_order, hints, progress))


def _print_rows(results: "Rows", index: Path, as_json: bool) -> None:
    from grader.report.text import row

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
