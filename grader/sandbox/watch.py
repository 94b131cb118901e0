"""The watchdog: measures a process tree and its scratch folders, and names the limit that was passed.

It polls every 100 ms; a limit can be overshot by what fits in that time (measured: 0.2 GB of 1.5 GB).
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.evidence import Cause
from grader.limits import Limits

INTERVAL_S = 0.1
INODE_BYTES = 1229  # kernel memory of a tmpfs inode, measured: 1.2 KB
SHARED_FROM = 4  # from so many processes on, pages shared by fork are counted once (PSS), which is slower to read


@dataclass(frozen=True)
class Usage:
    """What a tree uses now: bytes, processes, and processor seconds so far."""

    memory: int
    processes: int
    cpu_s: float


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


def measure(pid: int, folders: Mapping[str, int], limit: int) -> Usage:
    """Memory of the tree below `pid` and of its scratch folders (descriptors), in bytes."""
    tree = process_tree(pid)
    memory = sum(_sum_fields(f"/proc/{process}/status", ("RssAnon", "RssShmem")) for process in tree)
    if memory > limit and len(tree) >= SHARED_FROM:
        memory = sum(_sum_fields(f"/proc/{process}/smaps_rollup", ("Pss_Anon", "Pss_Shmem")) for process in tree)
    for folder in folders.values():
        try:
            usage = os.fstatvfs(folder)
        except OSError:
            continue
        memory += (usage.f_blocks - usage.f_bfree) * usage.f_bsize + (usage.f_files - usage.f_ffree) * INODE_BYTES
    return Usage(memory, len(tree), sum(_cpu_seconds(process) for process in tree))


class Watchdog:
    """A thread that calls `kill(cause)` once a limit is passed; `peak`: most memory in bytes, `cpu_s`: processor time."""

    def __init__(self, *, pid: int, folders: Mapping[str, int], limits: Limits, kill: Callable[[Cause], None]) -> None:
        self.peak = 0
        self.cpu_s = 0.0
        self._pid, self._folders, self._limits, self._kill = pid, folders, limits, kill
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-{pid}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it: the folders may be closed afterwards."""
        self._ended.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        end = time.monotonic() + self._limits.wall
        while not self._ended.wait(INTERVAL_S):
            usage = measure(self._pid, self._folders, self._limits.memory)
            self.peak = max(self.peak, usage.memory)
            self.cpu_s = max(self.cpu_s, usage.cpu_s)
            if usage.memory > self._limits.memory:
                cause = Cause.MEMORY_LIMIT
            elif usage.processes > self._limits.processes:
                cause = Cause.PROCESS_LIMIT
            elif time.monotonic() > end:
                cause = Cause.WALL_LIMIT
            else:
                continue
            self._kill(cause)
            return
