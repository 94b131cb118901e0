"""The roster: who is in the class, by which numbers and names each is known, and who was given more time.

A CSV file in any order of columns, by the names that learning platforms and teachers give them; a grading worksheet of
Moodle, a gradebook of Canvas and a roster of Classroom 50 are rosters as they are. What can't be read is refused with
its line: a roster that is half understood would give somebody another's mark. What columns are called stands in
`headings.toml`.
"""

import csv
import io
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path

from grader.core.errors import UsageError
from grader.core.grades import Extension
from grader.core.limits import parse_span
from grader.intake.names import fold, squeeze, without_accents

with Path(__file__).with_name("headings.toml").open("rb") as file:
    _HEADINGS = tomllib.load(file)
MOODLE: Mapping[str, Sequence[str]] = _HEADINGS["moodle"]  # the titles of a grading worksheet
ROSTER = {field: (*words, *MOODLE.get(field, ())) for field, words in _HEADINGS["roster"].items()}
WHOLE_NAMES = ("nome", "nombre")  # without a column for the family name, they hold the whole one
SEVERAL = {"login"}  # a student may have one at the university and one at GitHub
KEYS = ("name", "last", "identity", "email", "login", "participant")
IDENTIFIER = squeeze("Identifier")  # of a Moodle worksheet, or of a roster of GitHub Classroom, which ended in 2026
GITHUB = squeeze("github_username")
CANVAS = {squeeze("SIS User ID"), squeeze("SIS Login ID")}  # in whose company "ID" is Canvas' own number
MOST_BYTES, MOST_STUDENTS, LONGEST_FIELD = 16 << 20, 100_000, 200
DELIMITERS = ",;\t"
NUMBERED = re.compile(r"(?:.*\s)?([0-9]+)")  # "Participant 12", in the language of the site
UNIQUE = ("identity", "email", "participant")
KEPT_AS_TEXT = re.compile(r'="(.*)"|\'([0-9]+)')
REMEDY = "Mend that line and save the file as CSV in UTF-8."
LONGEST_EXTENSION = 366 * 24 * 3600.0  # seconds
YEARS = range(2000, 2200)  # in which something can be handed in
EXAMPLES = "write a length (36h, 2d) or a new deadline (2026-05-01, 2026-05-01T18:00, 2026-05-01T18:00+02:00)"


def plain_title(title: str) -> str:
    """A title as it is compared: letters and digits without case and accents."""
    return squeeze(without_accents(title))


def places_of(header: Sequence[str], titles: Iterable[str]) -> list[int]:
    """The places of the columns that have one of these titles."""
    wanted = {plain_title(title) for title in titles}
    return [place for place, cell in enumerate(header) if plain_title(cell) in wanted]


def find_columns(header: Sequence[str]) -> dict[str, list[int]]:
    """The places of the columns that each field has in this header. ValueError, in words, where two would be one."""
    known = {plain_title(word): field for field, words in ROSTER.items() for word in words}
    titles = [plain_title(cell) for cell in header]
    known[IDENTIFIER] = "identity" if GITHUB in titles else "participant"
    if is_canvas(header) or places_of(header, (*MOODLE["lock"], *MOODLE["modified"])):
        known["id"] = "participant"
    if not any(known.get(title) in ("last", "name") for title in titles):
        known |= dict.fromkeys(WHOLE_NAMES, "name")
    places: dict[str, list[int]] = defaultdict(list)
    for place, title in enumerate(titles):
        if title in known:
            places[known[title]].append(place)
    for field, found in places.items():
        if len(found) > 1 and field not in SEVERAL:
            both = " and ".join(repr(header[place][:60]) for place in found[:2])
            raise ValueError(f"the columns {both} both mean the {field}: rename one")
    return dict(places)


def is_canvas(header: Sequence[str]) -> bool:
    """Whether it is the header of a gradebook of Canvas."""
    words = {squeeze(cell) for cell in header}
    return "id" in words and bool(CANVAS & words)


def read_extension(text: str) -> Extension:
    """The extension that `text` writes. ValueError, in words, for what is neither a length nor a time.

    A day without a time lasts until its end; a time without an offset is in the time zone of this computer.
    """
    try:
        return Extension(due=_read_due(text.strip()))
    except (ValueError, OverflowError, OSError):
        return Extension(seconds=_read_length(text.strip()))


def _read_due(text: str) -> datetime:
    try:
        due = datetime.combine(date.fromisoformat(text), time(23, 59, 59))
    except ValueError:
        due = datetime.fromisoformat(text)
    if due.year not in YEARS:
        raise ValueError(text)
    return due if due.tzinfo else due.astimezone()


def _read_length(text: str) -> float:
    try:
        seconds = parse_span(text)
    except ValueError:
        raise ValueError(f"{text[:60]!r} is not an extension: {EXAMPLES}") from None
    if not 0 < seconds <= LONGEST_EXTENSION:
        raise ValueError(f"{text[:60]!r} is not an extension: it is nothing, or longer than a year")
    return float(seconds)


@dataclass(frozen=True, kw_only=True)
class Enrolled:
    """One line of a roster. `logins` are all names under which the student signs in anywhere."""

    line: int
    name: str = ""
    first: str = ""
    last: str = ""
    identity: str = ""
    email: str = ""
    logins: tuple[str, ...] = ()
    participant: str = ""
    group: str = ""
    extension: str = ""

    @property
    def told_by(self) -> str:
        """What tells the student from another of the same name."""
        return next(filter(None, (self.identity, *self.logins, self.email, self.participant)), f"line {self.line}")


@dataclass(frozen=True, kw_only=True)
class Roster:
    """The students of a class in the order of the file, and what is to be told about it."""

    students: tuple[Enrolled, ...]
    notes: tuple[str, ...] = ()


def read_roster(path: Path) -> Roster:
    """The roster in a file. Raises UsageError with the line that can't be read."""
    try:
        if not path.is_file():
            raise UsageError(f"{path}: there is no such file.", "Name the CSV file with the students.")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror}).", "Check the file.") from None
    return parse_roster(str(path), data)


def parse_roster(where: str, data: bytes) -> Roster:
    """The roster that the bytes of a CSV file hold. Raises UsageError with the line that can't be read."""
    if len(data) > MOST_BYTES:
        raise UsageError(f"{where}: is larger than {MOST_BYTES >> 20} MiB.", "Leave only the columns of the students.")
    text, notes = _decode(where, data)
    rows = list(_rows(where, text))
    if not rows:
        raise _refusal(where, 1, "there is no header")
    line, header = rows[0]
    try:
        places = find_columns(header)
    except ValueError as error:
        raise _refusal(where, line, str(error)) from None
    if not any(field in places for field in KEYS):
        known = ", ".join(words[0] for words in ROSTER.values())
        raise _refusal(where, line, f"none of its columns tells who a student is; known columns: {known}")
    canvas = is_canvas(header)
    students = tuple(
        _student(where, line, row, places, len(header)) for line, row in rows[1:] if not _is_about(row, places, canvas)
    )
    if not students:
        raise _refusal(where, line, "no student follows")
    _require_unique(where, students)
    return Roster(students=students, notes=notes)


def _refusal(where: str, line: int, what: str) -> UsageError:
    return UsageError(f"{where}, line {line}: {what}.", REMEDY)


def _decode(where: str, data: bytes) -> tuple[str, tuple[str, ...]]:
    """UTF-8, UTF-16 with its mark as spreadsheets write it, or else what Windows wrote before."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding), ()
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            line = data[: error.start].decode(encoding, "replace").count("\n") + 1
            raise _refusal(where, line, "is not UTF-16 text, as the file begins") from None
    try:
        return data.decode("cp1252"), (f"{where} is not UTF-8; it was read as Windows-1252.",)
    except UnicodeDecodeError as error:
        raise _refusal(where, data[: error.start].count(b"\n") + 1, "is neither UTF-8 nor Windows-1252 text") from None


def _rows(where: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that hold something, each with its number, by the delimiter that makes most of the header known."""
    lines = (line for line in text.splitlines() if line.strip() and not line.lower().startswith("sep="))
    first = next(lines, "")
    delimiter = max(DELIMITERS, key=lambda sign: (_known(first, sign), first.count(sign)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for number, row in enumerate(reader):
            if number > MOST_STUDENTS:
                raise _refusal(where, line, f"a class has at most {MOST_STUDENTS:,} students")
            if any(cell.strip() for cell in row) and not (number == 0 and row[0].lower().startswith("sep=")):  # Excel's
                yield line, [_clean(cell) for cell in row]
            line = reader.line_num + 1
    except csv.Error as error:
        raise _refusal(where, line, f"is not CSV ({error})") from None


def _known(header: str, delimiter: str) -> int:
    try:
        return len(find_columns(next(csv.reader([header], delimiter=delimiter), [])))
    except (ValueError, csv.Error):
        return 0


def _clean(cell: str) -> str:
    """A cell on one line, without what can't be shown; one that is too long keeps a character too many.

    A number that a spreadsheet was to keep as text (`="0042"`, `'0042`) is that number.
    """
    if found := KEPT_AS_TEXT.fullmatch(cell.strip()):
        cell = found[1] or found[2]
    return "".join(sign for sign in " ".join(cell.split()) if sign.isprintable()).strip()[: LONGEST_FIELD + 1]


def _is_about(row: Sequence[str], places: Mapping[str, list[int]], canvas: bool) -> bool:
    """Whether a line of a Canvas gradebook is not a student's: the points possible, its notes, the test student."""
    name = _field(row, places, "name").casefold()
    return canvas and (name in ("points possible", "student, test") or not _field(row, places, "participant"))


def _field(row: Sequence[str], places: Mapping[str, list[int]], field: str) -> str:
    return next((row[place] for place in places.get(field, ()) if place < len(row)), "")


def _student(where: str, line: int, row: Sequence[str], places: Mapping[str, list[int]], width: int) -> Enrolled:
    if any(row[width:]):
        raise _refusal(where, line, f"has {len(row)} fields, but the header has {width}")
    if any(len(row[place]) > LONGEST_FIELD for found in places.values() for place in found if place < len(row)):
        raise _refusal(where, line, f"has a field of more than {LONGEST_FIELD} characters")
    known = {field: _field(row, places, field) for field in ROSTER if field not in SEVERAL}
    known["name"] = known["name"] or f"{known['first']} {known['last']}".strip()
    if number := NUMBERED.fullmatch(known["participant"]):
        known["participant"] = number[1]
    logins = dict.fromkeys(row[at] for at in places.get("login", ()) if at < len(row) and row[at])
    student = Enrolled(line=line, logins=tuple(logins), **known)
    if not any((student.name, student.identity, student.email, student.logins, student.participant)):
        raise _refusal(where, line, "does not tell who the student is")
    try:
        if student.extension:
            read_extension(student.extension)
    except ValueError as error:
        raise _refusal(where, line, str(error)) from None
    return student


def _require_unique(where: str, students: Sequence[Enrolled]) -> None:
    """Raise UsageError where two students have one number, address or login."""
    seen: dict[tuple[str, str], int] = {}
    for student in students:
        keys = {(field, fold(getattr(student, field))) for field in UNIQUE} | {
            ("login", fold(login)) for login in student.logins
        }
        for field, value in sorted(keys):
            if value and (field, value) in seen:
                raise _refusal(
                    where, student.line, f"the {field} {value[:60]!r} stands in line {seen[field, value]} too"
                )
            seen[field, value] = student.line
