"""Where a class comes from, a folder or one zip, as a tree of names; and what a form of download finds in it.

The files that know how a platform writes its downloads (`platforms`) see only names and dates, so that a zip and the same
zip unpacked are one thing to them. What they find is put on disk one student at a time, by `Tree.place`.

The platform wrote the zip, students chose the names and bytes in it. So what would harm the listing itself (too many
entries, a directory that is too large) refuses the zip; everything else is one student's: sizes, ratios, links, names
that lead elsewhere, locked or damaged members make that row unreadable and leave the others alone. `zipfile.Path` is not
used: it hides names that lead elsewhere, names in old code pages, and names that are there twice.
"""

import errno
import io
import os
import stat
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple, TypeVar

from grader.core.errors import GraderError, Infrastructure, SubmissionError, UsageError
from grader.core.files import kind_of
from grader.core.notebook import without_surrogates
from grader.intake.networks import ALL_TOGETHER, counted_bytes, is_network_name, stem_of_network
from grader.intake.roster import Enrolled
from grader.intake.submission_zip import (
    AGAIN,
    ENCRYPTED,
    ENTRY,
    LOCAL,
    MOST_BYTES,
    check_apart,
    check_name,
    in_old_code_page,
    is_leftover,
    plain_name,
    unpack_members,
    without_leftovers,
)
from grader.intake.submissions import CODE, collect_files, moment_of, read_file

MOST_ENTRIES = 200_000  # entries of a zip: two thousand students with a hundred files each
MOST_DIRECTORY = 64 << 20  # bytes of a zip's list of names
LONGEST_NAME = 1000  # characters of a name that a platform may have written
OF_NAMES = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
CLONE = "/.git/HEAD"  # of a repository nothing else is kept: it tells that a folder is a clone
SMALL = 1000  # bytes that are read of a file such as nbgrader's timestamp.txt


@dataclass(frozen=True, slots=True)
class Node:
    """One name in a folder of a tree."""

    name: str
    folder: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassFile:
    """A file or folder of the tree, and what it becomes in the submission; "": a folder's content at the top."""

    source: tuple[str, ...]
    target: str


# What the key of a hand-in is: a number of Moodle or of Canvas, a login at GitHub, a folder that nbgrader called so. A
# file of a plain class has none; what it is called may be anything by which a student is known.
Kind = Literal["moodle", "canvas", "login", "folder", "plain"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """One student's hand-in as a form of download tells it.

    `name` is as the download writes it, `label` what a person would look for in it, `key` the number or login by which the
    platform knows the student, of this `kind`. `doubt` says why the names of the download can't tell whose it is. Without
    `parts` nothing can be read, and `problem` and `remedy` say why. `notes` are for the student too, the `remark` for the
    teacher alone. `people` are those who handed it in, where the download says who.
    """

    name: str
    label: str
    parts: tuple[ClassFile, ...] = ()
    key: str = ""
    kind: Kind = "plain"
    doubt: str = ""
    submitted: datetime | None = None
    late: bool | None = None
    problem: str = ""
    remedy: str = ""
    handed_in: bool = True
    notes: tuple[str, ...] = ()
    remark: str = ""
    people: tuple[Enrolled, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Where one hand-in lies on disk, and what is to be told about it."""

    path: Path
    notes: tuple[str, ...] = ()


ABOUT = {"readme", "license", "licence"}  # what a repository has, as a plain text
BESIDE = {"roster.csv", "expected.toml"}  # what a teacher puts beside the submissions
PICTURES = {
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".webp",
    ".bmp",
    ".svg",
    ".heic",
}  # no platform wrote the name: a stray file


def is_handed_in(name: str) -> bool:
    """Whether a file or folder of this name at the top of a class is a student's."""
    leads_elsewhere = name in (".", "..") or "/" in name  # in a zip: its row says what is wrong with it
    path = PurePosixPath(name.lower())
    is_about = path.stem in ABOUT and path.suffix in ("", ".md", ".txt", ".rst")
    return leads_elsewhere or not (is_leftover(name) or is_about or path.name in BESIDE)


def visible(nodes: Iterable[Node]) -> list[Node]:
    """Those of `nodes` that are a student's, sorted by name."""
    return sorted((node for node in nodes if is_handed_in(node.name)), key=lambda node: node.name)


def is_stray(node: Node) -> bool:
    """Whether a file of a plain class is a picture: nobody hands in one alone."""
    return not node.folder and PurePosixPath(node.name).suffix.lower() in PICTURES


def find_plain(nodes: Sequence[Node], remark: str = "") -> list[Found]:
    """A hand-in for each file and folder, called after it; trained networks belong to the one that is called as they are."""
    beside = _networks_beside(nodes)
    taken = {network for networks in beside.values() for network in networks}
    return [
        Found(
            name=without_surrogates(_plain_stem(node)),
            label=node.name if node not in beside else _plain_stem(node),
            parts=tuple(
                ClassFile(source=(part.name,), target="" if part.folder else part.name)
                for part in (node, *beside.get(node, ()))
            ),
            remark=remark,
        )
        for node in nodes
        if node not in taken
    ]


def _plain_stem(node: Node) -> str:
    return node.name if node.folder or "/" in node.name else PurePosixPath(node.name).stem


def _networks_beside(nodes: Sequence[Node]) -> dict[Node, list[Node]]:
    """The networks that lie beside the one notebook, module, zip or folder of their name, by this one."""
    networks: dict[str, list[Node]] = defaultdict(list)
    others: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        if not node.folder and "/" not in node.name and is_network_name(node.name):
            networks[stem_of_network(node.name).casefold()].append(node)
        elif node.folder or PurePosixPath(node.name).suffix.lower() in {*CODE, ".zip"}:
            others[_plain_stem(node).casefold()].append(node)
    return {others[stem][0]: found for stem, found in networks.items() if len(others[stem]) == 1}


N = TypeVar("N")  # what a platform put into a name
WITHOUT_FILE = "Hand in the notebook (.ipynb) or the module (.py) as a file."
BESIDE_FILES = "what was handed in beside the files is not graded"


def by_student(
    tree: "Tree", read: Callable[[Node], N | None], student: Callable[[N], tuple[str, str]]
) -> tuple[dict[tuple[str, str], list[tuple[Node, N]]], list[Node]]:
    """What lies at the top, by student; and those whose names the platform did not write."""
    groups: dict[tuple[str, str], list[tuple[Node, N]]] = defaultdict(list)
    others = []
    for node in visible(tree.nodes()):
        name = read(node)
        if name is None:
            others.append(node)
        else:
            groups[student(name)].append((node, name))
    return groups, others


class FolderTree:
    """A folder on disk, without the files and folders `apart`, which are somebody else's."""

    doubtful: tuple[str, ...] = ()  # names whose letters are uncertain: on disk there are none

    def __init__(self, path: Path, apart: frozenset[Path], most_network: int) -> None:
        self.path: Path = path
        self.most_network = most_network
        self.where = str(path)
        self._apart = apart

    def nodes(self, *below: str) -> list[Node]:
        """What lies in the folder. Raises UsageError where the class' own folder can't be read."""
        try:
            with os.scandir(self.path.joinpath(*below)) as found:
                nodes = [Node(entry.name, entry.is_dir()) for entry in found]
        except OSError as error:
            if below:
                return []
            raise UsageError(f"{self.where}: can't be read ({error.strerror}).", "Check the folder.") from None
        place = self.path.joinpath(*below).resolve() if self._apart else self.path
        return [node for node in nodes if place / node.name not in self._apart]

    def inside(self, name: str) -> "FolderTree":
        """A folder of it."""
        return FolderTree(self.path / name, self._apart, self.most_network)

    def small_text(self, *path: str, most: int = SMALL) -> str | None:
        """The first bytes of a regular file, without following a link."""
        try:
            descriptor = os.open(self.path.joinpath(*path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:  # noqa: PTH123 - of the descriptor that was looked at
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    return file.read(most).decode("utf-8", "replace")
        except OSError:
            pass
        return None

    def newest(self, *path: str) -> datetime | None:
        """Unknown: copying and unpacking change the dates of files."""
        return None

    def weight(self, parts: Sequence[ClassFile]) -> int:
        """How many bytes `place` writes: of one part none, of several the files that are not refused for their size."""
        if len(parts) == 1:
            return 0
        sizes = (self._size(part) for part in parts if part.target)
        return sum(size for size in sizes if size <= max(MOST_BYTES, self.most_network))

    def _size(self, part: ClassFile) -> int:
        with suppress(OSError):
            return self.path.joinpath(*part.source).lstat().st_size
        return 0

    def place(self, label: str, parts: Sequence[ClassFile], into: Path) -> Placed:
        """One part stays where it is; several are checked and copied together to the new folder `into`.

        Raises SubmissionError for what is wrong with them, Infrastructure where `into` can't be written.
        """
        if len(parts) == 1 and parts[0].target in ("", parts[0].source[-1]):
            return Placed(path=self.path.joinpath(*parts[0].source))
        files: dict[str, bytes] = {}
        for part in parts:
            if part.target:
                check_name(label, part.target)
            source = self.path.joinpath(*part.source)
            if source.is_symlink() or not (source.is_file() if part.target else source.is_dir()):
                raise SubmissionError(
                    f"{label}: holds a link or a device where a file belongs.", "Hand in the file itself."
                )
            files |= self._read(source, part.target)
        check_apart(label, list(files))
        return Placed(path=write_files(files, into, label if len(parts) > 1 else ""))

    def _read(self, source: Path, target: str) -> dict[str, bytes]:
        """The bytes of one part: of a file under the name `target`, or of a folder."""
        if not target:
            return collect_files(source, self.most_network)
        network = is_network_name(target)
        most = MOST_BYTES + ALL_TOGETHER * self.most_network if target.lower().endswith(".zip") else MOST_BYTES
        return {target: read_file(source, self.most_network if network else most, network=network)}


def write_files(
    files: Mapping[str, bytes], into: Path, label: str, saved: Mapping[str, float] | None = None
) -> Path:  # fmt: skip
    """Write files with checked names below `into/label`, or one file to `into` where there is no label: its path.

    `saved`: when some of them were, in seconds since 1970.
    Raises Infrastructure; SubmissionError where it is a name that the file system does not take.
    """
    folder = into / (label if label not in (".", "..") else "submission") if label else into
    try:
        into.mkdir(mode=0o700, parents=True)  # other students' code may run under another user beside it
        folder.mkdir(exist_ok=True)
        for name, data in files.items():
            path = folder / name
            if "/" in name:
                path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            if saved and saved.get(name):
                os.utime(path, (saved[name], saved[name]))
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) or (error.errno in OF_NAMES and into.is_dir()):
            raise SubmissionError(f"{label or folder.name}: holds a name that can't be on disk here.", AGAIN) from None
        raise Infrastructure(
            f"{folder}: what was handed in can't be unpacked there ({error.strerror}).",
            "Make room for temporary files, or let TMPDIR name a place that has some.",
        ) from None
    return folder if label else folder / next(iter(files))


class Member(NamedTuple):
    """An entry of the zip: its path below the tree, in parts; a folder's ends in ""."""

    parts: tuple[str, ...]
    info: zipfile.ZipInfo


class _Bounded(io.BufferedReader):
    """A file that refuses to be read in pieces as large as only a hostile directory would be, or with as many entries."""

    def read(self, size: int | None = -1) -> bytes:
        """At most `MOST_DIRECTORY` bytes with at most `MOST_ENTRIES` entries. Raises UsageError."""
        # Room is made for what is asked for, at the word of whoever wrote the directory's size; so no more than is there.
        left = max(0, os.fstat(self.fileno()).st_size - self.tell())
        most = min(left, MOST_DIRECTORY + 1)
        data = super().read(most if size is None or size < 0 else min(size, most))
        if len(data) > MOST_DIRECTORY or data.count(ENTRY) > MOST_ENTRIES:
            raise UsageError(
                f"{self.name}: lists more files than a class has.", "Unpack it without what nobody handed in."
            )
        return data


@contextmanager
def open_class_zip(path: Path, most_network: int) -> Iterator["ZipTree"]:
    """The tree of a zip. Raises UsageError where it can't be listed, or is locked as a whole."""
    try:
        file = _Bounded(io.FileIO(path))
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror}).", "Check the file.") from None
    with file:
        try:
            archive = zipfile.ZipFile(file)
            members = _members(archive)
        except GraderError:
            raise
        except Exception as error:  # zipfile has no complete list of what a damaged archive makes it raise
            raise _no_zip(path, file, error) from None
        files = [member for member in members if member.parts[-1]]
        if files and all(member.info.flag_bits & ENCRYPTED for member in files):
            raise UsageError(f"{path}: is locked with a password.", "Unpack it and name the folder.")
        yield ZipTree(str(path), archive, members, most_network)


def _no_zip(path: Path, file: io.BufferedReader, error: Exception) -> UsageError:
    """Why a file can't be listed: it is something else, or damaged."""
    with suppress(OSError):
        file.seek(0)
        beginning = file.read(SMALL)
        kind = kind_of(beginning)
        if kind is not None and not beginning.startswith(LOCAL):
            return UsageError(f"{path}: is {kind.title}.", "Download it again.")
    return UsageError(
        f"{path}: is not a zip, or is damaged ({type(error).__name__}).",
        "Download it again; if some of it can be unpacked, name the folder.",
    )


def _members(archive: zipfile.ZipFile) -> list[Member]:
    """Every entry that is somebody's; of a folder in which nothing is, all of them: whose it is has a row."""
    named = [(plain_name(info), info) for info in archive.infolist()]
    kept = set(without_leftovers(name for name, _ in named)) | {name for name, _ in named if name.endswith(CLONE)}
    members = [Member(tuple(name.split("/")), info) for name, info in named]
    work = {parts[:depth] for parts, _ in members if "/".join(parts) in kept for depth in range(len(parts) + 1)}
    return [member for member in members if member.parts in work or _visible_part(member.parts) not in work]


def _visible_part(parts: tuple[str, ...]) -> tuple[str, ...]:
    """A path up to the first name that is nobody's work; else the folder that it lies in."""
    place = next((place for place, part in enumerate(parts) if is_leftover(part)), len(parts) - 1)
    return parts[:place]


class ZipTree:
    """A folder in a zip, which asks and answers as a `FolderTree` does; `path` is None."""

    path: Path | None = None

    def __init__(
        self, where: str, archive: zipfile.ZipFile, members: Sequence[Member], most_network: int
    ) -> None:  # fmt: skip
        self.where = where
        self.most_network = most_network
        self._archive = archive
        self._below: dict[str, list[Member]] = defaultdict(list)
        for parts, info in members:
            elsewhere = len(parts) > 1 and parts[0] in ("", ".", "..")  # one name, whose row says what is wrong with it
            named = ("/".join(parts),) if elsewhere else parts
            if named[0]:
                self._below[named[0]].append(Member(named, info))

    def nodes(self, *below: str) -> list[Node]:
        """What lies in the folder; the name of a file and of a folder is a file's, which will not be placed."""
        if below:
            return self.inside(below[0]).nodes(*below[1:])
        return [Node(name, all(len(item.parts) > 1 for item in members)) for name, members in self._below.items()]

    def inside(self, name: str) -> "ZipTree":
        """A folder of it."""
        inner = [Member(item.parts[1:], item.info) for item in self._below.get(name, []) if len(item.parts) > 1]
        return ZipTree(f"{self.where}/{name}", self._archive, inner, self.most_network)

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The names at the top that are neither ASCII nor UTF-8: DOS and Windows write them in many ways."""
        return tuple(
            name
            for name, members in self._below.items()
            if not name.isascii() and any(in_old_code_page(item.info) for item in members)
        )

    def small_text(self, *path: str, most: int = SMALL) -> str | None:
        """The first bytes of a file."""
        found = [item.info for item in self._find(path) if item.parts == path]
        try:
            with self._archive.open(found[-1]) as file:
                return file.read(most).decode("utf-8", "replace")
        except Exception:  # as above; also where there is none
            return None

    def newest(self, *path: str) -> datetime | None:
        """The latest date of a file, or of those below a folder, in the zone of this computer; None if unknown.

        A zip stores the hour of its author's clock, without the zone.
        """
        dates = [item.info.date_time for item in self._find(path) if item.parts[-1]]
        try:
            return datetime(*max(dates)).astimezone()
        except (ValueError, OverflowError, OSError):
            return None

    def weight(self, parts: Sequence[ClassFile]) -> int:
        """How many bytes `place` writes: the sizes that the entries tell, of what is not refused for its size."""
        found = (item for part in parts for item in self._find(part.source))
        sizes = {"/".join(item.parts): item.info.file_size for item in found}
        largest = max((size for name, size in sizes.items() if is_network_name(name)), default=0)
        fits = counted_bytes(sizes, self.most_network) <= MOST_BYTES and largest <= self.most_network
        return sum(sizes.values()) if fits else 0

    def place(self, label: str, parts: Sequence[ClassFile], into: Path) -> Placed:
        """The parts of one hand-in below `into`, after every entry of them was looked at."""
        found: dict[str, Member] = {}
        twice = set[str]()
        for part in parts:
            for item in self._find(part.source):
                rest = item.parts[len(part.source) :]
                if rest[:1] == (".git",):
                    continue
                name = "/".join((part.target, *rest) if part.target else rest)
                if name not in found or name.endswith("/"):
                    found[name] = item
                    continue
                twice.add(name)
                if item.info.date_time >= found[name].info.date_time:
                    found[name] = item
        if len(parts) == 1:  # it keeps its own name, as it does where it isn't zipped
            label = parts[0].target or parts[0].source[-1]
        check_name(label, label)  # of an empty folder nothing else would be looked at
        files = self._unpack(label, found)
        alone = len(parts) == 1 and bool(parts[0].target)
        notes = tuple(f"{name} was there more than once; the newest counts" for name in sorted(twice))
        saved = {name: moment_of(found[name].info) for name in files if is_network_name(name)}
        return Placed(path=write_files(files, into, "" if alone else label, saved), notes=notes[:10])

    def _unpack(self, label: str, found: Mapping[str, Member]) -> dict[str, bytes]:
        members = [(name, item.info) for name, item in found.items() if name]
        try:
            return unpack_members(label, self._archive, members, self.most_network)
        except SubmissionError:
            raise
        except Exception as error:  # as above
            raise SubmissionError(f"{label}: is damaged ({type(error).__name__}).", AGAIN) from None

    def _find(self, path: Sequence[str]) -> list[Member]:
        return [item for item in self._below.get(path[0], []) if item.parts[: len(path)] == tuple(path)]


Tree = FolderTree | ZipTree
