"""What people read: lines in the width of their terminal, with coloured marks where colours are wanted."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from grader.pages.wrapping import wrap_lines

GREEN, RED, YELLOW, DIM = "32", "31", "33", "2"
COLOURS = {"✓": GREEN, "✗": RED, "◐": YELLOW, "!": YELLOW, "–": DIM, "…": DIM}
GAP = 2  # columns between those of a table
NARROWEST_COLUMN = 11  # columns on average; in narrower ones nobody reads
_MARK = re.compile(r"^(\s*)([✓✗◐!–…])(?= )")


def print_lines(lines: Iterable[str], stream: TextIO | None = None) -> None:
    """Print on standard output, or on another stream."""
    stream = sys.stdout if stream is None else stream
    coloured = wants_colour(stream)
    for line in wrap_lines(lines, terminal_width(stream)):
        print(_MARK.sub(_painted, line, count=1) if coloured else line, file=stream)
    stream.flush()


def print_json(value: object) -> None:
    """A value for machines."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below a heading: aligned, with cells wrapped where they are too wide, or one below the other.

    In a file or a pipe columns are as wide as need be.
    """
    table = [tuple(heading), *map(tuple, rows)]
    widths = [max(len(row[place]) for row in table) for place in range(len(heading))]
    width = terminal_width(sys.stdout)
    if width is None or sum(widths) + GAP * (len(widths) - 1) <= width:
        for line in table:
            print((" " * GAP).join(cell.ljust(columns) for cell, columns in zip(line, widths, strict=True)).rstrip())
    elif width >= NARROWEST_COLUMN * len(heading):
        _print_wrapped(heading, rows)
    else:
        for row in rows:
            told = (
                f"  {name}: {cell}" for name, cell in zip(heading[1:], row[1:], strict=True) if cell not in ("", "-")
            )
            print_lines([row[0], *told])
    sys.stdout.flush()


def _print_wrapped(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in heading:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def terminal_width(stream: TextIO) -> int | None:
    """How many columns lines on `stream` may have; None for a file or a pipe, where a finding stays on one line."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def wants_colour(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that shows colours, and nobody has said that they are not wanted (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _painted(mark: re.Match[str]) -> str:
    return f"{mark[1]}\x1b[{COLOURS[mark[2]]}m{mark[2]}\x1b[0m"
