"""What a process tree and its scratch folders use now, from /proc. Standard library only: it also runs inside containers."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

INODE_BYTES = 1229  # kernel memory of a tmpfs inode, measured: 1.2 KB
FILE_BYTES = 4096  # what a file counts as at least, empty or not: a folder's size bounds their number
SHARED_FROM = 4  # from so many processes on, pages shared by fork are counted once (PSS), which is slower to read


@dataclass(frozen=True)
class Usage:
    """What a tree uses now: bytes, processes, processor seconds so far; `crowded`: a folder holds too many files."""

    memory: int
    processes: int
    cpu_s: float
    crowded: bool = False


def process_tree(pid: int) -> list[int]:
    """The descendants of `pid`, without itself; empty where /proc does not tell."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        try:
            for thread in Path(f"/proc/{parent}/task").iterdir():
                children = [int(word) for word in (thread / "children").read_text().split()]
                found += children
                waiting += children
        except OSError:
            continue
    return found


def runs(pid: int) -> bool:
    """Whether there is such a process, and it is more than a name in the table (a zombie)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _sum_fields(path: str, fields: tuple[str, ...]) -> int:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(fields))


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process and of its children that are gone (proc(5), fields 14 to 17 of stat)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def measure(pid: int, folders: Mapping[str, int], limit: int, *, shared_from: int = SHARED_FROM) -> Usage:
    """Memory of the tree below `pid` and of its scratch folders (descriptors), in bytes."""
    tree = process_tree(pid)
    own = {process: _sum_fields(f"/proc/{process}/status", ("RssAnon", "RssShmem")) for process in tree}
    if sum(own.values()) > limit and len(tree) >= shared_from:
        for process in tree:  # one that hides its maps counts in full
            own[process] = _sum_fields(f"/proc/{process}/smaps_rollup", ("Pss_Anon", "Pss_Shmem")) or own[process]
    memory = sum(own.values())
    crowded = False
    for folder in folders.values():
        try:
            usage = os.fstatvfs(folder)
        except OSError:
            continue
        files = usage.f_files - usage.f_ffree
        memory += (usage.f_blocks - usage.f_bfree) * usage.f_frsize + files * INODE_BYTES
        crowded = crowded or files * FILE_BYTES > usage.f_blocks * usage.f_frsize
    return Usage(memory, len(tree), sum(_cpu_seconds(process) for process in tree), crowded)


def passed(usage: Usage, *, memory: int, processes: int, cpu_s: float) -> str | None:
    """The limit that `usage` is over, by its `Cause`, or None."""
    if usage.memory > memory:
        return "memory-limit"
    if usage.processes > processes:
        return "process-limit"
    if usage.crowded:
        return "disk-limit"
    return "cpu-limit" if usage.cpu_s > cpu_s else None


def names_kill(file: Path) -> bool:
    """Whether a control group's file (memory.events, memory.oom_control) names a process killed for want of memory."""
    return bool(read_field(file, "oom_kill"))


def read_field(file: Path, name: str) -> int | None:
    """The number after `name` in a file of lines, as the kernel writes them."""
    with suppress(OSError, ValueError, IndexError):
        for line in file.read_text().splitlines():
            if line.split()[0] == name:
                return int(line.split()[1])
    return None
