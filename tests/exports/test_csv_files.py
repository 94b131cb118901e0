"""The gradebook opens in a spreadsheet without running anything, and reads back as it was written."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.evidence import Cause, Ending
from grader.core.results import Flag, Grade, Result, Status
from grader.core.text import visible
from grader.exports.csv_files import GRADE_COLUMNS, GRADEBOOK_COLUMNS, write_gradebook, write_grades
from grader.exports.what_may_leave import guard_formula
from tests.exports.builders import LATE, a_grade, absent, decided, hostile_texts
from tests.exports.validators import assert_no_formula
from tests.fakes import a_result


def rows(*results: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(write_gradebook(results), newline=""), strict=True))


def test_a_result_is_a_row_of_plain_words() -> None:
    (row,) = rows(a_result(student="Zoë", points=61.5, out_of=100, passed=True))
    assert tuple(row) == GRADEBOOK_COLUMNS
    assert row == {
        "student": "Zoë", "submission": "lovelace_mnist.ipynb", "status": "graded", "points": "61.5", "out_of": "100",
        "passed": "yes", "accuracy": "0.9842", "verdict": "pass", "flags": "", "ending": "finished",
        "isolation": "bubblewrap", "dataset": "mnist", "earned": "61.5", "excused": "no", "group": "", "comment": "",
        "awaits": "", "source": "", "audit": "",
    }  # fmt: skip


def test_a_row_without_accuracy_has_empty_cells_and_its_flags() -> None:
    changes = {
        "accuracy": None, "status": Status.EXPLAINED, "passed": False,
        "flags": (Flag(kind="substitute_data", reason="x"), Flag(kind="preparation_unsure", reason="x")),
        "ending": Ending(cause=Cause.NOT_RUN, message="x"),
    }  # fmt: skip
    (row,) = rows(a_result().model_copy(update=changes))
    assert (row["accuracy"], row["verdict"], row["passed"]) == ("", "", "no")
    assert row["flags"] == "substitute_data preparation_unsure"
    assert row["ending"] == "not-run"


@pytest.mark.parametrize(
    "name",
    [
        '=HYPERLINK("http://x")',
        "+1",
        "-rf",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1+1",
        "＋1",
        "－1",
        "＠x",
        "=cmd|'/C calc'!A0",
    ],
)
def test_no_spreadsheet_takes_a_name_for_a_formula(name: str) -> None:
    assert guard_formula(name) == f"'{name}"
    (row,) = rows(a_result(student=name, submission=f"{name}.py"))
    assert (row["student"], row["submission"]) == (visible(f"'{name}"), visible(f"'{name}.py"))


@pytest.mark.parametrize("name", ["Ada", "1=1", "'=1", ""])
def test_other_names_stay_as_they_are(name: str) -> None:
    assert guard_formula(name) == name


@pytest.mark.parametrize(
    "name", ['O"Brien', "Lovelace, Ada", "a\nb", "a\rb", "a\r\nb", "a;=1+1", "a\tb", '"', "a'b", "\u2028"]
)
def test_quotes_commas_and_line_ends_in_a_name_stay_in_its_cell(name: str) -> None:
    found = rows(a_result(student=name), a_result(student="next"))
    assert [row["student"] for row in found] == [visible(name), "next"]


def test_where_semicolons_split_a_name_stays_in_its_cell_too() -> None:
    text = write_gradebook([a_result(student="a;=1+1")])
    assert "a;=1+1" in list(csv.reader(io.StringIO(text), delimiter=";"))[1][0].replace('""', '"')
    assert all(cell.startswith('"') for line in text.splitlines() for cell in line.split('",'))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"]))),
        max_size=4,
    )
)
def test_any_names_read_back_as_they_were_written(names: list[tuple[str, str]]) -> None:
    base = a_result()
    results = [base.model_copy(update={"student": student, "submission": file}) for student, file in names]
    found = rows(*results)
    assert [(row["student"], row["submission"]) for row in found] == [
        (visible(guard_formula(student)), visible(guard_formula(file))) for student, file in names
    ]
    json.dumps(found)


def test_no_results_leave_the_head_of_the_table() -> None:
    assert list(csv.reader(io.StringIO(write_gradebook([])))) == [list(GRADEBOOK_COLUMNS)]


def grade_rows(*grades: Grade) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(write_grades(grades), newline=""), strict=True))


def test_a_grade_is_a_row_with_what_lateness_cost_and_who_decided_otherwise() -> None:
    late = a_grade("Zoë", 51.5, earned=61.5, penalty=LATE, identity="s7", flags=("borderline",))
    (row,) = grade_rows(late.model_copy(update={"override": decided(70), "points": 70.0}))
    assert tuple(row) == GRADE_COLUMNS
    assert (row["student"], row["identity"], row["earned"], row["penalty"]) == ("Zoë", "s7", "61.5", "10")
    assert (row["points"], row["override"], row["override_author"], row["override_reason"]) == (
        "70",
        "70",
        "Grace",
        "illness",
    )
    assert (row["status"], row["excused"], row["flags"]) == ("graded", "no", "borderline")


def test_who_handed_in_nothing_and_who_is_excused_have_a_row_without_points() -> None:
    nothing, excused = grade_rows(absent("Eve"), a_grade("Bob", None, override=decided(excused=True)))
    assert (nothing["status"], nothing["points"], nothing["submissions"]) == ("nothing handed in", "", "0")
    assert (excused["excused"], excused["points"]) == ("yes", "")


@settings(max_examples=100)
@given(hostile_texts, hostile_texts)
def test_no_text_of_a_grade_is_a_formula_and_points_below_zero_are_no_text(name: str, comment: str) -> None:
    text = write_grades([a_grade(name, -2.5, comment=comment, identity=comment)])
    assert_no_formula(text)
    (row,) = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    assert row["points"] == "-2.5"
