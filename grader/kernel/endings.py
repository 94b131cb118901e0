"""The failure taxonomy: how a run ended, from what the host saw and what PID 1 reported. First match wins."""

import signal

from grader.evidence import Cause, Ending
from grader.limits import Limits, write_duration, write_size
from grader.sandbox.interface import Stopped

CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGABRT, signal.SIGFPE}


def describe_ending(
    *, fault: Cause | None, stopped: Stopped, cell: int | None, limits: Limits, wall_s: float
) -> Ending:
    """The ending in words a student understands; `fault` is what the host saw, None where the kernel just died."""
    cause = classify(fault, stopped)
    return Ending(
        cause=cause,
        message=_words(cause, stopped, f"cell {cell}" if cell else "the notebook", limits),
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
        return Cause.MEMORY_LIMIT if _out_of_memory(stopped.log) else Cause.CRASH
    if died is not None or stopped.code is None:
        return Cause.KILLED
    return Cause.KERNEL_EXITED


def _out_of_memory(log: str) -> bool:
    tail = log[-4000:]
    return "bad_alloc" in tail or "Cannot allocate memory" in tail


def _words(cause: Cause, stopped: Stopped, where: str, limits: Limits) -> str:
    return {
        Cause.FINISHED: "every cell was run",
        Cause.CELL_TIMEOUT: f"{where} ran longer than {write_duration(limits.cell)} and was stopped",
        Cause.WALL_LIMIT: f"the run took longer than {write_duration(limits.wall)} and was stopped in {where}",
        Cause.MEMORY_LIMIT: f"{where} used more than {write_size(limits.memory)} of memory and was stopped",
        Cause.PROCESS_LIMIT: f"{where} started more than {limits.processes} processes and was stopped",
        Cause.OUTPUT_LIMIT: f"{where} printed or drew more than {write_size(limits.output)} and was stopped",
        Cause.CPU_LIMIT: f"{where} used up its processor time and was stopped",
        Cause.PROTOCOL_VIOLATION: f"{where} sent the grader messages that no notebook sends, and was stopped",
        Cause.CRASH: f"Python crashed in {where} (signal {stopped.signal})",
        Cause.KILLED: f"the kernel was killed in {where}",
        Cause.KERNEL_EXITED: f"{where} ended the kernel itself, as exit() or os._exit() does",
        Cause.INFRASTRUCTURE: "the grader's own machinery failed",
        Cause.NOT_RUN: "nothing was run",
    }[cause]
