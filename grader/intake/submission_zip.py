"""Zips that were handed in, unpacked in memory within limits; and files that computers leave beside anybody's work. Pure.

The zip of a whole class is opened by `class_folder_or_zip`, which unpacks each student's part here.

One rule for folders, zips and `grader check`: hidden files and folders (resource forks of macOS, trash, history,
repositories, editors' copies), caches, installed packages and environments never count. What only looks as if it led
elsewhere ("..") is kept, to be refused by its name.

Nothing is written anywhere while a zip is unpacked, and no name is trusted: every name, size and kind is checked before the
first byte is unpacked. A hostile archive may raise anything inside `zipfile`; whatever it does is its own fault.
"""

import io
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from grader.core.errors import SubmissionError
from grader.core.files import kind_of
from grader.intake.names import name_some
from grader.intake.networks import MOST_NETWORK, counted_bytes, is_network_name, require_sizes

NAMES = {
    "__pycache__", "__macosx", "node_modules", "site-packages", "dist-packages", "thumbs.db", "ehthumbs.db", "desktop.ini",
    "$recycle.bin", "system volume information", "lost+found", "icon\r",
}  # fmt: skip
ENDINGS = (".egg-info", ".dist-info")
LOCK = "~$"  # begins what an office program lays beside a document that is open
# Of an environment only its own folders are left out: somebody may have made it in the folder of their work.
ENVIRONMENT = {"pyvenv.cfg", "conda-meta"}
OF_ENVIRONMENT = ENVIRONMENT | {
    "bin", "scripts", "lib", "lib64", "include", "share", "etc", "man", "ssl", "sbin", "libexec", "library", "dlls", "tcl",
    "x86_64-conda-linux-gnu", "compiler_compat",
}  # fmt: skip
PACKAGES = {"site-packages", "dist-packages"}
MOST_FILES, MOST_BYTES = 500, 50 << 20  # of a submission
MOST_MEMBERS = 20_000  # entries of the directory, ignored ones too: an environment that was packed along has thousands
MOST_RATIO, RATIO_FROM = 200, 1 << 20  # code and notebooks shrink to a tenth; what grows so much was made to
LONGEST_PART, LONGEST_NAME = 255, 1000  # bytes, as file systems have it
DEEPEST = 64  # folders in folders, in a zip or on disk
LOCAL = b"PK\x03\x04"  # begins an ordinary zip
ENTRY = b"PK\x01\x02"  # begins every entry of the directory (PKWARE's APPNOTE, 4.3.12)
ENCRYPTED = 0x1 | 0x40 | 0x2000
UTF_8 = 0x800
AGAIN = "Pack the folder again as an ordinary zip, or hand in the notebook itself."
LESS = "Hand in the code without data and environments."


def is_leftover(name: str) -> bool:
    """Whether a file or folder of this name was left by a computer or a program, and handed in by nobody."""
    hidden = name.startswith(".") and name not in (".", "..")
    folded = name.casefold()
    return hidden or folded in NAMES or folded.endswith(ENDINGS) or name.startswith(LOCK)


def without_leftovers(paths: Iterable[str]) -> list[str]:
    """Those of these paths (with slashes; a folder's may end in one) that are somebody's work, in their order."""
    named = [(path, tuple(path.split("/"))) for path in paths]
    environments = {place for _, parts in named for place in _environments(parts)}
    return [path for path, parts in named if not any(map(is_leftover, parts)) and not _is_inside(parts, environments)]


def _environments(parts: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    """The folders that a path shows to be environments: what holds `pyvenv.cfg`, or packages in its `lib`."""
    for place, part in enumerate(parts):
        if part.casefold() in ENVIRONMENT:
            yield parts[:place]
        elif part.casefold() in PACKAGES:
            inside = next((at for at, name in enumerate(parts[:place]) if name.casefold() in ("lib", "lib64")), None)
            yield from () if inside is None else (parts[:inside],)


def _is_inside(parts: tuple[str, ...], environments: Collection[tuple[str, ...]]) -> bool:
    return any(parts[:place] in environments and part.casefold() in OF_ENVIRONMENT for place, part in enumerate(parts))


def nothing_but_leftovers(where: str, paths: Iterable[str]) -> SubmissionError:
    """The error about a hand-in in which nothing else lies, with what there is."""
    names = {path.partition("/")[0] for path in paths}
    return SubmissionError(
        f"{where}: holds nothing but hidden files and what programs leave behind ({name_some(names)}).",
        "Hand in the notebook (.ipynb) or the module (.py) under a name that does not begin with a dot.",
    )


def unpack_zip(name: str, data: bytes, most_network: int = MOST_NETWORK) -> dict[str, bytes]:
    """The files of the zip `data`, called `name`, by relative name; one folder around all of them is left out.

    Leftovers are not looked at. Raises SubmissionError.
    """
    try:
        if data.count(ENTRY) > MOST_MEMBERS:  # zipfile would make an object of each
            raise _refusal(name, "holds too many files", LESS)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            named = [(plain_name(member), member) for member in archive.infolist()]
            kept = set(without_leftovers(path for path, _ in named))
            found = [(path, member) for path, member in named if path in kept]
            if named and not found:
                raise nothing_but_leftovers(name, (path for path, _ in named))
            files = unpack_members(name, archive, found, most_network)
    except SubmissionError:
        raise
    except Exception as error:  # zipfile has no complete list of what a damaged archive makes it raise
        kind = kind_of(data)
        if kind is not None and not data.startswith(LOCAL):
            raise _refusal(name, f"is {kind.title}", kind.remedy) from None
        raise _refusal(name, f"is damaged ({type(error).__name__})" if data else "is empty", AGAIN) from None
    return _without_top(files)


def unpack_members(
    name: str, archive: zipfile.ZipFile, found: Sequence[tuple[str, zipfile.ZipInfo]], most_network: int
) -> dict[str, bytes]:
    """The files among these members of `archive`, by the path that each is to have; all are looked at before any is read.

    A trained network may have `most_network` bytes, and does not count in `MOST_BYTES`.

    Raises SubmissionError about `name`; whatever `zipfile` raises for a damaged archive passes.
    """
    members = {path: member for path, member in found if not path.endswith("/")}
    require_fits(name, {path: member.file_size for path, member in members.items()}, most_network)
    if len(found) > MOST_MEMBERS:
        raise too_much(name)
    for path, member in found:
        check_name(name, plain_name(member))
        check_name(name, path)
        _check_kind(name, member)
    check_apart(name, [path for path, _ in found if not path.endswith("/")])
    return {path: _unpack(archive, member) for path, member in members.items()}


def require_fits(name: str, sizes: Mapping[str, int], most_network: int) -> None:
    """Raise SubmissionError for files (name to bytes) that are too many, or too large, for one submission."""
    require_sizes(name, {path: size for path, size in sizes.items() if is_network_name(path)}, most_network)
    if len(sizes) > MOST_FILES or counted_bytes(sizes, most_network) > MOST_BYTES:
        raise too_much(name)


def too_much(name: str) -> SubmissionError:
    """The error about a hand-in of too many files, or of too many bytes."""
    return _refusal(name, f"holds more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB", LESS)


def _refusal(name: str, what: str, remedy: str) -> SubmissionError:
    return SubmissionError(f"{name}: {what}.", remedy)


def plain_name(member: zipfile.ZipInfo) -> str:
    """A member's name with slashes; in UTF-8 where it is that and only the flag is missing, as macOS writes it."""
    name = member.orig_filename
    if not member.flag_bits & UTF_8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def in_old_code_page(member: zipfile.ZipInfo) -> bool:
    """Whether the name is in one of the code pages of DOS and Windows, of which the zip does not say which."""
    if member.flag_bits & UTF_8 or member.orig_filename.isascii():
        return False
    try:
        member.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return True
    return False


def check_name(name: str, path: str) -> None:
    """Relative, below the folder, printable, and short enough for a file system."""
    parts = path.removesuffix("/").split("/")
    fits = all(len(part.encode()) <= LONGEST_PART for part in parts) and len(path.encode()) <= LONGEST_NAME
    inside = all(part not in ("", ".", "..") for part in parts) and not re.match("[A-Za-z]:", path)
    if not (inside and fits and path.isprintable()):
        raise _refusal(name, f"holds a file whose name leads elsewhere or is none ({path[:60]!r})", AGAIN)
    check_depth(name, len(parts))


def check_depth(name: str, parts: int) -> None:
    """Not more folders in folders than anybody's work has."""
    if parts > DEEPEST:
        raise _refusal(name, f"holds folders in folders, more than {DEEPEST} deep", LESS)


def _check_kind(name: str, member: zipfile.ZipInfo) -> None:
    shown = repr(plain_name(member)[:60])
    if member.flag_bits & ENCRYPTED:
        raise _refusal(name, f"is locked with a password ({shown})", "Pack it again without one.")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) and not (kind == stat.S_IFDIR and plain_name(member).endswith("/")):
        raise _refusal(name, f"holds a link or a device where a file belongs ({shown})", AGAIN)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _refusal(name, f"is packed in a way that not every program can unpack ({shown})", AGAIN)
    if member.file_size >= RATIO_FROM and member.file_size > MOST_RATIO * member.compress_size:
        raise _refusal(
            name, f"holds a file that unpacks to more than {MOST_RATIO} times its size ({shown})",
            "Hand in the code without it.",
        )  # fmt: skip


def check_apart(name: str, paths: Sequence[str]) -> None:
    """No name twice, and no file where a folder of another file would be."""
    above = {str(folder) for path in paths if "/" in path for folder in PurePosixPath(path).parents}
    for path, often in Counter(paths).items():
        if often > 1:
            raise _refusal(name, f"holds a file twice ({path[:60]!r})", AGAIN)
        if path in above:
            raise _refusal(name, f"holds a file and a folder of one name ({path[:60]!r})", AGAIN)


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's bytes: no more are unpacked than its entry says, which were counted before."""
    with archive.open(member) as file:
        data = file.read(member.file_size)
        file.read(1)  # at the end the checksum is looked at
    if len(data) != member.file_size:
        raise EOFError("a member is shorter than its entry says")
    return data


def _without_top(files: dict[str, bytes]) -> dict[str, bytes]:
    tops = {path.partition("/")[0] for path in files}
    if len(tops) != 1 or any("/" not in path for path in files):
        return files
    return {path.partition("/")[2]: data for path, data in files.items()}
