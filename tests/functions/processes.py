"""A module in a process of its own, for tests: written here, loaded there, asked a call at a time."""

import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from grader.core.evidence import Call, Cause, Isolation
from grader.core.limits import Limits
from grader.core.notebook import Script
from grader.functions.cases import pack_arguments, unpack_array
from grader.functions.module_process import ModuleJob, ModuleProcess, start_module
from grader.sandbox.interface import Program, Promise, Sandbox, Stopped

LIMITS = Limits(wall=90.0, cell=30.0, call=30.0, memory=1 << 30, disk=16 << 20, processes=20)
SHORT = LIMITS.model_copy(update={"cell": 1.0, "call": 1.0})


def job(
    *cells: str, wanted: Mapping[str, int] | None = None, limits: Limits = LIMITS, name: str = "mine.py",
    files: Mapping[str, bytes] | None = None,
) -> ModuleJob:  # fmt: skip
    return ModuleJob(script=Script(name, cells), files=files or {}, wanted=wanted or {"f": 1}, limits=limits, seed=0)


@contextmanager
def loaded(sandbox: Sandbox, *cells: str, limits: Limits = LIMITS, name: str = "mine.py") -> Iterator[ModuleProcess]:
    with start_module(job(*cells, limits=limits, name=name), sandbox) as process:
        process.load()
        yield process


def ask(process: ModuleProcess, function: str = "f", *arguments: Any) -> Call:
    return process.call(function, "group", pack_arguments(arguments or (np.arange(6.0).reshape(2, 3),)))


def told(call: Call) -> str:
    """What came back, in short."""
    if call.value is None:
        return f"{call.outcome}: {call.said}"
    values = unpack_array(call.value)
    return f"{call.form} {values.dtype.str} {values.shape} {values.ravel().tolist()[:3]}"


class Puppet:
    """A sandbox without a program: what the module's process sends is written down here."""

    isolation: Isolation = "none"
    promises: frozenset[Promise] = frozenset()

    def __init__(self, *, loading: bytes | None = None, answer: bytes = b"") -> None:
        self._loading, self._answer = loading, answer

    @contextmanager
    def root(self) -> Iterator[Path]:
        """The root of nothing."""
        yield Path("/")

    def start(self, program: Program) -> "Strings":
        """Say ready, then what was written down, whatever is asked."""
        theirs = socket.socket(fileno=os.dup(program.descriptors[0]))
        threading.Thread(target=self._speak, args=(theirs,), daemon=True).start()
        return Strings(theirs)

    def _speak(self, theirs: socket.socket) -> None:
        loaded = json.dumps({"errors": [None], "problems": {}, "bytes": 0}).encode() + b"\n"
        with theirs.makefile("rb") as asked:
            theirs.sendall(b'{"ready": {}, "bytes": 0}\n')
            for said in (loaded if self._loading is None else self._loading, self._answer):
                request = json.loads(asked.readline() or b'{"bytes": 0}')
                asked.read(request["bytes"])
                try:
                    theirs.sendall(said)
                except OSError:  # the host has heard enough
                    return


class Strings:
    """The running program that there is not."""

    pid = 0
    folders: Mapping[str, int] = {}

    def __init__(self, theirs: socket.socket) -> None:
        self._theirs = theirs

    def poll(self) -> int:
        """It has ended."""
        return 0

    def kill(self, cause: Cause | None = None) -> None:
        """Hang up."""
        self._theirs.close()

    def wait(self, timeout: float | None = None) -> Stopped:
        """It ended, nobody knows how."""
        return Stopped(cause=None, signal=None, code=None, cpu_s=None, peak_mb=0.0, log="")

    def close(self) -> None:
        """Hang up."""
        self._theirs.close()
