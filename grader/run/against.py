"""Reads what a class is compared with: the runs that earlier batches stored, or the code in a folder of submissions."""

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from grader.core.errors import GraderError, SubmissionError, UsageError
from grader.core.grades import grades_of
from grader.core.notebook import code_beside, without_surrogates
from grader.core.results import Student
from grader.core.store import load_result
from grader.core.workspace import workspace
from grader.intake import MOST_BYTES, Entry, open_class, read_path
from grader.intake.zips import without_leftovers
from grader.marking.accuracy_to_beat import folders_with_results
from grader.marking.similarity import EarlierCode, compared_run, source_parts, teams_of

MOST = 4_000  # submissions in all of the folders
MOST_FILES, MOST_LISTED = 500, 50_000  # of code, and of all, in the folder of one submission
CODE = (".py", ".ipynb")

Parts = tuple[tuple[str, str], ...]
Read = tuple[str, tuple[Student, ...], Parts]  # the name of a submission, whose it is, its code


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
    if sum(map(len, found.values())) > MOST:
        raise UsageError(f"--against: more than {MOST:,} submissions.", "Name fewer folders.")
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
