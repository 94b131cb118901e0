"""Compares the code of a class once all of it is there, and tells pairs that are much alike to the instructor."""

import json
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
from grader.sandbox.own_process import WorkLost, in_own_process
from grader.similarity import FEWEST, Compared, read_compared, source_of, with_similar
from grader.store import EVIDENCE, save_result

MOST = 2_000  # submissions: each one's pieces take a fifth of a megabyte while they are compared
CLASS_S, EACH_S = 60, 0.5  # of processor time, for a class and on top for each submission
MEMORY = 2 << 30


def flag_similar(rows: Rows, places: Mapping[int, str], out: Path, course: Course, assignment: str) -> str:
    """Add flags to the rows (`places`: entry number to student) and to each `result.json`; why not, in a sentence, else "".

    The code is compared in a process of its own: what becomes of that costs no row.
    """
    if len(rows) > MOST:
        return f"The code of more than {MOST:,} submissions is not compared."
    sources = dict(_read_sources(rows, places, out))
    try:
        compared = compare(sources, starters(course, assignment))
    except WorkLost as lost:
        return f"The code of the class was not compared: comparing it {lost}."
    found = [(place, old) for place in places if rows.has(place) and not (old := rows.at(place)).absent]
    for (place, old), new in zip(found, with_similar([old for _, old in found], compared), strict=True):
        if new is not old:
            rows.put(place, new)
            save_result(student_folder(out, new.student), new)
    return ""


def compare(sources: Mapping[str, str], boilerplate: list[str]) -> Compared:
    """The code of a class (student to code), compared in a process of its own. Raises WorkLost."""
    if (
        sum(len(code) >= FEWEST for code in sources.values()) < 2
    ):  # two are needed for a pair, and each has to have so much
        return Compared(pairs=(), left_out={})
    given = json.dumps({"sources": sources, "boilerplate": boilerplate}).encode()
    seconds = CLASS_S + round(EACH_S * len(sources))
    return read_compared(in_own_process("grader.similarity:compare_class", given, seconds=seconds, memory=MEMORY))


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
