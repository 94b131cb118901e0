"""The host's end of a running sandbox: starts the launcher, gives its orders, keeps its log, watches limits, kills, waits.

The watchdog measures the process tree and its scratch folders every 100 ms and names the limit that was passed; a limit can
be overshot by what fits in that time (measured: 0.2 GB of 1.5 GB). Where there is a control group, memory is exact, and
what is left for the watchdog is to notice that the kernel killed a part of the tree for it.
"""

import collections
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, Any, Protocol

from grader.core.errors import GraderError, Infrastructure, SubmissionError
from grader.core.evidence import Cause
from grader.core.limits import Limits
from grader.sandbox.cgroup import ControlGroup
from grader.sandbox.interface import Program, Stopped
from grader.sandbox.launcher import UNWRITTEN
from grader.sandbox.measure import SHARED_FROM, Usage, measure, passed, process_tree, runs

START_S = 20.0
INTERVAL_S = 0.1
CPU_SLACK_S = 60.0
BLOCKS, BLOCK = 64, 4096  # bytes of a log: the last 256 KiB
PATIENCE_S = 2.0  # for the last words of a program that has ended: its pipe is closed, they may still be on their way


def launch(
    argv: Callable[[int, int], list[str]],
    program: Program,
    *,
    export: Mapping[str, str],
    namespaced: bool,
    descriptors: Sequence[int] = (),
    group: ControlGroup | None = None,
) -> "LaunchedProcess":
    """Start `argv(socket, orders)`, which must end in the launcher. `export`: scratch folders' paths inside.

    `argv` also makes it a member of `group`, which is given back when the process is closed or could not be started.

    The calling thread must outlive the program: the kernel ties the sandbox' life to it. Raises Infrastructure.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with write_orders(program, export, resource_limits(program.limits, namespaced=namespaced)) as orders:
            process = spawn(argv, theirs, orders, (*descriptors, *program.descriptors))
    except (OSError, Infrastructure) as error:
        ours.close()
        if group is not None:
            group.close()
        if isinstance(error, Infrastructure):
            raise
        raise Infrastructure(f"The sandbox could not be started: {error}.") from None
    finally:
        theirs.close()
    log = Log(process.stdout)
    running = LaunchedProcess(process, ours, log, program.limits, group)
    try:
        running.receive_folders(list(export))
        running.watch(own_file_systems=namespaced)
    except BaseException:
        running.close()
        raise
    return running


def spawn(
    argv: Callable[[int, int], list[str]], control: socket.socket, orders: IO[bytes], descriptors: Sequence[int]
) -> "subprocess.Popen[bytes]":
    """Start `argv(control, orders)` with these descriptors and nothing else of ours. Raises OSError."""
    return subprocess.Popen(
        argv(control.fileno(), orders.fileno()), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={"PATH": "/usr/bin:/bin"}, cwd="/", start_new_session=True,
        pass_fds=[control.fileno(), orders.fileno(), *descriptors],
    )  # fmt: skip


class Log:
    """The last of what comes out of `pipe`, read by a thread until its end or until it is closed."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self._pipe = pipe
        self._blocks: collections.deque[bytes] = collections.deque(maxlen=BLOCKS)
        self._reader = threading.Thread(target=self._read, name="log", daemon=True)
        self._reader.start()

    def text(self, *, ended: bool) -> str:
        """The log as text. Where the program has `ended`, this waits up to `PATIENCE_S` for its last output."""
        if ended:
            self._reader.join(PATIENCE_S)
        return b"".join(tuple(self._blocks)).decode("utf-8", "replace").strip()

    def _read(self) -> None:
        if self._pipe is None:
            return
        with contextlib.suppress(OSError, ValueError):  # closed meanwhile
            while block := os.read(self._pipe.fileno(), BLOCK):
                self._blocks.append(block)


class OutermostProcess(Protocol):
    """The process at the top of a sandbox, as `subprocess.Popen` has it."""

    pid: int
    stdout: IO[bytes] | None

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end. Raises subprocess.TimeoutExpired."""


class LaunchedProcess:
    """A `Confined` behind the launcher; made by `launch`, or forked from a server that may be `lost`."""

    def __init__(
        self,
        process: OutermostProcess,
        control: socket.socket,
        log: Log,
        limits: Limits,
        group: ControlGroup | None,
        lost: Callable[[], bool] | None = None,
    ) -> None:
        self.pid = process.pid
        self._folders: dict[str, int] = {}
        self._process, self._control, self._log, self._limits = process, control, log, limits
        self._group, self._lost = group, lost
        self._init: int | None = None  # pidfd of PID 1
        self._outermost = pidfd_of(process.pid)
        self._killed: set[int] = set()
        self._cause: Cause | None = None
        self._watchdog: Watchdog | None = None
        self._stopped: Stopped | None = None
        self._lock = threading.Lock()

    def receive_folders(self, names: Sequence[str]) -> None:
        """Take the descriptors that PID 1 exports. Raises Infrastructure with its log where it never came up."""
        word, descriptors = await_ready(self._control, len(names))
        if not descriptors:
            self.kill()
            self._process.wait()
            raise not_started(self._log, word)
        self.take_over(names, descriptors)

    def take_over(self, names: Sequence[str], descriptors: Sequence[int]) -> None:
        """These are the folders of those names, and PID 1's pidfd where there is one more."""
        self._folders = dict(zip(names, descriptors, strict=False))
        self._init = descriptors[len(names)] if len(descriptors) > len(names) else None

    def watch(self, *, own_file_systems: bool) -> None:
        """Set the watchdog on the tree, and on its folders where they are file systems of their own."""
        folders = self._folders if own_file_systems else {}
        self._watchdog = Watchdog(
            pid=self.pid, folders=folders, limits=self._limits, kill=self.kill, group=self._group,
            forked=self._lost is not None,
        )  # fmt: skip

    @property
    def folders(self) -> Mapping[str, int]:
        """Descriptors of the scratch folders, by their `inside`."""
        return self._folders

    def poll(self) -> int | None:
        """The exit status of the outermost process, or None while it runs."""
        return self._process.poll()

    def kill(self, cause: Cause | None = None) -> None:
        """Kill the whole tree; the first cause is remembered."""
        with self._lock:
            if self._cause is None and self._stopped is None:
                self._cause = cause
        if not self._has_its_number():
            return
        tree = process_tree(self.pid)
        with contextlib.suppress(OSError):
            if self._init is not None:
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        self._killed.update(tree)
        for pid in tree:  # behind namespaces these are gone with PID 1; without, a daemon may have left the group
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def _has_its_number(self) -> bool:
        """Whether the pid is still the outermost process': once that is reaped, another process may get it."""
        if self._outermost is None:
            return self._stopped is None
        try:
            signal.pidfd_send_signal(self._outermost, 0)
        except ProcessLookupError:
            return False
        except OSError:  # it is there, and another user's
            pass
        return True

    def wait(self, timeout: float | None = None) -> Stopped:
        """Wait until nothing of it runs any more. Raises TimeoutError."""
        if self._stopped is not None:
            return self._stopped
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"still running after {timeout} s") from None
        if self._init is not None:  # readable only once the whole process namespace is reaped
            select.select([self._init], [], [], START_S)
        self._await_killed()
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._cause is None and self._group is not None and self._group.out_of_memory():
            self._cause = Cause.MEMORY_LIMIT
        report = self._report()
        if self._cause is None and not report and self._lost is not None and self._lost():
            self._cause = Cause.INFRASTRUCTURE
        self._stopped = Stopped(
            cause=self._cause,
            signal=report.get("signal"),
            code=report.get("code"),
            cpu_s=report.get("cpu_s", round(self._watchdog.cpu_s, 2) if self._watchdog else None),
            peak_mb=round((self._watchdog.peak if self._watchdog else 0) / (1 << 20), 1),
            log=self._log.text(ended=True),
            start="cold" if self._lost is None else "warm",
        )
        return self._stopped

    def _await_killed(self) -> None:
        """Without namespaces, what was killed may still be dying when the launcher is gone."""
        end = time.monotonic() + START_S
        while any(map(runs, tuple(self._killed))) and time.monotonic() < end:
            time.sleep(0.02)

    def close(self) -> None:
        """Kill what still runs and give every descriptor back."""
        if self._process.poll() is None:
            self.kill()
        self.wait()
        for descriptor in (*self._folders.values(), *filter(None, (self._init, self._outermost))):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._folders, self._init, self._outermost = {}, None, None
        self._control.close()
        if self._group is not None:
            self._group.close()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _report(self) -> dict[str, Any]:
        self._control.settimeout(0.2)
        try:
            report = json.loads(self._control.recv(4096) or b"{}")
        except (OSError, ValueError):
            return {}
        return report if isinstance(report, dict) else {}


def pidfd_of(pid: int) -> int | None:
    """A descriptor of a process, which no other can take the place of; None where the system has none, or it is gone."""
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        return None


def await_ready(control: socket.socket, folders: int) -> tuple[str, list[int]]:
    """What PID 1 says first, and the descriptors of its folders and perhaps of itself; none where it never came up."""
    control.settimeout(START_S)
    try:
        word, descriptors, _, _ = socket.recv_fds(control, 16, folders + 1)
    except OSError as error:
        return str(error), []
    if word == b"ready" and len(descriptors) >= folders:
        return "ready", descriptors
    for descriptor in descriptors:
        os.close(descriptor)
    return word.decode("utf-8", "replace"), []


def not_started(log: Log, word: str, what: str = "sandbox") -> GraderError:
    """Why a sandbox that has ended did not come up: its log, else what it said instead of "ready".

    A file of the submission's that can't be written there is the submission's fault, and none of the sandbox'.
    """
    said = log.text(ended=True)[-2000:]
    _, unwritten, file = said.partition(UNWRITTEN)
    if unwritten:
        first = file.splitlines()[0][:300]
        return SubmissionError(
            f"{first}: can't be written into the sandbox.", "Hand it in under a shorter, plain name."
        )
    return Infrastructure(f"The {what} did not start: {said or word or 'it said nothing'}.")


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
        group: ControlGroup | None = None,
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


def cpu_limit(limits: Limits) -> float:
    """Processor seconds of a whole tree: TensorFlow's two pools of `threads` busy all the time, and its import."""
    return limits.wall * 2 * limits.threads + CPU_SLACK_S


def launcher_command(control: int, orders: int, launcher: str) -> list[str]:
    """The command line of PID 1, with this interpreter."""
    return [sys.executable, "-I", "-S", "-B", launcher, str(control), str(orders)]


def resource_limits(limits: Limits, *, namespaced: bool) -> dict[str, tuple[int, int]]:
    """rlimits by name, soft and hard. DATA leaves room for what TensorFlow maps but does not touch; NPROC counts threads."""
    seconds = int(cpu_limit(limits))
    chosen = {
        "CORE": (0, 0),
        "NOFILE": (1024, 1024),
        "DATA": (limits.memory + (1 << 30),) * 2,
        "FSIZE": (limits.disk, limits.disk),
        "CPU": (seconds, seconds + 5),  # SIGXCPU names the limit, SIGKILL would not
    }
    if namespaced:  # elsewhere NPROC would count everything that the user runs
        chosen |= {"NPROC": (most_tasks(limits),) * 2, "MSGQUEUE": (0, 0)}
    return chosen


def most_tasks(limits: Limits) -> int:
    """Processes and threads together: TensorFlow starts several threads a core."""
    return limits.processes + 64 + 8 * (os.cpu_count() or 1)


def write_orders(
    program: Program,
    export: Mapping[str, str],
    rlimits: Mapping[str, tuple[int, int]],
    more: Mapping[str, object] | None = None,
) -> IO[bytes]:
    """A nameless file with a line of JSON for the launcher, `more` in it, then the bytes of the program's files.

    Raises Infrastructure.
    """
    header = {
        "argv": list(program.argv), "environment": dict(program.environment), "export": list(export.values()),
        "folder": export[program.folder], "rlimits": dict(rlimits), "descriptors": list(program.descriptors),
        "files": [[str(program.root / inside), len(data)] for inside, data in program.files.items()],
        **(more or {}),
    }  # fmt: skip
    return lines_and_files(header, program.files.values())


def lines_and_files(header: Mapping[str, object], files: Iterable[bytes]) -> IO[bytes]:
    """A nameless file with a line of JSON, then the bytes of `files`. Raises Infrastructure, as for a full disk."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        file.write(json.dumps(header).encode() + b"\n")
        file.writelines(files)
        file.seek(0)
    except OSError as error:
        with contextlib.suppress(OSError):
            file.close()
        raise unwritable(error) from None
    return file


def unwritable(error: OSError) -> Infrastructure:
    """What to say where not even a nameless file could be written."""
    return Infrastructure(f"{tempfile.gettempdir()}: could not be written to ({error.strerror}).", "Make room there.")
