"""Control groups: exact limits for a whole process tree, where this machine lets us make one; else the watchdog alone.

Version 2 (Linux, admin-guide/cgroup-v2.rst): below the nearest group above our own that passes memory and pids on to its
children and may be written by us, as systemd's slices of a user are. Version 1 (admin-guide/cgroup-v1): below our own
groups, as root. Where none is granted, the sandbox polls, and says so in its `accounting`.

From the same files follows how much memory may still be used on this machine (`available_memory`).
"""

import itertools
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grader.core.limits import Limits
from grader.sandbox.measure import names_kill, read_field

MOUNT = Path("/sys/fs/cgroup")
PROC = Path("/proc")
OWN = PROC / "self" / "cgroup"
CONTROLLERS = ("memory", "pids")
JOIN = 'while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'
NOT_GRANTED = (
    "memory is looked at every 0.1 s, because no control group may be made here. On a machine with systemd: "
    "systemd-run --user --scope grader ..."
)
_numbers = itertools.count()


@dataclass(frozen=True)
class Hierarchy:
    """Where groups may be made: the folder of each controller, in version 2 the same for both."""

    version: int
    memory: Path
    pids: Path

    @property
    def accounting(self) -> str:
        """For people: how memory is limited."""
        return f"memory is limited exactly, by control groups of version {self.version} below {self.memory}"

    def make(self, limits: Limits, *, tasks: int) -> "ControlGroup":
        """A group with these limits, at most `tasks` processes and threads. Raises OSError where it is not granted."""
        name = f"grader-{os.getpid()}-{next(_numbers)}"
        group = ControlGroup(tuple(dict.fromkeys((self.memory / name, self.pids / name))), version=self.version)
        try:
            for folder in group.folders:
                folder.mkdir()
            for file, value in settings(self.version, limits.memory, tasks).items():
                target = next((folder / file for folder in group.folders if (folder / file).exists()), None)
                if target is not None:
                    target.write_text(value)
                elif file in ("memory.max", "memory.limit_in_bytes"):
                    raise FileNotFoundError(file)
        except OSError:
            group.close()
            raise
        return group


@dataclass(frozen=True)
class ControlGroup:
    """One tree's group."""

    folders: tuple[Path, ...]
    version: int

    def joining(self) -> list[str]:
        """What to put before a command, so that it and all that it starts are members."""
        return ["/bin/sh", "-c", JOIN, "sh", *map(str, self.folders), "--"]

    def add(self, pid: int) -> None:
        """Make a process, and all that it starts from now on, members. Raises OSError."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def out_of_memory(self) -> bool:
        """Whether the kernel killed a member for want of memory."""
        return names_kill(self.folders[0] / ("memory.events" if self.version == 2 else "memory.oom_control"))

    def close(self) -> None:
        """Remove it; its members are dead, and gone from it a moment later."""
        for folder in self.folders:
            for _ in range(50):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.02)
                else:
                    break


def settings(version: int, memory: int, tasks: int) -> Mapping[str, str]:
    """The files of a group and what is written into them, in this order. Swap would only make a student wait."""
    if version == 2:
        return {
            "memory.max": str(memory), "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": str(tasks),
        }  # fmt: skip
    return {
        "memory.limit_in_bytes": str(memory), "memory.memsw.limit_in_bytes": str(memory), "pids.max": str(tasks),
    }  # fmt: skip


def find_hierarchy(mount: Path = MOUNT, own: Path = OWN) -> Hierarchy | None:
    """The first place where a group can be made and joined, which is tried; None where there is none."""
    for candidate in candidates(mount, own):
        _sweep(candidate)
        try:
            group = candidate.make(Limits(), tasks=100)
        except OSError:
            continue
        try:
            done = subprocess.run([*group.joining(), "/bin/true"], capture_output=True, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            continue
        finally:
            group.close()
        if done.returncode == 0:
            return candidate
    return None


def candidates(mount: Path, own: Path) -> Iterator[Hierarchy]:
    """Places that may be writable, from what the kernel says of our own groups."""
    groups = {name: path for names, path in _own_groups(own) for name in names}
    for top in (mount, mount / "unified"):
        if "" in groups and (top / "cgroup.controllers").is_file():
            for place in _levels(top, groups[""]):
                passed = ""
                with suppress(OSError):
                    passed = (place / "cgroup.subtree_control").read_text()
                if set(CONTROLLERS) <= set(passed.split()) and os.access(place, os.W_OK):
                    yield Hierarchy(2, place, place)
    if all(name in groups for name in CONTROLLERS):
        memory, pids = (mount / name / groups[name].lstrip("/") for name in CONTROLLERS)
        if (memory / "memory.limit_in_bytes").is_file() and (pids / "cgroup.procs").is_file():
            yield Hierarchy(1, memory, pids)


def _own_groups(own: Path) -> Iterator[tuple[list[str], str]]:
    """The controllers and the path of each of our own groups; the controllers are [""] in version 2."""
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, names, path = (*line.split(":", 2), "", "")[:3]
            yield names.split(","), path


def _levels(top: Path, path: str) -> Iterator[Path]:
    """A group's folder and those above it, up to `top`; a container shows its own group as the topmost, by another path."""
    folder = top / path.lstrip("/")
    return (place for place in (folder, *folder.parents) if place.is_relative_to(top))


def _sweep(hierarchy: Hierarchy) -> None:
    """Remove the empty groups of graders that were killed."""
    for parent in {hierarchy.memory, hierarchy.pids}:
        for folder in parent.glob("grader-*-*"):
            owner = folder.name.split("-")[1]
            if owner.isdigit() and not Path("/proc", owner).exists():
                with suppress(OSError):
                    folder.rmdir()


def available_memory(proc: Path = PROC, mount: Path = MOUNT) -> int | None:
    """Bytes, as the tightest of all limits leaves them; None where nothing says so (no Linux).

    The system: MemAvailable (proc(5)). Groups: the limit, less what is used, plus file pages that may be dropped (Linux,
    admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst), of our own group and all above it.
    """
    system = read_field(proc / "meminfo", "MemAvailable:")
    found = [] if system is None else [system << 10]
    for names, path in _own_groups(proc / "self" / "cgroup"):
        if names == [""]:
            for top in (mount, mount / "unified"):
                found += _left(top, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in names:
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            found += _left(mount / "memory", path, *files)
    return max(0, min(found)) if found else None


def _left(top: Path, path: str, limit: str, usage: str, droppable: str) -> list[int]:
    """How many bytes a group, and each one above it, still allows."""
    found = []
    for place in _levels(top, path):
        with suppress(OSError, ValueError):  # "max" is not a number: there is no limit
            left = int((place / limit).read_text()) - int((place / usage).read_text())
            found.append(left + (read_field(place / "memory.stat", droppable) or 0))
    return found
