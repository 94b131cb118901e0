"""Everything that says what a student gets, read back as its reader would: each surface as a name to what it says.

What is said is put into few words: the points ("50", "61.5"), `excused`, `none` (no mark), `-` (not in this file).
"""

import base64
import csv
import html
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from grader.core.results import Grade
from grader.intake import safe_name
from grader.marking.regrade import Move
from tests.exports.validators import SUBMITTED
from tests.fakes import Said, run_cli

Shown = dict[str, str]
LEFT_OUT = "-"


@dataclass(frozen=True, kw_only=True)
class Class:
    """A class that was graded: its folder, and the folder of each student (of a group: the group's)."""

    out: Path
    folders: Mapping[str, str]
    numbers: Mapping[str, str]
    groups: Mapping[str, str]


def plain(value: float | str | None) -> str:
    """Points in few words."""
    return "none" if value is None or value == "" else f"{float(value):g}"


def pages(known: Class) -> Shown:
    """Each student's own page."""
    return {name: page_says(page_of(known, name).read_text(encoding="utf-8")) for name in known.folders}


def page_of(known: Class, name: str) -> Path:
    """The page that is a student's alone."""
    folder = known.out / known.folders[name]
    return folder / "members" / f"{safe_name(name)}.html" if name in known.groups else folder / "report.html"


def page_says(text: str) -> str:
    """The points beside the verdict."""
    found = re.search(r'<p class="score"><strong>([^<]*)</strong>', text)
    headline = re.search(r'<h1 id="verdict">(?:<span[^>]*>)?([^<]*)<', text)
    assert found is not None and headline is not None
    if headline[1] in ("Excused", "Awaits a person"):
        assert found[1] == "–"
        return "excused" if headline[1] == "Excused" else "awaits"
    return "none" if found[1] == "–" else found[1]


def class_page(known: Class) -> Shown:
    """The column of grades on the class page."""
    table = Table((known.out / "index.html").read_text(encoding="utf-8"))
    return {
        row[0]: "awaits" if row[3].startswith("– awaits") else row[3].split(" ")[0].replace("–", "none")
        for row in table.rows
    }


def gradebook_csv(known: Class) -> Shown:
    """The list beside the results."""
    text = (known.out / "gradebook.csv").read_text(encoding="utf-8-sig")
    return {row["student"]: said_in(row) for row in csv.DictReader(io.StringIO(text))}


def said_in(row: Mapping[str, str]) -> str:
    """A row with columns `points` and `excused`."""
    assert not (row["excused"] == "yes" and row["points"])
    if row["awaits"]:
        assert not row["points"]
        return "awaits"
    return "excused" if row["excused"] == "yes" else plain(row["points"])


def batch_json(known: Class) -> Shown:
    """The grades beside the results in `batch.json`."""
    return {name: said for row in json.loads((known.out / "batch.json").read_bytes()) for name, said in of_result(row)}


def result_json(known: Class) -> Shown:
    """The grade beside the result in each `result.json`."""
    rows = [json.loads((known.out / folder / "result.json").read_bytes()) for folder in set(known.folders.values())]
    return {name: said for row in rows for name, said in of_result(row)}


def of_result(row: dict[str, object]) -> list[tuple[str, str]]:
    """The grades of a result in JSON, and that the reasons of decisions are not for the student's folder."""
    grades = [Grade.model_validate(item) for item in (row["members"] or [row["grade"]])]  # type: ignore[attr-defined]
    assert not any(grade.awaits and grade.points is not None for grade in grades)
    return [
        (grade.student.name, "excused" if grade.excused else "awaits" if grade.awaits else plain(grade.points))
        for grade in grades
    ]


def terminal(lines: list[str]) -> Shown:
    """The rows that a batch prints."""
    found = [re.match(r"\S (.{28}) +(\S+)", line) for line in lines]
    return {row[1].strip(): terminal_word(row[2]) for row in found if row is not None}


def terminal_word(word: str) -> str:
    """The points of a row."""
    return {"excused": "excused", "nothing": "none", "no": "none", "awaits": "awaits"}.get(word, word.partition("/")[0])


def show(known: Class) -> Shown:
    """`gradebook show`, as a person reads it."""
    found = {}
    for line in ask("gradebook", "show", known.out).splitlines()[1:]:
        name, points = re.split(r"  +", line)[:2]
        found[name] = "none" if points == "-" else points.split(" ")[0]
    return found


def show_json(known: Class) -> Shown:
    """`gradebook show --json`."""
    rows = json.loads(ask("gradebook", "show", known.out, "--json"))
    return {
        grade["student"]["name"]: "excused"
        if (grade["override"] or {}).get("excused")
        else "awaits"
        if grade["awaits"]
        else plain(grade["points"])
        for grade in rows
    }


def moves(found: list[Move]) -> Shown:
    """What a dry regrade says that everyone gets now: its lines and its JSON."""
    shown = {}
    for move in found:
        for line in move.words().splitlines():
            name, told = re.fullmatch(
                r"(.*?)(?: \([^)]*\))?: .* -> (excused|no mark|awaits|[0-9.]+)(?: .*)?", line
            ).groups()  # type: ignore[union-attr]
            shown[name] = told.replace("no mark", "none")
        for item in move.plain()["grades"]:  # type: ignore[attr-defined]
            shown.setdefault(item["student"], plain(item["new"]))
            assert shown[item["student"]] in (plain(item["new"]), "excused", "awaits")
    return shown


def export_csv(known: Class) -> Shown:
    """`export csv`."""
    text = ask("export", "csv", known.out).removeprefix("\ufeff")
    return {row["student"]: said_in(row) for row in csv.DictReader(io.StringIO(text))}


def moodle(known: Class) -> Shown:
    """The filled worksheet; what it says of excuses is that they are not in it."""
    sheet = known.out.parent / "worksheet.csv"
    lines = ["Identifier,Full name,Grade,Maximum Grade,Last modified (grade),Feedback comments"]
    lines += [f"Participant {number},{name},,100.00,-," for name, number in known.numbers.items()]
    sheet.write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = ask(
        "export", "moodle", known.out, "--worksheet", sheet, "--provisional", "--comments", "Feedback comments"
    )  # fmt: skip
    shown = {}
    for row in csv.DictReader(io.StringIO(text)):
        points, comment = row["Grade"], html.unescape(row["Feedback comments"])
        shown[row["Full name"]] = plain(points) if points else LEFT_OUT
        assert not points or f"{plain(points)} of 100 points" in comment, comment
    return shown


def canvas(known: Class) -> Shown:
    """The filled gradebook of Canvas."""
    sheet = known.out.parent / "canvas.csv"
    lines = ["Student,ID,SIS User ID,SIS Login ID,Section,Left or right (7)", "    Points Possible,,,,,100.00"]
    lines += [f"{name},{number},,,A," for name, number in known.numbers.items()]
    sheet.write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = csv.DictReader(io.StringIO(ask("export", "canvas", known.out, "--worksheet", sheet, "--provisional")))
    said = {row["Student"]: row["Left or right (7)"] for row in rows}
    return {
        name: "excused" if points == "EX" else plain(points) if points else LEFT_OUT
        for name, points in said.items()
        if "Possible" not in name
    }


def nbgrader(known: Class) -> Shown:
    """The columns of nbgrader, which knows neither excuses nor doubts; who handed in nothing has zero points there."""
    rows = csv.DictReader(io.StringIO(ask("export", "nbgrader", known.out, "--provisional")))
    said = {f"{row['first_name']} {row['last_name']}".strip(): plain(row["score"]) for row in rows}
    return {name: said.get(name, LEFT_OUT) for name in known.folders}


def feedback(known: Class) -> Shown:
    """The pages in the zip that Moodle takes back."""
    into = known.out.parent / "feedback.zip"
    ask("export", "moodle-feedback", known.out, "--into", into)
    by_number = {number: name for name, number in known.numbers.items()}
    with zipfile.ZipFile(into) as packed:
        said = {by_number[item.split("_")[1]]: page_says(packed.read(item).decode()) for item in packed.namelist()}
    return {name: said.get(name, LEFT_OUT) for name in known.folders}


def gradescope(known: Class) -> Shown:
    """The score of `results.json`, for each who is no group's member."""
    return single(known, lambda said: plain(json.loads(said.out)["score"]), "gradescope")


def autograding(known: Class) -> Shown:
    """The sum of the tests' scores, which is what the reporter takes."""

    def read(said: Said) -> str:
        document = json.loads(base64.b64decode(said.out.strip()))
        if document["status"] == "error":
            return "none"
        return plain(round(sum(test["score"] for test in document["tests"]), 2))

    return single(known, read, "autograding")


def classroom50(known: Class) -> Shown:
    """The score of Classroom 50's `result.json`: whole points."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SUBMITTED.items():
            patch.setenv(name, value)
        return single(known, lambda said: plain(json.loads(said.out)["score"]), "classroom50")


def single(known: Class, read: Callable[[Said], str], format_: str) -> Shown:
    """A format that holds one result: for everyone but a group's members, who may have several grades."""
    shown = {}
    for name, folder in known.folders.items():
        said = run_cli("export", format_, known.out / folder) if name not in known.groups else None
        shown[name] = LEFT_OUT if said is None or said.code else read(said)
    return shown


def junit(known: Class) -> Shown:
    """The properties of each suite."""
    shown = {}
    for suite in ElementTree.fromstring(ask("export", "junit", known.out)).iter("testsuite"):
        said = {item.get("name", ""): item.get("value", "") for item in suite.iter("property")}
        named = [key.removesuffix("points") for key in said if key.endswith("points")]
        for prefix in named:
            name = prefix.removesuffix(": ") or suite.get("name", "").partition(": ")[2]
            word = "excused" if said.get(f"{prefix}excused") else "awaits" if said.get(f"{prefix}awaits") else ""
            shown[name] = word or plain(said[f"{prefix}points"])
    return shown


def summary(known: Class) -> Shown:
    """GitHub's summary, for each who is no group's member."""
    text = html.unescape(ask("export", "github-summary", known.out))
    shown = dict.fromkeys(known.folders, LEFT_OUT)
    for part in text.split("## ")[1:]:
        name = part.splitlines()[2].partition(" · ")[0]
        told = part.splitlines()[0].rpartition(": ")[2]
        if name in shown:
            shown[name] = {"excused": "excused", "no mark": "none", "awaits a person": "awaits"}.get(
                told, told.split(" ")[0]
            )
    return shown


def ask(*words: str | Path) -> str:
    """What a command prints."""
    said = run_cli(*words)
    assert said.code == 0, said.err
    return said.out


class Table(HTMLParser):
    """The cells of the table of students."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._inside = False
        self.feed(text[text.index('<section class="roster"') :])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A row or a cell begins."""
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        """A cell ends; the heading's row has no `td`."""
        if tag in ("td", "th"):
            self._inside = False
            self.rows[-1][-1] = " ".join(self.rows[-1][-1].split())
        if tag == "thead":
            self.rows = []

    def handle_data(self, data: str) -> None:
        """Text of a cell."""
        if self._inside and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data
