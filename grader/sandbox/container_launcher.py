"""PID 1 of a container: the launcher where no descriptor can cross. Standard library only, `python -I -S -B`.

Orders come over stdin, then frames (`channel.FrameLink`) in both directions over stdin and stdout: the bytes of the
program's descriptors and sockets, and, when everything else inside is dead, the files that the host asked for. It watches
the limits itself, because the host can't see the container's processes. It ends when the host says so or is gone.

Usage: container_launcher.py. Its uid is the program's, but the program can neither signal PID 1 nor look into it.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import stat
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # `-I` knows no folder of a script

from grader.sandbox.channel import (
    CONTROL,
    DESCRIPTORS,
    FRAME_BYTES,
    RESULTS,
    SOCKETS,
    FrameLink,
    ProtocolError,
    read_frame,
)
from grader.sandbox.launcher import describe_exit, hide_from_program, read_orders, start_program
from grader.sandbox.measure import measure, names_kill, passed

INTERVAL_S = 0.1
DRAIN_S = 10.0
HIGH = 512  # descriptors of ours are moved above those that the program expects
OUT_OF_MEMORY = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))


def main() -> None:
    """Read orders, write files, then run the program."""
    if os.getpid() != 1:
        raise RuntimeError("This ends every process that it may signal: it runs as PID 1 of a container only.")
    os.umask(0o077)
    requests, replies = os.fdopen(0, "rb", closefd=False), os.fdopen(1, "wb", closefd=False)
    orders = read_orders(requests)
    hide_from_program()
    ContainedProgram(orders, requests, FrameLink(replies)).run()
    replies.flush()
    os._exit(0)


class ContainedProgram:
    """A running program and its channels."""

    def __init__(self, orders: dict[str, Any], requests: IO[bytes], link: FrameLink) -> None:
        self._orders, self._requests, self._link = orders, requests, link
        self._awaited = dict(enumerate(orders["sockets"], SOCKETS))
        self._stop = threading.Event()
        self._senders: list[threading.Thread] = []
        self._peak = 0
        self._cpu_s = 0.0

    def run(self) -> None:
        """Start the program, carry its bytes, watch its limits, reap, report."""
        folders = {path: move_up(os.open(path, os.O_RDONLY | os.O_DIRECTORY)) for path in self._orders["export"]}
        program = self._start()
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        for descriptor in self._orders["descriptors"]:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._link.send_words({"ready": True})
        for channel in list(self._link.sockets):
            self._send_all(channel)
        threading.Thread(target=self._receive, daemon=True).start()
        cause, ended = self._watch(program, folders)
        end_all()
        for sender in self._senders:
            sender.join(DRAIN_S)
        for channel, (path, most) in enumerate(self._orders["results"], RESULTS):
            self._send_result(channel, path, most)
        if cause is None and any(map(names_kill, OUT_OF_MEMORY)):
            cause = "memory-limit"
        self._link.send_words({"report": {**ended, "cause": cause, "peak": self._peak}})

    def _start(self) -> int:
        """The program, with one end of a pair of sockets for each of its descriptors."""
        for channel, wanted in enumerate(self._orders["descriptors"], DESCRIPTORS):
            ours, theirs = socket.socketpair()
            self._link.sockets[channel] = socket.socket(fileno=move_up(ours.detach()))
            moved = move_up(theirs.detach())
            os.dup2(moved, wanted, inheritable=True)
            os.close(moved)
        return start_program(self._orders)

    def _watch(self, program: int, folders: dict[str, int]) -> tuple[str | None, dict[str, Any]]:
        """Wait until the program ends or must be ended: the limit that it passed, and how it ended."""
        limits, end = self._orders["limits"], time.monotonic() + self._orders["limits"]["wall"]
        while True:
            while (reaped := reap_one())[0]:
                if reaped[0] == program:
                    return None, reaped[1]
            if self._stop.wait(INTERVAL_S):
                return None, {"cpu_s": round(self._cpu_s, 2)}
            self._announce_sockets()
            usage = measure(os.getpid(), folders, limits["memory"])
            self._peak, self._cpu_s = max(self._peak, usage.memory), max(self._cpu_s, usage.cpu_s)
            over = passed(usage, memory=limits["memory"], processes=limits["processes"], cpu_s=limits["cpu_s"]) or (
                "wall-limit" if time.monotonic() > end else None
            )
            if over is not None:
                return over, {"cpu_s": round(self._cpu_s, 2)}

    def _announce_sockets(self) -> None:
        """Tell of each awaited socket once it is bound."""
        for channel, path in list(self._awaited.items()):
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    del self._awaited[channel]
                    self._link.send_words({"bound": channel})

    def _receive(self) -> None:
        """Bring frames from the host to where they belong. The host's end of file, or its order, ends everything."""
        with contextlib.suppress(ProtocolError, OSError, ValueError, KeyError):
            while frame := read_frame(self._requests):
                channel, data = frame
                if channel == CONTROL:
                    request = json.loads(data)
                    if "kill" in request:
                        break
                    self._connect(request["connect"])
                elif channel in self._link.sockets:
                    self._link.write_to_socket(channel, data)
        self._stop.set()

    def _connect(self, channel: int) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(self._orders["sockets"][channel - SOCKETS])
        self._link.sockets[channel] = connection
        self._send_all(channel)

    def _send_all(self, channel: int) -> None:
        sender = threading.Thread(target=self._link.send_from_socket, args=(channel,), daemon=True)
        self._senders.append(sender)
        sender.start()

    def _send_result(self, channel: int, path: str, most: int) -> None:
        """Send the file, or say what lies in its place; send nothing where nothing is."""
        try:
            status = os.lstat(path)
        except OSError:
            return
        kind = "link" if stat.S_ISLNK(status.st_mode) else "file" if stat.S_ISREG(status.st_mode) else "other"
        if kind == "file" and not os.access(path, os.R_OK):
            kind = "other"
        self._link.send_words({"result": channel, "kind": kind, "size": status.st_size})
        if kind != "file" or status.st_size > most:
            return
        with contextlib.suppress(OSError), os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            while data := file.read(FRAME_BYTES):
                self._link.send(channel, data)


def move_up(descriptor: int) -> int:
    """The same descriptor under a number that no program expects."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH)
    os.close(descriptor)
    return moved


def reap_one() -> tuple[int, dict[str, Any]]:
    """A child that ended and how; (0, {}) where none has."""
    try:
        pid, status, usage = os.wait3(os.WNOHANG)
    except ChildProcessError:
        return 0, {}
    return pid, describe_exit(status, usage)


def end_all() -> None:
    """Kill every other process of the container and wait until they are gone."""
    while True:
        with contextlib.suppress(OSError):
            os.kill(-1, signal.SIGKILL)
        try:
            if os.wait3(os.WNOHANG)[0] == 0:
                select.select([], [], [], 0.01)
        except ChildProcessError:
            return


if __name__ == "__main__":
    main()
