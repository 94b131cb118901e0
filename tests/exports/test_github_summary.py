"""A step's summary shows every text as it is, and stays below GitHub's limit."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.results import Result
from grader.core.text import one_line
from grader.exports.github import plain_markdown, write_summary
from tests.exports.builders import hostile_results, hostile_texts
from tests.exports.validators import read_summary
from tests.fakes import a_result


def test_each_check_is_a_row_of_a_table() -> None:
    result = a_result()
    cells, shown = read_summary(write_summary([result]))
    assert [row[1] for row in cells[1:]] == [check.title for check in result.checks]
    assert cells[4] == [
        "✗ failed", "Dropout holds back overfitting", "0 / 10",
        "the network has no Dropout layer\n→ Add layers.Dropout(0.3) between the dense layers and train again.",
    ]  # fmt: skip
    assert cells[7][2] == "advice"
    assert "Exercise 2: MNIST with a convolutional network: 65 of 110 points" not in shown.splitlines()[1:]
    assert shown.splitlines()[0].endswith("points")
    assert "Ada Lovelace · lovelace_mnist.ipynb" in shown


@settings(max_examples=200)
@given(hostile_texts)
def test_any_text_is_shown_as_it_is_and_is_no_markup(text: str) -> None:
    _, shown = read_summary(f"x {plain_markdown(text)} x")
    assert " ".join(shown.split()) == " ".join(f"x {one_line(text)} x".split())


@settings(max_examples=100)
@given(st.lists(hostile_results(), min_size=1, max_size=2))
def test_the_table_of_any_result_holds(results: list[Result]) -> None:
    cells, _ = read_summary(write_summary(results))
    assert len(cells) == len(results) + sum(len(result.checks) for result in results)
    assert all(len(row) == 4 for row in cells)


def test_what_does_not_fit_is_left_out_by_whole_submissions_and_said() -> None:
    text = write_summary([a_result()] * 2_000)
    assert len(text.encode()) <= 1_000_000
    cells, shown = read_summary(text)
    written = (len(cells)) // 8
    assert 100 < written < 2_000
    assert f"left out: {2_000 - written}." in shown


@pytest.mark.parametrize("text", ["![a](http://x)", "<b>x</b>", "`x`", "# x\n---\n", "[x](y)"])
def test_the_reader_notices_markup(text: str) -> None:
    with pytest.raises(AssertionError):
        read_summary(f"{text}\n\n---\n" if text.startswith("# ") else text)
