"""The terminal: plain lines that nobody can forge or repaint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.evidence import Cause, Ending
from grader.core.results import Flag, ModelSummary, Outcome, Status
from grader.pages.terminal import row, summary
from tests.pages.builders import a_check, a_result, an_accuracy


def test_a_summary_says_who_what_and_how_much() -> None:
    text = "\n".join(summary(a_result()))
    for part in ("Ada Lovelace", "exercise2", "65 of 100 points", "98.42 %", "98.16 % to 98.66 %", "bubblewrap"):
        assert part in text
    assert "\u00a0" not in text


def test_the_reference_has_one_line_of_its_own() -> None:
    lines = [line for line in summary(a_result()) if "reference solution" in line]
    assert len(lines) == 1 and "98.61 % on the same images (5 runs, 98.55 to 98.68 %" in lines[0]
    assert not any("reference solution" in line for line in summary(a_result(baseline=None)))


def test_an_exercise_without_data_says_nothing_of_accuracy_and_data() -> None:
    text = "\n".join(summary(a_result(dataset="", judged_on="", accuracy=None, model=ModelSummary())))
    assert "Accuracy" not in text and "Data:" not in text and "Isolation: bubblewrap sandbox." in text


@pytest.mark.parametrize(("outcome", "mark"), list(zip(Outcome, "✓◐✗–!…", strict=True)))
def test_each_outcome_has_its_mark(outcome: Outcome, mark: str) -> None:
    lines = summary(a_result((a_check(outcome, title="The one check"),)))
    assert any(line.startswith(f"  {mark} ") and line.endswith("The one check") for line in lines)


def test_reason_and_hint_stand_indented_below_their_check() -> None:
    lines = summary(a_result((a_check(Outcome.FAILED, reason="why", hint="how"),)))
    at = next(i for i, line in enumerate(lines) if "0/10" in line)
    assert [line.strip() for line in lines[at + 1 : at + 3]] == ["why", "→ how"]
    assert all(line.startswith("     ") for line in lines[at + 1 : at + 3])


def test_flags_shims_the_sandbox_and_substitute_data_are_said() -> None:
    flags = (Flag(kind="substitute_data", reason="Demo digits."), Flag(kind="odd", reason="Look."))
    text = "\n".join(summary(a_result(flags=flags, isolation="none")))
    for part in ("not the real test set", "It ran without a sandbox.", "Flag: odd: Look.", "np_utils"):
        assert part in text


def test_nothing_judged_is_said_and_no_error() -> None:
    result = a_result(status=Status.EXPLAINED, accuracy=None, model=ModelSummary(), passed=False)
    assert "Accuracy: not measured." in summary(result)
    assert "–" in row(result)


@pytest.mark.parametrize("status", list(Status))
def test_every_status_fits_into_one_row(status: Status) -> None:
    line = row(a_result(status=status, accuracy=an_accuracy(), passed=False))
    assert "Ada Lovelace" in line and "\n" not in line
    assert ("no mark" in line) == (status is Status.BROKEN)


def test_a_row_names_an_unhappy_ending_and_flags() -> None:
    ending = Ending(cause=Cause.MEMORY_LIMIT, message="Too much.")
    line = row(a_result(ending=ending, flags=(Flag(kind="odd", reason=""),)))
    assert line.endswith("passed (ran out of memory), odd")


@given(st.text())
def test_no_text_forges_a_line_or_paints_the_terminal(text: str) -> None:
    result = a_result(
        (a_check(title=text, reason=text, hint=text),),
        student=text,
        submission=text,
        flags=(Flag(kind=text, reason=text),),
        notes=(text,),
        ending=Ending(cause=Cause.CRASH, message=text),
    )
    for line in (*summary(result), row(result)):
        assert len(line.splitlines()) <= 1
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 or char in "\u202e\u2066" for char in line)


@pytest.mark.parametrize("order", ["::error::all tests passed", "##[error]x", "a ##[group]b", "::add-mask::x"])
def test_a_students_name_gives_no_orders_to_the_runner_of_a_workflow(order: str) -> None:
    """GitHub Actions obeys lines of a log that begin with `::`, and `##[` anywhere in one."""
    lines = "\n".join([*summary(a_result(student=order, submission=order)), row(a_result(student=order))]).splitlines()
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in lines)
