"""Where something stands in a submission: in which cell, and on which line of it or of its file. Pure."""

import re
from collections.abc import Sequence

from grader.core.evidence import Cell

MOST_SEARCHED = 2_000_000  # characters of all cells together


def defined_at(name: str, cells: Sequence[Cell]) -> tuple[int, int] | None:
    """The number of the cell and the line in it where `name` is defined at the top level for the last time."""
    left, found = MOST_SEARCHED, None
    pattern = re.compile(
        rf"^(?:async[ \t]+)?(?:def|class)[ \t]+{re.escape(name)}\b|^{re.escape(name)}[ \t]*=(?!=)", re.M
    )
    for cell in cells:
        for match in pattern.finditer(cell.source[: max(0, left)]):
            found = cell.number, cell.source.count("\n", 0, match.start()) + 1
        left -= len(cell.source)
    return found


def line_in_file(number: int, line: int, cells: Sequence[Cell]) -> int:
    """The line of a module's file that is a line of one of its cells: they stand there one after the other."""
    return line + sum(cell.source.count("\n") for cell in cells if cell.number < number)
