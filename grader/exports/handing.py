"""Which grades are handed on to a platform, and how it is told what was not."""

from collections.abc import Sequence
from dataclasses import dataclass

from grader.errors import UsageError
from grader.exports.cells import write_number
from grader.grades import Grade, Student
from grader.results import Result, Status

PROVISIONAL = "--provisional"


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A file for a platform. `unplaced`: grades that are not in it, and why; `remarks`: what else to know."""

    content: bytes
    filled: int
    unplaced: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


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


def grades_of(results: Sequence[Result]) -> list[Grade]:
    """What results give where there is no gradebook: no lateness, no overrides. A smoke run gives no grade."""
    return [
        Grade(
            student=Student(name=result.student), assignment=result.assignment, title=result.title,
            points=None if result.status is Status.BROKEN else result.points, earned=result.points,
            out_of=result.out_of, passed=result.passed, status=result.status, submission=result.submission,
            submissions=1, flags=tuple(flag.kind for flag in result.flags),
        )
        for result in results
        if result.smoke is None
    ]  # fmt: skip


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
    """A few words to the student: the grade's own comment, else the points and what lateness cost."""
    if grade.comment:
        return grade.comment
    if grade.points is None:
        return ""
    words = [f"{write_number(grade.points)} of {write_number(grade.out_of)} points"]
    if grade.penalty is not None and grade.penalty.points and grade.override is None:
        words.append(grade.penalty.words)
    return "; ".join(words) + "."
