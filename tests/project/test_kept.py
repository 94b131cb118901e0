"""What an earlier grader stored is read as it is, and says today what it said then: `kept/made.md` tells how it was made."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import Said, run_cli

KEPT = Path(__file__).parents[1] / "kept"
EXPECTED: dict[str, dict[str, dict[str, Any]]] = json.loads((KEPT / "expected.json").read_text(encoding="utf-8"))
BOOKS = {"digits": "digits/gradebook.sqlite", "windows": "course.sqlite", "sharper": "course.sqlite"}
EVIDENCE = {"digits": 6, "windows": 3, "sharper": 2}  # how many hand-ins can be marked again


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy of the class: the course, and what was stored of three assignments, and two gradebooks."""
    for part in ("course", "out"):
        shutil.copytree(KEPT / part, tmp_path / part)
    return tmp_path


def run(kept: Path, command: str, assignment: str, *options: str) -> Said:
    """`regrade` or `report` with the course and the gradebook of that class."""
    named = (assignment,) if command == "regrade" else ()
    earlier = ("--earlier", kept / "out/digits") if (command, assignment) == ("regrade", "sharper") else ()
    book = ("--gradebook", kept / "out" / BOOKS[assignment])
    return run_cli(
        command, *named, kept / "out" / assignment, "--course", kept / "course", *book, *earlier, *options
    )  # fmt: skip


def grades(kept: Path, assignment: str) -> dict[str, dict[str, Any]]:
    """What everybody gets by `gradebook show`, in the words of `expected.json`."""
    said = run_cli("gradebook", "show", kept / "out" / BOOKS[assignment], "--assignment", assignment, "--json")
    assert said.code == 0, said.err
    return {
        grade["student"]["name"]: {
            "status": grade["status"], "earned": grade["earned"],
            "lost": grade["penalty"]["points"] if grade["penalty"] else 0,
            "excused": bool(grade["override"] and grade["override"]["excused"]),
            "points": grade["points"], "passed": grade["passed"],
        }
        for grade in json.loads(said.out)
    }  # fmt: skip


def findings(kept: Path, assignment: str) -> dict[str, object]:
    """What each result says: status, points, each check, each run, and the grades beside them."""
    found: dict[str, object] = {}
    for path in (kept / "out" / assignment).glob("*/result.json"):
        result = json.loads(path.read_bytes())
        checks = [(check["name"], check["outcome"], check["points"]) for check in result["checks"]]
        runs = [(run["seed"], run["correct"], run["points"]) for run in result["attempts"]]
        members = [(grade["student"]["name"], grade["points"]) for grade in result["members"]]
        grade = result["grade"] and result["grade"]["points"]
        found[path.parent.name] = (
            result["student"], result["status"], result["points"], result["passed"], checks, runs, members, grade
        )  # fmt: skip
    return found


@pytest.mark.parametrize("assignment", EXPECTED)
def test_marking_again_what_an_earlier_grader_stored_moves_nobody(kept: Path, assignment: str) -> None:
    before = findings(kept, assignment)
    assert grades(kept, assignment) == EXPECTED[assignment]  # a gradebook of then, before anything is written
    said = run(kept, "regrade", assignment)
    assert (said.code, said.out, said.err) == (0, f"0 of {EVIDENCE[assignment]} moved.\n", "")
    assert findings(kept, assignment) == before
    assert grades(kept, assignment) == EXPECTED[assignment]


def test_another_threshold_moves_those_whom_it_concerns_by_the_networks_of_then(kept: Path) -> None:
    rubric = kept / "course/assignments/digits/assignment.toml"
    rubric.write_text(
        rubric.read_text(encoding="utf-8").replace("at_least = 0.85", "at_least = 0.83"), encoding="utf-8"
    )
    said = run(kept, "regrade", "digits", "--dry-run")
    assert said.code == 0, said.err
    assert said.out.splitlines()[0] == "Filip Horak: 50 (not passed) -> 100 (passed)  accuracy 0 -> 50"


@pytest.mark.parametrize("assignment", EXPECTED)
def test_a_spreadsheet_holds_the_grades_of_then(kept: Path, assignment: str) -> None:
    book = kept / "out" / BOOKS[assignment]
    said = run_cli("export", "csv", kept / "out" / assignment, "--assignment", assignment, "--gradebook", book)
    assert said.code == 0, said.err
    rows = {row["student"]: row for row in csv.DictReader(io.StringIO(said.out.removeprefix("\ufeff")))}
    assert list(rows) == list(EXPECTED[assignment])
    for student, grade in EXPECTED[assignment].items():
        points = "" if grade["points"] is None else f"{grade['points']:g}"
        assert (rows[student]["points"], rows[student]["excused"]) == (points, "yes" if grade["excused"] else "no")


@pytest.mark.parametrize("assignment", EXPECTED)
def test_pages_are_written_from_what_an_earlier_grader_stored(kept: Path, assignment: str) -> None:
    said = run(kept, "report", assignment)
    assert (said.code, said.err) == (0, "")
    folder = kept / "out" / assignment
    pages = {page.parent: page.read_text(encoding="utf-8") for page in folder.glob("*/report.html")}
    assert set(pages) == {path.parent for path in folder.glob("*/result.json")}
    overview = (folder / "index.html").read_text(encoding="utf-8")
    assert all(student in overview for student in EXPECTED[assignment])


def test_decisions_of_then_stand_on_the_pages_of_today(kept: Path) -> None:
    run(kept, "report", "digits")
    (emil,) = (kept / "out/digits").glob("Emil*/report.html")
    page = emil.read_text(encoding="utf-8")
    assert "you showed it in the office hour" in page
    assert "A slip of the pen" not in page  # the reason is for colleagues
    members = {
        page.name.partition("-")[0] for page in (kept / "out/digits").glob("Bo_Mwangi_Chi_Tanaka-*/members/*.html")
    }
    assert members == {"Bo_Mwangi", "Chi_Tanaka"}
