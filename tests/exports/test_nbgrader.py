"""What reads nbgrader's export reads ours."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grader.core.results import Status
from grader.exports.csv_files import split_name, write_scores
from tests.exports.builders import LATE, a_grade, absent, decided, hostile_texts
from tests.exports.validators import assert_no_formula, read_nbgrader


def test_a_grade_is_a_row_with_times_in_utc() -> None:
    filled = write_scores([a_grade("Ada Lovelace", 51.5, earned=61.5, penalty=LATE, identity="s1", email="a@x.org")])
    assert read_nbgrader(filled.content) == [
        {
            "assignment": "exercise2", "duedate": "2026-11-20 23:00:00", "timestamp": "2026-11-20 17:30:00",
            "student_id": "s1", "last_name": "Lovelace", "first_name": "Ada", "email": "a@x.org", "raw_score": "61.5",
            "late_submission_penalty": "10", "score": "51.5", "max_score": "100",
        }
    ]  # fmt: skip


def test_who_handed_in_nothing_has_zeros_and_no_timestamp() -> None:
    (row,) = read_nbgrader(write_scores([absent("Eve")]).content)
    assert (row["raw_score"], row["late_submission_penalty"], row["score"], row["timestamp"]) == ("0", "0", "0", "")
    assert (row["student_id"], row["max_score"]) == ("Eve", "100")


def test_whose_mark_does_not_stand_has_no_row_and_is_named() -> None:
    filled = write_scores(
        [a_grade("A", None, status=Status.BROKEN), a_grade("B", status=Status.NEEDS_REVIEW),
         a_grade("C", None, override=decided(excused=True)), a_grade("D")]
    )  # fmt: skip
    assert [row["student_id"] for row in read_nbgrader(filled.content)] == ["D"]
    assert [line.partition(":")[0] for line in filled.unplaced] == ["A", "B", "C"]
    assert len(read_nbgrader(write_scores([a_grade("B", status=Status.NEEDS_REVIEW)], provisional=True).content)) == 1


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Ada Lovelace", ("Lovelace", "Ada")),
        ("de Vries, Zoë", ("de Vries", "Zoë")),
        ("Plato", ("Plato", "")),
        ("", ("", "")),
    ],
)
def test_a_name_is_split_at_its_comma_or_before_its_last_word(name: str, parts: tuple[str, str]) -> None:
    assert split_name(name) == parts


@settings(max_examples=100)
@given(hostile_texts, st.floats(-10, 200))
@example("\u200b=HYPERLINK(1)", 0.0)  # a character without a shape before the formula
def test_any_name_stays_in_its_cells(name: str, points: float) -> None:
    filled = write_scores([a_grade(name or "x", points, identity="s1"), a_grade("next", identity="s2")])
    assert [row["student_id"] for row in read_nbgrader(filled.content)] == ["s1", "s2"]
    assert_no_formula(filled.content.decode())


def test_the_validator_notices_a_comma_that_is_not_quoted() -> None:
    head = write_scores([]).content.decode()
    with pytest.raises(AssertionError):
        read_nbgrader((head + "e,,,s1,Lovelace, Ada,Ada,a@x,1,0,1,2\n").encode())
