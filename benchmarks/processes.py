"""Wall and processor time of commands, and of the grader with everything that it holds in sandboxes. Linux.

    .venv/bin/python benchmarks/processes.py FILE COMMAND ...     `grader COMMAND ...`; its cost goes to FILE as JSON

A sandbox is ended by killing it, and processor time of whoever is killed together with its parent is in nobody's account
(getrusage(2)). So the meter looks at the whole tree of a sandbox, and at a fork server, right before each is killed.
"""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from grader.sandbox.measure import process_tree
from grader.sandbox.process import LaunchedProcess
from grader.sandbox.warm import Server

USER, SYSTEM, BURIED = (
    (11,),
    (12,),
    (13, 14),
)  # fields of /proc/PID/stat behind the name, proc(5): own, of waited children


@dataclass
class Cost:
    """Seconds; filled when what is measured has ended."""

    wall: float = 0.0
    cpu: float = 0.0


class Meter:
    """Adds up the processor time of sandboxes and fork servers."""

    def __init__(self) -> None:
        self._trees: dict[int, float] = {}  # of each sandbox, by its object
        self._servers = 0.0
        self._lock = threading.Lock()

    @property
    def cpu(self) -> float:
        """Seconds so far."""
        return sum(self._trees.values()) + self._servers

    def look_at(self, running: LaunchedProcess) -> None:
        """Before a sandbox is killed, or when it has told how it ended."""
        tree = [running.pid, *process_tree(running.pid)]
        seconds = sum(_seconds(pid, USER + SYSTEM + BURIED) for pid in tree)
        stopped = running._stopped
        with self._lock:
            known = self._trees.get(id(running), 0.0)
            self._trees[id(running)] = max(known, seconds, stopped.cpu_s or 0.0 if stopped else 0.0)

    def look_at_server(self, server: Server) -> None:
        """Before a fork server is killed; its children are accounted for themselves."""
        with self._lock:
            self._servers += sum(_seconds(pid, USER + SYSTEM) for pid in [server.pid, *process_tree(server.pid)])


@contextmanager
def measured() -> Iterator[Cost]:
    """What the grader does inside, in this process and in sandboxes that are closed by the end."""
    meter, cost = Meter(), Cost()
    kill, close, end = LaunchedProcess.kill, LaunchedProcess.close, Server.close

    def look_and_kill(self: LaunchedProcess, *arguments: object) -> None:
        meter.look_at(self)
        kill(self, *arguments)  # type: ignore[arg-type]

    def close_and_look(self: LaunchedProcess) -> None:
        close(self)
        meter.look_at(self)

    def look_and_end(self: Server) -> None:
        meter.look_at_server(self)
        end(self)

    started, used = time.monotonic(), used_by(resource.RUSAGE_SELF)
    with (
        mock.patch.object(LaunchedProcess, "kill", look_and_kill),
        mock.patch.object(LaunchedProcess, "close", close_and_look),
        mock.patch.object(Server, "close", look_and_end),
    ):
        yield cost
    cost.wall = time.monotonic() - started
    cost.cpu = used_by(resource.RUSAGE_SELF) - used + meter.cpu


def run_measured(command: Sequence[str], **options: object) -> Cost:
    """What a command takes whose processes all wait for their own. Raises subprocess.CalledProcessError."""
    started, used = time.monotonic(), used_by(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, **options)  # type: ignore[call-overload]
    return Cost(time.monotonic() - started, used_by(resource.RUSAGE_CHILDREN) - used)


def run_grader(arguments: Sequence[str], folder: Path) -> Cost:
    """What `grader ARGUMENTS` takes, from its start to its end. Raises subprocess.CalledProcessError, but for marks."""
    file = folder / "cost.json"
    started = time.monotonic()
    done = subprocess.run([sys.executable, __file__, str(file), *arguments], capture_output=True, text=True)
    wall = time.monotonic() - started
    if not file.exists():
        raise subprocess.CalledProcessError(done.returncode, ["grader", *arguments], done.stdout, done.stderr)
    cpu = json.loads(file.read_text(encoding="utf-8"))["cpu"]
    file.unlink()
    return Cost(wall, cpu)


def used_by(whom: int) -> float:
    """Processor seconds so far, as getrusage(2) tells."""
    usage = resource.getrusage(whom)
    return usage.ru_utime + usage.ru_stime


def _seconds(pid: int, fields: Sequence[int]) -> float:
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(told[field]) for field in fields) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run the grader's command line under the meter."""
    from grader.cli.application import main as grader

    file, sys.argv = Path(sys.argv[1]), ["grader", *sys.argv[2:]]
    code: object = 0
    before = used_by(resource.RUSAGE_SELF)  # the interpreter's start and its imports are the grader's too
    with measured() as cost:
        try:
            grader()
        except SystemExit as ended:
            code = ended.code
    file.write_text(json.dumps({"cpu": before + cost.cpu}), encoding="utf-8")
    sys.exit(code)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
