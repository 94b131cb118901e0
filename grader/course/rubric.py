"""The rubric with what is compared against: labels of judged images, or the functions that a module is asked for."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grader.checks.accuracy import BetterThan
from grader.checks.base import Planned
from grader.checks.functions import Computes
from grader.checks.registry import own_checks, plan
from grader.core.assignment import Assignment, Retry
from grader.core.errors import DataError, RubricError
from grader.core.grades import rubric_digest
from grader.core.progress import Progress, Silent
from grader.core.results import Spread
from grader.core.text import available, nearest
from grader.course.baselines import read_baseline, write_accuracy
from grader.course.course import Course
from grader.course.dataset import Dataset, Images, load_labels, load_split, with_own_digests
from grader.course.find_dataset import PRIVATE, Places, find_data, with_private_split
from grader.functions.cases import Functions, load_functions


@dataclass(frozen=True, kw_only=True)
class Rubric:
    """All that marking needs besides evidence.

    For networks `dataset` and the true classes of its judged images, integers (n,); for modules `functions`. `baseline`
    is what the course's own solution reaches on the same images, to be shown beside a student's accuracy; `notes` says
    why there is none where one was measured.
    """

    assignment: Assignment
    planned: tuple[Planned, ...]
    dataset: Dataset | None = None
    labels: NDArray[np.int64] | None = None
    images: Images | None = None
    functions: Functions | None = None
    baseline: Spread | None = None
    notes: tuple[str, ...] = ()
    code_digest: str = ""  # of the code beside the rubric; empty where it uses none

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides a result, as the gradebook keeps it."""
        return rubric_digest(self.assignment, self.data_digest, self.code_digest)

    def without_retries(self) -> "Rubric":
        """The same rubric, by which every submission is run once."""
        return replace(self, assignment=self.assignment.model_copy(update={"retry": Retry()}))

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in order; none for a module."""
        return self.dataset.classes if self.dataset else ()

    @property
    def judged_on(self) -> str:
        """What decides a mark, in words."""
        return self.dataset.judged_title if self.dataset else f"hidden cases of {self.assignment.id}"

    @property
    def dataset_id(self) -> str:
        """The dataset's id; empty for a module."""
        return self.dataset.id if self.dataset else ""

    @property
    def data_digest(self) -> str:
        """The digest of the data, or of the file of cases."""
        return self.dataset.digest if self.dataset else self.functions.digest if self.functions else ""


def open_rubric(course: Course, assignment_id: str, data: Path | None) -> Rubric:
    """The rubric for marking alone: no sandbox, no image. Raises RubricError, DataError, UsageError."""
    assignment = course.assignment(assignment_id)
    if assignment.dataset is None:
        return functions_rubric(course, assignment)
    dataset, folder = find_dataset(course, assignment.dataset, data, Silent())
    labels, images = load_labels(dataset, dataset.judged, folder), None
    if assignment.report.judged_images:
        with suppress(DataError):  # a page without thumbnails is still a page
            images = load_split(dataset, dataset.judged, folder).images
    return network_rubric(course, assignment, dataset, labels, images)


def network_rubric(
    course: Course, assignment: Assignment, dataset: Dataset, labels: NDArray[np.int64], images: Images | None = None
) -> Rubric:
    """The rubric of a network; `images` are the judged ones, kept if pages may show them. Raises RubricError, DataError."""
    may_show = assignment.report.judged_images and dataset.judged != PRIVATE
    planned = plan_checks(course, assignment)
    baseline, note = _baseline(course, assignment, dataset)
    return Rubric(
        assignment=assignment, planned=planned, dataset=dataset, labels=labels, baseline=baseline,
        images=images if may_show else None, notes=(note,) if note else (), code_digest=own_code_digest(course, assignment),
    )  # fmt: skip


def functions_rubric(course: Course, assignment: Assignment) -> Rubric:
    """The rubric of a module of functions. Raises RubricError, also for a check of a function that has no cases."""
    planned = plan_checks(course, assignment)
    path = course.assignment_file(assignment.id).with_name(assignment.cases or "")
    functions = load_functions(path)
    for item in planned:
        if isinstance(item.parameters, Computes) and item.parameters.function not in functions.by_name:
            near = nearest(item.parameters.function, tuple(functions.by_name))
            raise RubricError(
                f"{path}: asks for no function `{item.parameters.function}`{near}.", available(functions.by_name)
            )
    code = own_code_digest(course, assignment)
    return Rubric(assignment=assignment, planned=planned, functions=functions, code_digest=code)


def plan_checks(course: Course, assignment: Assignment) -> tuple[Planned, ...]:
    """The rubric's checks with their parameters read. Raises RubricError, also for a comparison with no exercise."""
    path = course.assignment_file(assignment.id)
    planned = plan(assignment.check, origin=str(path), own=own_checks(assignment.check, path.parent))
    there = tuple(course.assignment_ids())
    for number, item in enumerate(planned, 1):
        if isinstance(item.parameters, BetterThan) and item.parameters.exercise not in there:
            near = nearest(item.parameters.exercise, there)
            raise RubricError(
                f"{path}: check {number} (`better_than`): there is no exercise `{item.parameters.exercise}`{near}.",
                available(there),
            )
    return planned


def own_code_digest(course: Course, assignment: Assignment) -> str:
    """SHA-256 of the code that lies beside a rubric with checks or cases of its own, which may import one another."""
    folder = course.assignment_file(assignment.id).parent
    if assignment.cases is None and not any(":" in spec.use for spec in assignment.check):
        return ""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def find_dataset(
    course: Course,
    dataset_id: str,
    data: Path | None,
    progress: Progress,
    *,
    private: bool = True,
    download: bool = True,
) -> tuple[Dataset, Path | None]:
    """A dataset's manifest, with the digests of an imported folder, and where its data lies. Raises DataError.

    `private`: judged on the course's private split where this machine has one; `download`: what is not on it is fetched.
    """
    dataset = course.dataset(dataset_id)
    places = replace(Places.of(course, data), download=download)
    folder = find_data(dataset, places, progress)
    dataset = with_own_digests(dataset, folder)
    return with_private_split(dataset, places) if private else dataset, folder


def _baseline(course: Course, assignment: Assignment, dataset: Dataset) -> tuple[Spread | None, str]:
    """The baseline to show, or what the one that was measured means for other data."""
    try:
        baseline = read_baseline(course.baseline_file(assignment.id))
    except DataError as error:
        return None, f"The reference solution's accuracy is not shown. {error.message} {error.remedy}"
    if baseline is None:
        return None, ""
    if baseline.data_digest == dataset.digest:
        return baseline.summary, ""
    return None, (
        f"The reference solution reaches {write_accuracy(baseline.summary)} of {baseline.judged_on}. That was measured on "
        f"other data than this work was judged on ({dataset.judged_title}): the two can't be compared."
    )
