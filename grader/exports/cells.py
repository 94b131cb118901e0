"""Cells of the CSV files that we write: numbers stay numbers, and no text is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from unicodedata import category

from grader.report.visible import visible

FORMULA = tuple("=+-@＝＋－＠﹦﹢﹣﹫")  # wide and small ones count in East Asian versions
CONTROL = ("\t", "\r", "\n")
MARK = "\ufeff"  # by which a spreadsheet knows UTF-8; never before a file that a program reads by its first column
Cell = str | float | None


def guard_formula(text: str) -> str:
    """`text` so that no spreadsheet takes it for a formula, also behind what is not seen (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(CONTROL) or _seen(text).startswith(FORMULA) else text


def _seen(text: str) -> str:
    """The text from its first visible character on: spaces, and characters without a shape, stand for nothing."""
    places = (place for place, char in enumerate(text) if not (char.isspace() or category(char) in ("Cf", "Cc")))
    return text[next(places, len(text)) :]


def write_number(value: float, *, digits: int = 2) -> str:
    """A number with at most so many digits after the point and no idle zeros: 61.5, -2, 0."""
    return f"{round(value, digits) + 0.0:.{digits}f}".rstrip("0").rstrip(".")


def write_cell(cell: Cell) -> str:
    """A number as it is (a minus sign makes no formula of it), a text guarded and visible, nothing for None.

    A terminal obeys what is not seen, and shows names backwards for it.
    """
    if cell is None:
        return ""
    return visible(guard_formula(cell)) if isinstance(cell, str) else write_number(cell)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A CSV file's text, UTF-8 to be, LF at line ends.

    All is quoted: a name may hold a lone carriage return, or the semicolon at which other languages' Excel splits.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows([write_cell(cell) for cell in row] for row in rows)
    return buffer.getvalue()
