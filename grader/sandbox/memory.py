"""How much memory may still be used here: what the system has left, and what control groups leave of it."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
PROC = Path("/proc")


def available_memory(proc: Path = PROC, mount: Path = MOUNT) -> int | None:
    """Bytes, as the tightest of all limits leaves them; None where nothing says so (no Linux).

    The system: MemAvailable (proc(5)). Groups: the limit, less what is used, plus file pages that may be dropped (Linux,
    admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst), of our own group and all above it.
    """
    found = [*_system(proc / "meminfo"), *_groups(proc / "self" / "cgroup", mount)]
    return max(0, min(found)) if found else None


def _system(meminfo: Path) -> Iterator[int]:
    with suppress(OSError, ValueError, IndexError):
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) << 10


def _groups(own: Path, mount: Path) -> Iterator[int]:
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, names, path = (*line.split(":", 2), "", "")[:3]
        if not names:
            for top in (mount, mount / "unified"):
                yield from _above(top, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in names.split(","):
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _above(mount / "memory", path, *files)


def _above(top: Path, path: str, limit: str, usage: str, droppable: str) -> Iterator[int]:
    """What a group and each one above it leaves; a container shows its own group as the topmost, by another path."""
    folder = top / path.lstrip("/")
    for place in (folder, *folder.parents):
        if not place.is_relative_to(top):
            return
        with suppress(OSError, ValueError):  # "max" is no number: no limit
            left = int((place / limit).read_text()) - int((place / usage).read_text())
            yield left + _field(place / "memory.stat", droppable)


def _field(file: Path, name: str) -> int:
    with suppress(OSError, ValueError, IndexError):
        for line in file.read_text().splitlines():
            if line.split()[0] == name:
                return int(line.split()[1])
    return 0
