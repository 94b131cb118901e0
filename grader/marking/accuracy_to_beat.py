"""What an accuracy is compared with: another exercise of the same student, else what that one asks for, or its baseline."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from grader.checks.accuracy import BetterThan, NeededAccuracy, pack_right, right_images
from grader.checks.base import Planned
from grader.core.errors import GraderError, UsageError
from grader.core.grades import Judged, grades_of
from grader.core.results import Comparison, Result, Status, Student
from grader.core.store import RESULT
from grader.course.baselines import read_baseline, require_same_data
from grader.course.course import Course
from grader.course.dataset import Dataset
from grader.course.rubric import Rubric, plan_checks
from grader.intake.names import fold
from grader.marking.repeated_runs import EVIDENCE_FOLDER, counted_run, load_attempts

if TYPE_CHECKING:
    from grader.gradebook import Gradebook

OF_EVIDENCE = re.compile(rf"{EVIDENCE_FOLDER}(?:-[0-9]+)?")  # beside a student's result
OF_THE_SAME = "of the same student"


@dataclass(frozen=True, kw_only=True)
class EarlierResult:
    """What a student reached before: the judged result that lies in a folder, what a gradebook counts, or both."""

    student: Student
    stored: tuple[Result, Path] | None = None
    counted: Judged | None = None


class Earlier:
    """What everybody reached in earlier exercises, by numbers, logins and addresses that tell who they are, or by name."""

    def __init__(self, results: Iterable[tuple[Result, Path]], counted: Mapping[str, Sequence[Judged]]) -> None:
        self._own: dict[str, list[EarlierResult]] = defaultdict(list)
        self._judged_on: dict[str, set[str]] = defaultdict(set)
        self._known: dict[tuple[str, str, str], list[EarlierResult]] = defaultdict(list)
        for exercise, judged in counted.items():
            for item in judged:
                self._add(exercise, EarlierResult(student=item.student, counted=item))
        for result, place in results:
            self._judged_on[result.assignment].add(result.judged_on)
            for grade in grades_of(result):
                self._add(result.assignment, EarlierResult(student=grade.student, stored=(result, place)))
            row = {"name": result.student}  # which may be called otherwise than its student, or be a group's
            person = Student(**row) if result.members else grades_of(result)[0].student.model_copy(update=row)
            self._add(result.assignment, EarlierResult(student=person, stored=(result, place)))

    def _add(self, exercise: str, own: EarlierResult) -> None:
        for kind, value in _keys(own.student):
            self._known[exercise, kind, value].append(own)

    def find(self, exercise: str, who: Student, judged_on: str) -> EarlierResult | None:
        """What a student reached in an exercise: by what is surest; by the name only where nothing speaks against it."""
        known = self._judged_on.get(exercise, set())  # `get`: threads share this, and nothing is added by asking
        if known and judged_on not in known:
            return None
        for kind, value in _keys(who):
            found = [own for own in self._known.get((exercise, kind, value), ()) if not _other_person(own.student, who)]
            counted = next((own.counted for own in found if own.counted is not None), None)
            stored = [own.stored for own in found if own.stored and own.stored[0].judged_on == judged_on]
            if counted is not None:
                same = [item for item in stored if item[0].evidence == counted.evidence]
                return EarlierResult(student=who, stored=same[0] if same else None, counted=counted)
            if stored:
                return EarlierResult(student=who, stored=stored[0])
        return None


def _keys(student: Student) -> Iterator[tuple[str, str]]:
    for kind in ("identity", "login", "email", "name"):
        if value := fold(getattr(student, kind)) if kind != "name" else student.name:
            yield kind, value


def _other_person(one: Student, other: Student) -> bool:
    """Whether a number, a login or an address of both says that they are two."""
    pairs = [(fold(getattr(one, kind)), fold(getattr(other, kind))) for kind in ("identity", "login", "email")]
    told = [(mine, theirs) for mine, theirs in pairs if mine and theirs]
    return bool(told) and told[0][0] != told[0][1]


def index_earlier(
    folder: Path | None, exercises: tuple[str, ...] = (), book: "Gradebook | None" = None
) -> Earlier | None:
    """Every judged result below `folder`, read once; None where no folder is named.

    Of several submissions the one that counts is compared with, as the gradebook beside the results says, or `book`. No link
    is followed. Where a student has several results of one exercise, the first by path counts. Raises UsageError where it
    is not a folder, or holds no result at all, or none of the `exercises` that are compared with.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", "Name with --earlier the folder that `grader batch` wrote.")
    found: list[tuple[Result, Path]] = []
    there: set[str] = set()
    for place in sorted(folders_with_results(folder)):
        try:
            result = Result.model_validate_json((place / RESULT).read_bytes())
        except (OSError, ValidationError):
            continue
        there.add(result.assignment)
        if result.accuracy is not None and result.status in (Status.GRADED, Status.NEEDS_REVIEW):
            found.append((result, place))
    if not there or (exercises and there.isdisjoint(exercises)):
        raise UsageError(
            f"{folder} holds no result of {' or '.join(exercises) or 'any exercise'}: everybody would be compared with "
            "what the exercise asks for.",
            "Name with --earlier the folder that `grader batch` wrote of it, or leave the option out.",
        )
    return Earlier(found, _counted(folder, there, book))


def _counted(folder: Path, exercises: Iterable[str], book: "Gradebook | None") -> dict[str, list[Judged]]:
    """What counts of each exercise, by the gradebook that lies beside its results, else by the one at hand."""
    from grader.gradebook import FILE, open_gradebook  # SQLAlchemy, which most runs don't need

    if (folder / FILE).is_file():
        with open_gradebook(folder, create=False) as beside:
            return {exercise: beside.judged(exercise) for exercise in exercises}
    return {} if book is None else {exercise: book.judged(exercise) for exercise in exercises}


def folders_with_results(folder: Path) -> Iterable[Path]:
    """The folders in which a result lies; a student may be called as a folder of evidence is, beside which one lies."""
    for name, below, files in os.walk(folder):  # it enters no linked folder
        if RESULT in files:
            below[:] = [entry for entry in below if not OF_EVIDENCE.fullmatch(entry)]
            if not (Path(name) / RESULT).is_symlink():
                yield Path(name)


def exercises_compared(planned: Iterable[Planned]) -> tuple[str, ...]:
    """The assignments that a rubric's `better_than` checks name."""
    return tuple(check.exercise for check in _wanted(planned))


def _wanted(planned: Iterable[Planned]) -> list[BetterThan]:
    return [item.parameters for item in planned if isinstance(item.parameters, BetterThan)]


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


def compare(
    rubric: Rubric, *, student: str, earlier: Earlier | None, course: Course, who: Student | None = None
) -> dict[str, Comparison]:
    """What the checks of `rubric` compare the student's accuracy with, by exercise.

    It is the student's own judged accuracy among `earlier` results, else what the check takes otherwise. `who` the student
    is, where more than the name is known. An exercise with neither is left out: the check says so. Raises DataError where
    the baseline was measured on other data.
    """
    found: dict[str, Comparison] = {}
    dataset, person = rubric.dataset, who or Student(name=student)
    if dataset is None:
        return found
    for check in _wanted(rubric.planned):
        own = earlier.find(check.exercise, person, dataset.judged_title) if earlier is not None else None
        comparison = (
            _own(check.exercise, own, dataset, rubric.labels) if own is not None else _otherwise(check, dataset, course)
        )
        if comparison is not None:
            found[check.exercise] = comparison
    return found


def compare_again(
    rubric: Rubric,
    *,
    student: str,
    earlier: Earlier | None,
    course: Course,
    before: Iterable[Comparison],
    who: Student | None = None,
) -> dict[str, Comparison]:
    """The same for a mark that was compared `before`: the student's own result of then stands, unless there is a newer one.

    What took its place is looked up afresh: the rubric or the baseline may have changed.
    """
    own = {item.assignment: item for item in before if item.source.endswith(OF_THE_SAME)} if earlier is None else {}
    left = [item for item in rubric.planned if own.keys().isdisjoint(exercises_compared([item]))]
    fresh = compare(replace(rubric, planned=tuple(left)), student=student, earlier=earlier, course=course, who=who)
    kept = {name: own[name] for name in exercises_compared(rubric.planned) if name in own}
    return {**kept, **fresh}


def require_fresh_baselines(rubric: Rubric, course: Course) -> None:
    """Raise DataError where a baseline that may decide a mark was measured on other data: before anything is run."""
    for check in _wanted(rubric.planned):
        if rubric.dataset is not None:
            _otherwise(check, rubric.dataset, course)


def _own(exercise: str, own: EarlierResult, dataset: Dataset, labels: NDArray[np.int64] | None) -> Comparison:
    """What the student reached, image by image where the run that counts is stored."""
    source = f"{exercise} {OF_THE_SAME}"
    if own.stored is None:
        assert own.counted is not None
        return Comparison(
            assignment=exercise, source=source, accuracy=own.counted.accuracy, judged=own.counted.judged,
            judged_on=dataset.judged_title,
        )  # fmt: skip
    result, folder = own.stored
    assert result.accuracy is not None
    right = _right(result, folder, dataset, labels) if labels is not None else None
    return Comparison(
        assignment=exercise, source=source, accuracy=result.accuracy.value, judged=result.accuracy.judged,
        judged_on=result.judged_on, right=pack_right(right) if right is not None else "",
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
