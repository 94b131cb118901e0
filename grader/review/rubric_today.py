"""The rubric as its file is today, and whether the class was marked by it.

The file is edited by hand, by a colleague's desk, or by a desk that ended before it had marked the class: each desk looks.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.core.errors import GraderError
from grader.core.grades import Rules
from grader.core.results import Result
from grader.course.course import Course
from grader.course.rubric import Rubric, open_rubric, own_code_digest
from grader.gradebook import MarkedBy, digest_with
from grader.marking.rubric_file import RubricFile, read_rubric_file


@dataclass(frozen=True, kw_only=True)
class RubricToday:
    """The rubric file as it is now, and the rubric that it makes."""

    file: RubricFile
    rubric: Rubric


class RubricReader:
    """Reads a rubric again where its file or the code beside it changed. `rubric` is what was opened last."""

    def __init__(self, course: Course, rubric: Rubric, data: Path | None) -> None:
        self._course, self._rubric, self._data = course, rubric, data
        self._known: tuple[tuple[str, str], RubricToday] | None = None

    def read(self) -> RubricToday:
        """The rubric by its file. Raises GraderError: then nothing is taken over."""
        file = read_rubric_file(self._course.assignment_file(self._rubric.assignment.id))
        stamp = (file.digest, own_code_digest(self._course, self._rubric.assignment))
        if self._known is None or self._known[0] != stamp:
            self._rubric = self._opened()
            stamp = (file.digest, self._rubric.code_digest)
            self._known = stamp, RubricToday(file=file, rubric=self._rubric)
        return self._known[1]

    def _opened(self) -> Rubric:
        """The rubric of today; the known one where nothing but comments or blank lines differ: reading data takes long."""
        known = self._rubric
        assignment = self._course.assignment(known.assignment.id)
        if (assignment, own_code_digest(self._course, assignment)) == (known.assignment, known.code_digest):
            return known
        return open_rubric(self._course, assignment.id, self._data)


@dataclass(frozen=True, kw_only=True)
class MarkedOtherwise:
    """How what the gradebook holds differs from what the rubric file says today.

    `results` counts the submissions that were marked by another rubric; `rules`: the pass mark, the deadline or the like are
    others in the file; `trouble`: why the file can't be followed.
    """

    path: Path = Path()
    results: int = 0
    rules: bool = False
    trouble: str = ""

    def __bool__(self) -> bool:
        return bool(self.results or self.rules or self.trouble)


def marked_otherwise(
    path: Path, rubric: Rubric, rules: Rules, marked_by: Iterable[MarkedBy], results: Mapping[str, Result]
) -> MarkedOtherwise:
    """Compare the gradebook, and the results of the class by their folders, with the rubric."""
    known: dict[str, list[MarkedBy]] = defaultdict(list)
    for item in marked_by:
        known[item.folder].append(item)
    digest = rubric.digest
    return MarkedOtherwise(
        path=path, rules=rules != Rules.of(rubric.assignment),
        results=sum(_by_another(known[folder], result, digest) for folder, result in results.items()),
    )  # fmt: skip


def _by_another(known: Iterable[MarkedBy], result: Result, digest: str) -> bool:
    """Whether a result was marked by another rubric, or is not yet what the gradebook holds of this very run."""
    found = (result.points, result.out_of, result.pass_mark)
    return any(
        (item.rubric, (item.points, item.out_of, item.pass_mark)) != (digest_with(digest, result), found)
        for item in known
        if item.evidence == result.evidence and (result.evidence or item.submission == result.submission)
    )


def in_words(error: GraderError) -> str:
    """Why a rubric file can't be followed."""
    return f"{error.message} {error.remedy}".strip()
