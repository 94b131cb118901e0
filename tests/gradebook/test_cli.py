"""`grader gradebook`: grades, decisions and history for people and machines; a name can do no harm in any of them."""

import getpass
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from grader.core.grades import Enrolment
from grader.core.results import Student
from grader.gradebook import open_gradebook
from tests.fakes import Said, run_cli
from tests.gradebook.findings import DUE, LATE, RUBRIC, a_finding, an_assignment, handed_in

EVIL = "=HYPERLINK(1)\x1b[31m\n::error::\u202eknil"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Results of four: ada was late, bob is below the pass mark, cy handed nothing in, and one has a hostile name."""
    out = tmp_path / "out"
    out.mkdir()
    with open_gradebook(out) as book:
        book.enrol(an_assignment(tmp_path, LATE), [Enrolment(student=Student(name="cy"))])
        late = (DUE + timedelta(hours=30)).isoformat()
        book.record(a_finding("ada", 90), handed_in("ada", "first", late), rubric_digest=RUBRIC)
        book.record(a_finding("bob", 40), handed_in("bob"), rubric_digest=RUBRIC)
        book.record(a_finding(EVIL, 70), handed_in(EVIL), rubric_digest=RUBRIC)
    yield out


def ask(command: str, *words: str | Path) -> Said:
    said = run_cli("gradebook", command, *words)
    assert said.code == 0, said.err
    return said


def refused(command: str, *words: str | Path) -> str:
    said = run_cli("gradebook", command, *words)
    assert said.code == 2, said.out
    assert said.err.startswith("grader: ")
    return said.err


def test_show_prints_a_row_for_everyone_with_what_became_of_it(folder: Path) -> None:
    heading, *rows = ask("show", folder).out.splitlines()
    assert heading.split() == [
        "student",
        "points",
        "passed",
        "status",
        "what",
        "became",
        "of",
        "it",
        "counts",
        "handed",
        "in",
    ]
    evil, ada, bob, cy = rows
    assert "'=HYPERLINK(1)⟨U+001B⟩[31m" in evil
    assert ada.startswith("ada") and "70 of 100" in ada
    assert "earned 90, handed in after the deadline, on day 2: 20 points off" in ada
    assert "2026-11-22 05:59:00+01:00" in ada
    assert "40 of 100" in bob and "as marked" in bob
    assert "nothing handed in" in cy


def test_no_name_reaches_a_terminal_a_log_or_a_spreadsheet_as_an_order(folder: Path) -> None:
    for said in (ask("show", folder), ask("history", folder, EVIL)):
        assert "\x1b" not in said.out
        assert "\u202e" not in said.out
        assert not any(line.lstrip().startswith(("::", "=")) for line in said.out.splitlines())


def test_a_student_and_an_assignment_can_be_chosen_and_json_holds_whole_grades(folder: Path) -> None:
    found = json.loads(ask("show", folder, "--student", "ada", "--assignment", "exercise2", "--json").out)
    assert [(grade["student"]["name"], grade["points"], grade["penalty"]["days"]) for grade in found] == [
        ("ada", 70, 2)
    ]
    assert "did you mean `exercise2`" in refused("show", folder, "--assignment", "exercise")
    assert "did you mean `ada`" in refused("show", folder, "--student", "adda")


def test_an_override_is_kept_with_its_author_and_shown_in_the_history(folder: Path) -> None:
    said = ask("override", folder, "bob", "--points", "65", "--reason", "a defect of the exercise")
    assert said.out.startswith("bob, exercise2: 65 of 100; override by ")
    ask("override", folder, "bob", "--excuse", "--reason", "ill", "--author", "Kim")
    assert "excused by Kim: ill; earned 40" in ask("show", folder, "--student", "bob").out
    assert (
        ask("override", folder, "bob", "--revoke", "--reason", "well").out == "bob, exercise2: 40 of 100; as marked\n"
    )
    events = json.loads(ask("history", folder, "bob", "--json").out)
    assert [event["kind"] for event in events] == ["result", "override", "excuse", "revoke"]
    assert [event["author"] for event in events[1:]] == [getpass.getuser(), "Kim", getpass.getuser()]
    rows = ask("history", folder, "bob").out.splitlines()
    assert len(rows) == 5
    assert "bob.ipynb" in rows[1] and "40 of 100" in rows[1] and "rubric rubric-1" in rows[1]
    assert "Kim: ill" in rows[3]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bob", "--reason", "x"), "exactly one of --points N, --excuse and --revoke"),
        (("bob", "--points", "1", "--excuse", "--reason", "x"), "exactly one of"),
        (("bob", "--points", "1"), "needs a reason"),
        (("bob", "--points", "1", "--reason", "  "), "needs a reason"),
        (("bob", "--points", "1", "--reason", "x", "--author", ""), "needs an author"),
        (("bob", "--points", "-1", "--reason", "x"), "is not a number of points"),
        (("bob", "--points", "nan", "--reason", "x"), "is not a number"),
        (("bobb", "--points", "1", "--reason", "x"), "did you mean `bob`"),
        (("bob", "--revoke", "--reason", "x"), "no override to take back"),
        (("bob", "--points", "1", "--reason", "x", "--assignment", "exercise9"), "did you mean `exercise2`"),
    ],
)
def test_a_decision_that_can_not_be_is_refused_in_words(folder: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refused("override", folder, *words)


def test_a_place_without_a_gradebook_is_refused(tmp_path: Path) -> None:
    for command, words in (("show", ()), ("history", ("ada",)), ("override", ("ada", "--excuse", "--reason", "x"))):
        assert "there is no gradebook" in refused(command, tmp_path, *words)
    assert list(tmp_path.iterdir()) == []


def test_a_server_is_named_by_its_url(on_server: str) -> None:
    assert "there is no gradebook" in refused("show", on_server)
    with open_gradebook(on_server) as book:
        assert ask("show", on_server).out == "The gradebook is empty.\n"
        book.record(a_finding("ada", 90), handed_in("ada"), rubric_digest=RUBRIC)
    assert "90 of 100" in ask("show", on_server).out


def test_several_assignments_get_a_column(folder: Path) -> None:
    with open_gradebook(folder) as book:
        book.record(a_finding("ada", 90, assignment="exercise1"), handed_in("ada"), rubric_digest=RUBRIC)
    assert ask("show", folder).out.startswith("assignment")
    assert "Say which with --assignment" in refused("override", folder, "ada", "--points", "1", "--reason", "x")
    assert len(ask("history", folder, "ada", "--assignment", "exercise1").out.splitlines()) == 2


def test_in_a_terminal_it_is_a_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from grader.cli import gradebook

    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    gradebook.show(str(folder))
    shown = capsys.readouterr().out
    assert "70 of 100" in shown
    assert "\x1b[31m" not in shown
