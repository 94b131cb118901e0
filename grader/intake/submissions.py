"""A path becomes one `Submission`: its script, its files, their digest. An `Entry` is one row of a class.

Which of several files is the submission: renamed, doubled, uploaded again, or beside helpers? A choice is made only where
the files say which one counts; else all are named and the student is asked.
"""

import hashlib
import io
import os
import re
import time
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Literal

from grader.core.errors import SubmissionError, UsageError
from grader.core.grades import Enrolment
from grader.core.notebook import Script, read_submission, without_surrogates
from grader.core.results import Student
from grader.intake.names import is_called, name_some, newest_uploads, student_name
from grader.intake.networks import (
    ALL_TOGETHER,
    MOST_NETWORK,
    NetworkFile,
    is_network,
    is_network_name,
    require_sizes,
)
from grader.intake.roster import read_extension
from grader.intake.submission_zip import (
    MOST_BYTES,
    check_depth,
    is_leftover,
    nothing_but_leftovers,
    require_fits,
    too_much,
    unpack_zip,
    without_leftovers,
)

CODE = {".ipynb", ".py"}
MAIN_NAMES = {"solution", "submission", "main"}
PACKAGING = {"setup", "conftest", "noxfile", "__init__"}  # modules that are there for a tool
TESTS = re.compile(r"test_.*|.*_test")
ARCHIVES = {".zip", ".rar", ".7z", ".tar", ".tgz", ".gz", ".bz2", ".xz"}
PRINTS = {".pdf", ".html", ".htm", ".doc", ".docx", ".odt", ".rtf", ".pages", ".png", ".jpg", ".jpeg"}
OTHER_ENDINGS = {"", ".json", ".txt", ".download"}  # under which browsers and mail programs save a notebook
RENAMED = re.compile(r"(?P<meant>.+\.(?:ipynb|py))\.(?:txt|json|download)", re.IGNORECASE)
ZIP = ".zip"
NEITHER = "is neither a notebook (.ipynb) nor a module (.py), nor a zip with one of them."
DEEPEST_ZIP = 2  # a zip in a zip: what a platform packed again
MOST_LISTED = 200_000  # names below a folder, with those of environments that were handed in along


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One submission in memory: its script, all its files by relative name, their digest, notes for the report.

    `networks` are the trained ones that were handed in, among the files or, where they are too large, beside them. `way`
    says how its network comes about; `unseen`: the files lack networks that were among them. `without_code` says what is
    wrong with a hand-in that is nothing but networks (and what to do), wherever one is to be trained.
    """

    student: str
    script: Script
    files: Mapping[str, bytes]
    sha256: str
    notes: tuple[str, ...] = ()
    networks: Mapping[str, NetworkFile] = field(default_factory=dict)
    way: Literal["trained", "handed-in"] = "trained"
    unseen: bool = False
    without_code: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of a class: a student and the path handed in.

    `student` is the name that is unique in the class; `who` is the person, whose `name` is always `student`. `submitted`
    is when it was handed in, where the source tells it honestly (aware), `late` the platform's own mark (Canvas'), None
    where it makes none. `extension` stands as the roster has it ("2d", "2026-05-01"). `problem` says why it can't be read
    and `remedy` what to do; there is nothing at `path` then. `handed_in` is False for a student of the roster without a
    submission. `members` are the students of the roster for whom a group handed in. `notes` may be shown to the student.
    """

    student: str
    path: Path
    who: Student = field(default_factory=lambda: Student(name=""))
    submitted: datetime | None = None
    late: bool | None = None
    extension: str = ""
    problem: str = ""
    remedy: str = ""
    handed_in: bool = True
    members: tuple[Student, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Give `who` the name that is unique."""
        if self.who.name != self.student:
            object.__setattr__(self, "who", self.who.model_copy(update={"name": self.student}))

    @property
    def file(self) -> str:
        """The name of what was handed in, as text; "" for nothing."""
        return without_surrogates(self.path.name) if self.handed_in else ""

    @property
    def enrolment(self) -> Enrolment:
        """The student as one who is expected to have a grade, with the extension read."""
        return Enrolment(student=self.who, extension=read_extension(self.extension) if self.extension else None)


def read_entry(
    entry: Entry, *, assignment: str = "", most_network: int = MOST_NETWORK, alone: bool = False
) -> Submission:  # fmt: skip
    """The submission of a row, with its notes; the rest as in `read_path`. Raises SubmissionError, UsageError."""
    if entry.problem:
        raise SubmissionError(entry.problem, entry.remedy)
    found = read_path(
        entry.path, student=entry.student, assignment=assignment, most_network=most_network, alone=alone
    )  # fmt: skip
    return replace(found, notes=(*map(without_surrogates, entry.notes), *found.notes))


def read_path(
    path: Path,
    *,
    student: str | None = None,
    assignment: str = "",
    most_network: int = MOST_NETWORK,
    alone: bool = False,
) -> Submission:
    """The submission at `path`: a notebook, a module, or a folder or a zip that holds one of them.

    `assignment`: its id; a file of that name is the one that counts among several. `most_network`: bytes of a trained
    network; `alone`: one without code is a submission too.
    Raises UsageError where there is nothing, SubmissionError where it can't be read.
    """
    linked = there = False
    with suppress(OSError):  # a name longer than the file system takes, or a folder that may not be entered
        linked = path.is_symlink()
        there = path.exists()
    if linked:  # what it leads to is not what was handed in, and would stand in a student's report
        raise SubmissionError(f"{path.name}: is a link to another place.", "Hand in the file or the folder itself.")
    if not there:
        near = like_it(path)
        raise UsageError(
            f"{path}: there is no such file or folder.",
            f"There is {near}: the names differ in capital letters." if near else "Check the path.",
        )
    who = student or student_name(path)
    if path.is_dir():
        files = collect_files(path, most_network)
        return _read_files(
            path.name, files, who, assignment,
            alone=alone, most_network=most_network, saved=_saved_in_folder(path, files),
        )  # fmt: skip
    if not path.is_file():  # reading a pipe would wait for ever
        raise SubmissionError(f"{path.name}: is not a regular file.", "Hand in an ordinary file.")
    ending = path.suffix.lower()
    known = {*CODE, *OTHER_ENDINGS, ZIP}
    data = read_file(path, _most_of(path, most_network)) if ending in known else b""
    if alone and (is_network_name(path.name) or is_network(path.name, data)):
        data = data or read_file(path, most_network, network=True)
        return _network_alone({path.name: data}, who, (f"{path.name}: {NEITHER}", remedy_for([path.name])))
    if ending == ZIP and not is_network(path.name, data):
        return _read_files(
            path.name, unpack_zip(path.name, data, most_network), who, assignment,
            alone=alone, most_network=most_network, saved=_saved_in_zip(data),
        )  # fmt: skip
    if ending in CODE:
        return submission_of({path.name: data}, path.name, student=who)
    meant = meant_name(path.name, data)
    if meant is None:
        raise SubmissionError(f"{path.name}: {NEITHER}", remedy_for([path.name]))
    return submission_of({meant: data}, meant, student=who, notes=(f"{path.name} was read as {meant}",))


def like_it(path: Path) -> str:
    """The name beside `path` that differs from its in nothing but capital letters; "" where there is none."""
    try:
        beside = [other.name for other in path.parent.iterdir() if other.name.casefold() == path.name.casefold()]
    except OSError:
        return ""
    return beside[0] if len(beside) == 1 else ""


def submission_of(
    files: Mapping[str, bytes], main: str, *, student: str, notes: tuple[str, ...] = (),
    saved: Mapping[str, float] | None = None,
) -> Submission:  # fmt: skip
    """The submission that `files` (name to bytes) make, of which `main` is run. Raises SubmissionError.

    `saved`: when networks among them were, where somebody knows.
    """
    script = read_submission(without_surrogates(main), files[main])
    # The notebook itself stays outside: its cells are what runs, and it may hold outputs by the megabyte.
    beside = {name: data for name, data in files.items() if name != main or name.lower().endswith(".py")}
    networks = _networks_among(beside, saved or {})
    if networks and sum(map(len, files.values())) > MOST_BYTES:
        beside = {name: data for name, data in beside.items() if name not in networks}
        notes = (*notes, f"{name_some(networks)}: too large to lie beside the code when that is run")
    told = tuple(without_surrogates(note) for note in notes)
    return Submission(
        student=student, script=script, files=beside, sha256=_digest_files(files), notes=told, networks=networks
    )  # fmt: skip


def _digest_files(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{len(name)}:{name}:{len(files[name])}:".encode("utf-8", "surrogateescape"))
        digest.update(files[name])
    return digest.hexdigest()


def _networks_among(files: Mapping[str, bytes], saved: Mapping[str, float]) -> dict[str, NetworkFile]:
    return {
        name: NetworkFile(data=data, saved=saved.get(PurePosixPath(name).name, 0.0))
        for name, data in files.items()
        if is_network(name, data)
    }


def _network_alone(files: Mapping[str, bytes], student: str, without_code: tuple[str, str]) -> Submission:
    """The submission that networks without any code are."""
    networks = _networks_among(files, {})
    name = without_surrogates(next(iter(networks)))
    return Submission(
        student=student, script=Script(name, ()), files={}, sha256=_digest_files(files), networks=networks,
        without_code=without_code,
    )  # fmt: skip


def _read_files(
    where: str, files: Mapping[str, bytes], student: str, assignment: str, *, alone: bool = False,
    most_network: int = MOST_NETWORK, saved: Mapping[str, float] | None = None,
) -> Submission:  # fmt: skip
    """The one notebook or module among the files of a folder or a zip. Raises SubmissionError."""
    files = _through_zips(files, most_network)
    if sum(len(data) for name, data in files.items() if not is_network_name(name)) > MOST_BYTES:
        raise too_much(where)
    try:
        choice = choose_main(where, files, assignment=assignment)
    except SubmissionError as error:
        coded = any(PurePosixPath(name).suffix.lower() in CODE for name in files)
        if alone and not coded and _networks_among(files, {}):
            return _network_alone(files, student, (error.message, error.remedy))
        raise
    files, main, notes = _from_its_folder(choice.files, choice.main)
    return submission_of(files, main, student=student, notes=(*choice.notes, *notes), saved=saved)


def _saved_in_folder(folder: Path, files: Mapping[str, bytes]) -> dict[str, float]:
    """When the networks of a folder were saved, by the names of the files alone."""
    return {
        PurePosixPath(name).name: (folder / name).stat().st_mtime
        for name in files
        if is_network_name(name) and (folder / name).is_file()
    }


def _saved_in_zip(data: bytes) -> dict[str, float]:
    """The same of a zip; a damaged one was refused before."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {PurePosixPath(item.filename).name: moment_of(item) for item in archive.infolist()}


def moment_of(member: zipfile.ZipInfo) -> float:
    """When a zip says that a member was last changed; 0 where it says nothing that is a time."""
    try:
        return time.mktime((*member.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return 0.0


def _from_its_folder(files: Mapping[str, bytes], main: str) -> tuple[Mapping[str, bytes], str, tuple[str, ...]]:
    """The files as the code of `main` finds them at home: what lies in its folder lies beside it."""
    folder, _, name = main.rpartition("/")
    if not folder:
        return files, main, ()
    own = {path.removeprefix(f"{folder}/"): data for path, data in files.items() if path.startswith(f"{folder}/")}
    others = {path: data for path, data in files.items() if not path.startswith(f"{folder}/") and path not in own}
    return {**others, **own}, name, (f"{main} was run in its own folder",)


def _through_zips(files: Mapping[str, bytes], most_network: int) -> Mapping[str, bytes]:
    """What is in the zip, with networks beside it, where no code was: so platforms hand out what was handed in."""
    for _ in range(DEEPEST_ZIP):
        endings = {Path(name).suffix.lower() for name in files}
        zips = newest_uploads([name for name in files if Path(name).suffix.lower() == ZIP])
        if len(zips) != 1 or CODE & endings:
            break
        if is_network(zips[0], files[zips[0]]):
            break
        networks = {name: data for name, data in files.items() if is_network_name(name)}
        files = {**networks, **unpack_zip(Path(zips[0]).name, files[zips[0]], most_network)}
    return files


def collect_files(folder: Path, most_network: int = MOST_NETWORK) -> dict[str, bytes]:
    """All regular files below `folder` by relative name, no links. Raises SubmissionError for too much."""
    files: dict[str, bytes] = {}
    sizes: dict[str, int] = {}
    links = 0
    try:
        there = _names_below(folder)
        kept = without_leftovers(there)
        for name in sorted(kept, key=lambda name: name.split("/")):
            path = folder / name
            links += path.is_symlink()
            if path.is_symlink() or not path.is_file():
                continue
            sizes[name] = path.stat().st_size
            require_fits(folder.name, sizes, most_network)
            files[name] = read_file(path, most_network if is_network_name(name) else _most_of(path, most_network))
    except OSError as error:
        raise SubmissionError(f"{folder.name}: can't be read ({error.strerror}).", "Check the folder.") from None
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
            raise too_much(folder.name)
        folders[:] = [name for name in folders if not is_leftover(name)]
    return names


def _most_of(path: Path, most_network: int) -> int:
    """How large a hand-in of one file may be: a zip may hold networks too."""
    return MOST_BYTES + ALL_TOGETHER * most_network if path.suffix.lower() == ZIP else MOST_BYTES


def read_file(path: Path, most: int = MOST_BYTES, *, network: bool = False) -> bytes:
    """The bytes of a file that is no larger than a submission may be, or a `network`. Raises SubmissionError."""
    try:
        size = path.stat().st_size
        if network:
            require_sizes(path.name, {path.name: size}, most)
        if size > most:
            raise SubmissionError(f"{path.name}: is larger than {most >> 20} MiB.", "Clear the outputs and save it.")
        return path.read_bytes()
    except OSError as error:
        raise SubmissionError(f"{path.name}: can't be read ({error.strerror}).", "Check the file.") from None


@dataclass(frozen=True, kw_only=True)
class ChosenFiles:
    """The files, of which `main` is the submission (under the name that was meant), and what is to be told about it."""

    files: Mapping[str, bytes]
    main: str
    notes: tuple[str, ...]


def choose_main(where: str, files: Mapping[str, bytes], *, assignment: str = "") -> ChosenFiles:
    """The one notebook or module that counts among `files` of `where`. Raises SubmissionError where none or any could.

    In this order: notebooks go before modules; the same bytes count once; of several uploads of one name the last counts;
    a file called after the `assignment`; one called solution, submission or main.
    """
    if not files:
        raise SubmissionError(f"{where}: is empty.", "Hand in the notebook (.ipynb) or the module (.py).")
    candidates = _code(files)
    meant = {} if candidates else _renamed(files)
    candidates = candidates or list(meant)
    if not candidates:
        raise SubmissionError(
            f"{where}: holds no notebook (.ipynb) and no module (.py), but {name_some(files)}.", remedy_for(files)
        )
    distinct = _distinct(files, candidates, assignment)
    newest = newest_uploads(distinct, assignment)
    main = _choose(where, newest, assignment)
    notes = []
    if len(newest) < len(distinct):
        notes.append(f"{main} is the newest of several uploads of that name")
    if len(candidates) > 1:
        notes.append(f"{main} was graded; beside it lay {name_some(name for name in candidates if name != main)}")
    if main not in meant:
        return ChosenFiles(files=files, main=main, notes=tuple(notes))
    renamed = {meant[main] if name == main else name: data for name, data in files.items()}
    return ChosenFiles(files=renamed, main=meant[main], notes=(*notes, f"{main} was read as {meant[main]}"))


def meant_name(name: str, data: bytes) -> str | None:
    """What a file that is code under another name should be called ("work.ipynb.txt", "work.json"); None for others."""
    path = PurePosixPath(name)
    if found := RENAMED.fullmatch(path.name):
        return str(path.with_name(found["meant"]))
    looks = data[:1000].lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") and b'"nbformat"' in data and b'"cells"' in data
    return str(path.with_suffix(".ipynb")) if looks and path.suffix.lower() in ("", ".json", ".txt") else None


def has_usual_name(name: str) -> bool:
    """Whether a file is called solution, submission or main."""
    return PurePosixPath(name).stem.lower() in MAIN_NAMES


def remedy_for(names: Iterable[str]) -> str:
    """What to do about a hand-in of these files, none of which is code."""
    endings = {PurePosixPath(name).suffix.lower() for name in names}
    if endings & ARCHIVES:
        return "Hand in the notebook or the module itself, or pack them as one zip."
    if endings & PRINTS:
        return "Hand in the notebook (.ipynb) itself, not a print or a picture of it."
    return "Hand in one of them."


def _code(files: Iterable[str]) -> list[str]:
    """Notebooks wherever they lie; without any, modules."""
    books = [name for name in files if PurePosixPath(name).suffix.lower() == ".ipynb"]
    return books or highest_modules(name for name in files if PurePosixPath(name).suffix.lower() == ".py")


def highest_modules(names: Iterable[str]) -> list[str]:
    """Those of these modules that lie highest; a tool's and tests only where nothing else is there."""
    found = list(names)
    ranks = {name: _rank(PurePosixPath(name)) for name in found}
    return [name for name in found if ranks[name] == min(ranks.values())]


def _rank(path: PurePosixPath) -> tuple[bool, int, bool]:
    return path.stem.lower() in PACKAGING, len(path.parts), not is_work(path.stem)


def is_work(stem: str) -> bool:
    """Whether a module of this name is more than a tool's, or tests."""
    return stem.lower() not in PACKAGING and TESTS.fullmatch(stem.lower()) is None


def _renamed(files: Mapping[str, bytes]) -> dict[str, str]:
    """The name that was meant for each file that is code under another name; notebooks before modules."""
    found = {name: meant for name, data in files.items() if (meant := meant_name(name, data)) is not None}
    books = {name: meant for name, meant in found.items() if meant.lower().endswith(".ipynb")}
    return books or {name: found[name] for name in highest_modules(found)}


def _distinct(files: Mapping[str, bytes], names: Sequence[str], assignment: str) -> list[str]:
    """One name for each content: one that says that it counts, else the shortest."""
    first: dict[bytes, str] = {}
    main = {*filter(has_usual_name, names), *(name for name in names if is_called(name, assignment))}
    for name in sorted(names, key=lambda name: (name not in main, len(name), name)):
        first.setdefault(files[name], name)
    kept = set(first.values())
    return [name for name in names if name in kept]


def _choose(where: str, names: Sequence[str], assignment: str) -> str:
    if len(names) == 1:
        return names[0]
    for chosen in ([name for name in names if is_called(name, assignment)], [*filter(has_usual_name, names)]):
        if len(chosen) == 1:
            return chosen[0]
    raise SubmissionError(
        f"{where}: holds {len(names)} files that could be the submission ({', '.join(sorted(names)[:5])}).",
        "Keep the one that counts, or call it solution.ipynb (solution.py).",
    )
