"""The other side: what each platform does with a file, written from its sources and specifications, not from our code.

Each function raises AssertionError for what its platform refuses, or returns what the platform would understand.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from xml.etree import ElementTree

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import BaseModel, ConfigDict, Field

# --- Moodle: offline grading worksheet (importgradeslib.php, locallib.php, csvlib.class.php) ---


@dataclass(frozen=True)
class MoodleSite:
    """What Moodle knows: participants by number, the stored grade of each, the maximum, and the language's words."""

    participants: tuple[int, ...]
    grades: Mapping[int, float]
    maximum: float = 100.0
    hidden_user: str = "Participant "
    identifier: str = "Identifier"
    grade: str = "Grade"
    modified: str = "Last modified (grade)"
    decimal: str = "."
    comments: str = "Feedback comments"
    delimiter: str = ","


@dataclass(frozen=True)
class MoodleImport:
    """Which grades and comments Moodle would store, and for whom it would skip the row, and why."""

    grades: dict[int, float]
    comments: dict[int, str]
    skipped: dict[int, str]


def php_csv(text: str, delimiter: str) -> list[list[str]]:
    """Rows as PHP's `fgetcsv` reads them: a backslash keeps the quotation mark behind it from closing a cell."""
    rows: list[list[str]] = []
    row: list[str] = []
    cell, quoted, index = "", False, 0
    while index < len(text):
        char = text[index]
        if quoted:
            if char == "\\" and text[index + 1 : index + 2] == '"':
                cell += '\\"'
                index += 2
                continue
            if char == '"' and text[index + 1 : index + 2] == '"':
                cell += '"'
                index += 2
                continue
            if char == '"':
                quoted = False
            else:
                cell += char
        elif char == '"' and not cell.strip():
            cell, quoted = "", True
        elif char == delimiter:
            row.append(cell)
            cell = ""
        elif char == "\n":
            rows.append([*row, cell])
            row, cell = [], ""
        else:
            cell += char
        index += 1
    assert not quoted, "a cell is never closed"
    if row or cell:
        rows.append([*row, cell])
    return [row for row in rows if row != [""]]


def import_into_moodle(data: bytes, site: MoodleSite) -> MoodleImport:
    """What Moodle's importer stores."""
    text = data.decode("utf-8").removeprefix("\ufeff")
    text = re.sub("\r\n?", "\n", text)
    header, *rows = php_csv(text, site.delimiter)
    columns = [column.strip() for column in header]
    assert all(len(row) == len(columns) for row in rows), "csvweirdcolumns"
    index = {name: position for position, name in enumerate(columns)}
    for needed in (site.identifier, site.grade, site.modified):
        assert needed in index, f"invalidgradeimport: {needed}"
    found = MoodleImport({}, {}, {})
    for row in rows:
        number = int(row[index[site.identifier]][len(site.hidden_user) :])
        if number not in site.participants:
            continue
        written = row[index[site.grade]].replace(" ", "").replace(site.decimal, ".")
        old = site.grades.get(number)
        if not re.match(r"-?\d", written):
            found.skipped[number] = "no value"
        elif float(written) == old:
            found.skipped[number] = "not modified"
        elif not 0 <= float(written) <= site.maximum:
            found.skipped[number] = "out of range"
        else:
            found.grades[number] = float(written)
        if site.comments in index and row[index[site.comments]]:
            found.comments[number] = row[index[site.comments]]
    return found


# --- Moodle: feedback zip (importziplib.php) ---


def import_feedback_zip(data: bytes, participants: tuple[int, ...]) -> dict[int, dict[str, bytes]]:
    """Files by participant; every entry must find its student, and none may leave the folder it is unpacked to."""
    found: dict[int, dict[str, bytes]] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert len(set(archive.namelist())) == len(archive.namelist()), "two entries of the same name"
        for name in archive.namelist():
            assert not name.startswith("/") and "\\" not in name and ".." not in name.split("/"), name
            assert not re.search(r'[\x00-\x1f\x7f:*?"<>|]', name), name
            name.encode("utf-8")
            base = name.rsplit("/", 1)[-1]
            assert not base.startswith((".", "~")), f"ignored: {name}"
            info = base.split("_", 4)
            assert len(info) >= 4 and info[1].isascii() and info[1].isdigit(), f"no participant: {name}"
            assert int(info[1]) in participants, f"unknown participant: {name}"
            assert info[2:4] == ["assignsubmission", "file"], f"no plugin: {name}"
            found.setdefault(int(info[1]), {})[info[4]] = archive.read(name)
    return found


# --- Canvas: gradebook CSV (gradebook_importer.rb) ---


@dataclass(frozen=True)
class CanvasSite:
    """What Canvas knows: assignments by number, students by number."""

    assignments: Mapping[int, str]
    students: tuple[int, ...]


@dataclass(frozen=True)
class CanvasImport:
    """Grades by assignment and student; titles for which an assignment would be made; rows that are nobody's."""

    grades: dict[int, dict[int, str]]
    new_assignments: list[str]
    new_students: list[str]


def canvas_delimiter(text: str) -> str:
    """The separator that gives the first three lines the same number of fields, and more of them."""
    lines = re.findall(r"[^\r\n]*(?:\r\n|\n|\r)?", text)[:3]
    counts = {}
    for sign in ";,":
        fields = {len(next(csv.reader([line], delimiter=sign), [])) for line in lines if line}
        counts[sign] = fields.pop() if len(fields) == 1 else 0
    return ";" if counts[";"] > counts[","] else ","


def import_into_canvas(data: bytes, site: CanvasSite) -> CanvasImport:
    """What Canvas' importer proposes."""
    text = data.decode("utf-8").removeprefix("\ufeff")
    sign = canvas_delimiter(text)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True) if row]
    header = rows[0]
    two = header[0] == "LastName" and header[1] == "FirstName"
    assert two or ("Student" in header[0] and "ID" in header[1]), "Invalid header row"
    student_columns = 4 if two else 3
    if re.search(r"SIS\s+Login\s+ID", header[student_columns - 1]):
        student_columns += 1
    elif re.search(r"SIS\s+User\s+ID", header[student_columns - 1]):
        student_columns += 2 + bool(re.search(r"Integration\s+ID", header[student_columns + 1]))
    assert "Section" in header[student_columns - 1], "Invalid header row"
    totals = re.compile("(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)")
    found = CanvasImport({}, [], [])
    columns: dict[int, int] = {}
    for name in [name for name in header[student_columns:] if not totals.search(name)]:
        number = re.search(r"\((\d+)\)\Z", name)
        by_number = int(number[1]) if number and int(number[1]) in site.assignments else None
        known = by_number or next((key for key, title in site.assignments.items() if title == name), None)
        if known is None:
            found.new_assignments.append(name)
        else:
            columns[known] = header.index(name)
    for row in rows[1:]:
        if "Points Possible" in row[0] or all(
            re.fullmatch(r"\s*(Muted|Manual Posting.*)?\s*", cell, re.I) for cell in row
        ):
            continue
        student = int(_canvas_number(row[2 if two else 1]) or 0)
        if student not in site.students:
            found.new_students.append(row[0])
            continue
        for assignment, column in columns.items():
            found.grades.setdefault(assignment, {})[student] = _canvas_number(row[column].strip())
    return found


def _canvas_number(field: str) -> str:
    """Ruby's converter `decimal_comma_to_period`."""
    if not re.fullmatch(r"-?[0-9.,]+%?", field):
        return field
    *parts, last = re.split("[,.]", field)
    return f"{''.join(parts)}.{last}" if parts else last


# --- nbgrader: what its own export writes (plugins/export.py) ---

NBGRADER = (
    "assignment,duedate,timestamp,student_id,last_name,first_name,email,"
    "raw_score,late_submission_penalty,score,max_score"
)
NAIVE = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?)?"


def read_nbgrader(data: bytes) -> list[dict[str, str]]:
    """The rows, each of which must hold together."""
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
    assert data.decode("utf-8").splitlines()[0].replace('"', "") == NBGRADER
    for row in rows:
        assert None not in row and None not in row.values(), row
        assert re.fullmatch(NAIVE, row["duedate"]) and re.fullmatch(NAIVE, row["timestamp"]), row
        for key in ("raw_score", "late_submission_penalty", "score", "max_score"):
            float(row[key])
        assert row["student_id"]
    return rows


# --- any CSV that a spreadsheet opens ---


def assert_no_formula(text: str, delimiter: str = ",") -> None:
    """No cell that a spreadsheet would compute. Numbers may have a sign; spreadsheets trim what looks like space."""
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        for cell in row:
            if re.fullmatch(r"-?\d+(\.\d+)?", cell):
                continue
            assert not re.match(r"[\s\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]", cell), cell
            assert not cell.startswith(("\t", "\r", "\n")), cell


# --- Gradescope: results.json (specs) ---

Who = Literal["hidden", "after_due_date", "after_published", "visible"]
Format = Literal["text", "html", "simple_format", "md", "ansi"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class GradescopeTest(_Strict):
    """One test case."""

    score: float | None = None
    max_score: float | None = None
    status: Literal["passed", "failed"] | None = None
    name: str | None = None
    name_format: Format | None = None
    number: str | None = None
    output: str | None = None
    output_format: Format | None = None
    tags: list[str] | None = None
    visibility: Who | None = None
    extra_data: dict[str, Any] | None = None


class LeaderboardEntry(_Strict):
    """One column of the leaderboard."""

    name: str
    value: float | str
    order: Literal["asc", "desc"] | None = None


class GradescopeResults(_Strict):
    """The whole of results.json."""

    score: float | None = None
    execution_time: Annotated[float, Field(ge=0)] | None = None
    output: str | None = None
    output_format: Format | None = None
    test_output_format: Format | None = None
    test_name_format: Format | None = None
    visibility: Who | None = None
    stdout_visibility: Who | None = None
    extra_data: dict[str, Any] | None = None
    tests: list[GradescopeTest] | None = None
    leaderboard: list[LeaderboardEntry] | None = None


def read_gradescope(text: str) -> GradescopeResults:
    """What Gradescope takes: a score on top, or one of every test."""
    results = GradescopeResults.model_validate_json(text.encode("utf-8"))
    assert results.score is not None or (results.tests and all(test.score is not None for test in results.tests))
    return results


# --- GitHub's autograding reporter (notify-classroom.js, aggregate-results.js, console-results.js) ---


@dataclass(frozen=True)
class Reported:
    """What the reporter sums, and every line that it prints on the way."""

    total: float
    most: float
    lines: list[str]
    failed: bool


def report_autograding(environment: Mapping[str, str], runners: str) -> Reported:
    """The reporter's arithmetic and its output."""
    import base64

    total = most = 0.0
    lines: list[str] = []
    failed = False
    for runner in runners.split(","):
        encoded = environment[f"{runner.strip().upper()}_RESULTS"]
        assert len(encoded) < 128 << 10, "no longer fits into an environment variable"
        results = json.loads(base64.b64decode(encoded, validate=True).decode("utf-8"))
        assert results["tests"], "the reporter divides by their number"
        assert results["status"] in ("pass", "fail", "error")
        failed = failed or results["status"] != "pass"
        lines.append(f"🔄 Processing: {runner}")
        for test in results["tests"]:
            assert test["status"] in ("pass", "fail", "error")
            good = test["status"] == "pass"
            lines += f"{'✅' if good else '❌'} {test['name']}\n".split("\n")
            if not good:
                said = test["message"] or f"Failed to run test '{test['name']}'"
                lines += f"Error: {said}\n".split("\n")
        if results["max_score"]:
            most += results["max_score"]
            for test in results["tests"]:
                total += test["score"]
    return Reported(total, most, lines, failed)


# --- Classroom 50: its runner, then its collector (runner.py, collect_scores.py, schemas/result-v1) ---

SUBMITTED = {  # what its runner gives an autograder.py
    "CLASSROOM": "networks-2026", "ASSIGNMENT": "operators", "SUBMISSION_TAG": "submit/2026-11-29T09-00-00Z-a1b2c3d",
    "USERNAME": "ada-l", "OWNER": "ada-l", "ASSIGNMENT_TYPE": "individual", "PAGES_BASE_URL": "https://org.github.io/classroom50",
    "COMMIT_URL": "https://github.com/org/networks-2026-operators-ada-l/commit/a1b2c3d",
    "RELEASE_URL": "https://github.com/org/networks-2026-operators-ada-l/releases/tag/submit%2F2026-11-29T09-00-00Z-a1b2c3d",
    "REVIEW_URL": "https://github.com/org/networks-2026-operators-ada-l/compare/f00...a1b2c3d",
}  # fmt: skip
Whole = Annotated[int, Field(strict=True, ge=0)]
Filled = Annotated[str, Field(strict=True, min_length=1)]
Instant = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


class Classroom50Test(BaseModel):
    """One row of a result; other keys are kept as they are."""

    model_config = ConfigDict(extra="allow")
    name: Annotated[Filled, Field(alias="test-name")]
    passed: Annotated[bool, Field(strict=True)]
    score: Whole
    most: Annotated[Whole, Field(alias="max-score")]


class Classroom50Pusher(BaseModel):
    """Who pushed."""

    username: Filled
    id: Annotated[int, Field(strict=True)] | None = None


class Classroom50Result(BaseModel):
    """The whole, which has no other keys."""

    model_config = ConfigDict(extra="forbid")
    schema_: Annotated[Literal["classroom50/result/v1"], Field(alias="schema")]
    classroom: str
    assignment: str
    assignment_type: Literal["individual", "group", "team"]
    owner: Filled
    submission: Annotated[str, Field(pattern="^submit/")]
    commit: Filled
    release: Filled
    review: Filled
    datetime: Instant
    graded_at: Instant | None = None
    score: Whole
    most: Annotated[Whole, Field(alias="max-score")]
    tests: list[Classroom50Test]
    submitted_by: Classroom50Pusher | None = None


def collect_classroom50(
    text: str, environment: Mapping[str, str] = SUBMITTED, *, pushed: str = "2026-11-29T08:58:00Z"
) -> Classroom50Result:
    """What the runner makes of a `result.json`: it stamps what it knows better, and refuses what has another form."""
    assert len(text.encode()) <= 10 << 20, "the collector reads no more"
    document = json.loads(text)
    assert isinstance(document, dict)
    before = Classroom50Result.model_validate(
        {"owner": "whoever", "assignment_type": "individual", **document}
    )  # complete but for what is stamped
    document |= {
        "owner": environment["USERNAME"],
        "assignment_type": environment["ASSIGNMENT_TYPE"],
        "datetime": pushed,
    }
    found = Classroom50Result.model_validate({**document, "graded_at": before.datetime})
    assert (found.classroom, found.assignment) == (environment["CLASSROOM"], environment["ASSIGNMENT"]), "another one's"
    assert found.score <= found.most and all(test.score <= test.most for test in found.tests)
    assert sum(test.score for test in found.tests) == found.score, "score is the sum of the tests'"
    assert sum(test.most for test in found.tests) == found.most
    names = [test.name for test in found.tests]
    assert len(set(names)) == len(names), "rows are known by their names"
    assert all(len(name.encode()) <= 100 and not re.search("[\x00-\x1f\x7f]", name) for name in names)
    return found


# --- GitHub's runner: workflow commands (ActionCommand.cs, ActionCommandManager.cs) ---

COMMANDS = {
    "error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "stop-commands", "echo", "set-env", "set-output",
    "save-state", "add-path", "add-matcher", "remove-matcher", "internal-set-repo-path",
}  # fmt: skip


@dataclass(frozen=True)
class Command:
    """A command that the runner obeyed."""

    name: str
    properties: dict[str, str]
    data: str


def run_log(text: str) -> list[Command]:
    """Every command that the runner obeys in a step's output, with its markers for stopping and resuming."""
    registered, obeyed, token = set(COMMANDS), [], None
    for line in re.split(r"\r\n|\r|\n", text):  # as .NET's ReadLine does
        command = _parse_colons(line, registered) or _parse_brackets(line, registered)
        if command is None:
            continue
        if token is not None:
            if command.name.casefold() == token.casefold():
                registered.discard(token.casefold())
                token = None
            continue
        if command.name == "stop-commands":
            token = command.data
            registered.add(token.casefold())
            continue
        obeyed.append(command)
    assert token is None, "commands are never resumed"
    return obeyed


def _parse_colons(line: str, registered: set[str]) -> Command | None:
    line = line.lstrip()
    if not line.startswith("::") or (end := line.find("::", 2)) < 0:
        return None
    name, _, rest = line[2:end].partition(" ")
    if name.casefold() not in registered:
        return None
    return Command(name.casefold(), _properties(rest.strip(), ",", _COLON_PROPERTY), _unescape(line[end + 2 :], _DATA))


def _parse_brackets(line: str, registered: set[str]) -> Command | None:
    start = line.find("##[")
    end = line.find("]", start) if start >= 0 else -1
    if end < 0:
        return None
    name, _, rest = line[start + 3 : end].partition(" ")
    if name.casefold() not in registered:
        return None
    return Command(name.casefold(), _properties(rest, ";", _BRACKET), _unescape(line[end + 1 :], _BRACKET))


_DATA = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
_COLON_PROPERTY = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
_BRACKET = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%"))


def _unescape(text: str, codes: tuple[tuple[str, str], ...]) -> str:
    for code, char in codes:
        text = text.replace(code, char)
    return text


def _properties(text: str, sign: str, codes: tuple[tuple[str, str], ...]) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(sign) if part]
    return {key: _unescape(value, codes) for key, equals, value in pairs if equals and value}


# --- GitHub's Markdown of a step summary ---


def read_summary(text: str) -> tuple[list[list[str]], str]:
    """The cells of all tables, row by row, and the rest as it is shown; nothing in it may be a link, a picture or HTML."""
    assert len(text.encode("utf-8")) < 1 << 20, "dropped by GitHub"
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    cells: list[list[str]] = []
    shown: list[str] = []
    in_cell = False
    for token in parser.parse(text):
        assert token.type not in ("html_block", "code_block", "fence", "blockquote_open", "hr"), token
        if token.type == "tr_open":
            cells.append([])
        in_cell = in_cell if token.type == "inline" else token.type in ("td_open", "th_open")
        if token.type == "inline":
            said = "".join(_shown(child) for child in token.children or [])
            (cells[-1] if in_cell else shown).append(said)
    return cells, "\n".join(shown)


def _shown(token: Token) -> str:
    assert token.type in ("text", "text_special", "softbreak", "html_inline"), token
    if token.type == "html_inline":
        assert token.content == "<br>", token.content
        return "\n"
    return "\n" if token.type == "softbreak" else token.content


# --- JUnit XML (pytest's testing/example_scripts/junit-10.xsd) ---

_COUNTS = {"tests", "failures", "errors"}
JUNIT: dict[str, tuple[set[str], set[str], set[str]]] = {  # attributes that must be there, that may be, and children
    "testsuites": (set(), {"name", "time", *_COUNTS}, {"testsuite"}),
    "testsuite": (
        {"name", *_COUNTS},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url", "version"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": ({"name"}, {"time", "classname", "group"}, {"skipped", "error", "failure", "system-out", "system-err"}),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "system-out": (set(), set(), set()),
    "system-err": (set(), set(), set()),
}
_SUREFIRE_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]{0,3})?")


def read_junit(text: str) -> ElementTree.Element:
    """The tree, after every rule of the schema and the counts have been checked."""
    root = ElementTree.fromstring(text.encode("utf-8"))
    assert root.tag == "testsuites"
    for element in root.iter():
        needed, allowed, children = JUNIT[element.tag]
        assert needed <= set(element.keys()) <= needed | allowed, (element.tag, element.keys())
        assert {child.tag for child in element} <= children, element.tag
        if children:
            assert not (element.text or "").strip() and not any((child.tail or "").strip() for child in element)
        if element.tag != "testcase":
            assert _SUREFIRE_TIME.fullmatch(element.get("time", "0"))
    for suite in root:
        cases = suite.findall("testcase")
        counted = {key: sum(case.find(tag) is not None for case in cases) for key, tag in _TAGS.items()}
        assert int(suite.get("tests", "")) == len(cases)
        assert all(int(suite.get(key, "")) == number for key, number in counted.items())
        assert all(sum(case.find(tag) is not None for tag in _TAGS.values()) <= 1 for case in cases)
    for key in _COUNTS:
        assert int(root.get(key, "")) == sum(int(suite.get(key, "")) for suite in root)
    return root


_TAGS = {"failures": "failure", "errors": "error", "skipped": "skipped"}
