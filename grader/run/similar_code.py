"""Compares the code of a class in a process of its own, flags what is much alike, and keeps the pairs beside the results."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from grader.core.errors import GraderError, Infrastructure
from grader.core.evidence import Cause
from grader.core.notebook import read_submission
from grader.core.store import load_result, save_result
from grader.course.course import Course
from grader.marking.publish import student_folder
from grader.marking.similar_networks import find_alike, sketch_of, with_similar_weights
from grader.marking.similarity import (
    FEWEST,
    Compared,
    compared_run,
    read_compared,
    save_compared,
    source_of,
    with_similar,
)
from grader.run.rows import Rows
from grader.sandbox.own_process import WorkLost, in_own_process

MOST = 2_000  # submissions: each one's pieces take a fifth of a megabyte while they are compared
CLASS_S, EACH_S = 60, 0.5  # of processor time, for a class and on top for each submission
MEMORY = 2 << 30


def flag_similar_code(rows: Rows, places: Mapping[int, str], out: Path, course: Course, assignment: str) -> str:
    """Flag what is much alike, in the rows (`places`: entry number to student) and each `result.json`; keep the pairs.

    Why it could not be done, in a sentence; "" where it was. What becomes of the comparison costs no row.
    """
    folders = {
        student: student_folder(out, student)
        for place, student in places.items()
        if rows.has(place) and rows.at(place).ending.cause is not Cause.NOT_RUN
    }
    try:
        compared = _compare(folders, course, assignment) if len(rows) <= MOST else None
    except WorkLost as lost:
        return f"The code of the class was not compared: comparing it {lost}."
    if compared is None:
        return f"The code of more than {MOST:,} submissions is not compared."
    found = [(place, old) for place in places if rows.has(place) and not (old := rows.at(place)).absent]
    for (place, old), new in zip(found, with_similar([old for _, old in found], compared), strict=True):
        if new is not old:
            rows.put(place, new)
            save_result(student_folder(out, new.student), new)
    save_compared(out, compared)
    return ""


def flag_similar_weights(rows: Rows, places: Mapping[int, str], out: Path) -> None:
    """Flag handed-in networks with the same weights, or nearly the same, in the rows and each `result.json`."""
    handed_in = [place for place in places if rows.has(place) and rows.at(place).model.source == "handed-in"]
    runs = {places[place]: compared_run(student_folder(out, places[place])) for place in handed_in}
    sketches = {student: sketch_of(run) for student, run in runs.items() if run is not None}
    alike = find_alike({student: sketch for student, sketch in sketches.items() if sketch is not None})
    found = [(place, rows.at(place)) for place in handed_in]
    for (place, old), new in zip(found, with_similar_weights([old for _, old in found], alike), strict=True):
        if new is not old:
            rows.put(place, new)
            save_result(student_folder(out, new.student), new)


def compare_again(out: Path, course: Course, assignment: str) -> Compared:
    """Compare the class whose results lie in `out`, and keep the pairs there; flags stay. Raises Infrastructure."""
    folders = {}
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        result = load_result(folder)
        if result is not None and result.assignment == assignment and result.ending.cause is not Cause.NOT_RUN:
            folders[result.student] = folder
    if len(folders) > MOST:
        raise Infrastructure(f"The code of more than {MOST:,} submissions is not compared.", "Look at the flags.")
    try:
        compared = _compare(folders, course, assignment)
    except WorkLost as lost:
        raise Infrastructure(f"The code was not compared: comparing it {lost}.", "Try again later.") from None
    save_compared(out, compared)
    return compared


def _compare(folders: Mapping[str, Path], course: Course, assignment: str) -> Compared:
    """What `compare_class` finds among the submissions of these students. Raises WorkLost."""
    runs = {
        student: compared_run(folder) for student, folder in folders.items()
    }  # of a row that broke there may be none
    sources = {student: source_of(run) for student, run in runs.items() if run is not None}
    if sum(len(code) >= FEWEST for code in sources.values()) < 2:
        return Compared(pairs=(), left_out={})
    given = json.dumps({"sources": sources, "boilerplate": _read_starters(course, assignment)}).encode()
    seconds = CLASS_S + round(EACH_S * len(sources))
    answer = in_own_process("grader.marking.similarity:compare_class", given, seconds=seconds, memory=MEMORY)
    compared = read_compared(answer)
    return compared.model_copy(update={"folders": {student: folders[student].name for student in compared.sources}})


def _read_starters(course: Course, assignment: str) -> list[str]:
    """The code that students are given to begin with."""
    found = []
    for path in sorted(course.assignment_file(assignment).parent.glob("starter.*")):
        with suppress(OSError, GraderError):
            found.append("\n".join(read_submission(path.name, path.read_bytes()).cells))
    return found
