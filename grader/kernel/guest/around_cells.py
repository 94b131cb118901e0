"""How a cell runs: what it may print and draw, when a smoke run ends it, and which event loop it sees.

What is printed or drawn beyond a cap is left out with a note, and the run goes on. A flood ends the run all the same: once
more is left out than the whole run may print, the host is let see it.
"""

import asyncio
import ctypes
import sys
import threading
import time
from asyncio import events
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from grader.kernel.guest.notes import Notes

MOST_TEXT = 1 << 20  # characters of one cell
MOST_FIGURES = 30  # of one cell
PAUSE_S = 0.002  # after each write of a flood that the host is to see


class Caps:
    """Counts per cell. `allowed`: bytes that the whole run may print, as the host counts them."""

    def __init__(self, shell: Any, notes: Notes, allowed: int) -> None:
        self._notes, self._allowed = notes, allowed
        self._text = self._left_out = self._figures = 0
        self._streams = {"stdout": sys.stdout, "stderr": sys.stderr}
        for stream in self._streams.values():
            self._limit(stream)
        self._format = shell.display_formatter.format
        shell.display_formatter.format = self.format

    def start_cell(self, *_: object) -> None:
        """Called before each cell."""
        self._text = self._figures = 0

    def end_cell(self, *_: object) -> None:
        """Called after each cell: the kernel would wait for ever on an output that was closed."""
        for name, stream in self._streams.items():
            if getattr(getattr(sys, name), "closed", False):
                setattr(sys, name, stream)
                self._notes.note(f"`sys.{name}` was closed: what is printed later is shown as before")

    def _limit(self, stream: Any) -> None:
        write = stream.write

        def counted(text: object) -> Any:
            if not isinstance(text, str):
                return write(text)  # which says what is wrong: by that, libraries tell a text stream from bytes
            kept = self._kept(text)
            if kept:
                write(kept)
            return len(text)

        stream.write = counted

    def format(self, obj: Any, include: Any = None, exclude: Any = None) -> Any:
        """As IPython's; figures beyond the cap are not even drawn."""
        full = self._figures >= MOST_FIGURES
        if full and type(obj).__name__ == "Figure":
            self._tell_figures()
            return {}, {}
        data, metadata = self._format(obj, include, exclude)
        if "image/png" in data or "image/jpeg" in data:
            self._figures += 1
            if full:
                self._tell_figures()
                data = {kind: value for kind, value in data.items() if kind == "text/plain"}
        return data, metadata

    def _kept(self, text: str) -> str:
        before = self._text
        self._text += len(text)
        if self._text <= MOST_TEXT:
            return text
        self._left_out += len(text)
        if self._left_out > self._allowed:
            time.sleep(PAUSE_S)  # a flood faster than its reader would end for want of memory, and be called that
            return text
        self._notes.note("a cell printed more than a million characters; the rest of it was left out")
        return text[: max(0, MOST_TEXT - before)]

    def _tell_figures(self) -> None:
        self._notes.note(f"a cell drew more than {MOST_FIGURES} figures; the rest of them were left out")


def around_each(events: Any, before: Sequence[Callable[..., None]], after: Sequence[Callable[..., None]]) -> None:
    """Call functions before and after every cell of the notebook; not around those that a cell runs, as `%%backend` does."""
    depth = 0

    def enter(*_: object) -> None:
        nonlocal depth
        depth += 1

    def leave(*_: object) -> None:
        nonlocal depth
        depth -= 1

    def outermost(function: Callable[..., None]) -> Callable[..., None]:
        return lambda *given: function(*given) if depth == 1 else None

    events.register("pre_run_cell", enter)
    for name, functions in (("pre_run_cell", before), ("post_run_cell", after)):
        for function in functions:
            events.register(name, outermost(function))
    events.register("post_run_cell", leave)


AGAIN_S = 1.0  # code that catches everything is stopped again


class SmokeRunOver(KeyboardInterrupt):
    """Raised in a cell when the time of a smoke run is up. The host knows it by its name."""


class Deadline:
    """Stops the cell that runs when `left_s()` has come to 0."""

    def __init__(self, left_s: Any) -> None:
        self._left_s = left_s
        self._main = threading.main_thread().ident
        self._lock, self._running = threading.Lock(), False
        self._thread: threading.Thread | None = None

    def begin_cell(self, *_: object) -> None:
        """Called before each cell."""
        with self._lock:
            self._running = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._wait, daemon=True, name="smoke-run")
            self._thread.start()

    def end_cell(self, *_: object) -> None:
        """Called after each cell: nothing is stopped in between."""
        with self._lock:
            self._running = False
            self._raise(None)

    def _wait(self) -> None:
        while (left := self._left_s()) > 0:
            time.sleep(left)
        while True:
            with self._lock:
                if self._running:
                    self._raise(ctypes.py_object(SmokeRunOver))
            time.sleep(AGAIN_S)

    def _raise(self, kind: Any) -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._main or 0), kind)


class HiddenLoop:
    """Hides the kernel's event loop from code that is not a coroutine."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._kept: asyncio.AbstractEventLoop | None = None
        self._own: asyncio.AbstractEventLoop | None = None
        self._wanted = False

    def run_as_program(self) -> None:
        """Every cell is a program's code: no loop runs, and `await` outside of a function is an error."""
        self._wanted, self._shell.autoawait = True, False

    def nest(self) -> None:
        """`nest_asyncio.apply()`: from now on, this cell included, `asyncio.run` finds no loop that runs."""
        if not self._wanted:
            self._wanted = True
            self._hide()
            asyncio.run = self._run  # it leaves a loop behind, as that package's own does

    def begin_cell(self, info: Any) -> None:
        """Called before each cell; one that awaits itself needs the kernel's loop."""
        if not self._wanted:
            return
        code = self._shell.transform_cell(info.raw_cell or "")
        if not self._shell.should_run_async(info.raw_cell or "", transformed_cell=code):
            self._hide()

    def end_cell(self, *_: object) -> None:
        """Called after each cell, before the kernel goes on."""
        if self._kept is not None:
            events._set_running_loop(self._kept)
            asyncio.set_event_loop(self._kept)
            self._kept = None

    def _run(self, main: Coroutine[Any, Any, Any], **options: Any) -> Any:
        """`asyncio.run`."""
        return asyncio.get_event_loop().run_until_complete(main)

    def _hide(self) -> None:
        running = events._get_running_loop()
        if running is not None:
            if self._own is None or self._own.is_closed():
                self._own = asyncio.new_event_loop()
            self._kept = running
            events._set_running_loop(None)
            asyncio.set_event_loop(self._own)


def pass_over_self_checks(notes: Notes) -> None:
    """Give the package `grader`, as far as it is here, a `check` that only leaves a note."""

    def check(*arguments: object, **options: object) -> None:
        notes.note("`grader.check` was skipped: it is for your own computer")

    package: Any = sys.modules["grader"]
    package.check = check
    package.load_ipython_extension = lambda shell: None
