"""`results.json` in Gradescope's published form, and nothing in it that students should not see."""

import json

import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from grader.core.errors import Infrastructure, UsageError
from grader.core.evidence import Smoke
from grader.core.grades import plain_grade
from grader.core.results import Flag, Outcome, Result, Status
from grader.exports.gradescope import write_results
from tests.exports.builders import hostile_results
from tests.exports.validators import read_gradescope
from tests.fakes import a_result
from tests.pages.builders import SOME_CHECKS, a_check

GRADED = a_result(tuple(check for check in SOME_CHECKS if check.outcome is not Outcome.BROKEN))


def test_the_score_is_the_sum_of_the_tests_and_each_check_is_one() -> None:
    found = read_gradescope(write_results(GRADED))
    assert found.tests is not None
    assert found.score == sum(test.score or 0 for test in found.tests) == GRADED.points
    assert sum(test.max_score or 0 for test in found.tests) == GRADED.out_of
    assert [test.status for test in found.tests] == ["passed", "passed", "failed", "failed", "failed", None]
    assert [test.number for test in found.tests] == [str(number) for number in range(1, 7)]
    assert found.tests[3].output is not None
    assert found.tests[3].output.splitlines() == [
        "the network has no Dropout layer", "→ Add layers.Dropout(0.3) between the dense layers and train again.",
    ]  # fmt: skip
    assert (found.execution_time, found.leaderboard) == (95.4, None)


def test_flags_are_never_shown_but_for_data_that_are_not_the_real_ones() -> None:
    flags = (
        Flag(kind="preparation_unsure", reason="SECRET DOUBT"),
        Flag(kind="substitute_data", reason="a demonstration"),
    )
    text = write_results(GRADED.model_copy(update={"flags": flags}))
    assert "SECRET DOUBT" not in text and "preparation_unsure" not in text
    assert "a demonstration" in (read_gradescope(text).output or "")


def test_who_sees_a_check_is_chosen_by_its_name() -> None:
    found = read_gradescope(write_results(GRADED, visibility={"accuracy": "after_published", "figure": "hidden"}))
    assert [test.visibility for test in found.tests or []][:4] == ["visible", "after_published", "hidden", "visible"]


def test_a_misspelt_check_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UsageError, match=r"This result has no check `acuracy` \(did you mean `accuracy`"):
        write_results(GRADED, visibility={"acuracy": "hidden"})


def test_the_leaderboard_shows_the_accuracy_where_asked_for() -> None:
    board = read_gradescope(write_results(GRADED, leaderboard=True)).leaderboard
    assert board is not None
    assert [(entry.name, entry.value, entry.order) for entry in board] == [("Accuracy", 0.9842, "desc")]
    assert (
        read_gradescope(write_results(a_result(accuracy=None, checks=GRADED.checks), leaderboard=True)).leaderboard
        is None
    )


def test_where_the_grader_broke_no_zero_is_handed_on() -> None:
    with pytest.raises(Infrastructure, match="no mark was decided"):
        write_results(a_result(status=Status.BROKEN))
    with pytest.raises(UsageError, match="smoke run"):
        write_results(GRADED.model_copy(update={"smoke": Smoke()}))


@settings(max_examples=150)
@given(hostile_results())
def test_any_result_is_in_the_published_form(result: Result) -> None:
    if result.status is Status.BROKEN:
        return
    if plain_grade(result).awaits:
        with pytest.raises(UsageError, match="a person has not given the points"):
            write_results(result)
        return
    found = read_gradescope(write_results(result))
    assert len(found.tests or []) == len(result.checks)


def test_the_validator_notices_another_form() -> None:
    good = json.loads(write_results(a_result((a_check(),))))
    for change in (
        {"score": "5"},
        {"visiblity": "hidden"},
        {"visibility": "public"},
        {"execution_time": -1},
        {"output_format": "txt"},
    ):
        with pytest.raises(ValidationError):
            read_gradescope(json.dumps({**good, **change}))
    with pytest.raises(AssertionError):
        read_gradescope('{"tests": [{"name": "x"}]}')
