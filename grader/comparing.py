"""What an accuracy is compared with: another exercise of the same student, else the recorded reference baseline."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from grader.baseline_file import read_baseline, require_same_data
from grader.checks.accuracy import BetterThan
from grader.checks.registry import Planned
from grader.course import Course
from grader.dataset import Dataset
from grader.errors import UsageError
from grader.results import Comparison, Result, Status
from grader.rubric import Rubric
from grader.store import RESULT


def exercises_compared(planned: Iterable[Planned]) -> tuple[str, ...]:
    """The assignments that a rubric's `better_than` checks name."""
    return tuple(item.parameters.exercise for item in planned if isinstance(item.parameters, BetterThan))


def find_comparisons(
    exercises: tuple[str, ...], *, student: str, dataset: Dataset, earlier: Path | None, course: Course
) -> dict[str, Comparison]:
    """For each exercise the student's own judged accuracy in the results folder `earlier`, else the baseline's mean.

    An exercise with neither is left out: the check says so. Raises UsageError where `earlier` is no folder, DataError
    where the baseline was measured on other data.
    """
    found = {}
    for exercise in exercises:
        comparison = None
        if earlier is not None:
            comparison = _own(exercise, student, dataset.judged_title, earlier)
        if comparison is None:
            comparison = _baseline(exercise, dataset, course)
        if comparison is not None:
            found[exercise] = comparison
    return found


def compare(rubric: Rubric, *, student: str, earlier: Path | None, course: Course) -> dict[str, Comparison]:
    """What the checks of `rubric` compare the student's accuracy with, by exercise. Raises UsageError, DataError."""
    if rubric.dataset is None:
        return {}
    exercises = exercises_compared(rubric.planned)
    return find_comparisons(exercises, student=student, dataset=rubric.dataset, earlier=earlier, course=course)


def require_fresh_baselines(rubric: Rubric, course: Course) -> None:
    """Raise DataError where a baseline that may decide a mark was measured on other data: before anything is run."""
    for exercise in exercises_compared(rubric.planned):
        if rubric.dataset is not None:
            _baseline(exercise, rubric.dataset, course)


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


def _baseline(exercise: str, dataset: Dataset, course: Course) -> Comparison | None:
    path = course.baseline_file(exercise)
    baseline = read_baseline(path)
    if baseline is None:
        return None
    if baseline.dataset == dataset.id:
        require_same_data(baseline, digest=dataset.digest, path=path)
    return Comparison(
        assignment=exercise, source=f"the reference baseline of {exercise}", accuracy=baseline.summary.mean,
        judged=baseline.runs[0].judged, judged_on=baseline.judged_on,
    )  # fmt: skip
