"""A whole class in one zip: its names are listed, nothing is unpacked, until one student's part of it is asked for.

The platform wrote the zip, students chose the names and bytes in it. So what would harm the listing itself (too many
entries, a directory that is too large) refuses the zip; everything else is one student's: sizes, ratios, links, names
that lead elsewhere, locked or damaged members make that row unreadable and leave the others alone.
"""

import io
import os
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from grader.errors import GraderError, SubmissionError, UsageError
from grader.file_kinds import kind_of
from grader.intake.leftovers import is_leftover, without_leftovers
from grader.intake.submissions import MOST_BYTES, MOST_FILES
from grader.intake.trees import SMALL, Node, Part, Placed, write_files
from grader.intake.zipped import (
    AGAIN,
    ENCRYPTED,
    ENTRY,
    LOCAL,
    check_name,
    in_old_code_page,
    plain_name,
    unpack_members,
)

MOST_ENTRIES = 200_000  # two thousand students with a hundred files each
MOST_DIRECTORY = 64 << 20  # bytes of the list of names


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
def open_class_zip(path: Path) -> Iterator["ZipTree"]:
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
        yield ZipTree(str(path), archive, members)


def _no_zip(path: Path, file: io.BufferedReader, error: Exception) -> UsageError:
    """Why a file can't be listed: it is something else, or damaged."""
    with suppress(OSError):
        file.seek(0)
        beginning = file.read(SMALL)
        kind = kind_of(beginning)
        if kind is not None and not beginning.startswith(LOCAL):
            return UsageError(f"{path}: is {kind.title}.", "Download it again.")
    return UsageError(
        f"{path}: is no zip, or a damaged one ({type(error).__name__}).",
        "Download it again; if some of it can be unpacked, name the folder.",
    )


def _members(archive: zipfile.ZipFile) -> list[Member]:
    """Every entry that is somebody's; of a folder in which nothing is, all of them: whose it is has a row."""
    named = [(plain_name(info), info) for info in archive.infolist()]
    kept = set(without_leftovers(name for name, _ in named))
    members = [Member(tuple(name.split("/")), info) for name, info in named]
    work = {parts[:depth] for parts, _ in members if "/".join(parts) in kept for depth in range(len(parts) + 1)}
    return [member for member in members if member.parts in work or _visible_part(member.parts) not in work]


def _visible_part(parts: tuple[str, ...]) -> tuple[str, ...]:
    """A path up to the first name that is nobody's work; else the folder that it lies in."""
    place = next((place for place, part in enumerate(parts) if is_leftover(part)), len(parts) - 1)
    return parts[:place]


class ZipTree:
    """A folder in a zip."""

    zipped = True
    path: Path | None = None

    def __init__(self, where: str, archive: zipfile.ZipFile, members: Sequence[Member]) -> None:
        self.where = where
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
        return ZipTree(f"{self.where}/{name}", self._archive, inner)

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
        """The latest date of the files below; a zip stores the hour of its author's clock, without the zone."""
        dates = [item.info.date_time for item in self._find(path) if item.parts[-1]]
        try:
            return datetime(*max(dates)).astimezone()
        except (ValueError, OverflowError, OSError):
            return None

    def weight(self, parts: Sequence[Part]) -> int:
        """The sizes that the entries tell, of what is not refused for its size."""
        size = sum(item.info.file_size for part in parts for item in self._find(part.source))
        return size if size <= MOST_BYTES else 0

    def place(self, label: str, parts: Sequence[Part], into: Path) -> Placed:
        """The parts of one hand-in below `into`, after every entry of them was looked at."""
        found: dict[str, Member] = {}
        twice = set[str]()
        for part in parts:
            for item in self._find(part.source):
                rest = item.parts[len(part.source) :]
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
        return Placed(path=write_files(files, into, "" if alone else label), notes=notes[:10])

    def _unpack(self, label: str, found: Mapping[str, Member]) -> dict[str, bytes]:
        members = [(name, item.info) for name, item in found.items() if name]
        try:
            return unpack_members(label, self._archive, members, most_files=MOST_FILES, most_bytes=MOST_BYTES)
        except SubmissionError:
            raise
        except Exception as error:  # as above
            raise SubmissionError(f"{label}: is damaged ({type(error).__name__}).", AGAIN) from None

    def _find(self, path: Sequence[str]) -> list[Member]:
        return [item for item in self._below.get(path[0], []) if item.parts[: len(path)] == tuple(path)]
