"""What `nbgrader export` writes: the same columns in the same order, for whatever reads them already.

nbgrader does not quote, and a comma in a name moves its columns; here all is quoted (nbgrader/plugins/export.py).
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from grader.exports.cells import Cell, write_table
from grader.exports.handing import Filled, sort_grades
from grader.grades import Grade

COLUMNS = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email", "raw_score",
    "late_submission_penalty", "score", "max_score",
)  # fmt: skip


def write_scores(grades: Sequence[Grade], *, provisional: bool = False) -> Filled:
    """A row for each grade that stands; zeros and an empty timestamp for who handed in nothing.

    nbgrader knows no excuse and no doubt: the excused, and who waits for a person or for a repair, have no row.
    """
    ordered = sort_grades(grades, provisional=provisional)
    stand = set(ordered.marks)
    rows = [grade for grade in grades if grade in stand or (grade.status is None and not grade.excused)]
    excused = [f"{grade.student.name}: is excused, which nbgrader's columns can't say" for grade in ordered.excused]
    text = write_table(COLUMNS, map(_row, rows))
    return Filled(content=text.encode("utf-8", "replace"), filled=len(rows), unplaced=(*ordered.held, *excused))


def _row(grade: Grade) -> list[Cell]:
    last, first = split_name(grade.student.name)
    points = grade.points or 0.0
    earned = points if grade.earned is None else grade.earned
    penalty = grade.penalty.points if grade.penalty else 0.0
    return [
        grade.assignment, _plain_time(grade.due), _plain_time(grade.submitted), grade.student.identity or grade.student.name,
        last, first, grade.student.email, earned, penalty, points, grade.out_of,
    ]  # fmt: skip


def split_name(name: str) -> tuple[str, str]:
    """Last and first name: at a comma, else the last word is the last name (no rule is right everywhere)."""
    last, comma, first = name.partition(",")
    if comma:
        return last.strip(), first.strip()
    words = name.split()
    return (words[-1], " ".join(words[:-1])) if words else ("", "")


def _plain_time(time: str | None) -> str:
    """An ISO time as nbgrader writes it: in UTC, without saying so."""
    if not time:
        return ""
    moment = datetime.fromisoformat(time)
    moment = moment.astimezone(UTC) if moment.tzinfo else moment
    return moment.replace(tzinfo=None).isoformat(sep=" ")
