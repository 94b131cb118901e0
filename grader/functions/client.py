"""The host's side of a call: a sandboxed process with the submitted module in it, asked one call at a time."""

import math
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from grader.core.errors import Infrastructure
from grader.core.evidence import Argument, Array, Call, Cause, CellError
from grader.core.limits import Limits, write_duration, write_size
from grader.core.notebook import Script, strip_ansi
from grader.functions.agreement import pack_array, unpack_array
from grader.sandbox.channel import Channel, ProtocolError
from grader.sandbox.environment import environment
from grader.sandbox.interface import Confined, Input, Program, Sandbox, Scratch, Stopped

READY_S = 60.0
WALLS = 10  # a process lives longer than it computes: it waits while arguments are drawn and answers compared
MOST_BYTES = 16 << 20
SUBMISSION, GUEST = "submission", "run/guest"
FOLDER = Path(__file__).resolve().parent
DTYPES = {np.dtype(kind).newbyteorder("<").str for kind in ("?", *np.typecodes["AllInteger"], "e", "f", "d")}


class LostError(Exception):
    """The process with the module is gone or silent; the message says why, in words that follow "it"."""

    def __init__(self, words: str, cause: Cause) -> None:
        super().__init__(words)
        self.words, self.cause = words, cause


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What loading the module found: each cell's error, and what is wrong with a function before it is called."""

    errors: tuple[CellError | None, ...]
    problems: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ModuleJob:
    """A submitted module: its code, its files (name to bytes), the functions wanted (name to number of arguments)."""

    script: Script
    files: Mapping[str, bytes]
    wanted: Mapping[str, int]
    limits: Limits
    seed: int


class TimedSocket(socket.socket):
    """A stream socket on which a whole answer must have come by `until`, not only its next piece."""

    until = math.inf

    def recv_into(self, *arguments: Any, **options: Any) -> int:
        """As socket.recv_into. Raises TimeoutError."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left)
        return super().recv_into(*arguments, **options)

    def give(self, seconds: float) -> None:
        """So long may what comes next take, sending and receiving each."""
        self.settimeout(seconds)
        self.until = time.monotonic() + seconds


class ModuleProcess:
    """A sandboxed process that has loaded the module. Raises Infrastructure where it did not come up."""

    def __init__(self, job: ModuleJob, sandbox: Sandbox) -> None:
        self._job, self._sandbox = job, sandbox
        self._root = sandbox.root()
        self._confined: Confined | None = None
        self._channel: Channel | None = None
        self.stopped: Stopped | None = None

    def __enter__(self) -> "ModuleProcess":
        root = self._root.__enter__()
        ours, theirs = socket.socketpair()
        try:
            self._confined = self._sandbox.start(module_program(root, self._job, theirs.fileno()))
        except BaseException:
            ours.close()
            self._root.__exit__(*sys.exc_info())
            raise
        finally:
            theirs.close()
        self._connection = TimedSocket(fileno=ours.detach())
        self._channel = Channel(self._connection)
        try:
            self._await_ready()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def _await_ready(self) -> None:
        assert self._channel is not None
        self._connection.give(READY_S)
        try:
            ready, _ = self._channel.receive(at_most=0)
            if "ready" not in ready:
                raise ProtocolError("it did not say ready")
        except (ProtocolError, TimeoutError) as error:
            log = self._end().log[-1000:]
            raise Infrastructure(f"The process for the module did not start: {error}. {log}") from None

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        if self._channel is not None:
            self._channel.close()
        if self._confined is not None:
            self._confined.close()
        self._root.__exit__(kind, value, trace)

    def load(self) -> Loaded:
        """Run the module. Raises LostError where that does not end, or ends the process."""
        script = self._job.script
        cells = [cell.encode() for cell in script.cells]
        request: dict[str, Any] = {
            "do": "load", "name": script.name, "cells": [len(cell) for cell in cells],
            "functions": dict(self._job.wanted), "seed": self._job.seed,
        }  # fmt: skip
        reply, _ = self._ask(request, b"".join(cells), within=self._job.limits.cell)
        errors, problems = reply.get("errors"), reply.get("problems")
        if not isinstance(errors, list) or len(errors) != len(script.cells) or not isinstance(problems, dict):
            raise self._violated()
        try:
            found = tuple(None if error is None else _plain_error(error) for error in errors)
        except (ValidationError, AttributeError, TypeError):
            raise self._violated() from None
        told = {name: strip_ansi(str(problems.get(name, "missing")))[:2000] for name in self._job.wanted}
        return Loaded(errors=found, problems={name: words for name, words in told.items() if words})

    def call(self, function: str, group: str, arguments: Sequence[Argument]) -> Call:
        """One call. Raises LostError where it does not return, or ends the process."""
        described = [{"dtype": a.dtype, "shape": list(a.shape)} if isinstance(a, Array) else a for a in arguments]
        payload = b"".join(unpack_array(item).tobytes() for item in arguments if isinstance(item, Array))
        request: dict[str, Any] = {"do": "call", "function": function, "arguments": described}
        reply, data = self._ask(request, payload, within=self._job.limits.call)
        answered = _read_answer(reply, data)
        if answered is None:
            raise self._violated()
        return answered.model_copy(update={"function": function, "group": group, "arguments": tuple(arguments)})

    def _ask(self, request: dict[str, Any], payload: bytes, *, within: float) -> tuple[dict[str, Any], bytes]:
        assert self._channel is not None
        self._connection.give(within)
        try:
            self._channel.send(request, payload)
            return self._channel.receive(at_most=MOST_BYTES)
        except TimeoutError:
            self._end()
            raise LostError(f"did not return within {write_duration(within)}", Cause.CELL_TIMEOUT) from None
        except (ProtocolError, OSError) as error:
            stopped = self._end(patience=1.0)
            raise _explain_loss(stopped, error, self._job.limits) from None

    def _violated(self) -> LostError:
        self._end()
        return LostError("sent the grader messages that no module sends", Cause.PROTOCOL_VIOLATION)

    def _end(self, patience: float = 0.0) -> Stopped:
        """Kill the process, after `patience` seconds in which it may end by itself and say how."""
        assert self._confined is not None
        if self.stopped is None:
            until = time.monotonic() + patience
            while self._confined.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
            self._confined.kill()
            self.stopped = self._confined.wait(60)
        return self.stopped


def module_program(root: Path, job: ModuleJob, descriptor: int) -> Program:
    """The process for a module as a sandboxed program, with the submission's files in its working folder."""
    return Program(
        root=root,
        argv=(
            sys.executable, "-s", "-P", "-B", str(root / GUEST / "grader/functions/guest.py"), str(root / GUEST),
            str(descriptor),
        ),
        environment={**environment(root, job.limits.threads, job.seed), "MPLBACKEND": "agg"},
        folder=SUBMISSION,
        limits=job.limits.model_copy(update={"wall": WALLS * job.limits.wall}),
        inputs=(
            Input(FOLDER / "guest.py", f"{GUEST}/grader/functions/guest.py"),
            Input(FOLDER.parent / "sandbox/channel.py", f"{GUEST}/grader/sandbox/channel.py"),
        ),
        scratch=(
            Scratch("dev/shm", 16 << 20, shared=True),
            Scratch("tmp", 64 << 20, shared=True),
            Scratch(SUBMISSION, job.limits.disk),
        ),
        files={f"{SUBMISSION}/{name}": data for name, data in job.files.items()},
        descriptors=(descriptor,),
    )  # fmt: skip


def _explain_loss(stopped: Stopped, error: Exception, limits: Limits) -> LostError:
    words = {
        Cause.MEMORY_LIMIT: f"used more than {write_size(limits.memory)} of memory and was stopped",
        Cause.PROCESS_LIMIT: f"started more than {limits.processes} processes and was stopped",
        Cause.WALL_LIMIT: f"was stopped, because the whole run took longer than {write_duration(WALLS * limits.wall)}",
    }
    if stopped.cause is not None:
        return LostError(words.get(stopped.cause, f"went over a limit ({stopped.cause})"), stopped.cause)
    if stopped.signal is not None:
        return LostError(f"crashed Python (signal {stopped.signal})", Cause.CRASH)
    if stopped.code is not None:
        return LostError("ended the process itself, as os._exit() does", Cause.KERNEL_EXITED)
    return LostError(f"sent the grader messages that no module sends ({error})", Cause.PROTOCOL_VIOLATION)


def _plain_error(raw: Mapping[str, Any]) -> CellError:
    known = {key: strip_ansi(str(raw.get(key, ""))) for key in ("name", "message", "traceback")}
    return CellError(name=known["name"][:200] or "Error", message=known["message"][:2000], traceback=known["traceback"])


def _read_answer(reply: Mapping[str, Any], data: bytes) -> Call | None:
    """The answer as a value, without what was asked; None for one that our guest would not have sent."""
    if reply.get("outcome") == "raised" and isinstance(reply.get("error"), dict):
        error = _plain_error(reply["error"])
        return _answer("raised", said=f"raised {error.name}: {error.message}".rstrip(": "))
    form = reply.get("form")
    if reply.get("outcome") != "returned" or form not in ("array", "number", "tuple", "list", "other"):
        return None
    if form == "other":
        return _answer("returned", said=strip_ansi(str(reply.get("said", "")))[:2000])
    shape, dtype = reply.get("shape"), reply.get("dtype")
    if not isinstance(dtype, str) or dtype not in DTYPES or not isinstance(shape, list) or len(shape) > 32:
        return None
    if not all(isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= MOST_BYTES for size in shape):
        return None
    try:
        return _answer("returned", form=form, value=pack_array(np.frombuffer(data, dtype).reshape(shape)))
    except ValueError:
        return None


def _answer(
    outcome: Literal["returned", "raised"], *, said: str = "", value: Array | None = None,
    form: Literal["array", "number", "tuple", "list", "other"] = "other",
) -> Call:  # fmt: skip
    return Call(function="", group="", arguments=(), outcome=outcome, form=form, value=value, said=said)
