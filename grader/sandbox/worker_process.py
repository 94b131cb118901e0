"""A program of ours in a sandbox that answers requests over a socket: the judge, and the process that holds a module.

It says *ready* before it touches anything of a submission. What fails before that word is our fault (Infrastructure); what
fails after it is the submission's, and the caller finds words for it (`endings`).
"""

import math
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grader.core.errors import Infrastructure
from grader.sandbox.channel import Channel, ProtocolError
from grader.sandbox.interface import Confined, Program, Sandbox, Stopped

STOP_S = 60.0


@contextmanager
def start_worker(
    sandbox: Sandbox, program: Callable[[Path, int], Program], *, name: str, ready_s: float
) -> Iterator["WorkerProcess"]:
    """`program(root, descriptor of its socket)` once it has said *ready*; it is ended afterwards.

    Raises Infrastructure, which calls it `name`, for anything that goes wrong before that word.
    """
    with sandbox.root() as root:
        ours, theirs = socket.socketpair()
        try:
            confined = sandbox.start(program(root, theirs.fileno()))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        worker = WorkerProcess(confined, ours)
        try:
            worker.await_ready(name, ready_s)
            yield worker
        finally:
            worker.close()


class WorkerProcess:
    """A running worker; made by `start_worker`. `stopped`: how it ended, once it has."""

    def __init__(self, confined: Confined, connection: socket.socket) -> None:
        self.confined = confined
        self.stopped: Stopped | None = None
        self._connection = TimedSocket(fileno=connection.detach())
        self._channel = Channel(self._connection)

    def await_ready(self, name: str, seconds: float) -> None:
        """Wait for the word *ready*. Raises Infrastructure with the last of the log."""
        self._connection.set_time(seconds)
        try:
            ready, _ = self._channel.receive(at_most=0)
            if "ready" not in ready:
                raise ProtocolError("it did not say ready")
        except (ProtocolError, OSError) as error:
            stopped = self.end()
            log = stopped.log[-1000:] if stopped is not None else ""
            raise Infrastructure(f"{name} did not start: {error}. {log}".strip()) from None

    def ask(
        self, request: Mapping[str, object], payload: bytes = b"", *, at_most: int, within: float
    ) -> tuple[dict[str, Any], bytes]:
        """The reply, with at most so many bytes: a worker that was taken over can't fill the host's memory.

        Raises ProtocolError, and OSError (TimeoutError where the whole reply has not come `within` so many seconds).
        """
        self._connection.set_time(within)
        self._channel.send(dict(request), payload)
        return self._channel.receive(at_most=at_most)

    def end(self, *, patience: float = 0.0) -> Stopped | None:
        """Kill it after `patience` seconds, in which it may end by itself; how it ended, None where it does not go away."""
        if self.stopped is None:
            until = time.monotonic() + patience
            while self.confined.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
            self.confined.kill()
            try:
                self.stopped = self.confined.wait(STOP_S)
            except TimeoutError:
                return None
        return self.stopped

    def close(self) -> None:
        """End it and give everything back."""
        self.end()
        self._channel.close()
        self.confined.close()


class TimedSocket(socket.socket):
    """A stream socket on which a whole reply must have come in time, not only its next piece."""

    _until = math.inf

    def set_time(self, seconds: float) -> None:
        """So long may what comes next take, sending and receiving each."""
        self.settimeout(seconds)
        self._until = time.monotonic() + seconds

    def recv_into(self, *arguments: Any, **options: Any) -> int:
        """As socket.recv_into. Raises TimeoutError."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left)
        return super().recv_into(*arguments, **options)
