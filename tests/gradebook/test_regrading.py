"""A regrade is told to the gradebook beside the results: history old to new, decisions kept, deadlines taken over."""

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from grader.core.errors import Infrastructure
from grader.core.grades import HandIn
from grader.core.progress import Silent
from grader.core.results import Student
from grader.core.store import load_evidence, load_result
from grader.course.course import Course
from grader.gradebook import FILE, Gradebook, open_gradebook, rubric_digest
from grader.marking.publish import OutputOptions
from grader.marking.regrade import Move, regrade, render_again
from grader.run.batch import grade_class
from tests.fakes import (
    RUBRIC,
    Act,
    Said,
    Stage,
    a_context,
    a_rubric,
    data_of,
    list_class,
    run_cli,
    write_class,
    write_course,
    write_rubric,
)

LENIENT = RUBRIC.replace("at_least = 0.8", "at_least = 0.7")
DUE = datetime.fromisoformat("2026-11-20T23:59:00+01:00")
WITH_DEADLINE = RUBRIC.replace(
    "pass_mark = 60", f"pass_mark = 60\ndue = {DUE.isoformat()}\n[late]\nper_day = 0.1\n", 1
)  # fmt: skip
ACTS = {"ada": Act(correct=10), "bob": Act(correct=7)}


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OutputOptions:
    """A class of two that was graded and recorded: ada handed in an hour late, bob is a group of two."""
    course = write_course(tmp_path / "course")
    order = OutputOptions(out=tmp_path / "out", course=course)
    Stage(ACTS).install(monkeypatch)
    with a_context(course) as bench:
        grade_class(list_class(write_class(tmp_path / "class", *ACTS)), bench, order, jobs=1, progress=Silent())
    with open_gradebook(order.out) as book:
        for folder, members in (("ada", ("ada",)), ("bob", ("Bob One", "Bob Two"))):
            record(book, course, order.out / folder, members)
    return order


def record(book: Gradebook, course: Course, folder: Path, members: tuple[str, ...]) -> None:
    """What is stored, as a batch records it."""
    rubric = a_rubric(course)
    result, evidence = load_result(folder), load_evidence(folder / "evidence").evidence
    assert result is not None
    for name in members:
        hand_in = HandIn(
            student=Student(name=name), digest=evidence.submission.sha256, name=evidence.submission.name,
            submitted=DUE + timedelta(hours=1), folder=folder.name,
        )  # fmt: skip
        book.record(result, hand_in, rubric_digest=rubric_digest(rubric.assignment, rubric.data_digest))


def again(order: OutputOptions, *, dry_run: bool = False) -> dict[str, Move]:
    with open_gradebook(order.out, create=False) as book:
        return {move.new.student: move for move in regrade(a_rubric(order.course), order, dry_run=dry_run, book=book)}


def points(order: OutputOptions) -> dict[str, float | None]:
    with open_gradebook(order.out, create=False) as book:
        return {grade.student.name: grade.points for grade in book.grades()}


def lengths(order: OutputOptions) -> dict[str, int]:
    with open_gradebook(order.out, create=False) as book:
        return {grade.student.name: len(book.history(grade.student.name)) for grade in book.grades()}


def test_the_same_rubric_adds_nothing_to_any_history(order: OutputOptions) -> None:
    assert not any(move.moved for move in again(order).values())
    assert lengths(order) == {"ada": 1, "Bob One": 1, "Bob Two": 1}


def test_another_threshold_is_in_the_history_of_every_member(order: OutputOptions) -> None:
    write_rubric(order.course.root, LENIENT)
    both = [f"Bob {n} (bob): 30 (not passed) -> 100 (passed)  accuracy 0 -> 70" for n in ("One", "Two")]
    assert again(order)["bob"].words().splitlines() == both
    assert points(order) == {"ada": 100, "Bob One": 100, "Bob Two": 100}
    with open_gradebook(order.out) as book:
        (_, event) = book.history("Bob Two")
    assert (event.before, event.points, event.changed) == (30, 100, ("accuracy 0 -> 70",))


def test_a_dry_run_tells_the_same_moves_and_changes_no_history(order: OutputOptions) -> None:
    write_rubric(order.course.root, WITH_DEADLINE)
    before = (order.out / FILE).read_bytes()
    assert again(order, dry_run=True)["ada"].words() == again(order, dry_run=True)["ada"].words()
    assert points(order) == {"ada": 100, "Bob One": 30, "Bob Two": 30}
    assert len((order.out / FILE).read_bytes()) == len(before)


def test_a_deadline_that_was_set_moves_grades_and_says_why(order: OutputOptions) -> None:
    write_rubric(order.course.root, WITH_DEADLINE)
    moves = again(order)
    late = "handed in after the deadline, on day 1: 10 points off (10 % of all points for each day begun)"
    assert moves["ada"].words() == f"ada: 100 (passed) -> 90 (passed)  earned 100, {late}"
    assert moves["bob"].words().splitlines() == [
        f"Bob {n} (bob): 30 (not passed) -> 20 (not passed)  earned 30, {late}" for n in ("One", "Two")
    ]
    assert points(order) == {"ada": 90, "Bob One": 20, "Bob Two": 20}
    page = (order.out / "gradebook.csv").read_text()
    assert '"90"' in page, "the class page and its CSV show what the student gets"


def test_a_decision_survives_and_is_told(order: OutputOptions) -> None:
    with open_gradebook(order.out) as book:
        book.override("Bob One", points=55, author="kim", reason="x")
        book.override("Bob Two", excused=True, author="kim", reason="x")
    write_rubric(order.course.root, LENIENT)
    said = again(order)["bob"].words().splitlines()
    assert sorted(said) == [
        "Bob One (bob): 55 (not passed) -> 55 (not passed)  accuracy 0 -> 70; the override to 55 by kim stays",
        "Bob Two (bob): excused -> excused  accuracy 0 -> 70; the excuse by kim stays",
    ]
    assert points(order) == {"ada": 100, "Bob One": 55, "Bob Two": None}


def test_a_gradebook_that_does_not_answer_leaves_every_page_as_it_was(order: OutputOptions) -> None:
    write_rubric(order.course.root, LENIENT)
    before = (order.out / "bob" / "result.json").read_bytes()
    with closing(sqlite3.connect(order.out / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with open_gradebook(order.out, patience=0.1) as book, pytest.raises(Infrastructure, match="locked"):
            regrade(a_rubric(order.course), order, dry_run=False, book=book)
    assert (order.out / "bob" / "result.json").read_bytes() == before


def test_pages_that_are_written_again_show_what_students_get(order: OutputOptions) -> None:
    with open_gradebook(order.out) as book:
        book.override("ada", points=42, author="kim", reason="x")
        render_again(a_rubric(order.course), order, book=book)
    assert '"42"' in (order.out / "gradebook.csv").read_text()


REFUSING = """
CREATE TRIGGER refusing BEFORE INSERT ON results
WHEN (SELECT folder FROM submissions WHERE id = NEW.submission_id) = 'bob'
BEGIN SELECT RAISE(ABORT, 'no room for bob'); END
"""


def test_a_row_that_the_gradebook_refuses_keeps_what_it_had_and_all_others_are_marked_again(
    order: OutputOptions,
) -> None:
    write_rubric(order.course.root, LENIENT.replace('use = "accuracy"', 'use = "accuracy"\ntitle = "Told anew"'))
    before = {path: path.read_bytes() for path in (order.out / "bob").rglob("*") if path.is_file()}
    with closing(sqlite3.connect(order.out / FILE)) as other:
        other.execute(REFUSING)
    for words in (("--dry-run",), ()):
        said = command(order, *words)
        assert said.code == 3
        assert (
            said.err.startswith("trouble: bob: can't be recorded in the gradebook: ") and "no room for bob" in said.err
        )
        assert said.out.startswith("0 of 2 moved")
    assert {path: path.read_bytes() for path in before} == before
    assert lengths(order) == {"ada": 2, "Bob One": 1, "Bob Two": 1}
    assert points(order) == {"ada": 100, "Bob One": 30, "Bob Two": 30}
    rows = {row["student"]: row["points"] for row in json.loads((order.out / "batch.json").read_text())}
    assert rows == {"ada": 100, "bob": 30}


def command(order: OutputOptions, *words: str) -> Said:
    course = order.course
    return run_cli("regrade", "tiny", order.out, "--course", course.root, "--data", data_of(course.root), *words)


def test_the_command_takes_the_gradebook_beside_the_results_or_the_one_that_is_named(
    order: OutputOptions, on_server: str
) -> None:
    with open_gradebook(on_server) as book:
        record(book, order.course, order.out / "ada", ("ada",))
    write_rubric(order.course.root, WITH_DEADLINE)
    said = command(order, "--json", "--dry-run")
    assert said.code == 0, said.err
    ada = json.loads(said.out)[0]
    assert ada["grades"] == [{"student": "ada", "old": 100, "new": 90, "passed": True}]
    assert "2 of 2 moved" in command(order).out
    assert points(order)["ada"] == 90
    with open_gradebook(on_server) as book:
        assert [grade.points for grade in book.grades()] == [100]
        assert command(order, "--gradebook", on_server).code == 0
        assert [grade.points for grade in book.grades()] == [90]
    assert "there is no gradebook" in command(order, "--gradebook", str(order.course.root)).err


def test_without_a_gradebook_none_is_made(order: OutputOptions) -> None:
    (order.out / FILE).unlink()
    assert "0 of 2 moved" in command(order).out
    assert not (order.out / FILE).exists()
