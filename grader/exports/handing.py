"""Which grades are handed on to a platform, and how it is told what was not."""

from collections.abc import Sequence
from dataclasses import dataclass

from grader.errors import Infrastructure, UsageError
from grader.exports.cells import write_number
from grader.grading_rules import grades_of, shared_grade
from grader.report.visible import one_line
from grader.results import Grade, Result, Status

PROVISIONAL = "--provisional"


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A file for a platform. `unplaced`: grades that are not in it, and why; `remarks`: what else to know.

    `troubles`: what could not be read or written for a fault of the files or of ours; all others stand.
    """

    content: bytes
    filled: int
    unplaced: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Handed:
    """Grades to hand on, those of the excused, and why others are not handed on; who has nothing is in none of them."""

    marks: tuple[Grade, ...]
    excused: tuple[Grade, ...]
    held: tuple[str, ...]


def sort_grades(grades: Sequence[Grade], *, provisional: bool) -> Handed:
    """What there is to hand on. A mark that a person must look at first is held back, unless `provisional`."""
    marks, excused, held = [], [], []
    for grade in grades:
        reason = _reason_to_hold(grade, provisional)
        if grade.excused:
            excused.append(grade)
        elif reason:
            held.append(f"{grade.student.name}: {reason}")
        elif grade.points is not None:
            marks.append(grade)
    return Handed(marks=tuple(marks), excused=tuple(excused), held=tuple(held))


def _reason_to_hold(grade: Grade, provisional: bool) -> str:
    if grade.override is not None and grade.override.points is not None:
        return ""
    if grade.status is Status.BROKEN:
        return "the grader broke, so no mark was decided"
    if grade.status is Status.NEEDS_REVIEW and not provisional:
        return f"a person must look at it before the mark stands ({PROVISIONAL} hands it on all the same)"
    return ""


def all_grades(results: Sequence[Result]) -> list[Grade]:
    """What the students of results get. A smoke run gives no grade."""
    return [grade for result in results if result.smoke is None for grade in grades_of(result)]


def the_grade(result: Result) -> Grade:
    """The one grade of a result, for a format that holds one mark.

    Raises UsageError for a smoke run, for the excused, for who handed in nothing, and for a group whose members have
    different grades; Infrastructure where the grader broke.
    """
    who = one_line(result.student)
    if result.smoke is not None:
        raise UsageError(f"{who}: was a smoke run, which gives no mark.", "Grade it in full.")
    grade = shared_grade(result)
    if grade is None:
        raise UsageError(f"{who}: the members of this group have different grades.", "This format holds one mark only.")
    if grade.excused:
        raise UsageError(f"{who}: is excused, which this format can't say.", "Enter it on the platform by hand.")
    if grade.points is None and grade.status is Status.BROKEN:
        raise Infrastructure(f"{who}: the grader broke, so no mark was decided.", "Run it again.")
    if grade.points is None:
        raise UsageError(f"{who}: handed in nothing, so there is no mark.", "Leave them out, or decide their grade.")
    return grade


def points_for(grade: Grade, most: float | None, *, scale: bool, where: str) -> float:
    """The grade's points in a file where `most` can be had; None where the file does not say.

    Points out of 100 are none out of 10: they are converted where that is asked for, else refused. Raises UsageError.
    """
    assert grade.points is not None
    if most is None or most == grade.out_of:
        return grade.points
    if not scale:
        raise UsageError(
            f"{where}: at most {write_number(most)} points, but grades here are out of {write_number(grade.out_of)}.",
            "Type --scale to have them converted, or change the platform's maximum.",
        )
    return grade.points / grade.out_of * most if grade.out_of else 0.0


def comment_of(grade: Grade) -> str:
    """A few words to the student: the points, what lateness cost, what a person had to say."""
    if grade.points is None:
        return grade.comment
    words = f"{write_number(grade.points)} of {write_number(grade.out_of)} points"
    if grade.provisional:
        words += ", provisional until a person has looked at it"
    if grade.decided:
        return f"{words}. {grade.comment}".rstrip()
    if grade.penalty is not None and grade.penalty.points:
        words += f"; {grade.penalty.words}"
    return f"{words}."
