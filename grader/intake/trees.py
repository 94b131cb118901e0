"""Where a class comes from, a folder or one zip, as a tree of names; and what a form of download finds in it.

The files that know how a platform writes its downloads (`moodle`, `canvas`, ...) see only names and dates, so that a zip
and the same zip unpacked are one thing to them. What they find is put on disk one student at a time, by `Tree.place`.
"""

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from grader.errors import Infrastructure, SubmissionError, UsageError
from grader.intake.roster import Enrolled
from grader.intake.submissions import collect_files, read_file
from grader.intake.zipped import AGAIN, check_apart, check_name

LONGEST_NAME = 1000  # characters of a name that a platform may have written
OF_NAMES = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
SMALL = 1000  # bytes that are read of a file such as nbgrader's timestamp.txt


@dataclass(frozen=True, slots=True)
class Node:
    """One name in a folder of a tree."""

    name: str
    folder: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
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
    parts: tuple[Part, ...] = ()
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


class Tree(Protocol):
    """A folder, or a folder in a zip."""

    where: str

    @property
    def zipped(self) -> bool:
        """Whether it lies in a zip."""

    @property
    def path(self) -> Path | None:
        """The folder on disk; None in a zip."""

    def nodes(self, *below: str) -> list[Node]:
        """What lies in a folder; nothing where there is none."""

    def inside(self, name: str) -> "Tree":
        """A folder of it as a tree of its own."""

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The names at the top whose letters are uncertain: a zip may write them in any old code page."""

    def small_text(self, *path: str, most: int = SMALL) -> str | None:
        """The first bytes of a file as text; None where there is none."""

    def newest(self, *path: str) -> datetime | None:
        """The latest date of a file or of the files below a folder, in the zone of this computer; None if unknown."""

    def weight(self, parts: Sequence[Part]) -> int:
        """How many bytes `place` would write for them."""

    def place(self, label: str, parts: Sequence[Part], into: Path) -> Placed:
        """The parts of one hand-in, checked, on disk: where they lie already, or below the new folder `into`.

        Raises SubmissionError for what is wrong with them, Infrastructure where `into` can't be written.
        """


class FolderTree:
    """A folder on disk, without the files and folders `apart`, which are somebody else's."""

    zipped = False
    doubtful: tuple[str, ...] = ()

    def __init__(self, path: Path, apart: frozenset[Path] = frozenset()) -> None:
        self.path: Path = path
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
        return FolderTree(self.path / name, self._apart)

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

    def weight(self, parts: Sequence[Part]) -> int:
        """Nothing is written for what lies on disk; a hand-in of several parts is small."""
        return 0

    def place(self, label: str, parts: Sequence[Part], into: Path) -> Placed:
        """One part stays where it is; several are copied together."""
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
            files |= {part.target: read_file(source)} if part.target else collect_files(source)
        check_apart(label, list(files))
        return Placed(path=write_files(files, into, label if len(parts) > 1 else ""))


def write_files(files: Mapping[str, bytes], into: Path, label: str) -> Path:
    """Write files with checked names below `into/label`, or one file to `into` where there is no label: its path.

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
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) or (error.errno in OF_NAMES and into.is_dir()):
            raise SubmissionError(f"{label or folder.name}: holds a name that can't be on disk here.", AGAIN) from None
        raise Infrastructure(
            f"{folder}: what was handed in can't be unpacked there ({error.strerror}).",
            "Make room for temporary files, or let TMPDIR name a place that has some.",
        ) from None
    return folder if label else folder / next(iter(files))
