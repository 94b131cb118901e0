"""What people read: lines in the width of their terminal, with coloured marks where colours are wanted."""

import os
import re
import shutil
import sys
from collections.abc import Iterable
from typing import TextIO

from grader.pages.wrapping import wrap_lines

GREEN, RED, YELLOW, DIM = "32", "31", "33", "2"
COLOURS = {"✓": GREEN, "✗": RED, "◐": YELLOW, "!": YELLOW, "–": DIM, "…": DIM}
_MARK = re.compile(r"^(\s*)([✓✗◐!–…])(?= )")


def print_lines(lines: Iterable[str], stream: TextIO | None = None) -> None:
    """Print on standard output, or on another stream."""
    stream = sys.stdout if stream is None else stream
    coloured = wants_colour(stream)
    for line in wrap_lines(lines, terminal_width(stream)):
        print(_MARK.sub(_painted, line, count=1) if coloured else line, file=stream)
    stream.flush()


def terminal_width(stream: TextIO) -> int | None:
    """How many columns lines on `stream` may have; None for a file or a pipe, where a finding stays on one line."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def wants_colour(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that shows colours, and nobody has said that they are not wanted (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _painted(mark: re.Match[str]) -> str:
    return f"{mark[1]}\x1b[{COLOURS[mark[2]]}m{mark[2]}\x1b[0m"
