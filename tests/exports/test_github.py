"""Annotations on GitHub are ours alone: whatever a student writes, the runner obeys none of it."""

import json

import pytest
from hypothesis import given, settings

from grader.core.errors import UsageError
from grader.core.results import Flag, Outcome, Result, Status
from grader.exports.github import (
    Annotation,
    Place,
    annotate,
    cell_lines,
    choose,
    escape_data,
    escape_property,
    stopped,
    write_log,
)
from tests.exports.builders import HOSTILE, hostile_results, hostile_texts
from tests.exports.validators import run_log
from tests.fakes import a_result
from tests.pages.builders import a_check

TOKEN = "0123456789abcdef0123456789abcdef"
OURS = {"error", "warning", "notice"}


def test_what_did_not_pass_is_annotated_and_the_rest_is_not() -> None:
    found = run_log(write_log([a_result()], token=TOKEN, places={"Ada Lovelace": Place(file="hw/solution.ipynb")}))
    assert [(command.name, command.properties["title"]) for command in found] == [
        ("warning", "A figure shows the learning curves"), ("error", "Dropout holds back overfitting"),
        ("warning", "Later convolutions have more filters"), ("notice", "The suggested batch size was used"),
    ]  # fmt: skip
    assert found[1].data.startswith("the network has no Dropout layer\n→ Add")
    assert {command.properties["file"] for command in found} == {"hw/solution.ipynb"}


def test_an_error_stands_on_the_line_of_its_cell() -> None:
    failed = a_check(Outcome.FAILED, name="executes", reason="cell 2 raised NameError")
    base = a_result((failed, a_check(Outcome.FAILED)))
    result = base.model_copy(update={"ending": base.ending.model_copy(update={"cell": 2})})
    found = annotate(result, Place(file="a.ipynb", lines=(3, 17)))
    assert [(item.line, item.file) for item in found] == [(17, "a.ipynb"), (0, "a.ipynb")]
    assert [item.line for item in annotate(result, Place(file="a.ipynb", lines=(3,)))] == [0, 0]


def test_an_error_of_a_module_stands_on_the_line_that_its_reason_names() -> None:
    failed = a_check(
        Outcome.FAILED, name="executes", reason="line 12 of work.py failed: NameError: name 'x' is not defined"
    )
    result = a_result((failed, a_check(Outcome.FAILED, reason="line 3 of work.py failed")))
    assert [item.line for item in annotate(result, Place(file="hw/work.py"))] == [12, 0]
    assert [item.line for item in annotate(result, Place(file="hw/work.ipynb"))] == [0, 0]


def test_a_notebooks_cells_are_found_by_line() -> None:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ['"cell_type": "code"']},
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": ['"cell_type": "code"']},
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": []},
    ]  # fmt: skip
    text = json.dumps({"cells": cells, "nbformat": 4}, indent=1)
    lines = cell_lines(text)
    assert [text.splitlines()[line - 1].strip() for line in lines] == ['"cell_type": "code",'] * 2
    assert cell_lines("[]") == cell_lines("{") == cell_lines('{"cells": [1]}') == cell_lines("[" * 9_999) == ()


def test_at_most_ten_of_a_kind_are_annotated() -> None:
    many = [Annotation(level="error", title=str(number), message="x") for number in range(15)]
    found = choose([*many, Annotation(level="notice", title="n", message="x")])
    assert [item.title for item in found] == [*map(str, range(10)), "n"]
    log = write_log([a_result((a_check(Outcome.FAILED),) * 8)] * 3, token=TOKEN)
    assert len(run_log(log)) == 10


def test_flags_are_not_told_in_a_public_log() -> None:
    log = write_log([a_result(flags=(Flag(kind="preparation_unsure", reason="SECRET DOUBT"),))], token=TOKEN)
    assert "SECRET DOUBT" not in log


@pytest.mark.parametrize(
    ("status", "level"), [(Status.BROKEN, "error"), (Status.EXPLAINED, "error"), (Status.NEEDS_REVIEW, "warning")]
)
def test_a_submission_that_was_not_simply_graded_is_annotated(status: Status, level: str) -> None:
    (found,) = annotate(a_result((), status=status), Place())
    assert found.level == level


@pytest.mark.parametrize("token", ["", "short", "with space in it ok", "x" * 300, "a::b0123456789abcdef"])
def test_a_token_that_could_be_guessed_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match="token"):
        stopped(["x"], token)


def test_a_token_that_stands_in_the_text_is_refused() -> None:
    with pytest.raises(UsageError, match="stands in the text"):
        stopped([f"::{TOKEN.upper()}::"], TOKEN)


@given(hostile_texts, hostile_texts, hostile_texts)
def test_any_text_comes_out_of_a_command_as_it_went_in(title: str, message: str, file: str) -> None:
    line = f"::error file=x{escape_property(file)}x,title=x{escape_property(title)}x::{escape_data(message)}"
    (found,) = run_log(line)
    assert (found.data, found.properties) == (message, {"file": f"x{file}x", "title": f"x{title}x"})


@settings(max_examples=60)
@given(hostile_results(), hostile_texts)
def test_the_runner_obeys_no_students_text(result: Result, file: str) -> None:
    place = Place(file=file)
    log = write_log([result], token=TOKEN, places={result.student: place})
    expected = choose(annotate(result, place))
    found = run_log(log)
    assert [(command.name, command.data) for command in found] == [(item.level, item.message) for item in expected]
    assert {command.name for command in found} <= OURS
    assert all(set(command.properties) <= {"file", "line", "title"} for command in found)


def test_everything_but_our_annotations_stands_between_the_markers() -> None:
    lines = write_log([a_result()], token=TOKEN).splitlines()
    start = lines.index(f"::stop-commands::{TOKEN}")
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in lines[:start])
    assert lines[-1] == f"::{TOKEN}::"
    assert any("Ada Lovelace" in line for line in lines[start + 1 : -1])
    assert not any(line.startswith("::") for line in lines[start + 1 : -1])  # and none of them would be obeyed anyway


def test_the_reader_obeys_a_text_that_is_not_stopped() -> None:
    log = "\n".join(HOSTILE)
    found = [command.name for command in run_log(log.replace("::stop-commands::x", ""))]
    assert found == ["error", "notice", *["error"] * 4]  # .NET trims line and paragraph separators, too
    assert run_log(f"::stop-commands::{TOKEN}\n{HOSTILE[1]}\n  ::{TOKEN.upper()}::\n::error::y")[0].data == "y"
    with pytest.raises(AssertionError, match="never resumed"):
        run_log("::stop-commands::x\n")
