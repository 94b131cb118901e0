"""What people read: lines in the width of their terminal, with coloured marks where colours are wanted."""

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

GREEN, RED, YELLOW, DIM = "32", "31", "33", "2"
COLOURS = {"✓": GREEN, "✗": RED, "◐": YELLOW, "!": YELLOW, "–": DIM, "…": DIM}
GAP = 2  # columns between those of a table
NARROWEST_COLUMN = 11  # columns on average; in narrower ones nobody reads
NARROWEST = 20  # columns; what is narrower is left to the terminal
STEP = 2  # columns by which a sentence goes on to the right of its beginning
INDENTED = 6  # columns from which on a sentence stands below another line, and goes on where it began
_LEAD = re.compile(r"(?:[✓✗◐–…!~?→•] +|\w{1,11}: )")
_GAP = re.compile(r" {2,}")
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


def wrap_lines(lines: Iterable[str], width: int | None) -> Iterator[str]:
    """The lines, none wider than `width` columns if its words allow that; as they are for None."""
    for line in lines:
        yield from (line,) if width is None else wrap_line(line, width)


def wrap_line(line: str, width: int) -> list[str]:
    """One line, broken between words; no word, path or command is broken in itself.

    It goes on below the last column of a row, behind a mark or a label, or a little to the right of where it began. Where
    that would leave it less than half the width, the gaps between columns are given up.
    """
    if len(line) <= width or width < NARROWEST:
        return [line]
    text = line.lstrip(" ")
    lead = len(line) - len(text)
    hang = lead + (_continued(text) or (STEP if lead < INDENTED else 0))
    if 2 * hang > width:
        text, lead = _GAP.sub("  ", text), min(lead, STEP)
        hang = lead + STEP
    return textwrap.wrap(
        " " * lead + text, width, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False
    )


def _continued(text: str) -> int:
    """The place of the words in `text` below which its further lines begin; 0 where it has no columns and no mark."""
    last = list(_GAP.finditer(text))
    if last:
        return last[-1].end()
    mark = _LEAD.match(text)
    return mark.end() if mark else 0
