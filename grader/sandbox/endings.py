"""How a program in a sandbox ended: the cause, from what the host saw and what PID 1 reported, and its words. Pure.

Three kinds of program end: the kernel of a notebook, the process that holds a module of functions, and the judge, which
holds a network. One table says what happened; where a program needs words of its own, they stand in a table beside it.
"""

import signal
from typing import Literal

from grader.core.evidence import Cause
from grader.core.limits import Limits, write_duration, write_size
from grader.sandbox.interface import Stopped

Held = Literal["notebook", "module", "network"]
CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGABRT, signal.SIGFPE}

# What happened, to follow {where}: "cell 3" or "the notebook" of a notebook, "it" of a module's function.
HAPPENED: dict[Cause, str] = {
    Cause.CELL_TIMEOUT: "ran longer than {cell} and was stopped",
    Cause.MEMORY_LIMIT: "used more than {memory} of memory and was stopped",
    Cause.PROCESS_LIMIT: "started more than {processes} processes and was stopped",
    Cause.DISK_LIMIT: "made more files than fit into {disk} and was stopped",
    Cause.OUTPUT_LIMIT: "printed or drew more than {output} and was stopped",
    Cause.CPU_LIMIT: "used up its processor time and was stopped",
    Cause.PROTOCOL_VIOLATION: "sent the grader messages that no {held} sends{named}",
    Cause.CRASH: "crashed Python (signal {signal})",
    Cause.KILLED: "crashed Python (signal {signal})",
    Cause.KERNEL_EXITED: "ended the process itself, as os._exit() does",
}
# The whole sentence, where these programs need another one.
SENTENCES: dict[Held, dict[Cause, str]] = {
    "notebook": {
        Cause.FINISHED: "every cell was run",
        Cause.WALL_LIMIT: "the run took longer than {wall} and was stopped in {where}",
        Cause.PROTOCOL_VIOLATION: "{where} sent the grader messages that no notebook sends{named}, and was stopped",
        Cause.CRASH: "Python crashed in {where} (signal {signal})",
        Cause.KILLED: "the kernel was killed in {where}",
        Cause.KERNEL_EXITED: "{where} ended the kernel itself, as exit() or os._exit() does",
        Cause.INFRASTRUCTURE: "the grader's own machinery failed",
        Cause.NOT_RUN: "nothing was run",
    },
    "module": {
        Cause.CELL_TIMEOUT: "did not return within {call}",
        Cause.WALL_LIMIT: "was stopped, because the whole run took longer than {wall}",
    },
    "network": {
        Cause.MEMORY_LIMIT: "the network needs more memory than the {memory} allowed: use fewer units or filters",
        Cause.WALL_LIMIT: "the network took longer than {wall} to load or to predict the images: make it smaller",
        Cause.CPU_LIMIT: "loading or running the network used more processor time than allowed: make it smaller",
        Cause.PROCESS_LIMIT: "loading or running the network went over a limit (process-limit)",
        Cause.DISK_LIMIT: "loading or running the network went over a limit (disk-limit)",
    },
}
NETWORK_CRASHED = "the judge crashed while it loaded or ran the network, which is usually a lack of memory"


def classify(fault: Cause | None, stopped: Stopped) -> Cause:
    """The cause: a limit that the watchdog named, what the host saw, the signal, else the program ended itself."""
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


def _limit_behind(log: str) -> Cause | None:
    """The limit that native code ran into, from the end of its log."""
    tail = log[-4000:]
    if "bad_alloc" in tail or "Cannot allocate memory" in tail:
        return Cause.MEMORY_LIMIT
    if "Resource temporarily unavailable" in tail or "pthread_create() failed" in tail:
        return Cause.PROCESS_LIMIT
    return None


def explain_ending(
    held: Held, cause: Cause, limits: Limits, *, where: str = "", signal: int | None = None, what: str = ""
) -> str:
    """The words for an ending; `what`: what the program sent that could not pass."""
    happened = "{where} " + HAPPENED.get(cause, f"went over a limit ({cause})")
    sentence = SENTENCES[held].get(cause, NETWORK_CRASHED if held == "network" else happened)
    words = sentence.format(
        where=where, held=held, named=f" ({what})" if what else "", signal=signal, cell=write_duration(limits.cell),
        call=write_duration(limits.call), wall=write_duration(limits.wall), memory=write_size(limits.memory),
        disk=write_size(limits.disk), processes=limits.processes, output=what or write_size(limits.output),
    )  # fmt: skip
    return words.strip()
