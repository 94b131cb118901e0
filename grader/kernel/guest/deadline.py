"""The end of a smoke run: what runs when its time is up is stopped there, wherever it is."""

import ctypes
import threading
import time
from typing import Any

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
