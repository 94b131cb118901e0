"""How long work ends before its time: by Ctrl-C, by the system, by a fault that concerns all of it."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from grader.errors import GraderError

INTERRUPTED = 130  # what Typer ends with after Ctrl-C
TERMINATED = 143
GOES_ON = "the same command goes on where it stopped."


@contextmanager
def ending_in_order() -> Iterator[None]:
    """A request to end (SIGTERM, a terminal that is closed) unwinds like Ctrl-C, so that what is there is published."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]
    before = {number: signal.signal(number, _unwind) for number in signals}
    try:
        yield
    except GraderError as error:
        if _still_running():
            print(f"grader: {error}", file=sys.stderr, flush=True)
            leave(error.exit_code)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ending_in_words() -> Iterator[None]:
    """An error of ours ends a script as it ends a command: in words, with its exit code."""
    try:
        yield
    except GraderError as error:
        print(f"grader: {error}", file=sys.stderr, flush=True)
        sys.exit(error.exit_code)


def _unwind(number: int, frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def _still_running() -> bool:
    """Whether threads wait for sandboxes: an ordinary exit would wait for them, up to the limit of a run."""
    return any(thread.name.startswith("grade_") for thread in threading.enumerate())


def leave(code: int) -> None:
    """End at once; sandboxes die with this process."""
    sys.stdout.flush()
    os._exit(code)
