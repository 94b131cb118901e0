"""The host's end of a container: frames to the relay inside, and a private folder that shows what the host may touch.

In that folder lie, while the program runs, sockets of ours in the place of the program's; when it is dead, the files that
were asked for, written by us. A link is shown as a link to nowhere and whatever else is no file as a folder, so that
reading the results refuses the same things everywhere.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from grader.evidence import Cause
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
from grader.sandbox.interface import Program, Stopped
from grader.sandbox.log import Log
from grader.sandbox.process import not_started
from grader.workspace import workspace

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
