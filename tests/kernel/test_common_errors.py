"""The errors that students meet most often, raised in a real kernel with the Keras that is pinned: each has its hint."""

import re

import pytest

from grader.checks.execution import write_error
from grader.checks.hints import RUN_ALL
from grader.core.evidence import Cell
from grader.pages.language import translated, use_language
from grader.sandbox.interface import Sandbox
from tests.kernel.common_errors import ERRORS, PAGE, page, raised
from tests.pages.messages import LANGUAGES
from tests.pages.test_translate_findings import ENGLISH, FOREIGN

VAGUE = ("Python can't read this", "Compare the `.shape`", "has no value yet")  # of hints for whatever is left


@pytest.fixture(scope="module")
def found(warm_sandbox: Sandbox) -> dict[str, tuple[Cell, str]]:
    return raised(warm_sandbox)


def test_the_table_has_forty_errors_at_least() -> None:
    assert sum(map(len, ERRORS.values())) >= 40


def test_each_of_the_commonest_errors_has_a_hint_of_its_own(found: dict[str, tuple[Cell, str]]) -> None:
    for what, (_, hint) in found.items():
        assert hint != RUN_ALL, what
        assert not any(words in hint for words in VAGUE), (what, hint)


def test_the_page_says_what_the_grader_says(found: dict[str, tuple[Cell, str]]) -> None:
    """But for the words of an error, which Python changes from version to version."""
    rows = [_row(line) for line in page(found).splitlines()]
    there = [_row(line) for line in PAGE.read_text(encoding="utf-8").splitlines()]
    assert there == rows, "run `python -m tests.kernel.common_errors`"


def test_each_hint_is_told_in_the_language_of_the_page(found: dict[str, tuple[Cell, str]]) -> None:
    with use_language(LANGUAGES, "it"):
        for what, (_, hint) in found.items():
            left = ENGLISH.findall(FOREIGN.sub(" ", translated(hint)))
            assert translated(hint) != hint and not left, (what, left, translated(hint))


def _row(line: str) -> tuple[str, ...]:
    cells = re.split(r"(?<!\\) \| ", line)
    return (cells[0], cells[1].partition(":")[0], cells[2]) if len(cells) == 3 else (line,)


def test_what_keras_says_of_a_call_is_told_without_all_that_the_call_was_given(
    found: dict[str, tuple[Cell, str]],
) -> None:
    error = found["Images for a network of flat ones"][0].error
    assert error is not None and "Arguments received by" in error.message
    assert write_error(error).startswith("ValueError: Invalid input shape for input")
    assert "Arguments received" not in write_error(error)
