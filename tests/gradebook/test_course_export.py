"""`grader export course`: the whole course from its gradebook, as a table or a page; and a course.toml that is wrong."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grader.core.grades import Enrolment
from grader.core.progress import Silent
from grader.core.results import SlipDays, Student
from grader.course.course import Course
from grader.gradebook import open_gradebook
from grader.marking.publish import OutputOptions
from grader.marking.regrade import regrade
from grader.run.batch import grade_class
from tests.fakes import (
    ASSIGNMENT,
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
from tests.gradebook.test_slip_days import NAMES, assignments, of

TEXT = """\
schema = 1
title = "Networks"
[late]
slip_days = 4
[total]
counts = { exercises = 60, exercise3 = 40 }
[part.exercises]
counts = ["exercise1", "exercise2"]
best = 1
"""


@pytest.fixture
def booked(place: str, tmp_path: Path) -> str:
    """A gradebook of three assignments on each engine; Ada was late with each, Bob handed in nothing."""
    root = tmp_path / "course"
    assignments(root / "assignments")
    (root / "course.toml").write_text(TEXT, encoding="utf-8")
    course = Course.at(root)
    with open_gradebook(place) as book:
        for name in course.assignment_ids():
            everyone = [Enrolment(student=Student(name=student)) for student in ("Ada", "Bob")]
            book.enrol(course.assignment(name), everyone, course=course.rules())
        for name, days in zip(NAMES, (2, 1, 3), strict=True):
            book.record(*of(name, "Ada", days), rubric_digest="r")
    return place


def export(*words: str | Path) -> Said:
    said = run_cli("export", "course", *words)
    assert "Traceback" not in said.out + said.err
    return said


def test_the_table_has_a_row_for_each_student(booked: str) -> None:
    said = export(booked)
    ada, bob = csv.DictReader(io.StringIO(said.out.removeprefix("\ufeff"), newline=""), strict=True)
    assert (ada["student"], ada["exercise1"], ada["exercise2"], ada["exercise3"]) == ("Ada", "90", "90", "70")
    assert (ada["slip_days"], ada["slip_days_left"], ada["total"], ada["left_out"]) == ("4", "0", "82", "exercise2")
    assert (bob["exercise1"], bob["slip_days_left"], bob["total"]) == ("", "4", "0")


def test_a_file_that_ends_in_html_is_the_page(booked: str, tmp_path: Path) -> None:
    said = export(booked, "--into", tmp_path / "course.html")
    assert "course: 2 written" in said.err
    page = (tmp_path / "course.html").read_text(encoding="utf-8")
    assert "<h1>Networks</h1>" in page and "82\u00a0%" in page and "1 slip day spent" in page


def test_what_is_not_there_is_said_in_a_line(booked: str, tmp_path: Path) -> None:
    assert (wrong := export(booked, "--assignment", "exercise9")).code == 2 and "no assignment `exercise9`" in wrong.err
    assert (none := export(tmp_path / "course")).code == 2 and "there is no gradebook" in none.err


def test_without_a_course_file_there_are_all_assignments_and_a_note(place: str, tmp_path: Path) -> None:
    with open_gradebook(place) as book:
        for name in ("exercise1", "exercise2"):
            book.record(*of(name, "Ada", 0), rubric_digest="r")
    said = export(place)
    assert '"exercise1"' in said.out and '"exercise2"' in said.out
    assert "note: no course.toml says how assignments add up" in said.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT.replace("slip_days = 4", "slip_days = -4"), "`late.slip_days`: must be at least 0 (found -4)"),
        (TEXT.replace("exercise3 = 40", "exercise4 = 40"), "there is no assignment and no part `exercise4`"),
        (TEXT.replace("[late]", 'language = "itt"\n[late]'), "there is no catalogue of `itt` (did you mean `it`?)"),
        (TEXT.replace("= 60", "= 50"), "the weights add up to 90, not to 1 (or to 100)"),
        (TEXT.replace('"exercise2"]', '"exercises"]'), "a part can't count itself: `exercises` -> `exercises`"),
    ],
)  # fmt: skip
def test_a_course_file_that_can_not_be_stops_everything_that_would_go_by_it(
    tmp_path: Path, text: str, words: str
) -> None:
    course = write_course(tmp_path / "course")
    for name in NAMES:
        write_rubric(course.root, RUBRIC, assignment=name)
    (course.root / "course.toml").write_text(text, encoding="utf-8")
    shared = ("--course", course.root, "--data", data_of(course.root))
    out = tmp_path / "out"
    batch = run_cli(
        "batch", ASSIGNMENT, write_class(tmp_path / "class", "ada"), *shared, "--out", out, "--sandbox", "none"
    )
    for said in (batch, run_cli("lint", ASSIGNMENT, *shared)):
        assert words in said.err + said.out
        assert said.code != 0 and "Traceback" not in said.err
    assert not list(out.glob("*/result.json")), "nothing was run"


def test_a_gradebook_of_one_assignment_alone_is_warned_of_where_slip_days_are_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = write_course(tmp_path / "course")
    write_rubric(course.root, RUBRIC, assignment="other")
    (course.root / "course.toml").write_text('schema = 1\ntitle = "x"\n[late]\nslip_days = 3\n', encoding="utf-8")
    Stage({}).install(monkeypatch)
    shared = ("--course", course.root, "--data", data_of(course.root))
    words = ("batch", ASSIGNMENT, write_class(tmp_path / "class", "ada"), *shared, "--sandbox", "none")
    alone = (run_cli(*words, "--out", tmp_path / "a"), run_cli("regrade", ASSIGNMENT, tmp_path / "a", *shared))
    for said in alone:
        assert "name one for the whole course with --gradebook" in said.out + said.err
    together = run_cli(*words, "--out", tmp_path / "b", "--gradebook", tmp_path / "course.sqlite")
    assert "--gradebook" not in together.out + together.err


def test_a_batch_and_a_regrade_tell_the_gradebook_what_the_course_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = "pass_mark = 60\ndue = 2026-11-20T12:00:00Z\n\n[late]\nper_day = 0.1\n\n"
    course = write_course(tmp_path / "course", RUBRIC.replace("pass_mark = 60\n", late))
    path = course.root / "course.toml"
    path.write_text('schema = 1\ntitle = "Networks"\n[late]\nslip_days = 3\n', encoding="utf-8")
    output = OutputOptions(out=tmp_path / "out", course=course)
    output.out.mkdir()
    entries = [
        replace(entry, submitted=datetime(2026, 11, 22, 11, tzinfo=UTC))
        for entry in list_class(write_class(tmp_path / "class", "ada"))
    ]
    Stage({"ada": Act(correct=10)}).install(monkeypatch)
    with open_gradebook(output.out) as book, a_context(course) as bench:
        grade_class(entries, bench, output, jobs=1, progress=Silent(), book=book)
        (grade,) = book.grades()
        assert (grade.points, grade.slip_days) == (100, SlipDays(spent=2, left=1))
        page = (output.out / "ada" / "report.html").read_text(encoding="utf-8")
        assert "It was late, and 2 slip days were spent on it; slip days left: 1." in page
        path.write_text('schema = 1\ntitle = "Networks"\n[late]\nslip_days = 1\n', encoding="utf-8")
        (move,) = regrade(a_rubric(course), output, dry_run=False, book=book)
        assert "100 (passed) -> 90 (passed)" in move.words() and "1 slip day is spent: 10 points off" in move.words()
        page = (output.out / "ada" / "report.html").read_text(encoding="utf-8")
        assert (
            "You earned 100; handed in after the deadline, on day 2, for which 1 slip day is spent: 10 points" in page
        )
        path.unlink()
        (move,) = regrade(a_rubric(course), output, dry_run=False, book=book)
        assert "90 (passed) -> 80 (passed)" in move.words()
        assert book.grades()[0].slip_days is None
