"""Intake: a path becomes one `Submission`, a folder of a class becomes one entry for every student, readable or not."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.errors import SubmissionError, UsageError
from grader.notebook import Script, read_submission, without_surrogates
from grader.zipped import unpack_zip

CODE, ZIP = {".ipynb", ".py"}, ".zip"
MOST_FILES, MOST_BYTES = 500, 50 << 20
RESERVED = {"index.html", "gradebook.csv", "gradebook.sqlite", "batch.json"}  # what a batch writes beside its students
IGNORED = {
    "__pycache__", ".ipynb_checkpoints", ".git", ".venv", "__MACOSX", "node_modules",
    ".DS_Store", "Thumbs.db", "desktop.ini",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One submission in memory: its script, all its files by relative name, their digest, notes for the report."""

    student: str
    script: Script
    files: Mapping[str, bytes]
    sha256: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of a class: a student and the path handed in."""

    student: str
    path: Path

    @property
    def file(self) -> str:
        """The name of what was handed in, as text."""
        return without_surrogates(self.path.name)


def read_path(path: Path, *, student: str | None = None) -> Submission:
    """The submission at `path`: a notebook, a module, or a folder or a zip that holds one of them.

    Raises UsageError where there is nothing, SubmissionError where it can't be read.
    """
    try:
        there = path.exists()
    except OSError:  # a name longer than the file system takes, or a folder that may not be entered
        there = False
    if not there:
        raise UsageError(f"{path}: there is no such file or folder.", "Check the path.")
    who = student or student_name(path)
    if path.is_dir():
        return _read_folder(path, who)
    if path.suffix.lower() not in {*CODE, ZIP}:
        raise SubmissionError(
            f"{path.name}: is neither a notebook (.ipynb) nor a module (.py), nor a zip with one of them.",
            "Hand in one of them.",
        )
    if not path.is_file():  # reading a pipe would wait for ever
        raise SubmissionError(f"{path.name}: is no regular file.", "Hand in an ordinary file.")
    data = _read_file(path)
    if path.suffix.lower() == ZIP:
        return _read_files(path.name, _unzip(path.name, data), who)
    return submission_of({path.name: data}, path.name, student=who)


def list_class(source: Path) -> list[Entry]:
    """One entry for each file or folder in `source`, sorted by name. Raises UsageError.

    Loose files that are no code become entries too: nobody is lost because of a wrong file type.
    """
    if not source.is_dir():
        raise UsageError(f"{source} is no folder.", "Name the folder that holds one file or folder for each student.")
    try:
        found = sorted(source.iterdir())
    except OSError as error:
        raise UsageError(f"{source}: can't be read ({error.strerror}).", "Check the folder.") from None
    paths = [path for path in found if not path.name.startswith(".") and path.name not in IGNORED]
    paths = [path for path in paths if path.name.lower() not in {"readme.md", "roster.csv", "expected.toml"}]
    if not paths:
        raise UsageError(f"{source} holds no submission.", "Name the folder that holds one file or folder per student.")
    return [Entry(student=name, path=path) for name, path in zip(_names(paths), paths, strict=True)]


def _names(paths: Sequence[Path]) -> list[str]:
    """A name of its own for each path: where two would be the same, the file's with its ending, numbered if need be."""
    wanted = [student_name(path) for path in paths]
    often = Counter(wanted)
    wanted = [
        name if often[name] == 1 else without_surrogates(path.name) for name, path in zip(wanted, paths, strict=True)
    ]
    names: list[str] = []
    for name in wanted:
        number, free = 1, name
        while free in names or (free != name and free in wanted):
            number += 1
            free = f"{name} ({number})"
        names.append(free)
    return names


def student_name(path: Path) -> str:
    """The student's name: the file's without its ending, or the folder's."""
    return without_surrogates(path.name if path.is_dir() else path.stem or path.name)


def safe_name(student: str) -> str:
    """A folder name for any student's name; a digest is added where replacing characters lost something.

    Also where a name looks as if it had a digest, or is a file's of the batch: no student can take another's place.
    """
    plain = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", student))
    cleaned = plain.encode("utf-8")[:200].decode("utf-8", "ignore")[:80].strip("._")  # file systems count bytes
    taken = cleaned.casefold() in RESERVED or re.search(r"-[0-9a-f]{8}$", cleaned)
    if cleaned and cleaned == student and not taken:
        return cleaned
    return f"{cleaned or 'student'}-{hashlib.sha256(student.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def _read_folder(folder: Path, student: str) -> Submission:
    files = _collect_files(folder)
    endings = [Path(name).suffix.lower() for name in files]
    if endings.count(ZIP) == 1 and not CODE & set(endings):  # as learning platforms hand out what was handed in
        zipped = next(name for name in files if Path(name).suffix.lower() == ZIP)
        files = _unzip(Path(zipped).name, files[zipped])
    return _read_files(folder.name, files, student)


def _unzip(name: str, data: bytes) -> dict[str, bytes]:
    return unpack_zip(name, data, ignored=IGNORED, most_files=MOST_FILES, most_bytes=MOST_BYTES)


def _read_files(where: str, files: Mapping[str, bytes], student: str) -> Submission:
    """The one notebook or module among the files of a folder or a zip. Raises SubmissionError."""
    candidates = [name for name in files if Path(name).suffix.lower() == ".ipynb"] or [
        name for name in files if Path(name).suffix.lower() == ".py" and "/" not in name
    ]
    if not candidates:
        raise SubmissionError(f"{where}: holds no notebook (.ipynb) and no module (.py).", "Hand in one of them.")
    main = _choose_main(where, candidates)
    others = [name for name in candidates if name != main]
    notes = (f"{main} was graded; beside it lay {', '.join(sorted(others))}",) if others else ()
    return submission_of(files, main, student=student, notes=notes)


def _choose_main(folder: str, candidates: list[str]) -> str:
    """The one candidate, or the one with a telling name. Raises SubmissionError where several could be meant."""
    if len(candidates) == 1:
        return candidates[0]
    telling = [name for name in candidates if Path(name).stem.lower() in {"solution", "submission", "main"}]
    if len(telling) == 1:
        return telling[0]
    raise SubmissionError(
        f"{folder}: holds {len(candidates)} files that could be the submission ({', '.join(sorted(candidates)[:5])}).",
        "Keep the one that counts, or call it solution.ipynb (solution.py).",
    )


def _collect_files(folder: Path) -> dict[str, bytes]:
    """All regular files below `folder` by relative name, no links. Raises SubmissionError for too much."""
    try:
        return _walk(folder)
    except OSError as error:
        raise SubmissionError(f"{folder.name}: can't be read ({error.strerror}).", "Check the folder.") from None


def _walk(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_symlink() or not path.is_file() or any(part in IGNORED for part in relative.parts):
            continue
        total += path.stat().st_size
        if len(files) >= MOST_FILES or total > MOST_BYTES:
            raise SubmissionError(
                f"{folder.name}: holds more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB.",
                "Hand in the code without data and environments.",
            )
        files[relative.as_posix()] = _read_file(path)
    return files


def _read_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SubmissionError(
                f"{path.name}: is larger than {MOST_BYTES >> 20} MiB.", "Clear the outputs and save it."
            )
        return path.read_bytes()
    except OSError as error:
        raise SubmissionError(f"{path.name}: can't be read ({error.strerror}).", "Check the file.") from None


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
