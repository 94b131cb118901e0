"""`gradebook.csv`: a row for each student, safe to open in a spreadsheet."""

from collections.abc import Sequence

from grader.exports.cells import Cell, write_table
from grader.grading_rules import flags_of, grades_of, with_grade
from grader.results import Grade, Result

COLUMNS = (
    "student", "submission", "status", "points", "out_of", "passed", "accuracy", "verdict", "flags", "ending", "isolation",
    "dataset", "earned", "excused", "group", "comment",
)  # fmt: skip
GRADE_COLUMNS = (
    "assignment", "student", "identity", "email", "group", "participant", "submission", "submissions", "submitted", "due",
    "status", "earned", "penalty", "points", "out_of", "passed", "excused", "override", "override_author",
    "override_reason", "comment", "flags",
)  # fmt: skip
NOTHING = "nothing handed in"


def write_gradebook(results: Sequence[Result]) -> str:
    """The CSV's text, UTF-8 to be: a line for each student, and for each member of a group."""
    return write_table(COLUMNS, (_gradebook_row(result, grade) for result in results for grade in grades_of(result)))


def _gradebook_row(result: Result, grade: Grade) -> list[Cell]:
    accuracy = result.accuracy
    alone = with_grade(result, grade) if result.members else result
    return [
        grade.student.name if result.members else result.student, result.submission, _status(grade), grade.points,
        grade.out_of, _yes(grade.passed), f"{accuracy.value:.4f}" if accuracy else None,
        accuracy.verdict if accuracy else None, " ".join(dict.fromkeys(flag.kind for flag in flags_of(alone))),
        result.ending.cause.value, result.isolation, result.dataset, grade.earned, _yes(grade.excused),
        result.student if result.members else grade.student.group, grade.comment,
    ]  # fmt: skip


def write_grades(grades: Sequence[Grade]) -> str:
    """The same for grades, with lateness and overrides; a student who handed in nothing has a row without points."""
    return write_table(GRADE_COLUMNS, (_row(grade) for grade in grades))


def _row(grade: Grade) -> list[Cell]:
    student, override = grade.student, grade.override
    return [
        grade.assignment, student.name, student.identity, student.email, student.group, student.participant,
        grade.submission, grade.submissions, grade.submitted, grade.due,
        _status(grade), grade.earned,
        grade.penalty.points if grade.penalty else None, grade.points, grade.out_of, _yes(grade.passed),
        _yes(grade.excused), override.points if override else None, override.author if override else None,
        override.reason if override else None, grade.comment, " ".join(grade.flags),
    ]  # fmt: skip


def _status(grade: Grade) -> str:
    return grade.status.value if grade.status else NOTHING


def _yes(value: bool) -> str:
    return "yes" if value else "no"
