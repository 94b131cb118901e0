"""A path becomes one `Submission`: its script, its files, their digest."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from grader.errors import SubmissionError, UsageError
from grader.intake.candidates import CODE, OTHER_ENDINGS, choose_main, meant_name, newest_uploads, remedy_for
from grader.intake.leftovers import is_leftover, nothing_but_leftovers, without_leftovers
from grader.intake.names import student_name
from grader.intake.zipped import check_depth, unpack_zip
from grader.notebook import Script, read_submission, without_surrogates

ZIP = ".zip"
DEEPEST_ZIP = 2  # a zip in a zip: what a platform packed again
MOST_FILES, MOST_BYTES = 500, 50 << 20
MOST_LISTED = 200_000  # names below a folder, with those of environments that were handed in along


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One submission in memory: its script, all its files by relative name, their digest, notes for the report."""

    student: str
    script: Script
    files: Mapping[str, bytes]
    sha256: str
    notes: tuple[str, ...] = ()


def read_path(path: Path, *, student: str | None = None, assignment: str = "") -> Submission:
    """The submission at `path`: a notebook, a module, or a folder or a zip that holds one of them.

    `assignment`: its id; a file of that name is the one that counts among several.
    Raises UsageError where there is nothing, SubmissionError where it can't be read.
    """
    _refuse_link(path)
    try:
        there = path.exists()
    except OSError:  # a name longer than the file system takes, or a folder that may not be entered
        there = False
    if not there:
        near = like_it(path)
        raise UsageError(
            f"{path}: there is no such file or folder.",
            f"There is {near}: names differ by capital letters." if near else "Check the path.",
        )
    who = student or student_name(path)
    if path.is_dir():
        return _read_files(path.name, collect_files(path), who, assignment)
    if not path.is_file():  # reading a pipe would wait for ever
        raise SubmissionError(f"{path.name}: is no regular file.", "Hand in an ordinary file.")
    ending = path.suffix.lower()
    data = read_file(path) if ending in {*CODE, *OTHER_ENDINGS, ZIP} else b""
    if ending == ZIP:
        return _read_files(path.name, _unzip(path.name, data), who, assignment)
    if ending in CODE:
        return submission_of({path.name: data}, path.name, student=who)
    meant = meant_name(path.name, data)
    if meant is None:
        raise SubmissionError(
            f"{path.name}: is neither a notebook (.ipynb) nor a module (.py), nor a zip with one of them.",
            remedy_for([path.name]),
        )
    return submission_of({meant: data}, meant, student=who, notes=(f"{path.name} was read as {meant}",))


def like_it(path: Path) -> str:
    """The name beside `path` that differs from its in nothing but capital letters; "" where there is none."""
    try:
        beside = [other.name for other in path.parent.iterdir() if other.name.casefold() == path.name.casefold()]
    except OSError:
        return ""
    return beside[0] if len(beside) == 1 else ""


def submission_of(files: Mapping[str, bytes], main: str, *, student: str, notes: tuple[str, ...] = ()) -> Submission:
    """The submission that `files` (name to bytes) make, of which `main` is run. Raises SubmissionError."""
    script = read_submission(without_surrogates(main), files[main])
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{len(name)}:{name}:{len(files[name])}:".encode("utf-8", "surrogateescape"))
        digest.update(files[name])
    # The notebook itself stays outside: its cells are what runs, and it may hold outputs by the megabyte.
    beside = {name: data for name, data in files.items() if name != main or name.lower().endswith(".py")}
    told = tuple(without_surrogates(note) for note in notes)
    return Submission(student=student, script=script, files=beside, sha256=digest.hexdigest(), notes=told)


def _read_files(where: str, files: Mapping[str, bytes], student: str, assignment: str) -> Submission:
    """The one notebook or module among the files of a folder or a zip. Raises SubmissionError."""
    choice = choose_main(where, _through_zips(files), assignment=assignment)
    files, main, notes = _from_its_folder(choice.files, choice.main)
    return submission_of(files, main, student=student, notes=(*choice.notes, *notes))


def _from_its_folder(files: Mapping[str, bytes], main: str) -> tuple[Mapping[str, bytes], str, tuple[str, ...]]:
    """The files as the code of `main` finds them at home: what lies in its folder lies beside it."""
    folder, _, name = main.rpartition("/")
    if not folder:
        return files, main, ()
    own = {path.removeprefix(f"{folder}/"): data for path, data in files.items() if path.startswith(f"{folder}/")}
    others = {path: data for path, data in files.items() if not path.startswith(f"{folder}/") and path not in own}
    return {**others, **own}, name, (f"{main} was run in its own folder",)


def _through_zips(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """What is in the zip, where nothing but one was handed in: so learning platforms hand out what was handed in."""
    for _ in range(DEEPEST_ZIP):
        endings = {Path(name).suffix.lower() for name in files}
        zips = newest_uploads([name for name in files if Path(name).suffix.lower() == ZIP])
        if len(zips) != 1 or CODE & endings:
            break
        files = _unzip(Path(zips[0]).name, files[zips[0]])
    return files


def _refuse_link(path: Path) -> None:
    """What a link leads to is not what was handed in, and would stand in a student's report."""
    try:
        linked = path.is_symlink()
    except OSError:  # a name longer than the file system takes
        return
    if linked:
        raise SubmissionError(f"{path.name}: is a link to another place.", "Hand in the file or the folder itself.")


def _unzip(name: str, data: bytes) -> dict[str, bytes]:
    return unpack_zip(name, data, most_files=MOST_FILES, most_bytes=MOST_BYTES)


def collect_files(folder: Path) -> dict[str, bytes]:
    """All regular files below `folder` by relative name, no links. Raises SubmissionError for too much."""
    try:
        return _walk(folder)
    except OSError as error:
        raise SubmissionError(f"{folder.name}: can't be read ({error.strerror}).", "Check the folder.") from None


def _walk(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = links = 0
    there = _names_below(folder)
    kept = without_leftovers(there)
    for name in sorted(kept, key=lambda name: name.split("/")):
        path = folder / name
        links += path.is_symlink()
        if path.is_symlink() or not path.is_file():
            continue
        total += path.stat().st_size
        if len(files) >= MOST_FILES or total > MOST_BYTES:
            raise _too_much(folder.name)
        files[name] = read_file(path)
    if links and not files:
        raise SubmissionError(f"{folder.name}: holds nothing but links.", "Hand in the files themselves.")
    if there and not kept:
        raise nothing_but_leftovers(folder.name, there)
    return files


def _names_below(folder: Path) -> list[str]:
    """Every file and folder below `folder`, with slashes; of what is nobody's work in any case only the name."""

    def refuse(error: OSError) -> None:
        raise error

    names: list[str] = []
    for place, folders, files in os.walk(folder, onerror=refuse):
        below = PurePosixPath(os.path.relpath(place, folder))
        check_depth(folder.name, len(below.parts))
        names += [str(below / name) for name in (*folders, *files)]
        if len(names) > MOST_LISTED:
            raise _too_much(folder.name)
        folders[:] = [name for name in folders if not is_leftover(name)]
    return names


def _too_much(name: str) -> SubmissionError:
    return SubmissionError(
        f"{name}: holds more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB.",
        "Hand in the code without data and environments.",
    )


def read_file(path: Path) -> bytes:
    """The bytes of a file that is no larger than a submission may be. Raises SubmissionError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SubmissionError(
                f"{path.name}: is larger than {MOST_BYTES >> 20} MiB.", "Clear the outputs and save it."
            )
        return path.read_bytes()
    except OSError as error:
        raise SubmissionError(f"{path.name}: can't be read ({error.strerror}).", "Check the file.") from None
