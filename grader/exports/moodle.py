"""Moodle: the grading worksheet that was downloaded, filled in; and the zip of feedback files that Moodle takes back.

Moodle compares column titles as strings of the site's language, and skips a row whose last change is later than the
worksheet's date: so a worksheet is never built, only filled (by `platform_csv`). What Moodle would skip without a word (a
grade above the maximum, a locked row) is left alone and reported (mod/assign/feedback/offline/importgradeslib.php,
locallib.php).

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
from dataclasses import dataclass, replace

from grader.core.errors import UsageError
from grader.core.results import Grade
from grader.core.text import number, rounded, shorten, visible
from grader.exports.platform_csv import (
    THOUSANDS,
    RowChange,
    RowPerson,
    Worksheet,
    fill_rows,
    has_decimal_comma,
    read_number,
    read_worksheet,
    write_points,
)
from grader.exports.what_may_leave import Filled, comment_of, points_for, sort_grades
from grader.intake.roster import MOODLE, places_of

OURS, DECIDED = "Graded automatically:", "Decided by your instructor:"
BOTH = "Graded automatically and by your instructor:"
LONGEST_COMMENT = 5_000  # characters
NO = frozenset({"no", "nein", "non"})  # a grade that can't be changed


@dataclass(frozen=True, kw_only=True)
class MoodleOptions:
    """Titles of the columns; the English one stands for those of all languages of `MOODLE`. Without `comments`: none."""

    identifier: str = "Identifier"
    grade: str = "Grade"
    maximum: str = "Maximum Grade"
    comments: str = ""
    scale: bool = False
    provisional: bool = False


def fill_worksheet(data: bytes, grades: Sequence[Grade], *, name: str, options: MoodleOptions) -> Filled:
    """The worksheet `data` with the grades that find their row. Raises UsageError for any other file.

    `name` is the file's, for messages.
    """
    sheet = read_worksheet(data, name=name)
    people = _people(sheet, _need(sheet, options.identifier, MOODLE["identifier"], "--identifier"))
    maximum = sheet.find_any(MOODLE["maximum"]) if options.maximum == MoodleOptions.maximum else None
    if options.maximum != MoodleOptions.maximum:
        maximum = sheet.need(options.maximum, "--maximum")
    if maximum is None and sheet.find_any(MOODLE["scale"]) is not None:
        raise UsageError(
            f"{sheet.name}: this assignment is graded with words of a scale, not with points.",
            "Change the assignment's grade type to points in Moodle and download the worksheet again.",
        )
    column = _need(sheet, options.grade, MOODLE["grade"], "--grade")
    comments = _need(sheet, options.comments, MOODLE["comments"], "--comments") if options.comments else None
    lock = sheet.find_any(MOODLE["lock"])
    comma = has_decimal_comma([row[at].value for row in sheet.rows for at in (column, maximum) if at is not None])

    def change(row: int, grade: Grade) -> RowChange:
        """The grade, and its comment; the reason where Moodle would not take it."""
        cells = sheet.rows[row]
        if lock is not None and cells[lock].value.strip().casefold() in NO:
            return RowChange(reason="Moodle says that this grade can't be changed")
        if maximum is not None and THOUSANDS.fullmatch(cells[maximum].value.strip()):
            return RowChange(reason=f"the maximum grade {cells[maximum].value.strip()} can be read in two ways")
        most = read_number(cells[maximum].value) if maximum is not None else None
        where = f"{sheet.name}, row {row + 1} below the header"
        points = rounded(points_for(grade, most, scale=options.scale, where=where))
        if points < 0 or (most is not None and points > most):
            takes = "any number" if most is None else number(most)
            return RowChange(reason=f"{number(points)} points, and Moodle takes 0 to {takes}")
        new, remarks = dict[int, str](), list[str]()
        old = cells[column].value.strip()
        if read_number(old) != points:
            new[column] = write_points(points, comma=comma)
            remarks += [f"{old} in the worksheet became {new[column]}"] if read_number(old) is not None else []
        if comments is not None:
            before, comment = cells[comments].value, write_comment(grade)
            if before.strip() and not before.lstrip().startswith((f"<p>{OURS}", f"<p>{BOTH}", f"<p>{DECIDED}")):
                remarks.append("has a comment in the worksheet already; it stays")
            elif comment != before:
                new[comments] = comment
        return RowChange(cells=new, remarks=tuple(remarks))

    handed = sort_grades(grades, provisional=options.provisional)
    excused = [f"{grade.student.name}: is excused, which a worksheet can't say" for grade in handed.excused]
    filled = fill_rows(sheet, people, handed.marks, change, held=[*handed.held, *excused])
    remarks = []
    if sheet.find_any(MOODLE["modified"]) is None:
        remarks.append(
            f"{sheet.name}: has no column `{MOODLE['modified'][0]}`; "
            "unless its title is another one in your language, Moodle refuses it"
        )
    if maximum is None:
        remarks.append(
            f"{sheet.name}: has no column `Maximum Grade` (name it with --maximum), so no maximum was checked"
        )
    return replace(filled, remarks=(*filled.remarks, *remarks))


def _need(sheet: Worksheet, title: str, known: Sequence[str], option: str) -> int:
    """The column of this title; where it is the English one, in any language. Raises UsageError where there is none."""
    index = sheet.find_any(known) if title in known and sheet.find(title) is None else None
    return sheet.need(title, option) if index is None else index


def _people(sheet: Worksheet, identifier: int) -> dict[int, RowPerson]:
    identities, emails, names = (
        places_of(sheet.columns, titles)
        for titles in ((*MOODLE["identity"], *MOODLE["login"]), MOODLE["email"], MOODLE["name"])
    )
    people = {}
    for place, row in enumerate(sheet.rows):
        digits = re.search(r"([0-9]+)\s*\Z", row[identifier].value)  # "Participant 123", whatever the language
        people[place] = RowPerson(
            participant=digits[1] if digits else "",
            identities=tuple(row[index].value for index in identities),
            emails=tuple(row[index].value for index in emails),
            names=tuple(row[index].value for index in names),
        )
    return people


def write_comment(grade: Grade) -> str:
    """The comment as a paragraph of HTML: without quotation marks, backslashes and line ends, which PHP's CSV trips over.

    It begins with a tag, so no spreadsheet takes it for a formula.
    """
    words = html.escape(visible(shorten(comment_of(grade), LONGEST_COMMENT))).replace("\\", "&#92;")
    begins = DECIDED if grade.decided else BOTH if grade.changed_by_person else OURS
    return f"<p>{begins} {words}</p>".replace("\n", "<br>")


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
