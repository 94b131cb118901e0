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


_FRAME = re.compile(r"^(Cell In\[(?P<cell>\d{1,6})\]|File )|^-+> *(?P<line>\d{1,7}) (?P<text>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class CodeLine:
    """A line of a cell, from 1, and what stands there."""

    cell: int
    line: int
    text: str


def failing_lines(cell: Cell, cells: Sequence[Cell] = ()) -> tuple[CodeLine, ...]:
    """The lines on the way to a cell's error, as its traceback marks them: where a call was made, and at last the error.

    `cells`: all of the submission, whose functions the cell may call. What does not stand there is left out.
    """
    if cell.error is None:
        return ()
    sources = {each.number: each.source.splitlines() for each in (*cells, cell)}
    unread = re.search(r"\.py, line (\d{1,7})\)\Z", cell.error.message) if "Error" in cell.error.name else None
    own = sources[cell.number]
    if unread is not None and 0 < int(unread[1]) <= len(own):
        return (CodeLine(cell.number, int(unread[1]), own[int(unread[1]) - 1].strip()),)
    found, at = [], cell.number
    for mark in _FRAME.finditer(cell.error.traceback):
        if mark["line"] is None:
            at = int(mark["cell"] or 0)  # 0: a file of somebody else's
            continue
        line, text = int(mark["line"]), mark["text"].strip()
        for number in dict.fromkeys((at, cell.number) if at else ()):
            lines = sources.get(number, [])
            if text and 0 < line <= len(lines) and lines[line - 1].strip() == text:
                found.append(CodeLine(number, line, text))
                break
    return tuple(found)


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

    def calls_of_error(self, cell: Cell) -> tuple[int, ...]:
        """The lines of a module's file on which calls were made that ended in an error elsewhere, outermost first."""
        lines = failing_lines(cell, self.cells)[:-1] if self.file else ()
        return tuple(line_in_file(at.cell, at.line, self.cells) for at in lines)

    def line_of_error(self, cell: Cell) -> int | None:
        """The line of a module's file on which one of its cells failed; None for a notebook, or where it is not known."""
        found = failing_lines(cell, self.cells)[-1:] if self.file else ()
        return next((line_in_file(at.cell, at.line, self.cells) for at in found), None)
