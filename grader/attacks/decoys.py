"""What an attack could reach (decoys), and the same cells without a sandbox (its control).

Decoys are files, sockets and processes of the host, which show afterwards whether they were touched. The control of an
attack is the same cell in a plain process of the user that a sandbox has.
"""

import contextlib
import errno
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from grader.attacks.corpus import prelude
from grader.core.errors import Failure, Infrastructure
from grader.core.limits import Limits, write_duration
from grader.course.course import Course
from grader.sandbox.artefacts import read_artefact
from grader.sandbox.bubblewrap import UNPRIVILEGED
from grader.sandbox.environment import environment
from grader.sandbox.interface import Confined, Input, Program, Sandbox, Scratch
from grader.sandbox.measure import runs
from grader.sandbox.unsandboxed import NoSandbox

CELL_RUNNER = Path(__file__).with_name("cell_runner.py").resolve()
WORK, RUNNER, ORDERS, ANSWERS = "doctor", "run/cell_runner.py", "orders.json", "answers.json"
DISK, ANSWER_BYTES, WALL_S, CONTROL_S = 64 << 20, 8 << 20, 60.0, 90.0
STARTS_S, NOTICED_S = 30.0, 0.3
TURN_S = 600.0  # of a whole class of attacks, on a slow machine
LONG_ENOUGH = 8  # characters of a variable's value, to be recognised where it turns up
PORTS = range(1, 6)  # as many sockets as a kernel has
SLEEPER = """\
import signal, time

kept = SECRET
signal.signal(signal.SIGURG, lambda *rest: open("signalled", "w").close())
with open("partial", "w") as file:
    file.write(str(os.getpid()))
os.rename("partial", "process")
time.sleep(600)
"""


@contextmanager
def cells_in(
    sandbox: Sandbox,
    cells: Mapping[str, str],
    facts: Mapping[str, Any],
    *,
    uid: int | None = None,
    environment: Mapping[str, str] | None = None,
    descriptors: tuple[int, ...] = (),
    wall: float = WALL_S,
) -> Iterator[Confined]:
    """Run cells in one process, one after the other; the process becomes the user `uid`. Raises Infrastructure."""
    orders = {"uid": uid, "facts": dict(facts), "prelude": prelude(), "cells": dict(cells)}
    with sandbox.root() as root:
        confined = sandbox.start(
            Program(
                root=root,
                argv=(sys.executable, "-I", "-B", str(root / RUNNER), str(root / WORK / ORDERS), ANSWERS),
                environment={"HOME": str(root / "tmp"), **(environment or {})},
                folder=WORK,
                limits=Limits(wall=wall, memory=1 << 30, disk=DISK),
                inputs=(Input(CELL_RUNNER, RUNNER),),
                scratch=(Scratch(WORK, DISK), Scratch("tmp", DISK, shared=True)),
                files={f"{WORK}/{ORDERS}": json.dumps(orders).encode()},
                descriptors=descriptors,
            )
        )
        try:
            yield confined
        finally:
            confined.close()


def plain_cells(cells: Mapping[str, str], facts: Mapping[str, Any], **options: Any) -> AbstractContextManager[Confined]:
    """Run cells without a sandbox, as the user that a sandbox would have; options as for `cells_in`."""
    return cells_in(NoSandbox(), cells, facts, uid=_unprivileged(), **options)


def read_answers(confined: Confined) -> dict[str, str]:
    """What each cell printed; empty where the process did not come to its end."""
    try:
        answers = json.loads(read_artefact(confined.folders[WORK], ANSWERS, at_most=ANSWER_BYTES))
    except (Failure, OSError, ValueError):
        return {}
    return {str(name): str(said) for name, said in answers.items()} if isinstance(answers, dict) else {}


def wait_for_file(confined: Confined, name: str, *, seconds: float) -> str:
    """The text of a file that the cells write. Raises Infrastructure where it does not appear."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and confined.poll() is None:
        try:
            return read_artefact(confined.folders[WORK], name, at_most=4096).decode()
        except (Failure, FileNotFoundError):
            time.sleep(0.02)
    confined.kill()
    raise Infrastructure(f"A process that serves as a decoy did not start: {confined.wait(20).log[-500:]}")


class Decoys:
    """Decoys of one run: `facts` are told to the cells, `secret` must not turn up anywhere; made by `place_decoys`."""

    def __init__(self, folder: Path, stack: ExitStack, *, processes: bool) -> None:
        self.secret = f"secret-{secrets.token_hex(16)}"
        self.name = f"decoy{secrets.token_hex(5)}"
        self.environment = {**inherited_environment(), "GRADER_TOKEN": self.secret}
        self._folder = folder
        self._lay_files()
        self.descriptor = os.open(folder / "class" / "labels.csv", os.O_RDONLY)
        stack.callback(os.close, self.descriptor)
        os.set_inheritable(self.descriptor, True)  # a sandbox that passes on what is open would pass this on
        self._sockets = {name: stack.enter_context(listen(where)) for name, where in self._places().items()}
        self.facts: dict[str, Any] = {
            "CLASSROOM": str(folder / "class"), "NOTES": str(folder / "notes.txt"), "NAME": self.name,
            "CONTENT": str(Course.at().root / "reference"), "GRADER": os.getpid(),
            "TCP_PORT": self._port("tcp"), "UDP_PORT": self._port("udp"), "DNS_PORT": self._port("dns"),
            "ABSTRACT": self.name, "SOCKET": str(folder / "path"), "LURE": str(folder / "lure"),
        }  # fmt: skip
        self._sleepers: dict[str, Confined] = {}
        for name in ("VICTIM", "CONDEMNED") if processes else ():
            self._sleepers[name], self.facts[name] = self._start_sleeper(stack)
        stack.callback(self._clear_away)

    def look(self) -> dict[str, str]:
        """What the host sees at its decoys, in words, by the name that a header's `seen` gives it."""
        found = {
            name.partition("-")[0]: f"{words_for(name)} reached the host"
            for name, listener in self._sockets.items()
            if was_called(listener)
        }
        if (self._folder / "notes.txt").read_text() != "untouched":
            found["changed"] = "the host's file was changed"
        if Path("/tmp", self.name).exists():
            found["planted"] = "the file lies in the host's /tmp"
        if self._was_killed():
            found["killed"] = "the host's process was killed"
        if self._was_signalled():
            found["signalled"] = "the host's process got the signal"
        if self.survivors():
            found["outlived"] = "a process of it still ran after the end"
        return found

    def leaked(self, text: str) -> str | None:
        """What of the host's secrets stands in `text`, in words; None where nothing does."""
        if self.secret in text:
            return "a secret of the host came out"
        for name, value in self.environment.items():
            if f"{name}={value}" in text:
                return f"the host's variable {name} came out"
        return None

    def survivors(self) -> list[int]:
        """Processes that an attack left behind under its own name and that still run."""
        found = []
        for path in Path("/proc").glob("[0-9]*/comm"):
            with contextlib.suppress(OSError):
                if path.read_text().strip() == self.name:
                    found.append(int(path.parent.name))
        return [pid for pid in found if runs(pid)]

    def _lay_files(self) -> None:
        handed_in = self._folder / "class" / "bob"
        handed_in.mkdir(parents=True)
        (handed_in / "solution.ipynb").write_text(self.secret)
        (self._folder / "class" / "labels.csv").write_text(f"7\n{self.secret}\n")
        (self._folder / "notes.txt").write_text("untouched")
        for path in (self._folder, *self._folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        (self._folder / "notes.txt").chmod(0o666)

    def _places(self) -> dict[str, str | tuple[str, int]]:
        """Where sockets listen: an address and port, or a path (with a zero byte for an abstract one)."""
        lures: dict[str, str | tuple[str, int]] = {f"lured-{n}": str(self._folder / f"lure-{n}") for n in PORTS}
        return {
            "tcp": ("127.0.0.1", socket.SOCK_STREAM), "udp": ("127.0.0.1", socket.SOCK_DGRAM),
            "dns": ("127.0.0.1", socket.SOCK_DGRAM), "abstract": f"\0{self.name}", "path": str(self._folder / "path"),
            **lures,
        }  # fmt: skip

    def _port(self, name: str) -> int:
        return int(self._sockets[name].getsockname()[1])

    def _start_sleeper(self, stack: ExitStack) -> tuple[Confined, int]:
        """A process of the sandbox' user that holds the secret in its memory and in its environment."""
        confined = stack.enter_context(
            plain_cells(
                {"sleeper": SLEEPER}, {"SECRET": self.secret},
                environment={"GRADER_TOKEN": self.secret}, wall=900,
            )
        )  # fmt: skip
        return confined, int(wait_for_file(confined, "process", seconds=STARTS_S))

    def _was_killed(self) -> bool:
        condemned, end = self._sleepers.get("CONDEMNED"), time.monotonic() + NOTICED_S
        while condemned is not None and condemned.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        return condemned is not None and condemned.poll() is not None and condemned.wait(5).signal == signal.SIGKILL

    def _was_signalled(self) -> bool:
        victim = self._sleepers.get("VICTIM")
        if victim is None:
            return False
        try:
            read_artefact(victim.folders[WORK], "signalled", at_most=1)
        except (FileNotFoundError, Failure):
            return False
        return True

    def _clear_away(self) -> None:
        Path("/tmp", self.name).unlink(missing_ok=True)
        for process in self.survivors():
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)


@contextmanager
def place_decoys(*, processes: bool = False) -> Iterator[Decoys]:
    """Fresh decoys for one run, with or without processes; gone afterwards. Raises Infrastructure.

    Decoys that are processes are there once at a time for a user: the control of an attack signals every process of that
    user, and those of another run would be told as reached by its sandbox.
    """
    with tempfile.TemporaryDirectory(prefix="grader-decoys-") as folder, ExitStack() as stack:
        if processes:
            stack.enter_context(_turn())
        yield Decoys(Path(folder), stack, processes=processes)


@contextmanager
def _turn(seconds: float = TURN_S) -> Iterator[None]:
    """Alone among the runs of this machine whose decoys belong to the same user; waits. Raises Infrastructure."""
    user, end = _unprivileged() or os.geteuid(), time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX) as taken:  # a name that is free again when its owner dies
        while not _bound(taken, f"\0grader-decoys-{user}"):
            if time.monotonic() > end:
                raise Infrastructure(
                    f"Another run tries attacks on this machine, and did not end in {write_duration(seconds)}.",
                    "Wait until it has ended, and give the same command again.",
                )
            time.sleep(0.1)
        yield


def _bound(taken: socket.socket, name: str) -> bool:
    try:
        taken.bind(name)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise Infrastructure(
                f"Runs that try attacks can't take turns here: a Unix socket was refused ({error.strerror}).",
                "Run it where programs may make sockets.",
            ) from None
        return False
    return True


def _unprivileged() -> int | None:
    """The user that a sandbox of root's would have made of cells; None where they stay the user that runs the grader."""
    return UNPRIVILEGED if os.geteuid() == 0 else None


def inherited_environment() -> Mapping[str, str]:
    """This process' variables as it was started with them, but for those that a sandbox sets itself, and short ones."""
    given = {*environment(Path("/"), 1, 0), "PWD", "OLDPWD", "TERM"}
    try:
        pairs = [line.partition("=") for line in Path("/proc/self/environ").read_text(errors="replace").split("\0")]
    except OSError:
        return {}
    return {name: value for name, _, value in pairs if name and name not in given and len(value) >= LONG_ENOUGH}


@contextmanager
def listen(where: str | tuple[str, int]) -> Iterator[socket.socket]:
    """A socket that never blocks, at a path or at an address of a kind; any user may connect to it."""
    kind = socket.SocketKind(where[1]) if isinstance(where, tuple) else socket.SOCK_STREAM
    family = socket.AF_INET if isinstance(where, tuple) else socket.AF_UNIX
    with socket.socket(family, kind) as listener:
        listener.bind((where[0], 0) if isinstance(where, tuple) else where)
        if isinstance(where, str) and not where.startswith("\0"):
            Path(where).chmod(0o777)
        if kind is socket.SOCK_STREAM:
            listener.listen()
        listener.setblocking(False)
        yield listener


def was_called(listener: socket.socket) -> bool:
    """Whether somebody connected, or sent a datagram."""
    try:
        if listener.type == socket.SOCK_STREAM:
            listener.accept()[0].close()
        else:
            listener.recvfrom(1)
    except OSError:
        return False
    return True


def words_for(name: str) -> str:
    """What arrived at a socket, in words, by the socket's name."""
    words = {"udp": "a datagram", "dns": "a DNS question", "lured": "the grader's own connection"}
    return words.get(name.partition("-")[0], "a connection")
