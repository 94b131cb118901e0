"""The failure taxonomy: how a run ended, from what the host saw and what PID 1 reported. First match wins."""

import re
import signal
from collections.abc import Iterable

from grader.core.evidence import Cause, Cell, CellError, Ending
from grader.core.limits import Limits, write_duration, write_size
from grader.sandbox.interface import Stopped

CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGABRT, signal.SIGFPE}


def describe_ending(
    *,
    fault: Cause | None,
    stopped: Stopped,
    cell: int | None,
    limits: Limits,
    wall_s: float,
    what: str = "",
    cells: Iterable[Cell] = (),
    after_training: bool = False,
) -> Ending:
    """The ending in words a student understands.

    `fault` is what the host saw, None where the kernel just died; `what`: what it sent that could not pass; `cells`: what
    they say of limits that are errors inside and not the end; `after_training`: whether `cell` comes after all training.
    """
    cause = classify(fault, stopped)
    where = f"cell {cell}" if cell else "the notebook"
    if cause is Cause.CELL_TIMEOUT and after_training:
        where += ", after the training,"
        limits = limits.model_copy(update={"cell": limits.of_cell(after_training=True)})
    message = _words(cause, stopped, where, limits, what)
    if cause is Cause.FINISHED:
        message = "; ".join([message, *_soft_limits(cells, limits)])
    return Ending(
        cause=cause,
        message=message,
        cell=cell,
        wall_s=round(wall_s, 2),
        cpu_s=stopped.cpu_s,
        peak_mb=stopped.peak_mb,
    )


def classify(fault: Cause | None, stopped: Stopped) -> Cause:
    """The cause: a limit that the watchdog named, what the host saw, the signal, else the kernel ended itself."""
    if stopped.cause is not None:
        return stopped.cause
    if fault is not None:
        return fault
    died = stopped.signal
    if died == signal.SIGXCPU:
        return Cause.CPU_LIMIT
    if died in CRASHES:
        return _limit_behind(stopped.log) or Cause.CRASH
    if died is not None or stopped.code is None:
        return Cause.KILLED
    return Cause.KERNEL_EXITED


def soft_limit(error: CellError, limits: Limits) -> str | None:
    """What a cell's error says of a limit that it met, to follow "cell 3"; None where it says nothing of one."""
    said = f"{error.name}: {error.message}"
    known = (
        (r"\w*MemoryError:|ResourceExhaustedError:", f"ran out of memory ({write_size(limits.memory)} are allowed)"),
        (r"OSError: \[Errno 28\]", f"filled the disk ({write_size(limits.disk)} are allowed)"),
        (r"OSError: \[Errno 27\]", f"wrote a file that was too big ({write_size(limits.disk)} are allowed)"),
        (
            r"RuntimeError: can't start new thread|BlockingIOError: \[Errno 11\]",
            "started too many processes or threads",
        ),
    )
    return next((words for pattern, words in known if re.match(pattern, said)), None)


def _soft_limits(cells: Iterable[Cell], limits: Limits) -> Iterable[str]:
    for cell in cells:
        if cell.error is not None and (words := soft_limit(cell.error, limits)) is not None:
            yield f"by its own account cell {cell.number} {words}"


def _limit_behind(log: str) -> Cause | None:
    """The limit that native code could not cope with, from its last words."""
    tail = log[-4000:]
    if "bad_alloc" in tail or "Cannot allocate memory" in tail:
        return Cause.MEMORY_LIMIT
    if "Resource temporarily unavailable" in tail or "pthread_create() failed" in tail:
        return Cause.PROCESS_LIMIT
    return None


def _words(cause: Cause, stopped: Stopped, where: str, limits: Limits, what: str) -> str:
    named = f" ({what})" if what else ""
    return {
        Cause.FINISHED: "every cell was run",
        Cause.CELL_TIMEOUT: f"{where} ran longer than {write_duration(limits.cell)} and was stopped",
        Cause.WALL_LIMIT: f"the run took longer than {write_duration(limits.wall)} and was stopped in {where}",
        Cause.MEMORY_LIMIT: f"{where} used more than {write_size(limits.memory)} of memory and was stopped",
        Cause.PROCESS_LIMIT: f"{where} started more than {limits.processes} processes and was stopped",
        Cause.DISK_LIMIT: f"{where} made more files than fit into {write_size(limits.disk)} and was stopped",
        Cause.OUTPUT_LIMIT: f"{where} printed or drew more than {what or write_size(limits.output)} and was stopped",
        Cause.CPU_LIMIT: f"{where} used up its processor time and was stopped",
        Cause.PROTOCOL_VIOLATION: f"{where} sent the grader messages that no notebook sends{named}, and was stopped",
        Cause.CRASH: f"Python crashed in {where} (signal {stopped.signal})",
        Cause.KILLED: f"the kernel was killed in {where}",
        Cause.KERNEL_EXITED: f"{where} ended the kernel itself, as exit() or os._exit() does",
        Cause.INFRASTRUCTURE: "the grader's own machinery failed",
        Cause.NOT_RUN: "nothing was run",
    }[cause]
