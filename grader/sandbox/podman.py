"""Podman as a sandbox: a container with the same read-only system and the same limits, where bubblewrap can't be had.

Nothing of the host can be written inside, and no folder is shared. What crosses goes as frames (`channel`) over the pipes of
`podman run --interactive`, to and from PID 1 of the container (`container_launcher`), so podman may be root's or rootless.
The image is a skeleton of empty folders, made here; the system and the Python environment are this machine's, read-only.

A private folder of the host stands for the scratch folders. While the program runs, it holds sockets of ours in the place of
the program's; when the program is dead, the results that were asked for, written by us. A link becomes a link to nowhere,
and whatever else is not a file becomes a folder, so that reading results refuses the same things in every sandbox.
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
from pathlib import Path
from typing import IO, Any

from grader.core.errors import Infrastructure, SandboxUnavailable
from grader.core.evidence import Cause, Isolation
from grader.core.limits import Limits
from grader.core.workspace import workspace
from grader.sandbox.bubblewrap import (
    ALL_PROMISES,
    SYSTEM_FILES,
    SYSTEM_FOLDERS,
    UNPRIVILEGED,
    hidden_packages,
    passwd_line,
    runtime_trees,
)
from grader.sandbox.channel import CONTROL, DESCRIPTORS, RESULTS, SOCKETS, FrameLink, ProtocolError, read_frame
from grader.sandbox.interface import Confined, Program, Scratch, Stopped
from grader.sandbox.process import Log, cpu_limit, most_tasks, not_started, resource_limits, write_orders
from grader.sandbox.seccomp import build_filter

START_S = 60.0
ENDING_S = 20.0  # for the results to arrive
PATIENCE_S = 2.0
SHORT_S, LONG_S = 20.0, 120.0
MOST_TASKS = 16_384
GUEST = "/run/guest/grader/sandbox"
GUEST_FILES = ("channel.py", "container_launcher.py", "launcher.py", "measure.py")
FOLDERS = ("data", "dev", "etc", "proc", "run", "sys", "tmp", "usr")
INSTEAD = "Use --sandbox bubblewrap. Your own work needs none: `grader check` goes on without a sandbox."
_numbers = itertools.count()


class Podman:
    """A sandbox of containers. Made by `Podman.on_this_host()`, which proves that it works.

    `user` is the uid inside; None: root of a user namespace of our own uid. `trees` hold the Python environment, `hidden`
    are packages in it that no submission may read.
    """

    isolation: Isolation = "podman"
    promises = ALL_PROMISES

    def __init__(self, path: Path, *, user: int | None, trees: tuple[Path, ...], hidden: tuple[Path, ...]) -> None:
        self.path, self.user, self.trees, self.hidden = path, user, trees, hidden

    @staticmethod
    def on_this_host() -> "Podman":
        """A sandbox that was tried out. Raises SandboxUnavailable with podman's reason."""
        if sys.platform != "linux":
            raise SandboxUnavailable(
                "Containers here need Linux: they share this machine's Python.",
                "Grade on a Linux machine, in WSL2 or in a virtual machine.",
            )
        path = shutil.which("podman")
        if path is None:
            raise SandboxUnavailable("podman is not installed on this machine.", INSTEAD)
        trees = runtime_trees()
        user = UNPRIVILEGED if os.geteuid() == 0 else None
        podman = Podman(Path(path), user=user, trees=trees, hidden=hidden_packages(trees))
        podman.probe()
        return podman

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
            raise SandboxUnavailable(f"podman does not work on this machine: {error}", INSTEAD) from None
        if stopped.code != 0:
            raise SandboxUnavailable(f"podman does not work on this machine: {stopped.log}.", INSTEAD)

    @contextmanager
    def root(self) -> Iterator[Path]:
        """`/`: a container has a file system of its own."""
        yield Path("/")

    def start(self, program: Program) -> Confined:
        """Start it in a container of its own. Raises Infrastructure."""
        name = f"grader-{os.getpid()}-{next(_numbers)}"
        command = podman_arguments(self, program, name=name, image=self._image(program.links))
        orders = write_orders(
            program,
            {scratch.inside: f"/{scratch.inside}" for scratch in program.scratch},
            resource_limits(program.limits, namespaced=True) | {"NPROC": (most_of_all(),) * 2},
            container_orders(program),
        )
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            orders.close()
            raise Infrastructure(f"{self.path} could not be started: {error}.") from None
        running = ContainerProcess(process, program, lambda: self._destroy(name, process))
        try:
            running.open(orders)
        except BaseException:
            running.close()
            raise
        return running

    def _image(self, links: Mapping[str, str]) -> str:
        """The skeleton's name, made if podman does not have it. Raises Infrastructure."""
        data = skeleton(links)
        name = f"localhost/grader-skeleton:{hashlib.sha256(data).hexdigest()[:16]}"
        if self._ask("image", "inspect", name).returncode == 0:
            return name
        done = self._ask("import", "-", name, given=data)
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise Infrastructure(f"podman could not make its image: {said or 'it said nothing'}.")
        return name

    def _ask(self, *words: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        try:
            return subprocess.run([str(self.path), *words], input=given, capture_output=True, timeout=LONG_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Infrastructure(f"podman does not answer: {error}.") from None

    def _destroy(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        """End a container that does not answer."""
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run([str(self.path), "kill", name], capture_output=True, timeout=SHORT_S)
        with suppress(OSError):
            process.kill()


def podman_arguments(podman: Podman, program: Program, *, name: str, image: str) -> list[str]:
    """The whole command line: a pure function but for what /usr looks like and how many cores there are."""
    limits = program.limits
    arguments = [
        str(podman.path), "run", "--rm", "--interactive", "--name", name, "--pull", "never", "--network", "none",
        "--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--security-opt", "label=disable",
        "--pids-limit", str(most_tasks(limits)), "--memory", f"{limits.memory}b", "--memory-swap", f"{limits.memory}b",
        "--ipc", "private", "--hostname", "sandbox", "--log-driver", "none", "--ulimit", "core=0:0",
        "--ulimit", "nofile=1024:1024", "--workdir", "/",
        # Podman's own temporary folders have no size, and its default for processes may be more than it may give.
        "--read-only-tmpfs=false", "--http-proxy=false", "--systemd=false",
        "--ulimit", f"nproc={most_of_all()}:{most_of_all()}",
    ]  # fmt: skip
    if podman.user is not None:
        arguments += ["--user", f"{podman.user}:{podman.user}"]
    scratch = {item.inside: item.size for item in program.scratch}
    arguments += ["--shm-size", f"{scratch.pop('dev/shm', 64 << 10)}b"]  # it is there in any container: next to nothing
    for inside, size in scratch.items():  # without notmpcopyup podman would fill a tmpfs with what it covers
        arguments += ["--tmpfs", f"/{inside}:rw,exec,nosuid,nodev,size={size},mode=1777,notmpcopyup"]
    for source, inside in mounts(podman, program).items():
        if "," in f"{source}{inside}":
            raise Infrastructure(f"{source}: a path with a comma can't be given to podman.")
        arguments += ["--mount", f"type=bind,source={source},target={inside},readonly"]
    for folder in podman.hidden:
        arguments += ["--tmpfs", f"{folder}:ro,size=4096,mode=0555,notmpcopyup"]
    return [*arguments, image, sys.executable, "-I", "-S", "-B", f"{GUEST}/container_launcher.py"]


def mounts(podman: Podman, program: Program) -> Mapping[Path, str]:
    """What is readable inside: source on this machine to target."""
    system = [path for path in (Path("/", name) for name in ("usr", *SYSTEM_FOLDERS)) if not path.is_symlink()]
    found = {path: str(path) for path in (*system, *map(Path, SYSTEM_FILES)) if path.exists()}
    found |= {path: str(path) for path in podman.trees}
    found |= {item.source: f"/{item.inside}" for item in program.inputs}
    return found | {Path(__file__).with_name(file): f"{GUEST}/{file}" for file in GUEST_FILES}


def skeleton(links: Mapping[str, str]) -> bytes:
    """The image as a tar file, the same bytes for the same `links`: empty folders, links, a user's name."""
    entries = dict.fromkeys(FOLDERS, "") | {str(Path(link).parent): "" for link in links}
    system = (Path("/", name) for name in SYSTEM_FOLDERS)
    targets = {path.name: str(path.readlink()) for path in system if path.is_symlink()}
    targets |= {link: f"/{target}" for link, target in links.items()}
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
        content = passwd_line(UNPRIVILEGED)
        passwd.size, passwd.mode = len(content), 0o444
        archive.addfile(passwd, io.BytesIO(content))
    return buffer.getvalue()


def container_orders(program: Program) -> dict[str, object]:
    """What PID 1 of a container is told beside what any launcher is."""
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


class ContainerProcess:
    """A `Confined` in a container; `destroy` ends the container without asking it."""

    def __init__(self, process: subprocess.Popen[bytes], program: Program, destroy: Callable[[], None]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.pid = process.pid
        self._process, self._program, self._destroy = process, program, destroy
        self._stdin, self._stdout, self._log = process.stdin, process.stdout, Log(process.stderr)
        self._link = FrameLink(process.stdin)
        self._thrown_away = ExitStack()
        self._view = self._thrown_away.enter_context(workspace(private=True))
        self._folders: dict[str, int] = {}
        self._listeners: list[socket.socket] = []
        self._results = dict(enumerate(program.results.items(), RESULTS))
        self._ready, self._ended = threading.Event(), threading.Event()
        self._report: dict[str, Any] = {}
        self._cause: Cause | None = None
        self._stopped: Stopped | None = None

    def open(self, orders: IO[bytes]) -> None:
        """Send the orders, and carry bytes from now on. Raises Infrastructure where PID 1 never came up."""
        for scratch in self._program.scratch:
            path = Path(self._view, scratch.inside)
            path.mkdir(parents=True)
            self._folders[scratch.inside] = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        descriptors = dict(enumerate(self._program.descriptors, DESCRIPTORS))
        for channel, descriptor in descriptors.items():
            self._link.sockets[channel] = socket.socket(fileno=os.dup(descriptor))
        self._start(self._receive)
        self._start(self._give, orders)
        if not self._ready.wait(START_S) or self._ended.is_set():
            self._destroy()
            self._ended.wait(PATIENCE_S)
            raise not_started(self._log, "", "container")
        for channel in descriptors:
            self._start(self._link.send_from_socket, channel)

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
        """Kill everything inside; the first cause is remembered."""
        if self._cause is None and self._stopped is None:
            self._cause = cause
        for channel in list(self._link.sockets.values()):  # whoever does not read any more must not hold up the results
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, ValueError):
            if not self._link.send(CONTROL, b'{"kill": true}', patience=PATIENCE_S):
                self._destroy()

    def wait(self, timeout: float | None = None) -> Stopped:
        """Wait until nothing of it runs any more. Raises TimeoutError."""
        if self._stopped is not None:
            return self._stopped
        if not self._ended.wait(timeout):
            raise TimeoutError(f"still running after {timeout} s")
        told = self._report.get("cause")
        cause = self._cause or (Cause(told) if told in set(Cause) else None)
        self._stopped = Stopped(
            cause=cause,
            signal=_whole(self._report.get("signal")),
            code=_whole(self._report.get("code")),
            cpu_s=_number(self._report.get("cpu_s")),
            peak_mb=round((_number(self._report.get("peak")) or 0.0) / (1 << 20), 1),
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
        for opened in (*self._link.sockets.values(), *self._listeners):
            opened.close()
        for descriptor in self._folders.values():
            os.close(descriptor)
        self._folders = {}
        for pipe in (self._stdin, self._stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()
        self._start(self._process.wait)  # an engine takes its time to tidy up
        self._thrown_away.close()

    def _start(self, work: Callable[..., object], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, name=f"container-{self.pid}", daemon=True).start()

    def _give(self, orders: IO[bytes]) -> None:
        with orders, contextlib.suppress(OSError, ValueError):  # an engine that ended says why on stderr
            shutil.copyfileobj(orders, self._stdin)
            self._stdin.flush()

    def _receive(self) -> None:
        """Bring frames to where they belong, until the report."""
        try:
            while not self._report and (frame := read_frame(self._stdout)):
                channel, data = frame
                if channel == CONTROL:
                    self._obey(json.loads(data))
                elif channel in self._results:
                    self._write_result(channel, data)
                elif channel in self._link.sockets:
                    self._link.write_to_socket(channel, data)
        except (ProtocolError, OSError, ValueError, KeyError, TypeError, RecursionError):
            self._destroy()
        finally:
            self._ended.set()
            self._ready.set()

    def _obey(self, told: dict[str, Any]) -> None:
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
            self._link.sockets[channel], _ = listener.accept()
            self._link.send_words({"connect": channel})
            self._link.send_from_socket(channel)

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
                raise ProtocolError("a result longer than was asked for")
            file.write(data)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
