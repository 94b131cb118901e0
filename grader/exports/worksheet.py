"""A CSV file that a platform wrote, of which single cells are replaced: every other byte stays as it is.

Delimiter, quoting, line ends, byte order mark and encoding are the file's own. PHP, in which Moodle is written, does
not double a quotation mark that stands behind a backslash; a file that only makes sense when it is read so, is.
"""

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass

from grader.assignment import did_you_mean
from grader.errors import UsageError

DELIMITERS = (",", ";", "\t")
QUOTED = (r'"(?>[^"]*(?:""[^"]*)*)"', r'"(?>[^"\\]*(?:(?:""|\\.)[^"\\]*)*)"')  # RFC 4180; PHP
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
ENCODINGS = ("utf-8", "cp1252", "latin-1")  # as Excel saves in western languages; the last one reads anything
COMMA_NUMBER, POINT_NUMBER = re.compile(r"\s*-?\d+,\d+\s*"), re.compile(r"\s*-?\d+\.\d+\s*")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: what it says, where it stands in the text, and whether it is quoted."""

    value: str
    start: int
    end: int
    quoted: bool


@dataclass(frozen=True, kw_only=True)
class Worksheet:
    """A table of cells; `rows` are those below the header, without empty lines, all as long as `header`."""

    name: str
    text: str
    encoding: str
    mark: bytes
    delimiter: str
    header: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' titles, trimmed."""
        return tuple(cell.value.strip() for cell in self.header)

    def find(self, title: str) -> int | None:
        """The index of the one column with this title, whatever its case. Raises UsageError for several."""
        found = [index for index, column in enumerate(self.columns) if column.casefold() == title.strip().casefold()]
        exact = [index for index in found if self.columns[index] == title.strip()]
        if len(exact or found) > 1:
            raise UsageError(f"{self.name}: has {len(exact or found)} columns `{title}`.", "Take out those not meant.")
        return next(iter(exact or found), None)

    def need(self, title: str, option: str) -> int:
        """The index of the column with this title. Raises UsageError; `option` names it otherwise."""
        index = self.find(title)
        if index is None:
            hint = did_you_mean(title, tuple(column for column in self.columns if column))
            raise UsageError(f"{self.name}: has no column `{title}`{hint}.", f"Name it with {option}.")
        return index


def read_worksheet(data: bytes, *, name: str) -> Worksheet:
    """The table in a CSV file. Raises UsageError for what is none."""
    mark, encoding, text = _decode(data, name)
    first = next((line for line in re.split(r"[\r\n]", text) if line.strip()), "")
    if not first:
        raise UsageError(f"{name}: is empty.", "Download it again.")
    delimiter = max(DELIMITERS, key=re.sub('"[^"]*"', "", first).count)
    tables = [_split(text, delimiter, quoted) for quoted in QUOTED]
    table = next((rows for rows in tables if len({len(row) for row in rows}) == 1), None)
    if table is None:
        raise UsageError(f"{name}: {_unevenness(tables)}", "Download it again, and save it as CSV only.")
    return Worksheet(
        name=name, text=text, encoding=encoding, mark=mark, delimiter=delimiter,
        header=table[0], rows=tuple(table[1:]),
    )  # fmt: skip


def fill_cells(sheet: Worksheet, changes: Mapping[tuple[int, int], str]) -> bytes:
    """The file with the cells (row, column) of `changes` saying something else.

    A character that the file's encoding lacks is written as HTML does, `&#8217;`: only feedback holds any.
    """
    parts, done = [], 0
    for (row, column), value in sorted(changes.items()):
        cell = sheet.rows[row][column]
        parts += [sheet.text[done : cell.start], _quote(value, sheet.delimiter, quoted=cell.quoted)]
        done = cell.end
    text = "".join([*parts, sheet.text[done:]])
    return sheet.mark + text.encode(sheet.encoding, "xmlcharrefreplace")


def has_decimal_comma(values: list[str]) -> bool:
    """Whether these cells write 12,5 for what others write as 12.5."""
    return any(map(COMMA_NUMBER.fullmatch, values)) and not any(map(POINT_NUMBER.fullmatch, values))


def read_number(text: str) -> float | None:
    """The number that a cell holds, with a point or a comma; None for anything else."""
    plain = text.strip().replace("\u00a0", "").replace(" ", "")
    return float(plain.replace(",", ".")) if re.fullmatch(r"-?\d{1,15}([.,]\d{1,15})?", plain, re.ASCII) else None


def write_points(value: float, *, comma: bool) -> str:
    """Points as platforms write them: two digits after the point, or the comma."""
    text = f"{round(value, 2) + 0.0:.2f}"
    return text.replace(".", ",") if comma else text


def _decode(data: bytes, name: str) -> tuple[bytes, str, str]:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            try:
                return mark, encoding, data[len(mark) :].decode(encoding)
            except UnicodeDecodeError:
                raise UsageError(
                    f"{name}: is damaged ({encoding} as it says, it is not).", "Download it again."
                ) from None
    for encoding in ENCODINGS[:-1]:
        try:
            return b"", encoding, data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return b"", ENCODINGS[-1], data.decode(ENCODINGS[-1])


def _split(text: str, delimiter: str, quoted: str) -> list[tuple[Cell, ...]]:
    """Rows of cells, without empty lines; none where a cell is never closed.

    What follows a closing quotation mark belongs to the cell, as it is.
    """
    sign = re.escape(delimiter)
    pattern = re.compile(rf"(?:({quoted})([^{sign}\r\n]*)|((?!\x22)[^{sign}\r\n]*))({sign}|\r\n|\r|\n|\Z)", re.DOTALL)
    rows: list[tuple[Cell, ...]] = []
    row: list[Cell] = []
    position, last = 0, delimiter
    while position < len(text) or last == delimiter:
        found = pattern.match(text, position)
        if found is None:
            return []
        inner, tail, plain, last = found[1], found[2], found[3], found[4]
        value = plain if inner is None else inner[1:-1].replace('""', '"') + tail
        row.append(Cell(value, position, found.start(4), inner is not None))
        position = found.end()
        if last != delimiter:
            if len(row) > 1 or row[0].value.strip():
                rows.append(tuple(row))
            row = []
    return rows


def _unevenness(tables: list[list[tuple[Cell, ...]]]) -> str:
    rows = next((rows for rows in tables if rows), None)
    if rows is None:
        return "a quotation mark is never closed."
    number, row = next((index, row) for index, row in enumerate(rows) if len(row) != len(rows[0]))
    return f"row {number} below the header has {len(row)} cells, the header {len(rows[0])}."


def _quote(value: str, delimiter: str, *, quoted: bool) -> str:
    """A cell's text, quoted where the old one was, or where it must be."""
    if quoted or value != value.strip() or re.search(rf'["\r\n{re.escape(delimiter)}]', value):
        doubled = value.replace('"', '""')
        return f'"{doubled}"'
    return value
