"""Tables of our own: a class's gradebook.csv, the same for grades, a course, and the columns of `nbgrader export`.

All cells are quoted and none is taken for a formula. nbgrader itself does not quote, and a comma in a name moves its columns
(nbgrader/plugins/export.py); what reads its files reads quoted ones, too.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from grader.core.grades import flags_of, grades_of, with_grade
from grader.core.results import CheckResult, Grade, Result
from grader.core.totals import CourseLine, CourseTable
from grader.exports.what_may_leave import Cell, Filled, sort_grades, write_table
from grader.pages.decisions import comment_lines

GRADEBOOK_COLUMNS = (
    "student", "submission", "status", "points", "out_of", "passed", "accuracy", "verdict", "flags", "ending", "isolation",
    "dataset", "earned", "excused", "group", "comment", "awaits", "source", "audit",
)  # fmt: skip
GRADE_COLUMNS = (
    "assignment", "student", "identity", "email", "group", "participant", "submission", "submissions", "submitted", "due",
    "status", "earned", "penalty", "points", "out_of", "passed", "excused", "override", "override_author",
    "override_reason", "comment", "flags", "decided_by", "awaits", "slip_days", "slip_days_left", "source", "audit",
)  # fmt: skip
NOTHING = "nothing handed in"


def write_gradebook(results: Sequence[Result]) -> str:
    """The CSV's text, UTF-8 to be: a line for each student, and for each member of a group."""
    return write_table(
        GRADEBOOK_COLUMNS, (_gradebook_row(result, grade) for result in results for grade in grades_of(result))
    )


def _gradebook_row(result: Result, grade: Grade) -> list[Cell]:
    accuracy = result.accuracy
    alone = with_grade(result, grade) if result.members else result
    return [
        grade.student.name if result.members else result.student, result.submission, _status(grade), grade.points,
        grade.out_of, _yes(grade.passed), f"{accuracy.value:.4f}" if accuracy else None,
        accuracy.verdict if accuracy else None, " ".join(dict.fromkeys(flag.kind for flag in flags_of(alone))),
        result.ending.cause.value, result.isolation, result.dataset, grade.earned, _yes(grade.excused),
        result.student if result.members else grade.student.group, _comment(grade, result.checks),
        "; ".join(grade.awaits), grade.source, grade.audit,
    ]  # fmt: skip


def write_grades(grades: Sequence[Grade]) -> str:
    """The same for grades, with lateness and overrides; a student who handed in nothing has a row without points."""
    return write_table(GRADE_COLUMNS, (_grade_row(grade) for grade in grades))


def _grade_row(grade: Grade) -> list[Cell]:
    student, override = grade.student, grade.override
    return [
        grade.assignment, student.name, student.identity, student.email, student.group, student.participant,
        grade.submission, grade.submissions, grade.submitted, grade.due,
        _status(grade), grade.earned,
        grade.penalty.points if grade.penalty else None, grade.points, grade.out_of, _yes(grade.passed),
        _yes(grade.excused), override.points if override else None, override.author if override else None,
        override.reason if override else None, _comment(grade), " ".join(grade.flags),
        "; ".join(grade.review.deciders) if grade.review else None, "; ".join(grade.awaits),
        grade.slip_days.spent if grade.slip_days else None, grade.slip_days.left if grade.slip_days else None,
        grade.source, grade.audit,
    ]  # fmt: skip


def _comment(grade: Grade, checks: Sequence[CheckResult] = ()) -> str:
    """What the student may be told beside the points."""
    said = comment_lines(grade, checks)
    lateness = "" if grade.override is not None else grade.comment
    return "\n".join(filter(None, [lateness, *said]))


def _status(grade: Grade) -> str:
    return grade.status.value if grade.status else NOTHING


def _yes(value: bool) -> str:
    return "yes" if value else "no"


STUDENT_COLUMNS = ("student", "identity", "login", "email")
TOTAL_COLUMNS = ("slip_days", "slip_days_left", "total", "left_out", "excused", "open")


def write_course(table: CourseTable) -> str:
    """A course: a row for each student, a column for each assignment, slip days, the total.

    An assignment's column is called after its id; beside it, what its points are out of.
    """
    of_assignments = [column for name in table.assignments for column in (name, f"{name} out_of")]
    return write_table(
        (*STUDENT_COLUMNS, *of_assignments, *TOTAL_COLUMNS), (_course_row(table, line) for line in table.lines)
    )


def _course_row(table: CourseTable, line: CourseLine) -> list[Cell]:
    student, total = line.student, line.total
    cells: list[Cell] = [student.name, student.identity, student.login, student.email]
    for name in table.assignments:
        grade = line.grades.get(name)
        cells += [grade.points, grade.out_of] if grade is not None else [None, table.out_of.get(name)]
    excused = [name for name in table.assignments if name in line.grades and line.grades[name].excused]
    share = None if total is None or total.share is None else 100 * total.share
    left_out, owed = ((), ()) if total is None else (sorted(total.left_out), sorted(total.open))
    return [*cells, line.spent, line.left, share, " ".join(left_out), " ".join(excused), " ".join(owed)]


NBGRADER_COLUMNS = (
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
    text = write_table(NBGRADER_COLUMNS, map(_nbgrader_row, rows))
    return Filled(content=text.encode("utf-8", "replace"), filled=len(rows), unplaced=(*ordered.held, *excused))


def _nbgrader_row(grade: Grade) -> list[Cell]:
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
