"""Caps on what one cell may print and draw: the rest is left out with a note, and the run goes on.

A flood ends the run all the same: what was left out counts, and once it is more than the whole run may print, the host is
let see it.
"""

import sys
import time
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

    def limit(self, stream: Any) -> None:
        """Put the cap on one of the kernel's output streams."""
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
        """As IPython's; a figure too many is not even drawn."""
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
