"""A Canvas export comes back with one column filled in, and Canvas is offered nothing new."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.errors import UsageError
from grader.core.results import Grade, Status
from grader.exports.canvas import CanvasOptions, fill_gradebook
from grader.exports.what_may_leave import Filled
from tests.exports.builders import a_grade, decided, hostile_texts
from tests.exports.validators import CanvasSite, import_into_canvas

SHEET = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Exercise 1 (41),Exercise 2 (42),Assignments Current Score,Current Score\n"
    ",,,,,,Manual Posting,,\n"
    "    Points Possible,,,,,100.00,100.00,(read only),(read only)\n"
    '"Lovelace, Ada",7,s101,ada@x.org,A,90.00,,90.00,90.00\n'
    '"Stone, Bob",8,="00102",bob@x.org,A,55.00,55.00,55.00,55.00\n'
    '="=cmd",9,s103,eve@x.org,A,EX,N/A,,\n'
    '"Student, Test",10,,x1,A,,,,\n'
)
SITE = CanvasSite(assignments={41: "Exercise 1", 42: "Exercise 2"}, students=(7, 8, 9, 10))


def fill(*grades: Grade, sheet: str = SHEET, **options: object) -> Filled:
    return fill_gradebook(
        sheet.encode(),
        grades,
        name="c.csv",
        options=CanvasOptions(**options),  # type: ignore[arg-type]
    )


def test_a_grade_is_put_into_its_cell_and_every_other_byte_stays() -> None:
    filled = fill(a_grade("x", 61.5, participant="7"), a_grade("y", 71, identity="00102"))
    assert filled.content.decode() == SHEET.replace("90.00,,90.00", "90.00,61.50,90.00").replace(
        "55.00,55.00,55", "55.00,71.00,55"
    )
    assert (filled.filled, filled.unplaced) == (2, ())
    assert filled.remarks == (
        "y: 55.00 in the file became 71.00", "c.csv: 2 of 4 students have no grade here and stay as they were",
    )  # fmt: skip
    found = import_into_canvas(filled.content, SITE)
    assert found.grades[42] == {7: "61.50", 8: "71.00", 9: "N/A", 10: ""}
    assert (found.new_assignments, found.new_students) == ([], [])


@pytest.mark.parametrize("name", ["Lovelace, Ada", "Ada Lovelace", "lovelaceada"])
def test_a_student_is_found_by_a_name_in_either_order(name: str) -> None:
    assert import_into_canvas(fill(a_grade(name, 61.5)).content, SITE).grades[42][7] == "61.50"


@pytest.mark.parametrize("column", ["42", "(42)", "Exercise 2 (42)", "exercise 2", ""])
def test_the_column_is_named_by_title_or_number_and_is_ours_by_default(column: str) -> None:
    assert (
        import_into_canvas(fill(a_grade("x", 61.5, participant="7"), column=column).content, SITE).grades[42][7]
        == "61.50"
    )


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("Exercise 3", r"has no assignment `Exercise 3` \(did you mean `Exercise"),
        ("Current Score", "has no assignment"),
        ("7", "no"),
    ],
)
def test_no_new_assignment_is_ever_proposed(column: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        fill(a_grade("x", participant="7"), column=column)


def test_two_assignments_of_one_title_are_told_apart_by_number() -> None:
    twice = SHEET.replace("Exercise 1 (41)", "Exercise 2 (41)")
    with pytest.raises(UsageError, match=r"may be `Exercise 2 \(41\)`, `Exercise 2 \(42\)`.*--column ID"):
        fill(a_grade("x", participant="7"), sheet=twice)
    assert fill(a_grade("x", participant="7"), sheet=twice, column="41").filled == 1


def test_a_read_only_column_is_refused() -> None:
    with pytest.raises(UsageError, match="read-only"):
        fill(a_grade("x", participant="7"), sheet=SHEET.replace("100.00,100.00,", "100.00,(read only),"))


def test_the_excused_are_excused_and_what_is_not_theirs_is_left_alone() -> None:
    excused = decided(excused=True)
    filled = fill(
        a_grade("x", None, participant="7", override=excused), a_grade("Eve", 50, participant="9"),
        a_grade("z", None, status=Status.BROKEN, participant="8"),
    )  # fmt: skip
    assert import_into_canvas(filled.content, SITE).grades[42] == {7: "EX", 8: "55.00", 9: "N/A", 10: ""}
    assert filled.filled == 1
    assert filled.unplaced == (
        "z: the grader broke, so no mark was decided", "Eve: this assignment is not theirs in Canvas (N/A)",
    )  # fmt: skip


def test_points_of_another_scale_are_refused_unless_they_are_to_be_converted() -> None:
    of_ten = SHEET.replace("100.00,100.00,", "100.00,10.00,")
    with pytest.raises(UsageError, match="at most 10 points, but grades here are out of 100"):
        fill(a_grade("x", 61.5, participant="7"), sheet=of_ten)
    filled = fill(a_grade("x", 61.5, participant="7"), sheet=of_ten, scale=True)
    assert import_into_canvas(filled.content, SITE).grades[42][7] == "6.15"


def test_points_above_the_maximum_are_extra_credit() -> None:
    assert import_into_canvas(fill(a_grade("x", 104, participant="7")).content, SITE).grades[42][7] == "104.00"


def test_semicolons_and_decimal_commas_stay() -> None:
    lines = [
        line.replace(", ", "~").replace(",", ";").replace("~", ", ").replace(".00", ",00")
        for line in SHEET.splitlines()
    ]
    sheet = "\ufeff" + "\r\n".join(lines) + "\r\n"
    filled = fill(a_grade("x", 61.5, participant="7"), sheet=sheet)
    assert filled.content.decode() == sheet.replace("90,00;;90,00", "90,00;61,50;90,00")
    assert import_into_canvas(filled.content, SITE).grades[42][7] == "61.50"


def test_first_and_last_names_may_stand_in_two_columns() -> None:
    sheet = "LastName,FirstName,ID,SIS Login ID,Section,Exercise 2 (42)\nPoints Possible,,,,,100.00\nLovelace,Ada,7,ada,A,\n"
    found = import_into_canvas(fill(a_grade("Ada Lovelace", 61.5), sheet=sheet).content, SITE)
    assert found.grades == {42: {7: "61.50"}}


@pytest.mark.parametrize(
    "head", ["Name,ID,Section,Exercise 2 (42)", "Student,ID,Exercise 2 (42),x", "Identifier,Grade"]
)
def test_another_file_is_refused(head: str) -> None:
    with pytest.raises(UsageError, match="is not a gradebook that Canvas exported"):
        fill(a_grade(), sheet=f"{head}\n" + "," * head.count(",") + "\n")


@settings(max_examples=150)
@given(hostile_texts, hostile_texts, st.sampled_from([None, 0.0, 33.333]))
def test_no_name_makes_a_new_assignment_or_moves_a_mark(name: str, title: str, points: float | None) -> None:
    grade = a_grade(name, points, title=title, participant="7", override=None if points else decided(excused=True))
    found = import_into_canvas(fill(grade, column="42").content, SITE)
    assert (found.new_assignments, found.new_students) == ([], [])
    assert found.grades[41] == {7: "90.00", 8: "55.00", 9: "EX", 10: ""}
    assert found.grades[42] == {7: "33.33" if points else "EX", 8: "55.00", 9: "N/A", 10: ""}


def test_the_validator_notices_what_canvas_would_make_anew() -> None:
    found = import_into_canvas(SHEET.replace("Exercise 2 (42)", "Exercise 3").replace(",7,", ",77,").encode(), SITE)
    assert (found.new_assignments, found.new_students) == (["Exercise 3"], ["Lovelace, Ada"])
    with pytest.raises(AssertionError, match="Invalid header"):
        import_into_canvas(b"Student,ID,x\n", SITE)
