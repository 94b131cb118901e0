"""Canvas' gradebook CSV: the exported file with one assignment's column filled in, all else untouched.

Canvas offers to *make* an assignment for every title it does not know, and a student for every row it can't place. So
no column and no row is ever added here (app/models/gradebook_importer.rb).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from grader.core.errors import UsageError
from grader.core.results import Grade
from grader.core.text import did_you_mean
from grader.exports.platform_csv import (
    RowChange,
    RowPerson,
    Worksheet,
    fill_rows,
    has_decimal_comma,
    read_number,
    read_worksheet,
    write_points,
)
from grader.exports.what_may_leave import Filled, points_for, sort_grades
from grader.intake.names import name_in_canvas

EXCUSED, NOT_ASSIGNED = "EX", "N/A"
IDENTITIES = ("SIS User ID", "SIS Login ID", "Integration ID")
LOGIN = "SIS Login ID"  # an e-mail address at many institutions
POSSIBLE = "Points Possible"
POSTING = re.compile(r"\s*(?:Muted|Manual Posting.*)?\s*", re.IGNORECASE)  # a row about how grades are posted
TITLE = re.compile(r"(.*?)\s*\(([0-9]+)\)", re.DOTALL)
TOTALS = re.compile(
    "(?:Current|Final) (?:Score|Points|Grade)|Override (?:Score|Grade|Status)"  # what Canvas takes for no assignment
)


@dataclass(frozen=True, kw_only=True)
class CanvasOptions:
    """`column`: the assignment's title, or its number in Canvas; empty: the title that the grades have."""

    column: str = ""
    scale: bool = False
    provisional: bool = False


def fill_gradebook(data: bytes, grades: Sequence[Grade], *, name: str, options: CanvasOptions) -> Filled:
    """The export `data` with the grades that find their row. Raises UsageError for any other file."""
    sheet = read_worksheet(data, name=name)
    first = _check_header(sheet)
    column = _choose(sheet, first, options.column or (grades[0].title if grades else ""))
    most = _points_possible(sheet, column)
    handed = sort_grades(grades, provisional=options.provisional)
    comma = has_decimal_comma([cell.value for row in sheet.rows for cell in row[first:]])

    def change(row: int, grade: Grade) -> RowChange:
        old = sheet.rows[row][column].value.strip()
        if grade.excused:
            new = EXCUSED
        else:
            new = write_points(points_for(grade, most, scale=options.scale, where=sheet.name), comma=comma)
        if old == NOT_ASSIGNED:
            return RowChange(reason=f"this assignment is not theirs in Canvas ({NOT_ASSIGNED})")
        number = read_number(old)
        if old.casefold() == new.casefold() or (number is not None and number == read_number(new)):
            return RowChange()  # it says the same to Canvas
        return RowChange(cells={column: new}, remarks=(f"{old} in the file became {new}",) if old else ())

    takers = [*handed.marks, *handed.excused]
    return fill_rows(sheet, _people(sheet, first), takers, change, held=handed.held, what="students")


def _check_header(sheet: Worksheet) -> int:
    """The index of the first column behind those that say who a student is. Raises UsageError."""
    columns = sheet.columns
    begins = columns[:2] == ("Student", "ID") or columns[:3] == ("LastName", "FirstName", "ID")
    if not begins or "Section" not in columns:
        raise UsageError(
            f"{sheet.name}: is not a gradebook that Canvas exported (those begin with Student, ID and have a Section).",
            "Export it with Grades > Export > Export Entire Gradebook.",
        )
    return columns.index("Section") + 1


def _choose(sheet: Worksheet, first: int, wanted: str) -> int:
    """The column of one assignment, by its title or its number in Canvas. Raises UsageError: none is ever added."""
    known = {
        index: (found[1].strip(), found[2])
        for index, column in enumerate(sheet.columns)
        if index >= first and not TOTALS.search(column) and (found := TITLE.fullmatch(column))
    }
    asked = wanted.strip().strip("()")
    chosen = [index for index in known if sheet.columns[index] == wanted.strip() or known[index][1] == asked]
    chosen = chosen or [index for index in known if known[index][0].casefold() == wanted.strip().casefold()]
    if not chosen:
        there = did_you_mean(wanted, tuple(sheet.columns[index] for index in known))
        raise UsageError(f"{sheet.name}: has no assignment `{wanted}`{there}.", "Name one with --column.")
    if len(chosen) > 1:
        which = ", ".join(f"`{sheet.columns[index]}`" for index in chosen)
        raise UsageError(f"{sheet.name}: `{wanted}` may be {which}.", "Name its number with --column ID.")
    return chosen[0]


def _points_possible(sheet: Worksheet, column: int) -> float | None:
    """How many points can be had; None where the file does not say. Raises UsageError for a read-only column."""
    row = next((row for row in sheet.rows if POSSIBLE in row[0].value), None)
    said = row[column].value if row else ""
    if re.search(r"read\s+only", said):
        raise UsageError(
            f"{sheet.name}: `{sheet.columns[column]}` is read-only in Canvas.", "Name another one with --column."
        )
    return read_number(said)


def _people(sheet: Worksheet, first: int) -> dict[int, RowPerson]:
    """The rows that are students'. Names are matched as they stand and in the order that Canvas sorts by."""
    two = sheet.columns[0] == "LastName"
    identities = [index for title in IDENTITIES if (index := sheet.find(title)) is not None]
    login = sheet.find(LOGIN)
    people = {}
    for number, row in enumerate(sheet.rows):
        values = [_unwrap(cell.value) for cell in row]
        if POSSIBLE in values[0] or all(map(POSTING.fullmatch, values)):
            continue
        last, given = (values[0], values[1]) if two else values[0].partition(",")[::2]
        people[number] = RowPerson(
            participant=values[2 if two else 1].strip(),
            identities=tuple(values[index] for index in identities),
            emails=(values[login],) if login is not None and "@" in values[login] else (),
            names=(f"{last} {given}", f"{given} {last}", name_in_canvas(f"{last}{given}")),
        )
    return people


def _unwrap(value: str) -> str:
    """What Canvas means by `="00123"`: a text that a spreadsheet must not take for a number or a formula."""
    found = re.fullmatch(r'\s*="(.*)"\s*', value, re.DOTALL)
    return found[1].replace('""', '"') if found else value
