"""Throw-away folders, the user's cache, and files that are written whole."""

import contextlib
import json
import os
import shutil
import stat
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.core.errors import Infrastructure, UsageError

PREFIX, OWNER = "grader-", ".owner"


@contextmanager
def workspace(*, private: bool = False) -> Iterator[Path]:
    """A folder that is gone afterwards; readable by the sandbox' own uid, unless it is `private`.

    Folders of graders that were killed are removed first: the owner of one holds a lock on a file in it, which ends with its
    process, however that ends.
    """
    sweep_workspaces(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder:
        path = Path(folder)
        if not private:
            path.chmod(0o755)
        with _owned(path):
            yield path


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """The lock of the owner; its file has its name only once it is locked, so that nobody takes it for a dead one's."""
    if sys.platform == "win32":  # there, only a student's own check runs
        yield
        return
    import fcntl

    partial = folder / f"{OWNER}.partial"
    with partial.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.replace(partial, folder / OWNER)  # noqa: PTH105 - the word that says it
        yield


def sweep_workspaces(below: Path) -> None:
    """Remove workspaces of ours whose owner is dead; what can't be removed stays."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        for folder in below.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):
                _sweep(folder)


def _sweep(folder: Path) -> None:
    import fcntl

    if folder.is_symlink() or folder.lstat().st_uid != os.getuid():
        return
    descriptor = os.open(folder / OWNER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: its owner lives
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def user_cache() -> Path:
    """This user's cache of the grader: below the home, or in the temporary folder where there is no home to write to."""
    import platformdirs

    usual = Path(platformdirs.user_cache_dir("grader"))
    with contextlib.suppress(OSError):
        if usual.is_absolute():  # of a user whom the system does not know it begins with "~"
            usual.mkdir(parents=True, exist_ok=True)
            if os.access(usual, os.W_OK):
                return usual
    owner = os.getuid() if sys.platform != "win32" else 0
    own = Path(tempfile.gettempdir()) / f"grader-cache-{owner}"
    with contextlib.suppress(OSError):
        own.mkdir(mode=0o700, exist_ok=True)
        if own.is_symlink() or own.stat().st_uid != owner:  # somebody else's: what lies there is not to be believed
            return usual
    return own


def socket_folder() -> Path | None:
    """A folder that this user alone may enter, for sockets of the grader's; None where there can be none."""
    import platformdirs

    with warnings.catch_warnings(action="ignore"):  # that the system names no such folder
        runtime = Path(platformdirs.user_runtime_dir("grader"))
    for folder in (runtime, user_cache() / "run"):
        with contextlib.suppress(OSError):
            if not _is_own(folder.parent, 0o022):  # else another user could put a folder there
                continue
            folder.mkdir(mode=0o700, exist_ok=True)
            if _is_own(folder, 0o077):
                return folder
    return None


def _is_own(folder: Path, forbidden: int) -> bool:
    """Whether a folder is this user's and no link, and has none of the `forbidden` permissions."""
    state = folder.lstat()
    return stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid() and not state.st_mode & forbidden


def write_whole(path: Path, data: bytes | str) -> None:
    """Write a file so that it is there whole or not at all, a power cut included. Raises Infrastructure."""
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())  # or the name could reach the disk before the bytes do
        os.replace(partial, path)  # noqa: PTH105 - the word that says it
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise Infrastructure(
            f"{path}: could not be written ({error.strerror}).", "Make room, or name another place."
        ) from None


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk; where the system has no such thing, it sees to that itself."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):  # some file systems refuse it
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: Path, value: object) -> None:
    """Write plain values as JSON, whole."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def output_folder(path: Path) -> Path:
    """`path` as a folder that can be written to. Raises UsageError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: can't be used for the output ({error.strerror}).", "Name another --out.") from None
    if not os.access(path, os.W_OK):
        raise UsageError(f"{path}: can't be written to.", "Name another --out.")
    return path


def require_room(out: Path) -> None:
    """Raise Infrastructure where nothing can be written below `out` any more: then what failed is nobody's own fault."""
    probe = out / ".room"
    try:
        write_whole(probe, b"\0" * (1 << 16))
    except Infrastructure as error:
        raise Infrastructure(
            f"{out}: can't be written to any more. {error.message}", "Make room; the same command goes on."
        ) from None
    with contextlib.suppress(OSError):
        probe.unlink()
