"""What an accuracy is compared with: another exercise of the same student, else what that one asks for, or its baseline."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from grader.attempts import EVIDENCE_FOLDER, counted_run, load_attempts
from grader.baseline_file import read_baseline, require_same_data
from grader.checks.accuracy import BetterThan, NeededAccuracy, pack_right, right_images
from grader.checks.check import Planned
from grader.course import Course
from grader.dataset import Dataset
from grader.errors import GraderError, UsageError
from grader.results import Comparison, Result, Status
from grader.rubric import Rubric, plan_checks
from grader.store import RESULT

OF_THE_SAME = "of the same student"


@dataclass(frozen=True)
class Earlier:
    """Judged results of earlier exercises with their folders, by assignment, student and judged images."""

    found: Mapping[tuple[str, str, str], tuple[Result, Path]]


def index_earlier(folder: Path | None, exercises: tuple[str, ...] = ()) -> Earlier | None:
    """Every judged result below `folder`, read once; None where no folder is named.

    No link is followed. Where a student has several results of one exercise, the first by path counts. Raises UsageError
    where it is no folder, or holds no result at all, or none of the `exercises` that are compared with.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder.", "Name with --earlier the folder that `grader batch` wrote.")
    found: dict[tuple[str, str, str], tuple[Result, Path]] = {}
    there: set[str] = set()
    for place in sorted(_folders_with_results(folder)):
        try:
            result = Result.model_validate_json((place / RESULT).read_bytes())
        except (OSError, ValidationError):
            continue
        there.add(result.assignment)
        if result.accuracy is not None and result.status in (Status.GRADED, Status.NEEDS_REVIEW):
            found.setdefault((result.assignment, result.student, result.judged_on), (result, place))
    if not there or (exercises and there.isdisjoint(exercises)):
        raise UsageError(
            f"{folder} holds no result of {' or '.join(exercises) or 'any exercise'}: everybody would be compared with "
            "what the exercise asks for.",
            "Name with --earlier the folder that `grader batch` wrote of it, or leave the option out.",
        )
    return Earlier(found)


def _folders_with_results(folder: Path) -> Iterable[Path]:
    for name, below, files in os.walk(folder):  # it enters no linked folder
        below[:] = [entry for entry in below if not entry.startswith(EVIDENCE_FOLDER)]
        if RESULT in files and not (Path(name) / RESULT).is_symlink():
            yield Path(name)


def exercises_compared(planned: Iterable[Planned]) -> tuple[str, ...]:
    """The assignments that a rubric's `better_than` checks name."""
    return tuple(check.exercise for check in _wanted(planned))


def _wanted(planned: Iterable[Planned]) -> list[BetterThan]:
    return [item.parameters for item in planned if isinstance(item.parameters, BetterThan)]


def find_comparisons(
    wanted: Iterable[BetterThan],
    *,
    student: str,
    dataset: Dataset,
    labels: NDArray[np.int64] | None,
    earlier: Earlier | None,
    course: Course,
) -> dict[str, Comparison]:
    """For each exercise the student's own judged accuracy among `earlier` results, else what the check takes otherwise.

    An exercise with neither is left out: the check says so. Raises DataError where the baseline was measured on other
    data.
    """
    found = {}
    for check in wanted:
        own = earlier.found.get((check.exercise, student, dataset.judged_title)) if earlier is not None else None
        comparison = _own(*own, dataset, labels) if own is not None else _otherwise(check, dataset, course)
        if comparison is not None:
            found[check.exercise] = comparison
    return found


def _otherwise(check: BetterThan, dataset: Dataset, course: Course) -> Comparison | None:
    """The bar for who has no result: an exercise that asks for no accuracy is known by its baseline alone."""
    asked = _threshold(check.exercise, dataset, course) if check.otherwise == "threshold" else None
    return asked or _baseline(check.exercise, dataset, course)


def _threshold(exercise: str, dataset: Dataset, course: Course) -> Comparison | None:
    """The accuracy that the exercise asks for, where it is judged on the same dataset."""
    other = course.assignment(exercise)
    needed = [item.parameters for item in plan_checks(course, other) if isinstance(item.parameters, NeededAccuracy)]
    if not needed or other.dataset != dataset.id:
        return None
    return Comparison(
        assignment=exercise, source=f"what {exercise} asks for", accuracy=needed[0].threshold, judged=0,
        judged_on=dataset.judged_title,
    )  # fmt: skip


def compare(rubric: Rubric, *, student: str, earlier: Earlier | None, course: Course) -> dict[str, Comparison]:
    """What the checks of `rubric` compare the student's accuracy with, by exercise. Raises DataError."""
    if rubric.dataset is None:
        return {}
    return find_comparisons(
        _wanted(rubric.planned), student=student, dataset=rubric.dataset, labels=rubric.labels,
        earlier=earlier, course=course,
    )  # fmt: skip


def compare_again(
    rubric: Rubric, *, student: str, earlier: Earlier | None, course: Course, before: Iterable[Comparison]
) -> dict[str, Comparison]:
    """The same for a mark that was compared `before`: the student's own result of then stands, unless there is a newer one.

    What took its place is looked up afresh: the rubric or the baseline may have changed.
    """
    own = {item.assignment: item for item in before if item.source.endswith(OF_THE_SAME)} if earlier is None else {}
    left = [item for item in rubric.planned if _exercise_of(item) not in own]
    fresh = compare(replace(rubric, planned=tuple(left)), student=student, earlier=earlier, course=course)
    kept = {name: own[name] for name in exercises_compared(rubric.planned) if name in own}
    return {**kept, **fresh}


def _exercise_of(item: Planned) -> str | None:
    return item.parameters.exercise if isinstance(item.parameters, BetterThan) else None


def require_fresh_baselines(rubric: Rubric, course: Course) -> None:
    """Raise DataError where a baseline that may decide a mark was measured on other data: before anything is run."""
    for check in _wanted(rubric.planned):
        if rubric.dataset is not None:
            _otherwise(check, rubric.dataset, course)


def _own(result: Result, folder: Path, dataset: Dataset, labels: NDArray[np.int64] | None) -> Comparison:
    assert result.accuracy is not None
    right = _right(result, folder, dataset, labels) if labels is not None else None
    return Comparison(
        assignment=result.assignment, source=f"{result.assignment} {OF_THE_SAME}", accuracy=result.accuracy.value,
        judged=result.accuracy.judged, judged_on=result.judged_on, right=pack_right(right) if right is not None else "",
    )  # fmt: skip


def _right(result: Result, folder: Path, dataset: Dataset, labels: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    """Which of today's judged images the earlier network recognised; None where its run is not stored beside it."""
    if any(path.is_symlink() for place in folder.glob(f"{EVIDENCE_FOLDER}*") for path in (place, *place.glob("*"))):
        return None
    try:
        run = counted_run(load_attempts(folder), result)
    except GraderError:
        return None
    evidence, outputs = run.evidence, run.outputs
    architecture = evidence.facts.judgement.architecture
    same = (evidence.seed, evidence.data_digest) == (result.seed, dataset.digest)
    if not same or outputs is None or architecture is None or len(outputs) != len(labels):
        return None
    right = right_images(outputs, architecture, labels)
    # a mean over several runs, or a result that was not made from this evidence, is of no single network
    return right if result.accuracy is not None and int(right.sum()) == result.accuracy.correct else None


def _baseline(exercise: str, dataset: Dataset, course: Course) -> Comparison | None:
    path = course.baseline_file(exercise)
    baseline = read_baseline(path)
    if baseline is None:
        return None
    if baseline.dataset == dataset.id:
        require_same_data(baseline, digest=dataset.digest, path=path)
    return Comparison(
        assignment=exercise, source=f"the reference baseline of {exercise}", accuracy=baseline.summary.mean,
        judged=baseline.runs[0].judged, judged_on=baseline.judged_on, runs=baseline.summary.seeds,
        lowest=baseline.summary.lowest, highest=baseline.summary.highest,
    )  # fmt: skip
