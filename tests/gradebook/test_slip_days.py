"""Slip days over several assignments, from what is stored: the same on both engines, after everything that may change."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from grader.cli.gradebook import known_grades, tell_others
from grader.core.assignment import Assignment
from grader.core.course_rules import CourseRules
from grader.core.errors import UsageError
from grader.core.grades import Enrolment, Extension, HandIn
from grader.core.results import Grade, Result, Student
from grader.gradebook import Gradebook, open_gradebook
from tests.gradebook.findings import RUBRIC, a_finding, an_assignment, handed_in

NAMES = ("exercise1", "exercise2", "exercise3")
DUES = {name: datetime.fromisoformat(f"2026-11-{6 + 7 * place:02}T23:59:00+01:00") for place, name in enumerate(NAMES)}


def of_course(slip_days: int | None = 4, title: str = "Networks") -> CourseRules:
    late = {} if slip_days is None else {"slip_days": slip_days}
    return CourseRules.model_validate({"schema": 1, "title": title, "late": late, "assignments": NAMES})


def assignments(folder: Path, **changes: str) -> dict[str, Assignment]:
    rules = "due = {due}\n{more}\n[late]\nper_day = 0.1\nmost = 0.5\n"
    return {
        name: an_assignment(folder, rules.format(due=due.isoformat(), more=changes.get(name, "")), name)
        for name, due in DUES.items()
    }


def of(name: str, student: str, days: float, points: float = 90, digest: str = "") -> tuple[Result, HandIn]:
    """What a student handed in so many days after the deadline of an assignment (a minute before they are over)."""
    when = DUES[name] + timedelta(days=days) - timedelta(minutes=1)
    digest = digest or f"{student}'s {name}"
    found = a_finding(student, points, assignment=name, title=name, evidence=digest)
    return found, handed_in(student, digest, when.isoformat())


def told(grades: list[Grade]) -> dict[str, tuple[int | None, float | None]]:
    """Slip days spent and points, by assignment."""
    return {grade.assignment: (grade.slip_days.spent if grade.slip_days else None, grade.points) for grade in grades}


@pytest.fixture
def book(place: str, tmp_path: Path) -> Iterator[Gradebook]:
    """A gradebook of a course with four slip days; `ada` was late with each of its three assignments."""
    with open_gradebook(place) as opened:
        for assignment in assignments(tmp_path).values():
            opened.enrol(assignment, [Enrolment(student=Student(name="ada"))], course=of_course())
        for name, days in zip(NAMES, (2, 1, 3), strict=True):
            opened.record(*of(name, "ada", days), rubric_digest=RUBRIC)
        yield opened


def test_the_budget_is_spent_in_the_order_of_hand_in_and_the_rest_is_paid_with_points(book: Gradebook) -> None:
    assert told(book.grades()) == {"exercise1": (2, 90), "exercise2": (1, 90), "exercise3": (1, 70)}
    lefts = [grade.slip_days.left for grade in book.grades() if grade.slip_days]
    assert lefts == [2, 1, 0]


def test_every_way_to_ask_gives_the_same_grade(book: Gradebook, tmp_path: Path) -> None:
    whole = book.grades()
    assert book.grades(student="ada") == whole
    for name, grade in zip(NAMES, whole, strict=True):
        assert book.grades(name) == [grade]
        rules, bases = book.bases(name)
        assert [basis.grade(rules) for basis in bases] == [grade]
        assert book.grades_after(name, []) == [(grade, grade)]
    assert not book.record(*of("exercise3", "ada", 3), rubric_digest=RUBRIC)
    (person,) = book.enrol(
        assignments(tmp_path)["exercise3"], [Enrolment(student=Student(name="ada"))], course=of_course()
    )
    assert book.grade("exercise3", person.student_id) == whole[2]


def test_a_double_hand_in_spends_once(book: Gradebook) -> None:
    book.record(*of("exercise1", "ada", 4, 95, "again"), rubric_digest=RUBRIC)
    assert told(book.grades()) == {"exercise1": (4, 95), "exercise2": (0, 80), "exercise3": (0, 60)}
    spent = [grade.slip_days.spent for grade in book.grades() if grade.slip_days]
    assert sum(spent) == 4


def test_the_same_files_handed_in_again_spend_no_second_time(book: Gradebook) -> None:
    before = book.grades()
    book.record(*of("exercise2", "ada", 1), rubric_digest=RUBRIC)
    assert book.grades() == before


def test_an_extension_gives_days_back_to_what_came_after(book: Gradebook, tmp_path: Path) -> None:
    extended = Enrolment(student=Student(name="ada"), extension=Extension(seconds=86400))
    book.enrol(assignments(tmp_path)["exercise1"], [extended], course=of_course())
    assert told(book.grades()) == {"exercise1": (1, 90), "exercise2": (1, 90), "exercise3": (2, 80)}
    book.enrol(assignments(tmp_path)["exercise1"], [Enrolment(student=Student(name="ada"))], course=of_course())
    assert told(book.grades()) == {"exercise1": (2, 90), "exercise2": (1, 90), "exercise3": (1, 70)}


def test_what_moves_slip_days_names_the_assignments_whose_pages_are_old(
    book: Gradebook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = known_grades(book)
    tell_others(before, book, "exercise1")
    assert capsys.readouterr().err == "", "nothing moved"
    extended = Enrolment(student=Student(name="ada"), extension=Extension(seconds=86400))
    book.enrol(assignments(tmp_path)["exercise1"], [extended], course=of_course())
    tell_others(before, book, "exercise1")
    assert capsys.readouterr().err.startswith("note: slip days moved for exercise2, exercise3, too")
    before = known_grades(book)
    book.override("ada", author="ida", reason="ill", excused=True, assignment="exercise3")
    tell_others(before, book, "exercise3")
    assert capsys.readouterr().err == "", "nothing was handed in after that"


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_regrade_recomputes_the_whole_budget(book: Gradebook, tmp_path: Path, dry_run: bool) -> None:
    stricter = an_assignment(
        tmp_path, f"due = {DUES['exercise1'] - timedelta(days=1):%Y-%m-%dT%H:%M:%S+01:00}\n[late]\nper_day = 0.1\n",
        "exercise1",
    )  # fmt: skip
    new = [of("exercise1", "ada", 2, 70)]
    done = book.remark(stricter, new, rubric_digest="rubric-2", dry_run=dry_run, course=of_course())
    ((before, after),) = done.grades
    assert (before.points, after.points) == (90, 70)
    assert after.slip_days is not None and after.slip_days.spent == 3
    expected = {"exercise1": (2, 90), "exercise2": (1, 90), "exercise3": (1, 70)}
    if not dry_run:
        expected = {"exercise1": (3, 70), "exercise2": (1, 90), "exercise3": (0, 60)}
    assert told(book.grades()) == expected


def test_marking_again_alone_spends_nothing_and_gives_nothing_back(book: Gradebook, tmp_path: Path) -> None:
    today = assignments(tmp_path)["exercise1"]
    for points, rubric in ((0, "rubric-2"), (100, "rubric-3"), (90, RUBRIC)):
        book.remark(today, [of("exercise1", "ada", 2, points)], rubric_digest=rubric, course=of_course())
        found = told(book.grades())
        assert found == {"exercise1": (2, points), "exercise2": (1, 90), "exercise3": (1, 70)}


def test_an_excuse_gives_its_days_back_and_an_override_does_not(book: Gradebook) -> None:
    book.override("ada", author="x", reason="r", points=50, assignment="exercise1")
    assert told(book.grades()) == {"exercise1": (2, 50), "exercise2": (1, 90), "exercise3": (1, 70)}
    book.override("ada", author="x", reason="r", excused=True, assignment="exercise1")
    assert told(book.grades()) == {"exercise1": (None, None), "exercise2": (1, 90), "exercise3": (3, 90)}
    book.revoke("ada", author="x", reason="r", assignment="exercise1")
    assert told(book.grades()) == {"exercise1": (2, 90), "exercise2": (1, 90), "exercise3": (1, 70)}


def test_each_member_of_a_group_spends_days_of_his_own(book: Gradebook, tmp_path: Path) -> None:
    for name in ("bob", "ada"):  # who hand in together, and of whom only one has days left
        result, hand_in = of("exercise3", name, 4, digest="the group's")
        own = hand_in.model_copy(update={"student": Student(name=name, group="B"), "folder": "B"})
        book.record(result, own, rubric_digest=RUBRIC)
    found = {grade.student.name: told([grade])["exercise3"] for grade in book.grades("exercise3")}
    assert found == {"ada": (1, 60), "bob": (4, 90)}
    assert book.grades("exercise3")[1].student.group == "B"


def test_other_rules_of_the_course_hold_at_once_for_all_of_its_assignments(book: Gradebook, tmp_path: Path) -> None:
    third = assignments(tmp_path)["exercise3"]
    book.enrol(third, course=of_course(6))
    assert told(book.grades()) == {"exercise1": (2, 90), "exercise2": (1, 90), "exercise3": (3, 90)}
    book.enrol(third, course=of_course(0))
    assert told(book.grades()) == {"exercise1": (0, 70), "exercise2": (0, 80), "exercise3": (0, 60)}
    book.enrol(third, course=of_course(None, "Networks, renamed"))
    assert told(book.grades()) == {"exercise1": (None, 70), "exercise2": (None, 80), "exercise3": (None, 60)}
    book.enrol(third, course=of_course(6, "Renamed again"))
    assert told(book.grades())["exercise3"] == (3, 90)
    book.enrol(third)  # its course.toml is gone
    assert told(book.grades()) == {"exercise1": (None, 70), "exercise2": (None, 80), "exercise3": (None, 60)}


def test_two_courses_in_one_gradebook_have_budgets_of_their_own(book: Gradebook, tmp_path: Path) -> None:
    values = {"schema": 1, "title": "Another", "late": {"slip_days": 2}, "assignments": ["other1"]}
    rules = f"due = {DUES['exercise1'].isoformat()}\n[late]\nper_day = 0.1\n"
    book.enrol(an_assignment(tmp_path, rules, "other1"), course=CourseRules.model_validate(values))
    result, hand_in = of("exercise1", "ada", 1)
    book.record(result.model_copy(update={"assignment": "other1"}), hand_in, rubric_digest=RUBRIC)
    found = told(book.grades())
    assert found["other1"] == (1, 90)
    assert found["exercise3"] == (1, 70)


def test_another_courses_title_is_refused_and_costs_nobody_a_slip_day(book: Gradebook, tmp_path: Path) -> None:
    values = {"schema": 1, "title": "Networks", "assignments": ["other1"]}
    before = book.grades()
    with pytest.raises(
        UsageError, match="another course that is called `Networks`, with exercise1, exercise2, exercise3"
    ):
        book.enrol(an_assignment(tmp_path, "", "other1"), course=CourseRules.model_validate(values))
    assert book.grades() == before


def test_who_looks_at_one_assignment_hears_of_what_happens_in_another(book: Gradebook, tmp_path: Path) -> None:
    before = book.stamp("exercise3")
    assert book.stamp("exercise3") == before
    extended = Enrolment(student=Student(name="ada"), extension=Extension(seconds=3600))
    book.enrol(assignments(tmp_path)["exercise1"], [extended], course=of_course())
    one = book.stamp("exercise3")
    book.enrol(assignments(tmp_path)["exercise1"], course=of_course(7))
    assert len({before, one, book.stamp("exercise3")}) == 3


def test_without_a_budget_a_gradebook_says_what_it_always_said(place: str, tmp_path: Path) -> None:
    with open_gradebook(place) as opened:
        opened.enrol(assignments(tmp_path)["exercise1"])
        opened.record(*of("exercise1", "ada", 2), rubric_digest=RUBRIC)
        (grade,) = opened.grades()
    assert (grade.points, grade.slip_days) == (70, None)
    assert grade.comment == (
        "Handed in after the deadline, on day 2: 20 points off (10 % of all points for each day begun)."
    )
