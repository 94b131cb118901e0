"""`gradebook.csv`: a row for each student, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Sequence

from grader.exports.cells import guard_formula as guard_formula
from grader.exports.cells import write_table
from grader.grades import Grade
from grader.results import Result

COLUMNS = (
    "student", "submission", "status", "points", "out_of", "passed", "accuracy", "verdict", "flags", "ending", "isolation",
    "dataset",
)  # fmt: skip
GRADE_COLUMNS = (
    "assignment", "student", "identity", "email", "group", "participant", "submission", "submissions", "submitted", "due",
    "status", "earned", "penalty", "points", "out_of", "passed", "excused", "override", "override_author",
    "override_reason", "comment", "flags",
)  # fmt: skip


def write_gradebook(results: Sequence[Result]) -> str:
    """The CSV's text, UTF-8 to be, one line a result."""
    buffer = io.StringIO()
    # All is quoted: a name may hold a lone carriage return, or the semicolon at which other languages' Excel splits.
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for result in results:
        accuracy = result.accuracy
        writer.writerow(
            [
                guard_formula(result.student),
                guard_formula(result.submission),
                result.status.value,
                f"{result.points:g}",
                f"{result.out_of:g}",
                "yes" if result.passed else "no",
                f"{accuracy.value:.4f}" if accuracy else "",
                (accuracy.verdict or "") if accuracy else "",
                " ".join(flag.kind for flag in result.flags),
                result.ending.cause.value,
                result.isolation,
                result.dataset,
            ]
        )
    return buffer.getvalue()


def write_grades(grades: Sequence[Grade]) -> str:
    """The same for grades, with lateness and overrides; a student who handed in nothing has a row without points."""
    return write_table(GRADE_COLUMNS, (_row(grade) for grade in grades))


def _row(grade: Grade) -> list[str | float | None]:
    student, override = grade.student, grade.override
    return [
        grade.assignment, student.name, student.identity, student.email, student.group, student.participant,
        grade.submission, grade.submissions, grade.submitted, grade.due,
        grade.status.value if grade.status else "nothing handed in", grade.earned,
        grade.penalty.points if grade.penalty else None, grade.points, grade.out_of, "yes" if grade.passed else "no",
        "yes" if grade.excused else "no", override.points if override else None, override.author if override else None,
        override.reason if override else None, grade.comment, " ".join(grade.flags),
    ]  # fmt: skip
