"""Where something stands in a submission: in which cell, and on which line of it or of its file. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from grader.core.evidence import Cell, Evidence
from grader.core.text import one_line

LONGEST_FILE = 60  # characters of a file's name
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


def failing_line(cell: Cell) -> tuple[int, str] | None:
    """The line of a cell where its error came up, as the traceback marks it, and what stands there; None if unknown."""
    if cell.error is None:
        return None
    told = re.sub(r"\x1b\[[0-9;]*m", "", cell.error.traceback)
    lines = cell.source.splitlines()
    marked = [(int(found[1]), found[2].strip()) for found in re.finditer(r"^-+> *(\d{1,7}) (.*)$", told, re.MULTILINE)]
    unread = re.search(r"\.py, line (\d{1,7})\)\Z", cell.error.message) if "Error" in cell.error.name else None
    if unread is not None and 0 < int(unread[1]) <= len(lines):
        return int(unread[1]), lines[int(unread[1]) - 1].strip()
    for number, text in marked:
        if text and 0 < number <= len(lines) and lines[number - 1].strip() == text:
            return number, text
    return None


@dataclass(frozen=True)
class Places:
    """How the places of a submission are called: the cells of a notebook, or the lines of a module's `file`."""

    cells: tuple[Cell, ...]
    file: str = ""

    @classmethod
    def of(cls, evidence: Evidence) -> "Places":
        """Those of what was handed in."""
        name = evidence.submission.name
        module = name.lower().endswith(".py")
        return cls(evidence.claims.cells, one_line(name, LONGEST_FILE) if module else "")

    def of_cell(self, number: int) -> str:
        """What a cell is called: "cell 3"; of a module its name, or its lines where an editor's marks make cells of it."""
        if not self.file:
            return f"cell {number}"
        lines = self._lines_of(number)
        return self.file if lines is None else f"lines {lines[0]} to {lines[1]}"

    def in_cell(self, number: int | None) -> str:
        """What follows a sentence, as in "it failed in cell 3"; nothing where that is not known, or all of a module."""
        if number is None:
            return ""
        if not self.file:
            return f" in cell {number}"
        lines = self._lines_of(number)
        return "" if lines is None else f" in lines {lines[0]} to {lines[1]}"

    def _lines_of(self, number: int) -> tuple[int, int] | None:
        """The first and the last line of a module's cell; None where it is the only one."""
        found = next((cell for cell in self.cells if cell.number == number), None)
        if found is None or len(self.cells) == 1:
            return None
        first = line_in_file(number, 1, self.cells)
        return first, first + found.source.rstrip().count("\n")

    def of_error(self, cell: Cell) -> str:
        """Where a cell failed: "cell 3", or "line 12 of work.py"."""
        line = self.line_of_error(cell)
        return f"line {line} of {self.file}" if line is not None else self.of_cell(cell.number)

    def line_of_error(self, cell: Cell) -> int | None:
        """The line of a module's file on which one of its cells failed; None for a notebook, or where it is not known."""
        found = failing_line(cell) if self.file else None
        return None if found is None else line_in_file(cell.number, found[0], self.cells)
