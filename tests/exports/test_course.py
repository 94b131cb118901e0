"""A course as a table and as a page: the same grades, the same total, each student once."""

import csv
import io

import pytest

from grader.core.course_rules import CourseRules, Part
from grader.core.results import Grade, Override, Penalty, SlipDays, Status, Student
from grader.core.totals import course_table
from grader.course.course import Course
from grader.exports.csv_files import write_course
from grader.pages.course_page import course_view
from grader.pages.html import course_page

RULES = CourseRules.model_validate(
    {
        "schema": 1, "title": "Networks", "late": {"slip_days": 5}, "assignments": ["e1", "e2", "e3", "p"],
        "total": {"counts": {"exercises": 60, "p": 40}}, "part": {"exercises": {"counts": ["e1", "e2"], "best": 1}},
    }
)  # fmt: skip
EXCUSE = Override(points=None, excused=True, author="x", time="2026-12-01T00:00:00+00:00")
TEMPLATES = Course.at().report_templates() / "templates"


def grade(student: str, assignment: str, points: float | None, **changes: object) -> Grade:
    plain = Grade(
        student=Student(name=student, identity="4711"), assignment=assignment, title=f"Exercise {assignment}",
        points=points, out_of=100, passed=True, status=Status.GRADED,
    )  # fmt: skip
    return plain.model_copy(update=changes)


GRADES = [
    grade("Ada", "e1", 50), grade("Ada", "p", 70, penalty=Penalty(days=2, points=10, words="late"),
                                  slip_days=SlipDays(spent=1, left=4)),
    grade("Ada", "e2", 90, slip_days=SlipDays(spent=0, left=4)), grade("bob", "e1", None, override=EXCUSE),
    grade("bob", "e2", None, status=None), grade("bob", "e3", 3), grade("bob", "p", None, awaits=("The plot",)),
]  # fmt: skip


def rows(rules: CourseRules | None = RULES, grades: list[Grade] = GRADES) -> list[dict[str, str]]:
    text = write_course(course_table(rules, grades))
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_each_student_has_one_row_with_every_assignment_and_the_total() -> None:
    ada, bob = rows()
    assert (ada["student"], ada["identity"], ada["e1"], ada["e2"], ada["p"]) == ("Ada", "4711", "50", "90", "70")
    assert (ada["slip_days"], ada["slip_days_left"], ada["total"], ada["left_out"]) == ("1", "4", "82", "e1")
    assert (bob["e1"], bob["e1 out_of"], bob["e2"], bob["e3"], bob["p"]) == ("", "100", "", "3", "")
    assert (bob["total"], bob["excused"], bob["open"]) == ("0", "e1", "p")


def test_assignments_that_count_come_first_in_the_order_of_the_course() -> None:
    assert course_table(RULES, GRADES).assignments == ("e1", "e2", "p", "e3")
    assert course_table(None, GRADES).assignments == ("e1", "e2", "e3", "p")


def test_without_a_course_there_is_no_total_and_no_slip_day() -> None:
    ada, _ = rows(None)
    assert (ada["e2"], ada["total"], ada["slip_days_left"]) == ("90", "", "")


def test_slip_days_on_the_page_add_up_to_those_that_are_gone_also_where_a_person_set_the_points() -> None:
    given = Override(points=80, excused=False, author="x", time="2026-12-01T00:00:00+00:00")
    (row,) = course_view(course_table(RULES, [
        grade("Ada", "e1", 80, override=given, slip_days=SlipDays(spent=2, left=3)),
        grade("Ada", "e2", 50, slip_days=SlipDays(spent=1, left=2)),
    ])).rows  # fmt: skip
    assert [cell.notes for cell in row.cells[:2]] == ["set by a person, 2 slip days spent", "1 slip day spent"]
    assert row.slip_days == "2"


def test_a_total_is_rounded_as_people_round_in_the_table_and_on_the_page() -> None:
    table = course_table(RULES.model_copy(update={"total": Part(counts=("e1", "p")), "part": {}}), [
        grade("Ada", "e1", 76.67), grade("Ada", "p", 100),
    ])  # fmt: skip
    assert csv.DictReader(io.StringIO(write_course(table), newline="")).__next__()["total"] == "88.34"  # 88.335
    assert course_view(table).rows[0].total == "88.34\u00a0%"


def test_a_name_is_no_formula_in_the_table() -> None:
    (row,) = rows(grades=[grade("=1+1", "e1", 5)])
    assert row["student"] == "'=1+1"


def test_the_page_shows_the_same_and_says_what_is_left_out_and_why() -> None:
    view = course_view(course_table(RULES, GRADES))
    assert list(view.columns) == [
        ("Exercise e1", "of 100 points, the best 1 of 2 count"), ("Exercise e2", "of 100 points, the best 1 of 2 count"),
        ("Exercise p", "of 100 points, weighs 40\u00a0%"), ("Exercise e3", "of 100 points, does not count"),
    ]  # fmt: skip
    ada, bob = view.rows
    assert [(cell.points, cell.notes, cell.left_out) for cell in ada.cells] == [
        ("50", "", True), ("90", "", False), ("70", "1 slip day spent, late: -10", False), ("–", "nothing handed in", False),
    ]  # fmt: skip
    assert (ada.total, ada.slip_days, ada.identity) == ("82\u00a0%", "4", "4711")
    assert [cell.notes for cell in bob.cells][:2] == ["excused", "nothing handed in"]
    assert (bob.total, bob.total_notes) == ("0\u00a0%", "1 mark is open")
    assert bob.cells[2].tone == "warn" and "awaits" in bob.cells[2].notes


def test_an_assignment_that_nobody_was_graded_in_yet_is_named() -> None:
    view = course_view(course_table(RULES, [grade("Ada", "e1", 50)]))
    assert view.missing == "e2, p"
    assert view.rows[0].cells[1].notes == "nothing handed in"


@pytest.mark.parametrize("language", ["en", "it"])
def test_the_page_is_one_file_and_takes_no_name_for_markup(language: str) -> None:
    hostile = "<script>alert(1)</script>"
    page = course_page(course_table(RULES, [*GRADES, grade(hostile, "e1", 5)]), templates=TEMPLATES, language=language)
    assert hostile not in page and "&lt;script&gt;alert(1)" in page
    assert f'<html lang="{language}">' in page
    assert ("Course report" in page) == (language == "en")
    assert page.count("<tr>") == 1 + 3
