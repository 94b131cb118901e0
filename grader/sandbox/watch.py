"""The watchdog: measures a process tree and its scratch folders, and names the limit that was passed.

It polls every 100 ms; a limit can be overshot by what fits in that time (measured: 0.2 GB of 1.5 GB). Where there is a
control group, memory is exact, and what is left here is to notice that the kernel killed a part of the tree for it.
"""

import threading
import time
from collections.abc import Callable, Mapping

from grader.evidence import Cause
from grader.limits import Limits
from grader.sandbox.cgroup import Group
from grader.sandbox.measure import SHARED_FROM, Usage, measure, passed

INTERVAL_S = 0.1
CPU_SLACK_S = 60.0


def cpu_limit(limits: Limits) -> float:
    """Processor seconds of a whole tree: TensorFlow's two pools of `threads` busy all the time, and its import."""
    return limits.wall * 2 * limits.threads + CPU_SLACK_S


class Watchdog:
    """A thread that calls `kill(cause)` once a limit is passed; `peak`: most memory in bytes, `cpu_s`: processor time.

    `forked`: from a process outside the tree, with which it shares memory that is not all its own.
    """

    def __init__(
        self,
        *,
        pid: int,
        folders: Mapping[str, int],
        limits: Limits,
        kill: Callable[[Cause], None],
        group: Group | None = None,
        forked: bool = False,
    ) -> None:
        self.peak = 0
        self.cpu_s = 0.0
        self._pid, self._folders, self._limits, self._kill, self._group = pid, folders, limits, kill, group
        self._shared_from = 1 if forked else SHARED_FROM  # one that was forked shares pages with its server
        self._end = time.monotonic() + limits.wall
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-{pid}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it: the folders may be closed afterwards."""
        self._ended.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            usage = measure(self._pid, self._folders, self._limits.memory, shared_from=self._shared_from)
            self.peak = max(self.peak, usage.memory)
            self.cpu_s = max(self.cpu_s, usage.cpu_s)
            if cause := self._passed(usage):
                self._kill(cause)
                return

    def _passed(self, usage: Usage) -> Cause | None:
        """The limit that was passed, or None."""
        limits = self._limits
        if self._group is not None and self._group.out_of_memory():
            return Cause.MEMORY_LIMIT
        over = passed(usage, memory=limits.memory, processes=limits.processes, cpu_s=cpu_limit(limits))
        if over is not None:
            return Cause(over)
        return Cause.WALL_LIMIT if time.monotonic() > self._end else None
