"""The host's side of a call: a sandboxed process with the submitted module in it, asked one call at a time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from grader.core.errors import Infrastructure
from grader.core.evidence import Argument, Array, Call, Cause, CellError
from grader.core.limits import Limits
from grader.core.notebook import Script, strip_ansi
from grader.functions.cases import pack_array, unpack_array
from grader.sandbox.channel import ProtocolError
from grader.sandbox.endings import classify, explain_ending
from grader.sandbox.environment import PYTHON, environment
from grader.sandbox.interface import Input, Program, Sandbox, Scratch, Stopped
from grader.sandbox.worker_process import WorkerProcess, start_worker

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
    inputs: tuple[Input, ...] = ()  # what the course adds to Python


@contextmanager
def start_module(job: ModuleJob, sandbox: Sandbox) -> Iterator["ModuleProcess"]:
    """A sandboxed process that holds the module. Raises Infrastructure where it did not come up."""
    with start_worker(
        sandbox, lambda root, descriptor: module_program(root, job, descriptor), name="The process for the module",
        ready_s=READY_S,
    ) as worker:  # fmt: skip
        yield ModuleProcess(job, worker)


class ModuleProcess:
    """A running process that holds the module; made by `start_module`."""

    def __init__(self, job: ModuleJob, worker: WorkerProcess) -> None:
        self._job, self._worker = job, worker

    @property
    def stopped(self) -> Stopped | None:
        """How the process ended, once it has."""
        return self._worker.stopped

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
        return Call(function=function, group=group, arguments=tuple(arguments), **answered)

    def _ask(self, request: dict[str, Any], payload: bytes, *, within: float) -> tuple[dict[str, Any], bytes]:
        try:
            return self._worker.ask(request, payload, at_most=MOST_BYTES, within=within)
        except TimeoutError:
            self._worker.end()
            limits = self._job.limits.model_copy(update={"call": within})
            raise LostError(explain_ending("module", Cause.CELL_TIMEOUT, limits), Cause.CELL_TIMEOUT) from None
        except (ProtocolError, OSError) as error:
            raise _explain_loss(self._worker.end(patience=1.0), error, self._job.limits) from None

    def _violated(self) -> LostError:
        self._worker.end()
        words = explain_ending("module", Cause.PROTOCOL_VIOLATION, self._job.limits)
        return LostError(words, Cause.PROTOCOL_VIOLATION)


def module_program(root: Path, job: ModuleJob, descriptor: int) -> Program:
    """The process for a module as a sandboxed program, with the submission's files in its working folder."""
    return Program(
        root=root,
        argv=(
            *PYTHON, str(root / GUEST / "grader/functions/guest.py"), str(root / GUEST),
            str(descriptor), *(str(root / item.inside) for item in job.inputs),
        ),
        environment={**environment(root, job.limits.threads, job.seed), "MPLBACKEND": "agg"},
        folder=SUBMISSION,
        limits=job.limits.model_copy(update={"wall": WALLS * job.limits.wall}),
        inputs=(
            Input(FOLDER / "guest.py", f"{GUEST}/grader/functions/guest.py"),
            Input(FOLDER.parent / "sandbox/channel.py", f"{GUEST}/grader/sandbox/channel.py"),
            *job.inputs,
        ),
        scratch=(
            Scratch("dev/shm", 16 << 20, shared=True),
            Scratch("tmp", 64 << 20, shared=True),
            Scratch(SUBMISSION, job.limits.disk),
        ),
        files={f"{SUBMISSION}/{name}": data for name, data in job.files.items()},
        descriptors=(descriptor,),
    )  # fmt: skip


def _explain_loss(stopped: Stopped | None, error: Exception, limits: Limits) -> LostError:
    if stopped is None:
        raise Infrastructure("The process for the module does not end.")
    silent = stopped.signal is None and stopped.code is None
    cause = classify(Cause.PROTOCOL_VIOLATION if silent else None, stopped)
    cause = Cause.CRASH if cause is Cause.KILLED else cause
    limits = limits.model_copy(update={"wall": WALLS * limits.wall})
    return LostError(explain_ending("module", cause, limits, signal=stopped.signal, what=str(error)), cause)


def _plain_error(raw: Mapping[str, Any]) -> CellError:
    known = {key: strip_ansi(str(raw.get(key, ""))) for key in ("name", "message", "traceback")}
    return CellError(name=known["name"][:200] or "Error", message=known["message"][:2000], traceback=known["traceback"])


def _read_answer(reply: Mapping[str, Any], data: bytes) -> dict[str, Any] | None:
    """What a `Call` holds of the answer; None for one that our guest would not have sent."""
    if reply.get("outcome") == "raised" and isinstance(reply.get("error"), dict):
        error = _plain_error(reply["error"])
        said = f"raised {error.name}: {error.message}" if error.message else f"raised {error.name}"
        return {"outcome": "raised", "said": said}
    form = reply.get("form")
    if reply.get("outcome") != "returned" or form not in ("array", "number", "tuple", "list", "other"):
        return None
    if form == "other":
        return {"outcome": "returned", "said": strip_ansi(str(reply.get("said", "")))[:2000]}
    shape, dtype = reply.get("shape"), reply.get("dtype")
    if not isinstance(dtype, str) or dtype not in DTYPES or not isinstance(shape, list) or len(shape) > 32:
        return None
    if not all(isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= MOST_BYTES for size in shape):
        return None
    try:
        value = pack_array(np.frombuffer(data, dtype).reshape(shape))
    except ValueError:
        return None
    return {"outcome": "returned", "form": form, "value": value}
