"""What newer builds of bwrap refuse to mount, read from its arguments: those with the mending of CVE-2026-87766.

bwrap makes each mount point in the new root. Since 0.12.0 it walks there folder by folder: each must be one that it can
read (entering, as in mode 0711, was enough before), and what is mounted on must be no symbolic link. Ubuntu's older numbers
with the same mending follow no link on the way either (containers/bubblewrap, issue 801; max-sixty/tend, issue 1279).
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

BINDS = {"--bind", "--ro-bind", "--dev-bind", "--ro-bind-try", "--bind-try", "--dev-bind-try", "--ro-bind-data"}
MAKES = {"--tmpfs", "--dir", "--proc", "--dev"}
ONE = {"--size", "--perms", "--hostname", "--cap-drop", "--seccomp", "--remount-ro", "--setenv"}


def mounts(arguments: Sequence[str]) -> list[tuple[Path, Path | None]]:
    """Each mount point, folder or link that is made, in order, with the host's file that is mounted on it."""
    words, found = iter(arguments), list[tuple[Path, Path | None]]()
    for word in words:
        if word in BINDS:
            source, place = next(words), Path(next(words))
            if not word.endswith("-try") or Path(source).exists():
                found.append((place, None if word == "--ro-bind-data" else Path(source).resolve()))
        elif word == "--symlink":
            next(words)
            found.append((Path(next(words)), None))
        elif word in MAKES:
            found.append((Path(next(words)), None))
        elif word in ONE:
            next(words)
    return found


def refused(arguments: Sequence[str], *, uid: int) -> list[str]:
    """What a newer build, run by `uid`, would refuse; empty where it mounts all of it."""
    done: list[tuple[Path, Path | None]] = []
    faults = []
    for place, source in mounts(arguments):
        for folder in (*reversed(place.parents), place):
            under = _on_host(folder, done)
            if under is None or not os.path.lexists(under):
                continue
            mode = under.lstat()
            if stat.S_ISLNK(mode.st_mode):
                faults.append(f"{place}: {folder} is a symbolic link")
            elif folder != place and not _readable(mode, uid):
                faults.append(f"{place}: {folder} can't be read")
        done.append((place, source))
    return faults


def _on_host(folder: Path, done: Sequence[tuple[Path, Path | None]]) -> Path | None:
    """What of this machine is seen at a folder of the new root; None where it is bwrap's own."""
    for place, source in reversed(done):
        if folder.is_relative_to(place):
            return None if source is None else source / folder.relative_to(place)
    return None


def _readable(found: os.stat_result, uid: int) -> bool:
    return uid == 0 or bool(found.st_mode & (stat.S_IRUSR if found.st_uid == uid else stat.S_IROTH))
