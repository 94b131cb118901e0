"""No spreadsheet computes a cell of ours, and a number stays one."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.text import number, visible
from grader.exports.what_may_leave import guard_formula, write_cell, write_table
from tests.exports.builders import HOSTILE, hostile_texts
from tests.exports.validators import assert_no_formula


@pytest.mark.parametrize(
    "text",
    ["=1", "+1", "-1", "@x", " =1", "\u00a0=1", "\u3000＝1", "  -rf", "\t=1", "\r=1", "\n=1", "＝1", "－1", "﹣1"],
)
def test_a_text_that_begins_like_a_formula_is_guarded_also_behind_spaces(text: str) -> None:
    assert write_cell(text) == visible(f"'{text}")


def test_nothing_that_a_terminal_obeys_or_nobody_sees_is_written() -> None:
    text = write_table(["name"], [["\x1b]0;title\x07"], ["\u202eada"], ["a\x08b"], ["\x1b=1"]])
    assert text.splitlines()[1:] == [
        '"⟨U+001B⟩]0;title⟨U+0007⟩"', '"⟨U+202E⟩ada"', '"a⟨U+0008⟩b"', "\"'⟨U+001B⟩=1\"",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["Ada", "1=1", "'=1", "", "  Ada", "a-b"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert guard_formula(text) == text


@pytest.mark.parametrize(
    ("value", "cell"), [(-2.5, "-2.5"), (0, "0"), (-0.001, "0"), (61.5, "61.5"), (1 / 3, "0.33"), (1e6, "1000000")]
)  # fmt: skip
def test_a_number_stays_a_number_even_below_zero(value: float, cell: str) -> None:
    assert write_cell(value) == number(value) == cell


def test_nothing_is_an_empty_cell() -> None:
    assert write_cell(None) == ""


@settings(max_examples=200)
@given(st.lists(hostile_texts, min_size=1, max_size=3))
def test_whatever_is_written_stays_in_its_cell_and_is_no_formula(texts: list[str]) -> None:
    text = write_table(["x"] * len(texts), [texts])
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True))[1] == [
        visible(guard_formula(cell)) for cell in texts
    ]
    assert_no_formula(text)


def test_the_validator_notices_a_formula() -> None:
    found = 0
    for text in HOSTILE:
        try:
            assert_no_formula(f'"{text}"\n')
        except (AssertionError, csv.Error):
            found += 1
    assert found >= 7
