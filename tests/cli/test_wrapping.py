"""Lines in the width of a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from grader.cli.terminal import wrap_line, wrap_lines


def test_a_line_that_fits_and_a_log_stay_as_they_are() -> None:
    line = "  ✓   10/10  The code runs from top to bottom"
    assert wrap_line(line, len(line)) == [line]
    assert list(wrap_lines([line * 9, ""], None)) == [line * 9, ""]
    assert list(wrap_lines(["", "a"], 40)) == ["", "a"]


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        ("  ✓   10/10  The code runs from top to bottom", ["  ✓   10/10  The code runs from", "             top to bottom"]),
        ("             → Build a Keras model and call `fit`",
         ["             → Build a Keras model", "               and call `fit`"]),
        ("             it ran for longer than it may", ["             it ran for longer", "             than it may"]),
        ("✗ 45 points of 100 would be lost as it is.", ["✗ 45 points of 100 would be lost", "  as it is."]),
        ("Points: 0 of 100 are certain as long as", ["Points: 0 of 100 are certain as", "        long as"]),
        ("Smoke run: your code ran on the real data", ["Smoke run: your code ran on the", "  real data"]),
        ("✓ Ada Lovelace                  100/100     97.50 %  passed", ["✓ Ada Lovelace  100/100  97.50 %", "  passed"]),
        ("read /a/very/long/path/that/nobody/can/break.ipynb", ["read", "  /a/very/long/path/that/nobody/can/break.ipynb"]),
        ("type `grader check exercise1 --full` then", ["type `grader check exercise1", "  --full` then"]),
    ],
)  # fmt: skip
def test_a_line_goes_on_below_the_words_it_began_with(line: str, broken: list[str]) -> None:
    assert wrap_line(line, 34) == broken


@given(line=some.text("ab `:.✓→– -", max_size=200), width=some.integers(1, 90))
def test_no_word_is_lost_or_broken_and_no_line_is_wider_than_its_words_need(line: str, width: int) -> None:
    broken = wrap_line(line, width)
    assert " ".join(broken).split() == line.split()
    if width >= 20:
        assert all(len(part) <= width or len(part.split()) == 1 for part in broken)
