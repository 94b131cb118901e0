"""A judge that was taken over by the model it opened, as the host meets it: a thread that may say anything."""

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from grader.core.evidence import Cause, Isolation
from grader.sandbox.channel import Channel
from grader.sandbox.interface import Program, Promise, Stopped

Script = Callable[[Channel, socket.socket], None]


class Impostor:
    """Stands where a sandbox would: plays `script` on the judge's end of the socket, then hangs up."""

    isolation: Isolation = "bubblewrap"
    promises: frozenset[Promise] = frozenset()

    def __init__(self, script: Script, *, signal: int | None = None, clings: bool = False) -> None:
        self._script, self._signal, self._clings = script, signal, clings
        self._played: list[PlayedJudge] = []

    @contextmanager
    def root(self) -> Iterator[Path]:
        yield Path("/")

    def start(self, program: Program) -> "PlayedJudge":
        connection = socket.socket(fileno=os.dup(program.descriptors[0]))
        self._played.append(PlayedJudge(self._script, connection, self._signal, self._clings))
        return self._played[-1]

    def wait_until_gone(self) -> None:
        """Until each judge that was played has hung up."""
        for played in self._played:
            played.wait_until_gone()


class PlayedJudge:
    """What `Impostor.start` gives: a `Confined` without a process."""

    pid = 0
    folders: Mapping[str, int] = {}

    def __init__(self, script: Script, connection: socket.socket, signal: int | None, clings: bool) -> None:
        self._connection, self._signal, self._clings = connection, signal, clings
        self._cause: Cause | None = None
        self._thread = threading.Thread(target=self._play, args=(script,), daemon=True)
        self._thread.start()

    def _play(self, script: Script) -> None:
        channel = Channel(self._connection)
        try:
            script(channel, self._connection)
        except Exception:  # the host hung up in the middle of a lie
            pass
        finally:
            channel.close()

    def wait_until_gone(self) -> None:
        self._thread.join(10)

    def poll(self) -> int | None:
        return None if self._thread.is_alive() else 0

    def kill(self, cause: Cause | None = None) -> None:
        self._cause = self._cause or cause
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def wait(self, timeout: float | None = None) -> Stopped:
        if self._clings:
            raise TimeoutError(f"still running after {timeout} s")
        self._thread.join(10)
        return Stopped(cause=self._cause, signal=self._signal, code=None, cpu_s=0.0, peak_mb=0.0, log="its last words")

    def close(self) -> None:
        self.kill()
        self._thread.join(10)
