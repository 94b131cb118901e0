"""Clones of students' repositories on GitHub: `<assignment>-<login>/`, each with its `.git`. Pure but for the tree.

The assignment's part of the names is taken from the folder around them (`<assignment>-submissions`, as GitHub's command
line calls it), else it is the assignment's id, else what all names begin with. The time of the last commit is taken for
that of the hand-in: it is what the student's computer wrote, not when it was pushed.

That time is read from the files of `.git` without running git, which follows what a repository's own configuration says, up
to starting programs; and a repository that was handed in is a student's. So its files are read as bytes, bounded, and never
through a link: HEAD, the branch, and that one commit, loose or whole in a pack (formats: gitformat-pack). Whatever is not
as a plain clone leaves it, is no time. (Libraries that read repositories unpack whole objects, of whatever size, and follow
`gitdir` and `alternates`.)
"""

import re
import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import takewhile
from pathlib import Path, PurePath

from grader.core.notebook import without_surrogates
from grader.intake.class_folder_or_zip import ClassFile, Found, Tree, find_plain, visible

TITLE = "clones from GitHub"
AROUND = "-submissions"
SMALL, MOST_REFS, MOST_COMMIT = 4096, 4 << 20, 64 << 10  # bytes
MOST_PACKS, MOST_NAMES = 64, 1 << 20  # packs of a clone; objects whose names begin with one byte
SHA = re.compile(r"[0-9a-f]{40}")
REF = re.compile(r"ref: (refs/heads/[\w.+-]+(?:/[\w.+-]+)*)")
COMMITTER = re.compile(rb"^committer [^\n]*> (\d{1,11}) ([+-]\d\d)(\d\d)$", re.MULTILINE)
COMMIT_IN_PACK = 1
INDEX = b"\xfftOc\0\0\0\2"
FANOUT = 8 + 256 * 4  # bytes before the sorted names


def count_names(tree: Tree, _: str) -> int:
    """How many clones there are."""
    return sum(
        any(inner.name == ".git" for inner in tree.nodes(node.name)) for node in visible(tree.nodes()) if node.folder
    )


def is_possible(tree: Tree) -> bool:
    """Whether a person may call it clones: there is a folder."""
    return any(node.folder for node in visible(tree.nodes()))


def find(tree: Tree, assignment: str) -> list[Found]:
    """A hand-in for every clone, and for whatever else lies there."""
    nodes = visible(tree.nodes())
    clones = [node.name for node in nodes if node.folder]
    prefix = common_prefix(clones, around=PurePath(tree.where).name, assignment=assignment)
    found = []
    for name in clones:
        login = without_surrogates(name.removeprefix(prefix))
        found.append(
            Found(
                name=login,
                key=login,
                kind="login",
                label=name,
                parts=(ClassFile(source=(name,), target=""),),
                submitted=None if tree.path is None else last_commit(tree.path / name),
            )
        )
    return [*found, *find_plain([node for node in nodes if not node.folder], "not a clone")]


def common_prefix(names: Sequence[str], *, around: str, assignment: str) -> str:
    """What stands before the login in each of `names`; "" where that is open."""
    for known in (around.removesuffix(AROUND) if around.endswith(AROUND) else "", assignment):
        if known and all(name.startswith(f"{known}-") and name != f"{known}-" for name in names):
            return f"{known}-"
    if len(names) < 2:
        return ""
    alike = takewhile(lambda signs: signs[0] == signs[1], zip(min(names), max(names), strict=False))
    common = "".join(sign for sign, _ in alike)
    return common[: common.rfind("-") + 1]


def last_commit(folder: Path) -> datetime | None:
    """The committer's time of the commit that a clone stands at, in UTC; None where it can't be told."""
    git = folder / ".git"
    try:
        if git.is_symlink() or not git.is_dir():
            return None
        name = _head(git)
        commit = name and (_loose(git, name) or _packed(git, bytes.fromhex(name)))
        return _committed(commit) if commit else None
    except (OSError, ValueError, OverflowError, zlib.error, struct.error, RecursionError):
        return None


def _head(git: Path) -> str | None:
    """The commit's name, by way of the branch."""
    text = _read(git / "HEAD", SMALL, git).decode().strip()
    if (found := REF.fullmatch(text)) is None:
        return text if SHA.fullmatch(text) else None
    branch = found[1]
    if ".." in branch:
        return None
    try:
        text = _read(git / branch, SMALL, git).decode().strip()
    except OSError:
        lines = _read(git / "packed-refs", MOST_REFS, git).decode("utf-8", "replace").splitlines()
        text = next((line.split(" ")[0] for line in lines if line.endswith(f" {branch}")), "")
    return text if SHA.fullmatch(text) else None


def _read(path: Path, most: int, git: Path) -> bytes:
    _require_plain(path, git)
    with path.open("rb") as file:
        return file.read(most)


def _require_plain(path: Path, git: Path) -> None:
    """Raise OSError for what is not an ordinary file, or lies elsewhere by a link."""
    if not path.is_file() or path.resolve() != git.resolve() / path.relative_to(git):
        raise OSError(f"{path} is not an ordinary file of the clone")


def _loose(git: Path, name: str) -> bytes | None:
    try:
        packed = _read(git / "objects" / name[:2] / name[2:], MOST_COMMIT, git)
    except OSError:
        return None
    head, _, body = zlib.decompressobj().decompress(packed, MOST_COMMIT).partition(b"\0")
    return body if head.startswith(b"commit ") else None


def _packed(git: Path, name: bytes) -> bytes | None:
    for index in sorted((git / "objects" / "pack").glob("*.idx"))[:MOST_PACKS]:
        _require_plain(index, git)
        at = _offset(index, name)
        pack = index.with_suffix(".pack")
        if at is not None:
            _require_plain(pack, git)
            return _object(pack, at)
    return None


def _offset(index: Path, name: bytes) -> int | None:
    """Where in the pack an object lies, by its index of version 2."""
    with index.open("rb") as file:
        if file.read(8) != INDEX:
            return None
        fanout = struct.unpack(">256I", file.read(1024))
        low, high, count = fanout[name[0] - 1] if name[0] else 0, fanout[name[0]], fanout[255]
        if not 0 <= high - low <= MOST_NAMES:
            return None
        file.seek(FANOUT + low * 20)
        names = file.read((high - low) * 20)
        at = next((place for place in range(0, len(names), 20) if names[place : place + 20] == name), None)
        if at is None:
            return None
        file.seek(FANOUT + count * 24 + (low + at // 20) * 4)  # behind the names and the checksums
        (offset,) = struct.unpack(">I", file.read(4))
        return int(offset) if offset < 1 << 31 else None


def _object(pack: Path, at: int) -> bytes | None:
    """A commit that is whole in a pack; None for one that is stored as a change of another, or for another object."""
    with pack.open("rb") as file:
        file.seek(at)
        data = file.read(MOST_COMMIT)
    end = next((place + 1 for place, byte in enumerate(data[:16]) if not byte & 0x80), 0)
    if not end or (data[0] >> 4) & 7 != COMMIT_IN_PACK:
        return None
    return zlib.decompressobj().decompress(data[end:], MOST_COMMIT)


def _committed(commit: bytes) -> datetime | None:
    found = COMMITTER.search(commit.partition(b"\n\n")[0])
    if found is None:
        return None
    zone = timezone(timedelta(hours=int(found[2]), minutes=int(found[2][:1] + found[3])))
    return datetime.fromtimestamp(int(found[1]), zone).astimezone(UTC)
