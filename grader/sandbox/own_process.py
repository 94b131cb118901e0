"""Work of the grader's own on bytes of a student, in a process with a time and a memory of its own.

Libraries that read code and archives do not expect hostile input: a few kilobytes can cost them minutes or gigabytes. Such
work is done here, within limits that the kernel enforces. The process runs the grader's code and none of the student's. It
is given bytes and answers with bytes; whatever happens to it, its caller goes on and is told in words.
"""

import importlib
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

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


def in_own_process(work: str, data: bytes, *, seconds: int, memory: int) -> bytes:
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


def main() -> None:
    """The process' own side: limits first, then the work."""
    work, seconds, memory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for kind, most in (
        (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, MOST_FILE),
    ):  # fmt: skip
        with suppress(OSError, ValueError):  # not every system knows each of them
            resource.setrlimit(kind, (most, most))
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    module, _, function = work.partition(":")
    answer = getattr(importlib.import_module(module), function)(sys.stdin.buffer.read())
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
