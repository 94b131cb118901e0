"""Compares the code of a class once all of it is there, and tells pairs that are much alike to the instructor."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from grader.attempts import attempt_folder
from grader.batch.rows import Rows
from grader.course import Course
from grader.errors import GraderError
from grader.evidence import Cause, Evidence
from grader.notebook import read_submission
from grader.publish import student_folder
from grader.similarity import similar_pairs, source_of, with_similar
from grader.store import EVIDENCE, save_result

MOST = 2_000  # submissions: each one's pieces take a fifth of a megabyte while they are compared


def flag_similar(rows: Rows, places: Mapping[int, str], out: Path, course: Course, assignment: str) -> bool:
    """Add flags to the rows (`places`: entry number to student) and to each `result.json`; False where they are too many."""
    if len(rows) > MOST:
        return False
    sources = dict(_read_sources(rows, places, out))
    pairs = similar_pairs(sources, starters(course, assignment))
    for place in places:
        if not rows.has(place):
            continue
        old = rows.at(place)
        if old.absent:
            continue
        new = with_similar([old], [pair for pair in pairs if old.student in (pair.first, pair.second)])[0]
        if new is not old:
            rows.put(place, new)
            save_result(student_folder(out, new.student), new)
    return True


def _read_sources(rows: Rows, places: Mapping[int, str], out: Path) -> Iterator[tuple[str, str]]:
    """The code of everyone whose submission was run."""
    for place, student in places.items():
        if not rows.has(place) or rows.at(place).ending.cause is Cause.NOT_RUN:
            continue
        with suppress(OSError, ValidationError):  # of a row that broke there may be none
            path = attempt_folder(student_folder(out, student), 1) / EVIDENCE
            yield student, source_of(Evidence.model_validate_json(path.read_bytes()))


def starters(course: Course, assignment: str) -> list[str]:
    """The code that students are given to begin with."""
    folder = course.assignment_file(assignment).parent
    found = []
    for path in sorted(folder.glob("starter.*")):
        with suppress(OSError, GraderError):
            found.append("\n".join(read_submission(path.name, path.read_bytes()).cells))
    return found
