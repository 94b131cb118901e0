"""One person is one row, one folder and one grade, whatever they are called in the next batch."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from grader.core.grades import Enrolment
from grader.core.results import Result, Student
from grader.core.store import owner_of
from grader.course.course import Course
from grader.gradebook import open_gradebook
from grader.intake import Entry, former_names, safe_name
from grader.marking.publish import OutputOptions, student_folder
from grader.marking.regrade import not_here, regrade
from grader.run.batch import grade_class
from tests.fakes import Act, Stage, a_context, a_rubric, list_class, write_class, write_course
from tests.run.test_batch import Heard


@pytest.fixture
def output(tmp_path: Path) -> OutputOptions:
    course: Course = write_course(tmp_path / "course")
    (tmp_path / "out").mkdir()
    return OutputOptions(out=tmp_path / "out", course=course)


def batch(output: OutputOptions, *entries: Entry) -> tuple[dict[str, Result], list[str]]:
    """The rows of a class by name, and what was said."""
    heard = Heard()
    with a_context(output.course) as context, open_gradebook(output.out) as book:
        rows, _ = grade_class(list(entries), context, output, jobs=1, progress=heard, book=book)
    return {result.student: result for result in rows}, heard.said


def hand_ins(tmp_path: Path, *names: str) -> list[Entry]:
    return list_class(write_class(tmp_path / "class", *names))


def called(entry: Entry, name: str, **keys: str) -> Entry:
    return replace(entry, student=name, who=Student(name=name, **keys))


def test_a_renamed_student_keeps_the_folder_the_evidence_and_the_grade(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    (entry,) = hand_ins(tmp_path, "aberg")
    batch(output, called(entry, "Ada Berg", identity="aberg"))
    with open_gradebook(output.out) as book:
        book.override("aberg", points=70, author="kim", reason="x", comment="Well done.")
    rows, said = batch(output, called(entry, "Ada Berg-Stein", identity="aberg"))
    assert list(rows) == ["Ada Berg-Stein"] and len(stage.runs) == 1, "nothing is run again"
    assert said == ["Ada Berg is called Ada Berg-Stein now: one person, by the number, login or address."]
    (folder,) = [path for path in output.out.iterdir() if path.is_dir()]
    assert folder.name.startswith("Ada_Berg-Stein")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Ada Berg-Stein" in page and "Well done." in page and "<strong>70</strong>" in page
    with open_gradebook(output.out) as book:
        (grade,) = book.grades()
        (move,) = regrade(a_rubric(output.course), output, dry_run=False, book=book)
    assert (grade.student.name, grade.points, grade.folder) == ("Ada Berg-Stein", 70, folder.name)
    assert (move.new.student, move.new.grade and move.new.grade.points, move.moved) == ("Ada Berg-Stein", 70, False)


def test_another_person_who_takes_a_name_gets_a_name_a_folder_and_a_grade_of_their_own(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"Ada Lovelace (12)": Act(correct=5)}).install(monkeypatch)
    ada, eve = hand_ins(tmp_path, "ada", "eve")
    batch(output, called(ada, "Ada Lovelace", participant="11"))
    before = next(iter(output.out.glob("*/result.json"))).read_bytes()
    rows, said = batch(output, called(eve, "Ada Lovelace", participant="12"))
    assert list(rows) == ["Ada Lovelace (12)"]
    assert said == [
        "Ada Lovelace: the gradebook knows another person of this name; this one is called Ada Lovelace (12)."
    ]
    with open_gradebook(output.out) as book:
        assert [(grade.student.participant, grade.points) for grade in book.grades()] == [("11", 100), ("12", 30)]
    folders = sorted(path for path in output.out.iterdir() if path.is_dir())
    assert len(folders) == 2 and before in [path.joinpath("result.json").read_bytes() for path in folders]


def test_two_of_one_name_and_no_number_are_told_apart_by_what_they_handed_in(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    first, second = hand_ins(tmp_path, "one", "two")
    rows, _ = batch(output, called(first, "Li Wei (one.py)"), called(second, "Li Wei (two.py)"))
    assert sorted(rows) == ["Li Wei (one.py)", "Li Wei (two.py)"]
    with open_gradebook(output.out) as book:
        assert len(book.grades()) == 2


def test_two_hand_ins_of_one_person_are_two_rows_of_one_grade(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"Ada (7) (2)": Act(correct=5)}).install(monkeypatch)
    first, second = hand_ins(tmp_path, "one", "two")
    rows, _ = batch(output, called(first, "Ada (7)", identity="7"), called(second, "Ada (7) (2)", identity="7"))
    with open_gradebook(output.out) as book:
        (grade,) = book.grades()
    assert grade.submissions == 2
    assert {name: row.grade and row.grade.points for name, row in rows.items()} == dict.fromkeys(rows, grade.points)
    assert len(rows) == 2


JONAS, EVE = "Jonas Bauer", "Jonas]][]&*); Bauer"  # an older grader gave both one folder


def test_the_folder_of_an_older_grader_is_found_by_whose_results_lie_in_it(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage({EVE: Act(correct=5)}).install(monkeypatch)
    first, second = hand_ins(tmp_path, "one", "two")
    batch(output, called(first, JONAS))
    (former,) = former_names(JONAS)
    student_folder(output.out, JONAS).rename(output.out / former)
    with open_gradebook(output.out) as book:
        book.moved("tiny", safe_name(JONAS), former)
    rows, _ = batch(output, called(first, JONAS), called(second, EVE))
    assert {name: row.points for name, row in rows.items()} == {JONAS: 100, EVE: 30}
    assert len(stage.runs) == 2, "Jonas is not run again"
    assert {path.name for path in output.out.iterdir() if path.is_dir()} == {former, safe_name(EVE)}
    assert f'href="{former}/report.html"' in (output.out / "index.html").read_text(encoding="utf-8")
    with open_gradebook(output.out) as book:
        assert {grade.student.name: (grade.points, grade.folder) for grade in book.grades()} == {
            JONAS: (100, former), EVE: (30, safe_name(EVE)),
        }  # fmt: skip
        moves = regrade(a_rubric(output.course), output, dry_run=False, book=book)
        assert not_here(book, "tiny", output.out) == []
    assert {move.new.student: (move.folder.name, move.trouble) for move in moves} == {
        JONAS: (former, ""), EVE: (safe_name(EVE), ""),
    }  # fmt: skip


def test_a_folder_that_bears_anothers_results_and_a_file_in_its_place_are_left_alone(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    first, second = hand_ins(tmp_path, "ada", "log")
    batch(output, called(first, "ada"))
    (output.out / "ada").rename(output.out / "eve")
    (output.out / "log").write_text("the events", encoding="utf-8")
    before = (output.out / "eve" / "result.json").read_bytes()
    rows, _ = batch(output, called(first, "eve"), called(second, "log"))
    assert [row.status.value for row in rows.values()] == ["graded", "graded"]
    assert (output.out / "eve" / "result.json").read_bytes() == before
    assert {owner_of(path) for path in output.out.iterdir() if path.is_dir()} == {"ada", "eve", "log"}
    assert (output.out / "log").read_text(encoding="utf-8") == "the events"


def test_a_student_who_is_called_as_the_gradebooks_journal_leaves_the_gradebook_alone(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    names = ("gradebook.sqlite-journal", "gradebook.sqlite-wal", "gradebook.sqlite-shm")
    entries = [called(entry, name) for entry, name in zip(hand_ins(tmp_path, "a", "b", "c"), names, strict=True)]
    for _ in range(2):
        rows, _ = batch(output, *entries)
        assert {row.status.value for row in rows.values()} == {"graded"}
    with open_gradebook(output.out) as book:
        assert len(book.grades()) == 3


def test_of_two_whose_results_an_older_grader_put_into_one_folder_the_other_is_named(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    first, second = hand_ins(tmp_path, "one", "two")
    batch(output, called(first, JONAS), called(second, EVE))
    (former,) = former_names(JONAS)
    student_folder(output.out, EVE).rename(output.out / former)
    shutil.rmtree(student_folder(output.out, JONAS))
    with open_gradebook(output.out) as book:
        for name in (JONAS, EVE):
            book.moved("tiny", safe_name(name), former)
        assert not_here(book, "tiny", output.out) == [JONAS]
        (move,) = regrade(a_rubric(output.course), output, dry_run=True, book=book)
    assert (move.new.student, move.new.members) == (EVE, ())


def test_a_name_that_changed_elsewhere_leaves_one_folder(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    (entry,) = hand_ins(tmp_path, "aberg")
    batch(output, called(entry, "aberg", identity="7"))
    rubric = a_rubric(output.course)
    with open_gradebook(output.out) as book:
        other = rubric.assignment.model_copy(update={"id": "other"})
        book.enrol(other, [Enrolment(student=Student(name="stein", identity="7"))])
        regrade(rubric, output, dry_run=False, book=book)
    assert [path.name for path in output.out.iterdir() if path.is_dir()] == ["aberg"]
    batch(output, called(entry, "stein", identity="7"))
    assert [path.name for path in output.out.iterdir() if path.is_dir()] == ["stein"] and len(stage.runs) == 1
