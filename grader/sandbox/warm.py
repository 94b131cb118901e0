"""Warm starts: bubblewrap, with a fork server for each kind of program that names what it may find done (`preload`).

All of a program that its interpreter must know from the start (environment, inputs, folders, links) must be what the server
was made for, which is the first program of that kind; another one is started cold, and so is everything where warm starts
fail. A server that died costs its children a second try, as any fault of our own does, and is replaced.

Below `WarmBubblewrap` is the host's end of one server: it is started, asked for children, and its death is noticed.
"""

import json
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from grader.core.errors import Infrastructure
from grader.sandbox.bubblewrap import (
    Bubblewrap,
    Host,
    bubblewrap_arguments,
    names_of_user,
    outer_view,
    require_unprivileged,
    sources,
)
from grader.sandbox.cgroup import ControlGroup
from grader.sandbox.environment import PYTHON
from grader.sandbox.interface import Confined, Input, Preload, Program, Sandbox
from grader.sandbox.process import (
    LaunchedProcess,
    Log,
    await_ready,
    lines_and_files,
    not_started,
    resource_limits,
    spawn,
    write_orders,
)
from grader.sandbox.seccomp import build_filter

FOLDER = Path(__file__).resolve().parent
INSIDE = "run/fork_server/grader/sandbox"
OUR_FILES = ("launcher.py", "fork_server.py")
ATTEMPTS = 2
PREPARED_S = 180.0  # TensorFlow's import, on a machine that has other things to do
ENDING_S = 20.0


def kind_of(program: Program) -> tuple[object, ...]:
    """What programs that one server can start have in common, beside their entry."""
    return program.environment, program.inputs, [scratch.inside for scratch in program.scratch], program.links


class WarmBubblewrap(Bubblewrap):
    """Bubblewrap whose programs are forked where they may be; `tell` is told where that is not to be had.

    Close it: its servers hold a few hundred megabytes each.
    """

    def __init__(self, host: Host, tell: Callable[[str], None]) -> None:
        super().__init__(host)
        self._tell = tell
        self._kinds: dict[str, tuple[object, ...]] = {}  # of each entry, the one that servers are made for
        self._servers: dict[str, Server] = {}
        self._opening: dict[str, threading.Lock] = {}
        self._said: set[str] = set()
        self._closed = False
        self.is_cold = False  # True: everything is started cold, because this machine refuses what warm starts need
        self._lock = threading.Lock()

    def start(self, program: Program) -> Confined:
        """Fork it, or start it cold. Raises Infrastructure, and SandboxUnavailable where it would run as root."""
        require_unprivileged(self.host)
        preload = program.preload
        if preload is not None and self._is_of_kind(program, preload):
            for _ in range(ATTEMPTS):
                server = self._server(program, preload)
                if server is None:
                    break
                try:
                    return server.start(program, self._group(program), self._kept(program))
                except WarmStartFailed as error:
                    if not server.lost():
                        self._say(f"a warm start failed, so that one was cold: {error.message}")
                        break
                    self._replace(preload, server)
        return super().start(program)

    def prepare_server(self, program: Program) -> None:
        """Start a server for programs like this one meanwhile: one of them will come."""
        preload = program.preload
        if preload is not None and self._is_of_kind(program, preload) and preload.entry not in self._servers:
            threading.Thread(target=self._server, args=(program, preload), name="preparing", daemon=True).start()

    def close(self) -> None:
        """End every server; one that is being started ends as soon as it is there."""
        with self._lock:
            self._closed = True
            servers, self._servers = self._servers, {}
        for server in servers.values():
            server.close()

    def _kept(self, program: Program) -> list[str]:
        """What a child must see again where its scratch folders cover it: an environment may itself lie below /tmp."""
        return [*(str(tree) for tree in self.host.trees), *(f"/{item.inside}" for item in program.inputs)]

    def _is_of_kind(self, program: Program, preload: Preload) -> bool:
        """Whether it may be forked; the first program of an entry says what kind its servers are of."""
        kind = kind_of(program)
        with self._lock:
            return not self.is_cold and self._kinds.setdefault(preload.entry, kind) == kind

    def _server(self, program: Program, preload: Preload) -> "Server | None":
        """The server for programs of this kind; None where there can be none, which is told."""
        with self._lock:
            opening = self._opening.setdefault(preload.entry, threading.Lock())
        with opening:  # the others wait for the same server
            found = self._servers.get(preload.entry)
            if found is not None or self.is_cold or self._closed:
                return found
            try:
                server = self._open_server(program, preload)
            except Infrastructure as error:
                self.is_cold = True
                self._say(f"no warm starts, everything is started cold: {error.message}")
                return None
            with self._lock:
                if not self._closed:
                    self._servers[preload.entry] = server
                    return server
            server.close()
            return None

    def _replace(self, preload: Preload, server: "Server") -> None:
        with self._lock:
            if self._servers.get(preload.entry) is server:
                del self._servers[preload.entry]
        server.close()

    def _open_server(self, program: Program, preload: Preload) -> "Server":
        """A server for programs like this one, in a sandbox with everything of theirs but the submission's own files."""
        ours = tuple(Input(FOLDER / name, f"{INSIDE}/{name}") for name in OUR_FILES)
        like = replace(program, inputs=(*program.inputs, *ours), files={}, descriptors=())
        with names_of_user(self.host) as (passwd, names):
            inner = bubblewrap_arguments(self.host, like, passwd=passwd, group=names, nesting=True)
            inner += [word for name, value in like.environment.items() for word in ("--setenv", name, value)]
            script = str(like.root / INSIDE / "fork_server.py")
            before = outer_view(self.host, sources(self.host, like))

            def command(requests: int, orders: int) -> list[str]:
                return [*before, *inner, "--", *PYTHON, script, str(requests), str(orders)]

            return start_server(command, preload, like.root, (passwd, names))

    def _say(self, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            self._tell(words)


@contextmanager
def with_warm_starts(sandbox: Sandbox, tell: Callable[[str], None]) -> Iterator[Sandbox]:
    """The same sandbox with warm starts, where it is one that can have them."""
    if type(sandbox) is not Bubblewrap:
        yield sandbox
        return
    with closing(WarmBubblewrap(sandbox.host, tell)) as warm:
        yield warm


class WarmStartFailed(Infrastructure):
    """The fork server, or a child of it, did not come up; a cold start may."""


class ForkedProcess:
    """PID 1 of a forked child, as `subprocess.Popen` shows a process; its status is told over its socket alone."""

    def __init__(self, pidfd: int, stdout: IO[bytes]) -> None:
        self.pid = pid_of(pidfd)
        self.stdout: IO[bytes] | None = stdout
        self._pidfd, self._ended = pidfd, False

    def poll(self) -> int | None:
        """0 once its whole process namespace is gone, or None."""
        self._ended = self._ended or readable(self._pidfd, 0)
        return 0 if self._ended else None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for that. Raises subprocess.TimeoutExpired."""
        self._ended = self._ended or readable(self._pidfd, timeout)
        if not self._ended:
            raise subprocess.TimeoutExpired("a forked child", timeout or 0.0)
        return 0


class Server:
    """A running fork server; made by `start_server`."""

    def __init__(self, process: subprocess.Popen[bytes], requests: socket.socket) -> None:
        self.pid = process.pid
        self._process, self._requests = process, requests

    def start(self, program: Program, group: ControlGroup | None, kept: Sequence[str]) -> LaunchedProcess:
        """A child that runs `program`, a member of `group`; it sees `kept` of the server's paths below scratch too.

        `group` is given back when the child is closed or could not be had. Raises WarmStartFailed, and Infrastructure
        as for a full disk.
        """
        names = [scratch.inside for scratch in program.scratch]
        with ExitStack() as unless_it_starts:
            if group is not None:
                unless_it_starts.callback(group.close)
            control, pipe = self._ask(program, kept)
            unless_it_starts.callback(control.close)
            unless_it_starts.callback(pipe.close)
            log = Log(pipe)
            word, descriptors = await_ready(control, len(names) + 1)
            for descriptor in descriptors:
                unless_it_starts.callback(os.close, descriptor)
            if not descriptors:
                failed = not_started(log, word)
                raise WarmStartFailed(failed.message) if isinstance(failed, Infrastructure) else failed
            forked = ForkedProcess(descriptors[-1], pipe)
            unless_it_starts.pop_all()
        running = LaunchedProcess(forked, control, log, program.limits, _joined(group, forked.pid), self.lost)
        running.take_over(names, descriptors)
        try:
            running.watch(own_file_systems=True)
            control.send(b"go")
        except BaseException:
            running.close()
            raise
        return running

    def _ask(self, program: Program, kept: Sequence[str]) -> tuple[socket.socket, IO[bytes]]:
        """Our end of a new child's socket, and its output. Raises WarmStartFailed, Infrastructure."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        receiving, sending = os.pipe()
        try:
            with forked_orders(program, kept) as orders:
                given = [theirs.fileno(), orders.fileno(), sending, *program.descriptors]
                socket.send_fds(self._requests, [json.dumps(program.descriptors).encode()], given)
        except (OSError, Infrastructure) as error:
            ours.close()
            os.close(receiving)
            if isinstance(error, Infrastructure):
                raise
            raise WarmStartFailed(f"The fork server could not be asked: {error}.") from None
        finally:
            theirs.close()
            os.close(sending)
        return ours, os.fdopen(receiving, "rb", 0)

    def lost(self) -> bool:
        """Whether the server is dead, and its children with it: its end of the socket is closed before they die."""
        return self._requests.fileno() < 0 or readable(self._requests.fileno(), 0)

    def close(self) -> None:
        """Kill it, with every child that it still has."""
        if self._process.poll() is None:
            with suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDING_S)
        self._requests.close()
        if self._process.stdout is not None:
            self._process.stdout.close()


def start_server(
    argv: Callable[[int, int], list[str]], preload: Preload, root: Path, descriptors: Sequence[int]
) -> Server:
    """Start `argv(socket, orders)`, which must end in the server; `root` is the sandbox' own.

    A thread that lives as long as the server starts it: the kernel ties its life to that. Raises WarmStartFailed where it
    did not come up, or where this machine does not let its children have namespaces of their own.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    started: Future[subprocess.Popen[bytes]] = Future()
    files = [[str(root / inside), len(data)] for inside, data in preload.files.items()]
    header = {"entry": preload.entry, "path": str(root / preload.path), "files": files}

    def live(orders: IO[bytes]) -> None:
        try:
            process = spawn(argv, theirs, orders, descriptors)
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(process)
        process.wait()

    try:
        with lines_and_files(header, preload.files.values()) as orders:
            threading.Thread(target=live, args=(orders,), name="fork-server", daemon=True).start()
            process = started.result()
    except OSError as error:
        ours.close()
        raise WarmStartFailed(f"The fork server could not be started: {error}.") from None
    finally:
        theirs.close()
    server = Server(process, ours)
    log = Log(process.stdout)
    try:
        _await_prepared(ours, log)
    except BaseException:
        server.close()
        raise
    ours.settimeout(None)
    return server


def _await_prepared(requests: socket.socket, log: Log) -> None:
    requests.settimeout(PREPARED_S)
    try:
        told = json.loads(requests.recv(4096) or b"{}")
    except (OSError, ValueError) as error:
        told = {"failed": str(error)}
    if "refused" in told:
        raise WarmStartFailed(f"this machine refuses what they need: {told['refused']}")
    if "ready" not in told:
        said = log.text(ended="failed" not in told)
        raise WarmStartFailed(f"The fork server did not start: {said[-2000:] or told.get('failed', 'it died')}.")


def forked_orders(program: Program, kept: Sequence[str]) -> IO[bytes]:
    """The orders of a child: a launcher's, and what namespaces it makes for itself."""
    export = {scratch.inside: f"/{scratch.inside}" for scratch in program.scratch}
    more = {
        "scratch": [[f"/{item.inside}", item.size, "1777" if item.shared else "0700"] for item in program.scratch],
        "kept": list(kept), "filter": (build_filter() or b"").hex(),
    }  # fmt: skip
    return write_orders(program, export, resource_limits(program.limits, namespaced=True), more)


def _joined(group: ControlGroup | None, pid: int) -> ControlGroup | None:
    """The group with that member; None where it can't be joined: the watchdog is there all the same."""
    if group is None:
        return None
    try:
        group.add(pid)
    except OSError:
        group.close()
        return None
    return group


def pid_of(pidfd: int) -> int:
    """The process behind a pidfd by its number here. Raises WarmStartFailed where it is gone already."""
    lines = Path(f"/proc/self/fdinfo/{pidfd}").read_text(encoding="ascii").splitlines()
    found = next((int(line.split()[1]) for line in lines if line.startswith("Pid:")), -1)
    if found <= 0:
        raise WarmStartFailed("The sandbox did not start: its first process ended at once.")
    return found


def readable(descriptor: int, timeout: float | None) -> bool:
    """Whether there is something to read, an end among it, within `timeout` seconds."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN | select.POLLHUP)
    return bool(waiting.poll(None if timeout is None else 1000 * timeout))
