"""What an accuracy is compared with: another exercise of the same student, else the recorded reference baseline."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from grader.baseline_file import read_baseline
from grader.checks.accuracy import BetterThan
from grader.checks.registry import Planned
from grader.course import Course
from grader.errors import UsageError
from grader.results import Comparison, Result, Status
from grader.rubric import Rubric
from grader.store import RESULT


def exercises_compared(planned: Iterable[Planned]) -> tuple[str, ...]:
    """The assignments that a rubric's `better_than` checks name."""
    return tuple(item.parameters.exercise for item in planned if isinstance(item.parameters, BetterThan))


def find_comparisons(
    exercises: tuple[str, ...], *, student: str, judged_on: str, earlier: Path | None, course: Course
) -> dict[str, Comparison]:
    """For each exercise the student's own judged accuracy in the results folder `earlier`, else the baseline's mean.

    An exercise with neither is left out: the check says so. Raises UsageError where `earlier` is no folder.
    """
    found = {}
    for exercise in exercises:
        comparison = None
        if earlier is not None:
            comparison = _own(exercise, student, judged_on, earlier)
        if comparison is None:
            comparison = _baseline(exercise, course)
        if comparison is not None:
            found[exercise] = comparison
    return found


def compare(rubric: Rubric, *, student: str, earlier: Path | None, course: Course) -> dict[str, Comparison]:
    """What the checks of `rubric` compare the student's accuracy with, by exercise. Raises UsageError."""
    exercises, judged_on = exercises_compared(rubric.planned), rubric.dataset.judged_title
    return find_comparisons(exercises, student=student, judged_on=judged_on, earlier=earlier, course=course)


def _own(exercise: str, student: str, judged_on: str, earlier: Path) -> Comparison | None:
    if not earlier.is_dir():
        raise UsageError(
            f"{earlier} is no folder.", f"Name the folder that `grader batch {exercise}` wrote with --earlier."
        )
    for path in sorted(earlier.rglob(RESULT)):
        try:
            result = Result.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue
        if (result.assignment, result.student, result.judged_on) != (exercise, student, judged_on):
            continue
        if result.accuracy is not None and result.status in (Status.GRADED, Status.NEEDS_REVIEW):
            return Comparison(
                assignment=exercise, source=f"{exercise} of the same student", accuracy=result.accuracy.value,
                judged=result.accuracy.judged, judged_on=result.judged_on,
            )  # fmt: skip
    return None


def _baseline(exercise: str, course: Course) -> Comparison | None:
    baseline = read_baseline(course.baseline_file(exercise))
    if baseline is None:
        return None
    return Comparison(
        assignment=exercise, source=f"the reference baseline of {exercise}", accuracy=baseline.mean,
        judged=baseline.runs[0].judged, judged_on=baseline.judged_on,
    )  # fmt: skip
