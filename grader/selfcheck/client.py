"""`Checker` makes a self-check by the server that an earlier one left behind (`server`), or else by itself.

A server is an offer. Whatever is wrong with it (none there, a stale socket, another user's, changed code, no answer in time)
is no error: the check is then made in the ordinary way, and by the same code.
"""

import fcntl
import hashlib
import json
import os
import platform
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from grader.core.evidence import Isolation, Value
from grader.core.progress import Progress
from grader.core.workspace import socket_folder, user_cache
from grader.course.course import Course
from grader.sandbox.cgroup import available_memory
from grader.sandbox.channel import Channel, ProtocolError
from grader.sandbox.limited_process import start_detached
from grader.selfcheck.estimate import Answer

if TYPE_CHECKING:
    from grader.selfcheck.check_submission import SelfCheck

IDLE_S = 600.0  # a server that nobody asks for so long ends
REACHED_S = 0.5  # within which a server takes a connection
TAKEN_S = 2.0  # within which one that has nothing else to do says that it begins
STEP_S = 180.0  # the longest time without a word, while it checks
ANSWER_BYTES = 64 << 20
# Of free memory, or none is started: two interpreters hold TensorFlow, and a notebook needs its own.
NEEDED_BYTES = 3 << 30
SERVER = "grader.selfcheck.server:serve"
CREDENTIALS = struct.Struct("3i")  # of SO_PEERCRED: process, user, group
PLACE = Path(__file__).resolve().parents[1]


class ServerSettings(Value):
    """What a server is for; folders are absolute. `file` is prepared for first, others are checked as well."""

    course: str
    assignment: str
    data: str | None
    seed: int
    file: str
    idle_s: float = IDLE_S

    @property
    def name(self) -> str:
        """The same for all checks that the same server can make: of this exercise, by this grader, on this machine."""
        told = self.model_dump(exclude={"file", "idle_s"})
        here = [sys.executable, sys.prefix, str(PLACE), str(user_cache()), platform.node(), _file_system()]
        return hashlib.sha256(json.dumps([told, here]).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What the person at the keyboard chose."""

    full: bool = False
    often: bool = False
    isolation: Isolation | None = None  # None: the best there is
    data: Path | None = None
    seed: int = 0
    server: bool = True  # ask one


class Checker:
    """Made by `open_checker`."""

    def __init__(self, course: Course, assignment: str, file: Path, options: CheckOptions, stack: ExitStack) -> None:
        self._course, self._assignment, self._options, self._stack = course, assignment, options, stack
        self._opened: SelfCheck | None = None
        self._settings = ServerSettings(
            course=str(course.root.absolute()), assignment=assignment, seed=options.seed, file=str(file.absolute()),
            data=str(options.data.absolute()) if options.data is not None else None,
        )  # fmt: skip
        can_be = course.assignment(assignment).dataset is not None and not options.full  # functions take seconds
        self._asks = options.server and can_be and options.isolation in (None, "bubblewrap")

    def open(self, progress: Progress) -> None:
        """Open what a check needs, unless a server has it. Raises GraderError."""
        if not (self._asks and is_served(self._settings)):
            self._open(progress)

    def check(self, file: Path, out: Path | None, progress: Progress) -> Answer:
        """What is found. Raises UsageError, SubmissionError, Infrastructure, and what `open` raises."""
        found = ask_server(self._settings, file, out, progress) if self._asks else None
        if found is not None:
            return found
        from grader.selfcheck.check_submission import make_check  # takes a second

        return make_check(file, out, self._open(progress), progress)

    def leave_server(self) -> bool:
        """Start a server for the next check, where this one was made without; whether it was started."""
        opened = self._opened
        return (
            self._asks
            and opened is not None
            and opened.context.sandbox.isolation == "bubblewrap"
            and not is_served(self._settings)
            and start_server(self._settings)
        )

    def _open(self, progress: Progress) -> "SelfCheck":
        from grader.selfcheck.check_submission import open_selfcheck

        if self._opened is None:
            options = self._options
            self._opened = self._stack.enter_context(
                open_selfcheck(
                    self._course, self._assignment, full=options.full, isolation=options.isolation, data=options.data,
                    seed=options.seed, progress=progress, often=options.often,
                )
            )  # fmt: skip
        return self._opened


@contextmanager
def open_checker(course: Course, assignment: str, file: Path, options: CheckOptions) -> Iterator[Checker]:
    """A checker; whatever it opens is closed afterwards. Raises UsageError, RubricError."""
    with ExitStack() as stack:
        yield Checker(course, assignment, file, options, stack)


def ask_server(settings: ServerSettings, file: Path, out: Path | None, progress: Progress) -> Answer | None:
    """What the server finds for `file`; None where there is none, or anything is wrong with it."""
    request = {"do": "check", "file": str(file.absolute()), "out": str(out.absolute()) if out is not None else None}
    try:
        with _connected(settings.name) as (connection, channel):
            connection.settimeout(TAKEN_S)
            channel.send(request)
            reply, _ = channel.receive(at_most=0)
            connection.settimeout(STEP_S)
            while "answer" not in reply:
                if "step" in reply:
                    progress.step(*map(str, reply["step"]))
                elif "taken" not in reply:
                    return None
                reply, data = channel.receive(at_most=ANSWER_BYTES)
            return Answer.model_validate_json(data)
    except (OSError, ProtocolError, ValidationError, TypeError):
        return None


def is_served(settings: ServerSettings) -> bool:
    """Whether a server takes connections for these checks."""
    with suppress(OSError), _connected(settings.name):
        return True
    return False


def start_server(settings: ServerSettings) -> bool:
    """Start the server for the next checks, and end any other: one holds a gigabyte. Whether it was started."""
    folder, free = socket_folder(), available_memory()
    if folder is None or free is None or free < NEEDED_BYTES:
        return False
    end_servers(but=settings.name)
    try:
        start_detached(SERVER, settings.model_dump_json())
    except OSError:
        return False
    return True


def end_servers(but: str = "") -> int:
    """End the servers of this user, all but the one of that name; how many there were."""
    folder = socket_folder()
    ended = 0
    for path in sorted(folder.glob("*.socket")) if folder is not None else ():
        if path.stem == but:
            continue
        try:
            with _connected(path.stem) as (connection, channel):
                connection.settimeout(TAKEN_S)
                channel.send({"do": "end"})
                ended += 1
                with suppress(ProtocolError, TimeoutError):  # one that checks something ends after that
                    channel.receive(at_most=0)
        except OSError:
            with suppress(OSError):
                path.unlink()
    return ended


@contextmanager
def _connected(name: str) -> Iterator[tuple[socket.socket, Channel]]:
    """A connection to the server of that name. Raises OSError where there is none, or where it is another user's."""
    folder = socket_folder()
    if folder is None:
        raise FileNotFoundError(name)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(REACHED_S)
        connection.connect(address(descriptor, name))
        require_own_peer(connection)
        channel = Channel(connection)
        try:
            yield connection, channel
        finally:
            channel.close()
    finally:
        connection.close()
        os.close(descriptor)


def address(folder: int, name: str) -> str:
    """The address of a socket in an open folder: short, however long the folder's name is."""
    return f"/proc/self/fd/{folder}/{name}.socket"


def require_own_peer(connection: socket.socket) -> None:
    """Raise PermissionError where another user is at the other end."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    if CREDENTIALS.unpack(told)[1] != os.getuid():
        raise PermissionError("the other end belongs to another user")


@contextmanager
def the_only_one(folder: Path, name: str) -> Iterator[bool]:
    """Whether this process is the only server of that name, for as long as this lasts."""
    with (folder / f"{name}.lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _file_system() -> str:
    """What tells two views of the file system apart: in a container the same path may be another file."""
    with suppress(OSError):
        return str(Path("/proc/self/ns/mnt").readlink())
    return ""
