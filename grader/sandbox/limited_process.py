"""Processes of the grader's own: work on bytes of a student within limits, and what goes on after a command has ended.

Libraries that read code and archives do not expect hostile input: a few kilobytes can cost them minutes or gigabytes. Such
work is done here, within limits that the kernel enforces. The process runs the grader's code and none of the student's. It
is given bytes and answers with bytes; whatever happens to it, its caller goes on and is told in words.

`start_detached` starts a process that nobody waits for: the server of `grader check`.
"""

import importlib
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from grader.core.workspace import workspace

SLACK = 4  # times as long on the clock as on the processor: other work may go on beside it
STARTS_S = 20.0  # on the clock, beside that
MOST_FILE = 1 << 20  # bytes of a file in a folder of its own, which is thrown away: libraries keep settings there
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
}  # fmt: skip


class WorkLost(Exception):
    """The work did not finish; the text says why, in words that follow "it"."""


def in_limited_process(work: str, data: bytes, *, seconds: int, memory: int) -> bytes:
    """What `work` ("grader.module:function", bytes to bytes) answers to `data`. Raises WorkLost, and nothing else.

    `seconds` of processor time and `memory` bytes are all that it may use.
    """
    command = [sys.executable, "-s", "-P", "-B", str(Path(__file__).resolve()), work, str(seconds), str(memory)]
    try:
        with workspace() as scratch:  # a library that finds no place for its settings may refuse to be imported
            places = dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(scratch))
            done = subprocess.run(
                command, input=data, capture_output=True, timeout=SLACK * seconds + STARTS_S,
                env={**ENVIRONMENT, **places}, cwd=scratch,
            )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise WorkLost(f"took more than {seconds} s") from None
    except (OSError, MemoryError) as error:
        raise WorkLost(f"could not be begun ({type(error).__name__})") from None
    if done.returncode == 0:
        return done.stdout
    if b"MemoryError" in done.stderr[-1000:]:
        raise WorkLost(f"needed more than {memory >> 20} MiB of memory")
    raise WorkLost(f"took more than {seconds} s" if done.returncode in (-24, -9) else "ended by a fault")


def start_detached(work: str, argument: str) -> None:
    """Call `work` ("grader.module:function", given a text) in a process that outlives this one and its terminal.

    What it prints goes nowhere. Raises OSError where there can be no such process.
    """
    command = [sys.executable, "-P", str(Path(__file__).resolve()), work, argument]
    nowhere = subprocess.DEVNULL
    subprocess.run(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, cwd="/", start_new_session=True, check=False)


def main() -> None:
    """The process' own side: the work alone and within limits, or detached."""
    if len(sys.argv) == 3:
        if os.fork() == 0:  # so that whoever started this one has nobody to wait for
            _function(sys.argv[1])(sys.argv[2])
        return
    _work_within_limits()


def _function(work: str) -> Callable[..., Any]:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    module, _, function = work.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def _work_within_limits() -> None:
    work, seconds, memory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for kind, most in (
        (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, MOST_FILE),
    ):  # fmt: skip
        with suppress(OSError, ValueError):  # not every system knows each of them
            resource.setrlimit(kind, (most, most))
    answer = _function(work)(sys.stdin.buffer.read())
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
