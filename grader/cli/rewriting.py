"""After a decision: the pages, lists and results that show it are written again at once, or it is said why not."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from grader.errors import GraderError, UsageError

if TYPE_CHECKING:
    from grader.gradebook import Gradebook


def results_beside(where: str, results: Path | None) -> Path | None:
    """The folder of results that a gradebook is of: the one that was named, else the one that it lies in."""
    if results is not None:
        return results
    if "://" in where and not where.startswith("sqlite"):
        return None
    place = Path(where.partition(":///")[2] if "://" in where else where)
    return place if place.is_dir() else place.parent


def require_gradebook(folder: Path, book: "Gradebook | None") -> None:
    """Raise UsageError where results have grades of a gradebook that is not at hand: pages would forget decisions."""
    from grader.store import load_result

    if book is not None:
        return
    stored = (load_result(path) for path in sorted(folder.iterdir()) if path.is_dir())
    if any(result is not None and (result.grade or result.members) for result in stored):
        raise UsageError(
            f"{folder}: its results have grades of a gradebook that does not lie beside them.",
            "Name it with --gradebook URL, so that lateness and decisions are not forgotten.",
        )


def tell_missing(names: Sequence[str], folder: Path) -> str:
    """Who of the gradebook has no results in `folder`, as a sentence without its full stop."""
    from grader.intake.names import listed

    who = "1 student of the gradebook has" if len(names) == 1 else f"{len(names)} students of the gradebook have"
    return f"{who} no results in {folder}: {listed(names)}"


def end_with_troubles(troubles: Sequence[str], missing: Sequence[str], folder: Path) -> None:
    """Say on standard error which rows are not as they should be, and who is not here; ends with 3 for the first."""
    from grader.report.visible import defused, one_line

    lines = [f"trouble: {words}" for words in troubles]
    if missing:
        lines.append(f"note: {tell_missing(missing, folder)}.")
    for line in lines:
        print(defused(one_line(line)), file=sys.stderr)
    if troubles:
        raise typer.Exit(3)


def show_decision(
    folder: Path | None, assignment: str, book: "Gradebook", course: Path | None, data: Path | None
) -> str:
    """Write again what shows the grades of an assignment; "" where that was done, else what to do instead."""
    from grader.cli.options import find_course
    from grader.publish import Order, recall_origin
    from grader.regrading import show_grades
    from grader.rubric import open_rubric

    if folder is None or not folder.is_dir():
        return (
            "Pages and lists show it once they are written again: name their folder with --results DIR, or type "
            "`grader report DIR --gradebook URL`."
        )
    known_course, known_data = recall_origin(folder)
    try:
        home = find_course(course or known_course)
        order = Order(out=folder, course=home, data=data or known_data)
        troubles: list[str] = []
        if show_grades(order, assignment, lambda: open_rubric(home, assignment, order.data), book, troubles.append):
            return " ".join(troubles)
        return f"{folder} holds no results of {assignment}, so no page was written."
    except GraderError as error:
        return (
            f"The pages in {folder} could not be written again: {error.message} {error.remedy} The decision is kept; "
            f"`grader report {folder}` shows it (with --course and --data as for the batch)."
        )
