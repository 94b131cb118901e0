"""The rubric with its labels: all that marking needs besides evidence."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grader.assignment import Assignment
from grader.checks.registry import Planned, plan
from grader.course import Course
from grader.data.find import Places, find_data
from grader.data.load import load_labels, with_own_digests
from grader.dataset import Dataset
from grader.progress import Progress, Silent


@dataclass(frozen=True, kw_only=True)
class Rubric:
    """All that marking needs besides evidence: the rubric, the true classes of the judged images, their names."""

    assignment: Assignment
    planned: tuple[Planned, ...]
    dataset: Dataset
    labels: NDArray[np.int64]


def open_rubric(course: Course, assignment_id: str, data: Path | None) -> Rubric:
    """The rubric with labels, for marking alone: no sandbox, no image. Raises RubricError, DataError, UsageError."""
    assignment = course.assignment(assignment_id)
    planned = plan(assignment.check, origin=str(course.assignment_file(assignment_id)))
    dataset, folder = find_dataset(course, assignment, data, Silent())
    return Rubric(
        assignment=assignment, planned=planned, dataset=dataset, labels=load_labels(dataset, dataset.judged, folder)
    )


def find_dataset(
    course: Course, assignment: Assignment, data: Path | None, progress: Progress
) -> tuple[Dataset, Path | None]:
    """The assignment's manifest, with the digests of an imported folder, and where its data lies. Raises DataError."""
    dataset = course.dataset(assignment.dataset)
    folder = find_data(dataset, Places.of(course, data), progress)
    return with_own_digests(dataset, folder), folder
