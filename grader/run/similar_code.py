"""Compares the code of a class in a process of its own, flags what is much alike, and keeps the pairs beside the results.

Below: what a class is compared with, the runs that earlier batches stored, or the code in a folder of submissions.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from grader.core.errors import GraderError, Infrastructure, SubmissionError, UsageError
from grader.core.evidence import Cause
from grader.core.grades import grades_of
from grader.core.notebook import code_beside, read_submission, without_surrogates
from grader.core.results import Result, Student
from grader.core.store import load_result, save_result
from grader.core.workspace import workspace
from grader.course.course import Course
from grader.intake import MOST_BYTES, Entry, open_class, read_path
from grader.intake.submission_zip import without_leftovers
from grader.marking.accuracy_to_beat import folders_with_results
from grader.marking.handed_in import find_alike, sketch_of, with_similar_weights
from grader.marking.publish import student_folder
from grader.marking.similarity import (
    FEWEST,
    Answer,
    Compared,
    EarlierCode,
    Question,
    compared_of,
    compared_run,
    load_compared,
    same_people,
    save_compared,
    source_of,
    source_parts,
    teams_of,
    with_similar,
)
from grader.run.jplag_and_dolos import Engine, find_by_engine, open_engine
from grader.run.packed_results import Rows
from grader.sandbox import open_sandbox
from grader.sandbox.interface import Sandbox
from grader.sandbox.limited_process import WorkLost, in_limited_process

MOST = 2_000  # submissions: each one's pieces take a fifth of a megabyte while they are compared
CLASS_S, EACH_S = 60, 0.5  # of processor time, for a class and on top for each submission
MEMORY, MEMORY_EACH = 2 << 30, 1 << 20
MOST_EARLIER = 4_000  # submissions in all of the folders that a class is compared with
MOST_FILES, MOST_LISTED = 500, 50_000  # of code, and of all, in the folder of one submission
CODE = (".py", ".ipynb")

Parts = tuple[tuple[str, str], ...]
Read = tuple[str, tuple[Student, ...], Parts]  # the name of a submission, whose it is, its code


@dataclass(frozen=True, kw_only=True)
class SimilarityOptions:
    """What a class is compared with beside itself, and by what: the folders as they were named, the code in them."""

    against: tuple[Path, ...] = ()
    earlier: tuple[EarlierCode, ...] = ()
    engine: Engine | None = None
    sandbox: Sandbox | None = None  # which holds the engine


@dataclass(frozen=True)
class _Row:
    """A submission of the class: its folder, and whose it is."""

    folder: Path
    people: tuple[Student, ...]


def open_similarity(against: Sequence[Path], engine: str | None, assignment: str, *own: Path) -> SimilarityOptions:
    """What `--against` and `--similarity` name, read and looked at; `own` are folders of the class itself.

    Raises UsageError.
    """
    found = open_engine(engine) if engine else None
    earlier = read_against(against, assignment, own) if against else ()
    return SimilarityOptions(against=tuple(path.resolve() for path in against), earlier=earlier, engine=found)


def flag_similar_code(
    rows: Rows, places: Mapping[int, str], out: Path, course: Course, assignment: str, options: SimilarityOptions
) -> str:
    """Flag what is much alike, in the rows (`places`: entry number to student) and each `result.json`; keep the pairs.

    Why it could not be done, in a sentence; "" where it was. What becomes of the comparison costs no row.
    """
    results = {student: rows.at(place) for place, student in places.items() if rows.has(place)}
    known = {
        student: _Row(student_folder(out, student), _people(result))
        for student, result in results.items() if result.ending.cause is not Cause.NOT_RUN
    }  # fmt: skip
    try:
        compared = _compare(known, course, assignment, options) if len(rows) <= MOST else None
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
    """Compare the class whose results lie in `out`, as it was compared before, and keep the pairs there; flags stay.

    Raises Infrastructure, UsageError.
    """
    rows = {}
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        result = load_result(folder)
        if result is not None and result.assignment == assignment and result.ending.cause is not Cause.NOT_RUN:
            rows[result.student] = _Row(folder, _people(result))
    if len(rows) > MOST:
        raise Infrastructure(f"The code of more than {MOST:,} submissions is not compared.", "Look at the flags.")
    before = load_compared(out)
    options = SimilarityOptions()
    if before is not None and (before.against or before.engine):
        options = open_similarity([Path(path) for path in before.against], before.engine, assignment, out)
    try:
        compared = _compare(rows, course, assignment, options)
    except WorkLost as lost:
        raise Infrastructure(f"The code was not compared: comparing it {lost}.", "Try again later.") from None
    save_compared(out, compared)
    return compared


def _people(result: Result) -> tuple[Student, ...]:
    return tuple(grade.student for grade in grades_of(result))


def _compare(rows: Mapping[str, _Row], course: Course, assignment: str, options: SimilarityOptions) -> Compared:
    """What `compare_class` finds among the submissions of these students, and those before. Raises WorkLost."""
    runs = {student: compared_run(rows[student].folder) for student in sorted(rows)}
    sources = {student: source_of(run) for student, run in runs.items() if run is not None}  # of a row that broke: none
    named = {"against": tuple(map(str, options.against)), "engine": options.engine.words if options.engine else ""}
    codes = [*sources.values(), *(one.source for one in options.earlier)]
    if not sources or sum(len(code) >= FEWEST for code in codes) < 2:
        return Compared(pairs=(), left_out={}).model_copy(update=named)
    people = [*teams_of([rows[student].people for student in sources]), *(one.people for one in options.earlier)]
    home = course.assignment_file(assignment).parent
    question = Question(
        sources=sources, boilerplate=_read_code(home, "starter"),
        references=_read_code(course.reference_folder(assignment), "solution"),
        earlier=tuple((one.folder, one.source) for one in options.earlier), same=same_people(people, len(sources)),
    )  # fmt: skip
    if options.engine is not None:
        found = find_by_engine(options.engine, question, options.sandbox or open_sandbox("bubblewrap"))
        question = question.model_copy(update={"found": found})
    answer = in_limited_process(
        "grader.marking.similarity:compare_class", question.model_dump_json().encode("utf-8", "surrogatepass"),
        seconds=CLASS_S + round(EACH_S * len(codes)), memory=MEMORY + MEMORY_EACH * len(codes),
    )  # fmt: skip
    compared = compared_of(Answer.model_validate_json(answer), sources, options.earlier)
    folders = {student: rows[student].folder.name for student in compared.sources}
    return compared.model_copy(update={"folders": folders, **named})


def _read_code(folder: Path, name: str) -> tuple[str, ...]:
    """The code that students are given to begin with, or the course's own solution."""
    found = []
    for path in sorted(folder.glob(f"{name}.*")):
        with suppress(OSError, GraderError):
            found.append("\n".join(read_submission(path.name, path.read_bytes()).cells))
    return tuple(found)


def read_against(folders: Sequence[Path], assignment: str, own: Sequence[Path]) -> tuple[EarlierCode, ...]:
    """The code in these folders, without what is the class' `own`: its hand-ins, its results. Raises UsageError."""
    found: dict[Path, list[Read]] = {}
    for folder in folders:
        inside = _read_folder(folder, assignment, [path.resolve() for path in own])
        if not inside:
            raise UsageError(
                f"--against {folder}: holds neither results of a batch nor submissions.",
                "Name the --out folder of an earlier batch, or a folder with a notebook, a module or a folder for each one.",
            )
        found.update(inside)
    if sum(map(len, found.values())) > MOST_EARLIER:
        raise UsageError(f"--against: more than {MOST_EARLIER:,} submissions.", "Name fewer folders.")
    labels = _labels(list(found))
    return tuple(
        EarlierCode(name=name, folder=labels[place], people=team, parts=parts)
        for place, known in found.items()
        for (name, _, parts), team in zip(known, teams_of([people for _, people, _ in known]), strict=True)
    )


def _labels(places: Sequence[Path]) -> dict[Path, str]:
    """The end of each path, as much of it as tells it from the others, and two names at least."""
    labels = {}
    for place in places:
        names = place.parts[1:]
        size = 2
        while size < len(names) and any(other != place and other.parts[-size:] == names[-size:] for other in places):
            size += 1
        labels[place] = without_surrogates("/".join(names[-size:]))
    return labels


def _read_folder(folder: Path, assignment: str, own: Sequence[Path]) -> dict[Path, list[Read]]:
    """What lies there, by the batch that it is of; nothing where there is no code. Raises UsageError."""
    if not folder.exists():
        raise UsageError(f"--against {folder}: is not there.", "Check the path.")
    place = folder.resolve()
    if any(map(place.is_relative_to, own)):
        raise UsageError(f"--against {folder}: is this class' own.", "The class is compared with itself anyway.")
    if place.is_dir():
        batches: dict[Path, list[Read]] = {}
        for student in sorted(folders_with_results(place)):
            if not any(map(student.is_relative_to, own)):
                batches.setdefault(student.parent, []).extend(_read_result(student))
        if batches:
            return {batch: known for batch, known in batches.items() if known}
    with workspace() as scratch:
        try:
            entries = open_class(place, assignment=assignment, workspace=scratch, apart=own).entries
        except GraderError as error:
            raise UsageError(f"--against {folder}: {error.message}", error.remedy) from None
        known = [(entry, parts) for entry in entries if entry.handed_in and (parts := _code_of(entry))]
    found = [(entry.student, entry.members or (entry.who,), parts) for entry, parts in known]
    return {place: found} if found else {}


def _read_result(folder: Path) -> Iterator[Read]:
    """The code of one result, where a run of it is stored."""
    result, run = load_result(folder), compared_run(folder)
    if result is not None and run is not None:
        people = tuple(grade.student for grade in grades_of(result))
        yield result.student, people, tuple(source_parts(run))


def _code_of(entry: Entry) -> Parts:
    """All code of a submission, whichever of its files counts; of an archive what a submission may hold."""
    files = dict(_code_below(entry.path))
    if not files and not entry.problem:
        try:
            files = dict(read_path(entry.path, student=entry.student).files)
        except (SubmissionError, UsageError):
            return ()
    return tuple(code_beside("", files).items())


def _code_below(path: Path) -> Iterator[tuple[str, bytes]]:
    """Modules and notebooks: the file itself, or those in a folder without what programs leave; no link is followed."""
    files = {path.name: path}
    if path.is_dir():
        below = (Path(top, name) for top, _, names in os.walk(path) for name in names)
        found = {file.relative_to(path).as_posix(): file for file in islice(below, MOST_LISTED)}
        files = {name: found[name] for name in without_leftovers(sorted(found))}
    code = [(name, file) for name, file in files.items() if file.suffix.lower() in CODE and not file.is_symlink()]
    for name, file in code[:MOST_FILES]:
        if file.is_file() and file.stat().st_size <= MOST_BYTES:
            yield without_surrogates(name), file.read_bytes()
