"""A CSV file that a platform wrote: its cells, of which single ones are replaced, and the row that is each student's.

Every byte but those of the changed cells stays as it is: delimiter, quoting, line ends, byte order mark and encoding are the
file's own. PHP, in which Moodle is written, does not double a quotation mark behind a backslash; a file that only makes
sense when it is read so, is.

A row is found by the surest thing that both sides know: the platform's own number (of a submission that was downloaded from
there), the institution's number or login, the e-mail address, the name word by word. Nothing is guessed: what fits several
rows, or several of which fit one, is left out and reported; so is who was found by the name alone.
"""

import codecs
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from grader.core.errors import UsageError
from grader.core.results import Grade, Student
from grader.core.text import did_you_mean, rounded
from grader.exports.what_may_leave import Filled
from grader.intake.names import KnownBy, fold, fold_name, name_some
from grader.intake.roster import places_of

DELIMITERS = (",", ";", "\t")
QUOTED = (r'"(?>[^"]*(?:""[^"]*)*)"', r'"(?>[^"\\]*(?:(?:""|\\.)[^"\\]*)*)"')  # RFC 4180; PHP
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
ENCODINGS = ("utf-8", "cp1252", "latin-1")  # as Excel saves in western languages; the last one reads anything
COMMA_NUMBER, POINT_NUMBER = re.compile(r"\s*-?\d+,\d+\s*"), re.compile(r"\s*-?\d+\.\d+\s*")

THOUSANDS = re.compile(r"-?\d{1,3}(?:,\d{3})+", re.ASCII)  # or a number with three digits behind a decimal comma


@dataclass(frozen=True, slots=True)
class WorksheetCell:
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
    header: tuple[WorksheetCell, ...]
    rows: tuple[tuple[WorksheetCell, ...], ...]

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

    def find_any(self, titles: Sequence[str]) -> int | None:
        """The index of the one column with one of these titles. Raises UsageError for several."""
        found = places_of(self.columns, titles)
        if len(found) > 1:
            both = ", ".join(f"`{self.columns[place]}`" for place in found)
            raise UsageError(f"{self.name}: the columns {both} mean the same.", "Take out those not meant.")
        return next(iter(found), None)

    def need(self, title: str, option: str) -> int:
        """The index of the column with this title. Raises UsageError; `option` names it otherwise."""
        index = self.find(title)
        if index is None:
            hint = did_you_mean(title, tuple(column for column in self.columns if column))
            raise UsageError(f"{self.name}: has no column `{title}`{hint}.", f"Name it with {option}.")
        return index


def read_worksheet(data: bytes, *, name: str) -> Worksheet:
    """The table in a CSV file. Raises UsageError for any other file."""
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
    """The number that a cell holds, with a point or a comma; None for anything else, also for 1,000 (or is it 1?)."""
    plain = text.strip().replace("\u00a0", "").replace(" ", "")
    if THOUSANDS.fullmatch(plain):
        return None
    return float(plain.replace(",", ".")) if re.fullmatch(r"-?\d{1,15}([.,]\d{1,15})?", plain, re.ASCII) else None


def write_points(value: float, *, comma: bool) -> str:
    """Points as platforms write them: two digits after the point, or the comma."""
    text = f"{rounded(value) + 0.0:.2f}"
    return text.replace(".", ",") if comma else text


def _decode(data: bytes, name: str) -> tuple[bytes, str, str]:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            try:
                return mark, encoding, data[len(mark) :].decode(encoding)
            except UnicodeDecodeError:
                raise UsageError(
                    f"{name}: is damaged: its first bytes say {encoding}, and it is not.", "Download it again."
                ) from None
    for encoding in ENCODINGS[:-1]:
        try:
            return b"", encoding, data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return b"", ENCODINGS[-1], data.decode(ENCODINGS[-1])


def _split(text: str, delimiter: str, quoted: str) -> list[tuple[WorksheetCell, ...]]:
    """Rows of cells, without empty lines; none where a cell is never closed.

    What follows a closing quotation mark belongs to the cell, as it is.
    """
    sign = re.escape(delimiter)
    pattern = re.compile(rf"(?:({quoted})([^{sign}\r\n]*)|((?!\x22)[^{sign}\r\n]*))({sign}|\r\n|\r|\n|\Z)", re.DOTALL)
    rows: list[tuple[WorksheetCell, ...]] = []
    row: list[WorksheetCell] = []
    position, last = 0, delimiter
    while position < len(text) or last == delimiter:
        found = pattern.match(text, position)
        if found is None:
            return []
        inner, tail, plain, last = found[1], found[2], found[3], found[4]
        value = plain if inner is None else inner[1:-1].replace('""', '"') + tail
        row.append(WorksheetCell(value, position, found.start(4), inner is not None))
        position = found.end()
        if last != delimiter:
            if len(row) > 1 or row[0].value.strip():
                rows.append(tuple(row))
            row = []
    return rows


def _unevenness(tables: list[list[tuple[WorksheetCell, ...]]]) -> str:
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


@dataclass(frozen=True, kw_only=True)
class RowPerson:
    """What a row says of its student: the platform's number, numbers and logins, addresses, ways to write the name."""

    participant: str = ""
    identities: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RowChange:
    """What changes in a student's row: new texts by column, or the reason why nothing does; and notes."""

    cells: Mapping[int, str] = field(default_factory=dict)
    reason: str = ""
    remarks: tuple[str, ...] = ()


def fill_rows(
    sheet: Worksheet, people: Mapping[int, RowPerson], grades: Sequence[Grade],
    change: Callable[[int, Grade], RowChange], *, held: Sequence[str] = (), what: str = "rows",
) -> Filled:  # fmt: skip
    """The file with the grades that find their row; `change` says what becomes of it. `people` are the rows by number.

    `held`: sentences about grades that are not handed on; `what` the rows are called.
    """
    matching = match_rows(grades, people)
    cells: dict[tuple[int, int], str] = {}
    unplaced, remarks = [*held, *matching.unplaced], [*matching.remarks]
    filled = 0
    for row, grade in matching.rows.items():
        found, name = change(row, grade), grade.student.name
        cells |= {(row, column): text for column, text in found.cells.items()}
        unplaced += [f"{name}: {found.reason}"] if found.reason else []
        remarks += [f"{name}: {remark}" for remark in found.remarks]
        filled += not found.reason
    left = len(people) - len(matching.rows)
    if left:
        remarks.append(f"{sheet.name}: {left} of {len(people)} {what} have no grade here and stay as they were")
    return Filled(content=fill_cells(sheet, cells), filled=filled, unplaced=tuple(unplaced), remarks=tuple(remarks))


@dataclass(frozen=True, kw_only=True)
class Matching:
    """The grade of each row that has one, why others have found no row, and a sentence about who was found by name alone."""

    rows: Mapping[int, Grade]
    unplaced: tuple[str, ...]
    remarks: tuple[str, ...] = ()


KINDS = {"participant": "number", "identity": "number or login", "email": "address", "name": "name"}


def match_rows(grades: Sequence[Grade], people: Mapping[int, RowPerson]) -> Matching:
    """Each grade's row. `people` are the rows by number; a row that several grades claim gets none of them."""
    known = KnownBy((row, _words_of(person)) for row, person in people.items())
    names = Counter(fold_name(grade.student.name) for grade in grades)
    claims: dict[int, list[Grade]] = defaultdict(list)
    unplaced: list[str] = []
    by_name: dict[int, str] = {}
    for grade in grades:
        row, reason = _find(grade.student, people, known, names)
        if row is None:
            unplaced.append(f"{grade.student.name}: {reason}")
            continue
        claims[row].append(grade)
        if reason == "name":
            by_name[row] = grade.student.name
    for claimants in claims.values():
        if len(claimants) > 1:
            who = ", ".join(grade.student.name for grade in claimants)
            unplaced.append(f"{who}: belong to the same row of the file; which one counts?")
    rows = {row: claimants[0] for row, claimants in claims.items() if len(claimants) == 1}
    alone = [name for row, name in by_name.items() if row in rows]
    told = f"{len(alone)} found by the name alone, without a number, login or address: {name_some(alone)}"
    return Matching(rows=rows, unplaced=tuple(unplaced), remarks=(told,) if alone else ())


def _words_of(person: RowPerson) -> list[tuple[str, str]]:
    """Everything that a row's student is known by, with its kind."""
    numbers = [("participant", person.participant), *(("identity", text) for text in person.identities)]
    return [
        *numbers,
        *(("email", text) for text in person.emails),
        *(("name", fold_name(text)) for text in person.names),
    ]


def _find(
    student: Student, people: Mapping[int, RowPerson], known: KnownBy[int], names: Counter[str]
) -> tuple[int | None, str]:
    """The student's row with what it was found by, or the reason why there is none."""
    name = fold_name(student.name)
    keys = {
        "participant": fold(student.participant), "identity": fold(student.identity), "email": fold(student.email),
        "name": name if names[name] == 1 else "",
    }  # fmt: skip
    for kind, key in keys.items():
        rows = known.find(kind, key)
        if len(rows) > 1:
            return None, f"several rows of the file have this {KINDS[kind]} ({key})"
        if rows and kind in ("participant", "name") and _contradicts(people[rows[0]], student):
            return None, f"the row with this {KINDS[kind]} ({key}) belongs to another address"
        if rows:
            return rows[0], kind
    return None, "is in no row of the file"


def _contradicts(person: RowPerson, student: Student) -> bool:
    """Whether a row that fits by its number is somebody else's, as in a file of another platform."""
    addresses, address = set(map(fold, person.emails)) - {""}, fold(student.email)
    numbers = set(map(fold, person.identities)) - {""}
    return bool(address and addresses) and address not in addresses and fold(student.identity) not in numbers
