"""Moodle: the grading worksheet that was downloaded, filled in; and the zip of feedback files that Moodle takes back.

Moodle compares column titles as strings of the site's language, and skips a row whose last change is later than the
worksheet's date: so a worksheet is never built, only filled. What Moodle would skip without a word (a grade above the
maximum, a locked row) is left alone and reported (mod/assign/feedback/offline/importgradeslib.php, locallib.php).

It splits the name of a feedback file at its underscores into at most five parts: anything, the participant's number, two for
the plugin, and the file's name; what begins with `.` or `~` it ignores (mod/assign/feedback/file/importziplib.php).
"""

import html
import io
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grader.core.errors import UsageError
from grader.core.grades import Grade
from grader.core.text import shorten, visible
from grader.exports.release import Filled, comment_of, points_for, sort_grades, write_number
from grader.exports.worksheet import (
    RowPerson,
    Worksheet,
    fill_cells,
    has_decimal_comma,
    match_rows,
    read_number,
    read_worksheet,
    write_points,
)

IDENTITIES, EMAILS, NAMES = ("ID number", "Username"), ("Email address",), ("Full name",)
MODIFIED, LOCK, SCALE = "Last modified (grade)", "Grade can be changed", "Scale"
OURS, DECIDED = "Graded automatically:", "Decided by your instructor:"
LONGEST_COMMENT = 5_000  # characters


@dataclass(frozen=True, kw_only=True)
class MoodleOptions:
    """Titles of the columns in the site's language; `comments` empty: feedback is left alone."""

    identifier: str = "Identifier"
    grade: str = "Grade"
    maximum: str = "Maximum Grade"
    comments: str = ""
    scale: bool = False
    provisional: bool = False


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """Where the columns stand; `comma`: numbers are written with a decimal comma."""

    grade: int
    maximum: int | None
    lock: int | None
    comments: int | None
    comma: bool


def fill_worksheet(data: bytes, grades: Sequence[Grade], *, name: str, options: MoodleOptions) -> Filled:
    """The worksheet `data` with the grades that find their row. Raises UsageError for any other file.

    `name` is the file's, for messages.
    """
    sheet = read_worksheet(data, name=name)
    identifier, columns = sheet.need(options.identifier, "--identifier"), _columns(sheet, options)
    handed = sort_grades(grades, provisional=options.provisional)
    matching = match_rows(handed.marks, _people(sheet, identifier))
    changes: dict[tuple[int, int], str] = {}
    unplaced = [*handed.held, *matching.unplaced]
    unplaced += [f"{grade.student.name}: is excused, which a worksheet can't say" for grade in handed.excused]
    remarks = list(matching.remarks)
    filled = 0
    for row, grade in matching.rows.items():
        reason = _fill_row(sheet, row, grade, columns, options.scale, changes, remarks)
        unplaced += [f"{grade.student.name}: {reason}"] if reason else []
        filled += not reason
    remarks += _remarks(sheet, columns, len(sheet.rows) - len(matching.rows))
    return Filled(content=fill_cells(sheet, changes), filled=filled, unplaced=tuple(unplaced), remarks=tuple(remarks))


def _columns(sheet: Worksheet, options: MoodleOptions) -> _Columns:
    maximum = sheet.find(options.maximum)
    if maximum is None and options.maximum != MoodleOptions.maximum:
        sheet.need(options.maximum, "--maximum")
    if maximum is None and sheet.find(SCALE) is not None:
        raise UsageError(
            f"{sheet.name}: this assignment is graded with words of a scale, not with points.",
            "Change the assignment's grade type to points in Moodle and download the worksheet again.",
        )
    grade = sheet.need(options.grade, "--grade")
    numbers = [row[index].value for row in sheet.rows for index in (grade, maximum) if index is not None]
    return _Columns(
        grade=grade, maximum=maximum, lock=sheet.find(LOCK), comma=has_decimal_comma(numbers),
        comments=sheet.need(options.comments, "--comments") if options.comments else None,
    )  # fmt: skip


def _people(sheet: Worksheet, identifier: int) -> dict[int, RowPerson]:
    identities, emails, names = (
        [index for title in titles if (index := sheet.find(title)) is not None]
        for titles in (IDENTITIES, EMAILS, NAMES)
    )
    people = {}
    for number, row in enumerate(sheet.rows):
        digits = re.search(r"([0-9]+)\s*\Z", row[identifier].value)  # "Participant 123", whatever the language
        people[number] = RowPerson(
            participant=digits[1] if digits else "",
            identities=tuple(row[index].value for index in identities),
            emails=tuple(row[index].value for index in emails),
            names=tuple(row[index].value for index in names),
        )
    return people


def _fill_row(
    sheet: Worksheet, row: int, grade: Grade, columns: _Columns, scale: bool, changes: dict[tuple[int, int], str],
    remarks: list[str],
) -> str:  # fmt: skip
    """Put one grade (and its comment) among the changes; the reason where Moodle would not take it."""
    cells, name = sheet.rows[row], grade.student.name
    if columns.lock is not None and cells[columns.lock].value.strip().casefold() == "no":
        return "Moodle says that this grade can't be changed"
    most = read_number(cells[columns.maximum].value) if columns.maximum is not None else None
    points = round(points_for(grade, most, scale=scale, where=f"{sheet.name}, row {row + 1} below the header"), 2)
    if points < 0 or (most is not None and points > most):
        return f"{write_number(points)} points, and Moodle takes 0 to {'any number' if most is None else write_number(most)}"
    old = cells[columns.grade].value.strip()
    if read_number(old) != points:
        changes[row, columns.grade] = new = write_points(points, comma=columns.comma)
        remarks += [f"{name}: {old} in the worksheet became {new}"] if read_number(old) is not None else []
    if columns.comments is not None:
        before, comment = cells[columns.comments].value, write_comment(grade)
        if before.strip() and not before.lstrip().startswith((f"<p>{OURS}", f"<p>{DECIDED}")):
            remarks.append(f"{name}: has a comment in the worksheet already; it stays")
        elif comment != before:
            changes[row, columns.comments] = comment
    return ""


def write_comment(grade: Grade) -> str:
    """The comment as a paragraph of HTML: without quotation marks, backslashes and line ends, which PHP's CSV trips over.

    It begins with a tag, so no spreadsheet takes it for a formula.
    """
    words = html.escape(visible(shorten(comment_of(grade), LONGEST_COMMENT))).replace("\\", "&#92;")
    return f"<p>{DECIDED if grade.decided else OURS} {words}</p>".replace("\n", "<br>")


def _remarks(sheet: Worksheet, columns: _Columns, left: int) -> list[str]:
    remarks = []
    if left:
        remarks.append(f"{sheet.name}: {left} of {len(sheet.rows)} rows have no grade here and stay as they were")
    if sheet.find(MODIFIED) is None:
        remarks.append(
            f"{sheet.name}: has no column `{MODIFIED}`; unless its title is another one in your language, Moodle refuses it"
        )
    if columns.maximum is None:
        remarks.append(
            f"{sheet.name}: has no column `Maximum Grade` (name it with --maximum), so no maximum was checked"
        )
    return remarks


PLUGIN = "assignsubmission_file"
LONGEST_NAME = 80  # characters of a student's name
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same reports give the same zip


def pack_reports(
    grades: Sequence[Grade], read: Callable[[Grade], bytes | None], *, file: str = "report.html"
) -> Filled:
    """A zip with the report of each grade whose student has a number in Moodle.

    `read` gives a report's bytes, or None where there is none; it is called for one grade after the other, so that a
    class need not fit into memory.
    """
    buffer = io.BytesIO()
    unplaced, filled = [], 0
    often = Counter(grade.student.participant for grade in grades)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for grade in grades:
            participant = grade.student.participant.strip()
            report = (
                read(grade) if re.fullmatch("[0-9]+", participant) and often[grade.student.participant] == 1 else None
            )
            if report is not None:
                entry = zipfile.ZipInfo(feedback_name(grade.student.name, participant, file), EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                target.writestr(entry, report)
                filled += 1
            elif grade.status is not None:
                unplaced.append(f"{grade.student.name}: {_reason(participant, often[grade.student.participant])}")
    return Filled(content=buffer.getvalue(), filled=filled, unplaced=tuple(unplaced))


def _reason(participant: str, often: int) -> str:
    if not re.fullmatch("[0-9]+", participant):
        return "Moodle's number for this student is not known (grade the zip that Moodle's download gives)"
    if often > 1:
        return f"{often} students have the number {participant}"
    return "has no report"


def feedback_name(name: str, participant: str, file: str) -> str:
    """The name in the zip: `<name>_<participant>_assignsubmission_file_<file>`, safe on every system."""
    plain = unicodedata.normalize("NFC", name).encode("utf-8", "replace").decode("utf-8")
    plain = "".join(
        char if char.isalnum() or char in "-.' ()," or unicodedata.combining(char) else " " for char in plain
    )
    plain = " ".join(plain.split())[:LONGEST_NAME].lstrip(".~ ").rstrip()
    return f"{plain or 'Student'}_{participant}_{PLUGIN}_{file}"
