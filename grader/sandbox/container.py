"""The host's end of a container: frames to the relay inside, and a private folder that shows what the host may touch.

In that folder lie, while the program runs, sockets of ours in the place of the program's; when it is dead, the files that
were asked for, written by us. A link is shown as a link to nowhere and whatever else is no file as a folder, so that
reading the results refuses the same things everywhere.

A container of podman or docker, for machines where bubblewrap can't be had: the same read-only system, the same limits.

Nothing of the host is writable inside and no folder is shared: everything that crosses goes as frames over the pipes of
`run --interactive` (`bridge`, `relay`), so it does not matter whether the engine is rootless, or a daemon of root's. The
image is a skeleton of empty folders, made here; the system and the Python environment are this machine's, read-only.
It has run under podman, as root and rootless; docker gets the same command line without podman's own flags, untried.
"""

import contextlib
import hashlib
import io
import itertools
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from grader.core.errors import Infrastructure, SandboxUnavailable
from grader.core.evidence import Cause, Isolation
from grader.core.limits import Limits
from grader.core.workspace import workspace
from grader.sandbox.bubblewrap import UNPRIVILEGED, hidden_packages, runtime_trees
from grader.sandbox.frames import (
    CONTROL,
    DESCRIPTORS,
    MOST_BYTES,
    RESULTS,
    SOCKETS,
    FrameError,
    FrameWriter,
    read_frame,
)
from grader.sandbox.interface import Confined, Program, Promise, Scratch, Stopped
from grader.sandbox.process import Log, cpu_limit, most_tasks, not_started, resource_limits, write_orders
from grader.sandbox.seccomp import build_filter

START_S = 60.0
ENDING_S = 20.0  # for the results to arrive
PATIENCE_S = 2.0


class BridgedProcess:
    """A `Confined` behind a relay; made by `bridge`. `destroy` ends the container without asking it."""

    def __init__(self, process: subprocess.Popen[bytes], program: Program, destroy: Callable[[], None]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.pid = process.pid
        self._process, self._program, self._destroy = process, program, destroy
        self._log = Log(process.stderr)
        self._writer = FrameWriter(process.stdin)
        self._thrown_away = ExitStack()
        self._view = self._thrown_away.enter_context(workspace(private=True))
        self._folders: dict[str, int] = {}
        self._channels: dict[int, socket.socket] = {}
        self._listeners: list[socket.socket] = []
        self._results = dict(enumerate(program.results.items(), RESULTS))
        self._ready, self._ended = threading.Event(), threading.Event()
        self._report: dict[str, Any] = {}
        self._cause: Cause | None = None
        self._stopped: Stopped | None = None

    def open(self, orders: IO[bytes]) -> None:
        """Give the orders, carry from now on. Raises Infrastructure where the relay never came up."""
        for scratch in self._program.scratch:
            path = Path(self._view, scratch.inside)
            path.mkdir(parents=True)
            self._folders[scratch.inside] = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for channel, descriptor in enumerate(self._program.descriptors, DESCRIPTORS):
            self._channels[channel] = socket.socket(fileno=os.dup(descriptor))
        self._start(self._carry_in, self._process.stdout)
        self._start(self._give, orders)
        if not self._ready.wait(START_S) or self._ended.is_set():
            self._destroy()
            self._ended.wait(PATIENCE_S)
            raise not_started(self._log, "", "container")
        for channel in self._channels:
            self._start(self._carry_out, channel)

    @property
    def folders(self) -> Mapping[str, int]:
        """Descriptors of folders that stand for the scratch folders, by their `inside`."""
        return self._folders

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        if not self._ended.is_set():
            return None
        code = self._report.get("code")
        return code if isinstance(code, int) else 137

    def kill(self, cause: Cause | None = None) -> None:
        """Have everything inside killed; the first cause is remembered."""
        if self._cause is None and self._stopped is None:
            self._cause = cause
        for channel in list(self._channels.values()):  # whoever does not read any more must not hold up the results
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, ValueError):
            if not self._writer.send(CONTROL, b'{"kill": true}', patience=PATIENCE_S):
                self._destroy()

    def wait(self, timeout: float | None = None) -> Stopped:
        """Wait until nothing of it runs any more. Raises TimeoutError."""
        if self._stopped is not None:
            return self._stopped
        if not self._ended.wait(timeout):
            raise TimeoutError(f"still running after {timeout} s")
        told = self._report.get("cause")
        cause = self._cause or (Cause(told) if told in set(Cause) else None)
        peak = self._report.get("peak")
        self._stopped = Stopped(
            cause=cause,
            signal=_whole(self._report.get("signal")),
            code=_whole(self._report.get("code")),
            cpu_s=_number(self._report.get("cpu_s")),
            peak_mb=round((_number(peak) or 0.0) / (1 << 20), 1),
            log=self._log.text(ended=True),
        )
        return self._stopped

    def close(self) -> None:
        """Kill what still runs and give every descriptor back."""
        if not self._ended.is_set():
            self.kill()
            if not self._ended.wait(ENDING_S):
                self._destroy()
                self._ended.wait(ENDING_S)
        with contextlib.suppress(TimeoutError):  # an engine that does not even die must not keep our descriptors
            self.wait(ENDING_S)
        for opened in (*self._channels.values(), *self._listeners):
            opened.close()
        for descriptor in self._folders.values():
            os.close(descriptor)
        self._folders = {}
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()
        self._start(self._process.wait)  # an engine takes its time to tidy up
        self._thrown_away.close()

    def _start(self, work: Callable[..., object], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=work, args=arguments, name=f"bridge-{self.pid}", daemon=True)
        thread.start()
        return thread

    def _give(self, orders: IO[bytes]) -> None:
        assert self._process.stdin is not None
        with orders, contextlib.suppress(OSError, ValueError):  # an engine that ended says why on stderr
            shutil.copyfileobj(orders, self._process.stdin)
            self._process.stdin.flush()

    def _carry_in(self, pipe: IO[bytes]) -> None:
        """Frames from the relay to where they belong, until its report."""
        try:
            while not self._report and (frame := read_frame(pipe)):
                channel, data = frame
                if channel == CONTROL:
                    self._hear(json.loads(data))
                elif channel in self._results:
                    self._write_result(channel, data)
                elif channel in self._channels:
                    with contextlib.suppress(OSError):
                        if data:
                            self._channels[channel].sendall(data)
                        else:
                            self._channels[channel].shutdown(socket.SHUT_WR)
        except (FrameError, OSError, ValueError, KeyError, TypeError, RecursionError):
            self._destroy()
        finally:
            self._ended.set()
            self._ready.set()

    def _hear(self, told: dict[str, Any]) -> None:
        if "ready" in told:
            self._ready.set()
        elif "bound" in told:
            self._listen(int(told["bound"]))
        elif "result" in told:
            self._show_result(int(told["result"]), str(told["kind"]), int(told["size"]))
        elif "report" in told:
            self._report = dict(told["report"])

    def _listen(self, channel: int) -> None:
        """A socket of ours where the program has bound its own."""
        path = Path(self._view, self._program.sockets[channel - SOCKETS])
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listeners.append(listener)
        listener.bind(str(path))
        listener.listen(1)
        self._start(self._accept, channel, listener)

    def _accept(self, channel: int, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._channels[channel], _ = listener.accept()
            self._writer.tell({"connect": channel})
            self._carry_out(channel)

    def _carry_out(self, channel: int) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := self._channels[channel].recv(MOST_BYTES):
                self._writer.send(channel, data)
            self._writer.send(channel, b"")

    def _show_result(self, channel: int, kind: str, size: int) -> None:
        inside, most = self._results[channel]
        path = Path(self._view, inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "link":
            path.symlink_to("nowhere")
        elif kind != "file":
            path.mkdir()
        else:
            with path.open("xb") as file:
                if size > most:
                    file.truncate(min(size, 1 << 40))

    def _write_result(self, channel: int, data: bytes) -> None:
        inside, most = self._results[channel]
        with Path(self._view, inside).open("ab") as file:
            if file.tell() + len(data) > most:
                raise FrameError("a result longer than was asked for")
            file.write(data)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


RELAY = "/run/relay/grader/sandbox"
RELAY_FILES = ("relay.py", "frames.py", "launcher.py", "measure.py")
FOLDERS = ("data", "dev", "etc", "proc", "run", "sys", "tmp", "usr")
PASSWD = f"student:x:{UNPRIVILEGED}:{UNPRIVILEGED}:student:/tmp:/bin/sh\n"
INSTEAD = "Use --sandbox bubblewrap. To grade your own work without a sandbox, type --sandbox none."
SHORT_S, LONG_S = 20.0, 120.0
MOST_TASKS = 16_384
_numbers = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine and what it is given: the program, the uid inside (None: root of a user namespace of our own uid), trees."""

    kind: Literal["podman", "docker"]
    path: Path
    user: int | None
    trees: tuple[Path, ...]
    hidden: tuple[Path, ...]


def find_engine() -> tuple[Literal["podman", "docker"], Path]:
    """Podman, else docker. Raises SandboxUnavailable."""
    for kind in ("podman", "docker"):
        if found := shutil.which(kind):
            return kind, Path(found)
    raise SandboxUnavailable("podman is not installed on this machine, and neither is docker.", INSTEAD)


def container_arguments(engine: Engine, program: Program, *, name: str, image: str) -> list[str]:
    """The whole command line: a pure function but for what /usr looks like and how many cores there are."""
    limits = program.limits
    arguments = [
        str(engine.path), "run", "--rm", "--interactive", "--name", name, "--pull", "never", "--network", "none",
        "--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--security-opt", "label=disable",
        "--pids-limit", str(most_tasks(limits)), "--memory", f"{limits.memory}b", "--memory-swap", f"{limits.memory}b",
        "--ipc", "private", "--hostname", "sandbox", "--log-driver", "none", "--ulimit", "core=0:0",
        "--ulimit", "nofile=1024:1024", "--workdir", "/",
    ]  # fmt: skip
    if engine.kind == "podman":
        # Its own temporary folders have no size, and its default for processes may be more than it may give.
        arguments += ["--read-only-tmpfs=false", "--http-proxy=false", "--systemd=false"]
        arguments += ["--ulimit", f"nproc={most_of_all()}:{most_of_all()}"]
    if engine.user is not None:
        arguments += ["--user", f"{engine.user}:{engine.user}"]
    copy = ",notmpcopyup" if engine.kind == "podman" else ""  # podman would fill a tmpfs with what it covers
    for scratch in (*program.scratch, *_own_memory(program)):
        if scratch.inside == "dev/shm":
            arguments += ["--shm-size", f"{scratch.size}b"]
        else:
            arguments += ["--tmpfs", f"/{scratch.inside}:rw,exec,nosuid,nodev,size={scratch.size},mode=1777{copy}"]
    for source, inside in mounts(engine, program).items():
        if "," in f"{source}{inside}":
            raise Infrastructure(f"{source}: a path with a comma can't be given to {engine.kind}.")
        arguments += ["--mount", f"type=bind,source={source},target={inside},readonly"]
    for folder in engine.hidden:
        arguments += ["--tmpfs", f"{folder}:ro,size=4096,mode=0555{copy}"]
    return [*arguments, image, sys.executable, "-I", "-S", "-B", f"{RELAY}/relay.py"]


def _own_memory(program: Program) -> tuple[Scratch, ...]:
    """/dev/shm is there in any container; where the program has none, it gets next to nothing."""
    return () if any(scratch.inside == "dev/shm" for scratch in program.scratch) else (Scratch("dev/shm", 64 << 10),)


def mounts(engine: Engine, program: Program) -> Mapping[Path, str]:
    """What is readable inside: source on this machine to target."""
    own = Path(__file__).parent
    system = [Path("/usr"), *(Path("/", name) for name in ("bin", "sbin", "lib", "lib32", "lib64"))]
    settings = [Path(name) for name in ("/etc/ld.so.cache", "/etc/localtime", "/etc/fonts") if Path(name).exists()]
    found = {path: str(path) for path in system if path.is_dir() and not path.is_symlink()}
    found |= {path: str(path) for path in (*settings, *engine.trees)}
    found |= {item.source: f"/{item.inside}" for item in program.inputs}
    return found | {own / file: f"{RELAY}/{file}" for file in RELAY_FILES}


def skeleton(links: Mapping[str, str]) -> bytes:
    """The image as a tar file, the same bytes for the same `links`: empty folders, links, a user's name."""
    entries = dict.fromkeys(FOLDERS, "") | {str(Path(link).parent): "" for link in links}
    targets = {
        name: str(Path("/", name).readlink())
        for name in ("bin", "sbin", "lib", "lib32", "lib64")
        if Path("/", name).is_symlink()
    } | {link: f"/{target}" for link, target in links.items()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in sorted(set(entries) - {"."}):
            folder = tarfile.TarInfo(name)
            # A tmpfs takes the mode of the folder that it covers.
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(folder)
        for name, target in sorted(targets.items()):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
        passwd = tarfile.TarInfo("etc/passwd")
        passwd.size, passwd.mode = len(PASSWD), 0o444
        archive.addfile(passwd, io.BytesIO(PASSWD.encode()))
    return buffer.getvalue()


class Container:
    """A sandbox of containers. Made by `Container.on_this_host()`, which proves that it works.

    `isolation` says which engine holds it: what is asked for as podman may be docker's.
    """

    promises = frozenset(Promise) if build_filter() else frozenset(Promise) - {Promise.SYSTEM_CALLS}

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.isolation: Isolation = engine.kind

    @staticmethod
    def on_this_host() -> "Container":
        """A sandbox that was tried out. Raises SandboxUnavailable with the engine's reason."""
        if sys.platform != "linux":
            raise SandboxUnavailable(
                "Containers here need Linux: they share this machine's Python.",
                "Grade in a Linux machine or WSL2. Your own work: type --sandbox none.",
            )
        kind, path = find_engine()
        trees = runtime_trees()
        rootless = kind == "podman" and os.geteuid() != 0
        user = None if rootless else UNPRIVILEGED
        sandbox = Container(Engine(kind=kind, path=path, user=user, trees=trees, hidden=hidden_packages(trees)))
        sandbox.probe()
        return sandbox

    @property
    def accounting(self) -> str:
        """For people: how exactly the memory of a tree is limited on this machine."""
        return f"memory is limited by {self.engine.kind} where its control groups allow it, and looked at every 0.1 s"

    def probe(self) -> None:
        """Run /usr/bin/true in a container. Raises SandboxUnavailable."""
        program = Program(
            root=Path("/"), argv=("/usr/bin/true",), environment={}, folder="tmp", limits=Limits(wall=60.0),
            scratch=(Scratch("tmp", 1 << 20),),
        )  # fmt: skip
        try:
            confined = self.start(program)
            try:
                stopped = confined.wait(LONG_S)
            finally:
                confined.close()
        except (Infrastructure, TimeoutError) as error:
            raise SandboxUnavailable(f"{self.engine.kind} does not work on this machine: {error}", INSTEAD) from None
        if stopped.code != 0:
            raise SandboxUnavailable(f"{self.engine.kind} does not work on this machine: {stopped.log}.", INSTEAD)

    @contextmanager
    def root(self) -> Iterator[Path]:
        """`/`: a container has a file system of its own."""
        yield Path("/")

    def start(self, program: Program) -> Confined:
        """Start it in a container of its own. Raises Infrastructure."""
        name = f"grader-{os.getpid()}-{next(_numbers)}"
        command = container_arguments(self.engine, program, name=name, image=self._image(program.links))
        orders = write_orders(
            program,
            {scratch.inside: f"/{scratch.inside}" for scratch in program.scratch},
            resource_limits(program.limits, namespaced=True) | {"NPROC": (most_of_all(),) * 2},
            relay_orders(program),
        )
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            orders.close()
            raise Infrastructure(f"{self.engine.path} could not be started: {error}.") from None
        running = BridgedProcess(process, program, lambda: self._destroy(name, process))
        try:
            running.open(orders)
        except BaseException:
            running.close()
            raise
        return running

    def _image(self, links: Mapping[str, str]) -> str:
        """The skeleton's name, made if the engine does not have it. Raises Infrastructure."""
        data = skeleton(links)
        name = f"localhost/grader-skeleton:{hashlib.sha256(data).hexdigest()[:16]}"
        if self._ask("image", "inspect", name).returncode == 0:
            return name
        done = self._ask("import", "-", name, given=data)
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise Infrastructure(f"{self.engine.kind} could not make its image: {said or 'it said nothing'}.")
        return name

    def _ask(self, *words: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        try:
            return subprocess.run([str(self.engine.path), *words], input=given, capture_output=True, timeout=LONG_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Infrastructure(f"{self.engine.kind} does not answer: {error}.") from None

    def _destroy(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        """End a container that does not answer."""
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run([str(self.engine.path), "kill", name], capture_output=True, timeout=SHORT_S)
        with suppress(OSError):
            process.kill()


def relay_orders(program: Program) -> dict[str, object]:
    """What the relay is told beside what any launcher is."""
    limits = program.limits
    return {
        "sockets": [f"/{inside}" for inside in program.sockets],
        "results": [[f"/{inside}", most] for inside, most in program.results.items()],
        "filter": (build_filter() or b"").hex(),
        "limits": {
            "memory": limits.memory, "processes": limits.processes, "wall": limits.wall, "cpu_s": cpu_limit(limits),
        },
    }  # fmt: skip


def most_of_all() -> int:
    """NPROC counts all containers of our uid together, so it is no limit for one of them: `--pids-limit` is."""
    granted = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    return MOST_TASKS if granted == resource.RLIM_INFINITY else min(MOST_TASKS, granted)
