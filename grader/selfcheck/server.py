"""A server for `grader check`: a process that keeps everything open, TensorFlow imported among it, between two checks.

It is for one exercise, and makes a check as the command itself does, by the same code, one after the other. Each notebook
runs in a sandbox of its own, forked afresh, so nothing stays from one check to the next; the server itself reads files and
what sandboxes answer, as the command does, and runs nothing of a student's. It answers its own user alone, ends after some
minutes in which nobody asks, and sooner once the grader, the course or the data has changed.
"""

import os
import select
import signal
import socket
import sysconfig
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.core.course_rules import FILE as COURSE_FILE
from grader.core.errors import GraderError
from grader.core.progress import Silent
from grader.core.workspace import socket_folder
from grader.course.course import Course
from grader.course.environment import environments_folder
from grader.course.find_dataset import Places
from grader.run.collect import expect_submission
from grader.sandbox.channel import Channel, ProtocolError
from grader.sandbox.warm import WarmBubblewrap
from grader.selfcheck.check_submission import SelfCheck, make_check, open_selfcheck
from grader.selfcheck.client import PLACE, ServerSettings, address, require_own_peer, the_only_one
from grader.selfcheck.estimate import Answer
from grader.selfcheck.own_files import Stamp, read_own, stamp_of

ASKED_S = 5.0  # within which whoever connects says what it wants
LOOKED_S = 0.2  # between two looks whether anybody still waits
CODE = {".py", ".toml", ".json", ".po", ".html", ".css"}


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What a server holds: all that a check needs, and how the files looked from which that was read."""

    opened: SelfCheck
    places: Sequence[Path]
    seen: Stamp


def serve(argument: str) -> None:
    """Serve the checks of one exercise, as ServerSettings in JSON say, until nobody asks any more."""
    settings = ServerSettings.model_validate_json(argument)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # by which a check is ended that nobody waits for
    folder = socket_folder()
    if folder is None:
        return
    with suppress(GraderError, OSError, KeyboardInterrupt), the_only_one(folder, settings.name) as alone:
        if alone:
            with _open(settings) as serving, _listening(folder, settings.name) as listening:
                listening.settimeout(settings.idle_s)
                while _serve_one(listening, serving):
                    pass


@contextmanager
def _open(settings: ServerSettings) -> Iterator[Serving]:
    """Everything ready, and TensorFlow about to be imported. Raises GraderError."""
    course, data = Course(Path(settings.course)), Path(settings.data) if settings.data is not None else None
    places = places_of(course, settings.assignment, data)
    seen = look_at(places)
    opening = open_selfcheck(
        course, settings.assignment, full=False, isolation="bubblewrap", data=data, seed=settings.seed,
        progress=Silent(), often=True,
    )  # fmt: skip
    with opening as opened:
        with suppress(GraderError):  # one that can't be read any more is no reason to serve no other
            expect_submission(read_own(Path(settings.file)), opened.context)
        yield Serving(opened=opened, places=places, seen=seen)


def places_of(course: Course, assignment: str, data: Path | None) -> tuple[Path, ...]:
    """Where what a check rests on lies: the grader, its packages, the exercise, its data."""
    roots = Places.of(course, data).roots()
    return (
        PLACE, course.root / COURSE_FILE, environments_folder() / "*", course.root / "datasets",
        course.assignment_file(assignment).parent, course.reference_folder(assignment),
        course.report_templates(), Path(sysconfig.get_path("purelib")) / "*",
        *(root / dataset.id / "*" for root in roots for dataset in course.datasets()),
    )  # fmt: skip


def look_at(places: Sequence[Path]) -> Stamp:
    """What changes when code or text below one of the places does; of one that ends in a star, its folders alone."""
    files: set[Path] = set()
    for place in places:
        if place.is_file():
            files.add(place)
        elif place.name == "*":
            files |= {place.parent, *place.parent.glob("*/")}
        else:
            files |= {path for path in place.rglob("*") if path.suffix in CODE}
    return stamp_of(files)


@contextmanager
def _listening(folder: Path, name: str) -> Iterator[socket.socket]:
    """The server's socket; one that a dead server left behind makes room. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path = folder / f"{name}.socket"
    try:
        path.unlink(missing_ok=True)
        listening.bind(address(descriptor, name))
        listening.listen(4)
        yield listening
    finally:
        path.unlink(missing_ok=True)
        listening.close()
        os.close(descriptor)


def _serve_one(listening: socket.socket, serving: Serving) -> bool:
    """Take one connection and do what it asks; whether to go on."""
    try:
        connection, _ = listening.accept()
    except TimeoutError:
        return False
    with connection, suppress(OSError, ProtocolError, GraderError, ValueError, TypeError, KeyboardInterrupt):
        require_own_peer(connection)
        connection.settimeout(ASKED_S)
        channel = Channel(connection)
        asked, _ = channel.receive(at_most=0)
        if asked.get("do") == "end" or look_at(serving.places) != serving.seen:
            channel.send({"ended": True})
            return False
        if asked.get("do") == "check":
            channel.send({"taken": True})
            with _while_awaited(connection):
                answer = _check(asked, serving.opened, channel)
            channel.send({"answer": True}, answer.model_dump_json(by_alias=True).encode())
    sandbox = serving.opened.context.sandbox
    return not (isinstance(sandbox, WarmBubblewrap) and sandbox.is_cold)


def _check(asked: dict[str, Any], opened: SelfCheck, channel: Channel) -> Answer:
    """Make the check, telling how far it is. Raises GraderError."""
    file, out = Path(str(asked["file"])), asked.get("out")
    return make_check(file, Path(str(out)) if out is not None else None, opened, Telling(channel))


class Telling(Silent):
    """Progress that is told over a connection; the check itself notices where nobody is there any more."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def step(self, who: str, what: str) -> None:
        """Tell it."""
        with suppress(OSError, ValueError):
            self._channel.send({"step": [who, what]})


@contextmanager
def _while_awaited(connection: socket.socket) -> Iterator[None]:
    """While it lasts: what runs is ended, as by Ctrl-C, when whoever asked has gone."""
    done, lock, main = threading.Event(), threading.Lock(), threading.main_thread().ident or 0

    def watch() -> None:
        waiting = select.poll()
        waiting.register(connection.fileno(), select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        while not done.is_set():
            if waiting.poll(1000 * LOOKED_S):
                with lock:
                    if not done.is_set():
                        signal.pthread_kill(main, signal.SIGINT)
                return

    watching = threading.Thread(target=watch, name="awaited", daemon=True)
    watching.start()
    try:
        yield
    finally:
        with lock:
            done.set()
        watching.join()
