"""The public reporter sums our tests to the mark, and obeys nothing that a student wrote."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.errors import UsageError
from grader.core.evidence import Smoke
from grader.core.grades import plain_grade
from grader.core.results import Outcome, Result, Status
from grader.exports.autograding import encode_autograding, shares, write_autograding
from tests.exports.builders import HOSTILE, hostile_results
from tests.exports.validators import Reported, report_autograding, run_log
from tests.fakes import a_result
from tests.pages.builders import SOME_CHECKS, a_check


def report(result: Result) -> Reported:
    return report_autograding({"GRADER_RESULTS": encode_autograding(result)}, "grader")


def test_the_sum_of_the_tests_is_the_mark() -> None:
    result = a_result()
    found = report(result)
    assert (found.total, found.most) == (result.points, result.out_of)
    tests = json.loads(write_autograding(result))["tests"]
    assert [test["status"] for test in tests] == ["pass", "pass", "fail", "fail", "fail", "error"]
    assert [test["score"] for test in tests] == [10, 50, 5, 0, 0, 0]


def test_advice_is_no_test_and_a_result_without_checks_is_one() -> None:
    advice = a_check(Outcome.FAILED, points=0.0, out_of=0.0)
    (test,) = json.loads(write_autograding(a_result((advice,), points=7.0, out_of=10.0)))["tests"]
    assert (test["name"], test["score"], test["status"]) == ("The submission is graded", 7.0, "pass")
    assert report(a_result((), points=7.0, out_of=10.0)).total == 7.0


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"passed": True}, "pass"), ({"passed": False}, "fail"), ({"status": Status.BROKEN, "passed": False}, "error")],
)
def test_the_status_says_whether_it_passed_or_we_broke(changes: dict[str, object], status: str) -> None:
    result = a_result(**changes)  # type: ignore[arg-type]
    assert json.loads(write_autograding(result))["status"] == status
    assert report(result).failed == (status != "pass")


def test_a_smoke_run_gives_no_points() -> None:
    with pytest.raises(UsageError, match="smoke run"):
        write_autograding(a_result().model_copy(update={"smoke": Smoke()}))


@given(st.lists(st.floats(0, 100), max_size=30))
def test_hundredths_add_up_to_the_rounded_sum(points: list[float]) -> None:
    found = shares(points)
    assert len(found) == len(points)
    assert round(sum(found), 2) == pytest.approx(sum(points), abs=0.0051)
    assert all(abs(share - value) <= 0.0151 and share >= 0 for share, value in zip(found, points, strict=True))


@settings(max_examples=150)
@given(hostile_results())
def test_the_reporter_obeys_no_students_text(result: Result) -> None:
    if plain_grade(result).awaits:
        with pytest.raises(UsageError, match="a person has not given the points"):
            write_autograding(result)
        return
    found = report(result)
    assert run_log("\n".join(found.lines)) == []
    assert found.total == pytest.approx(round(result.points, 2))


def test_the_reporter_would_obey_it_if_it_stood_on_a_line_of_its_own() -> None:
    text = json.dumps({"status": "fail", "max_score": 1, "tests": [
        {"name": "x", "status": "fail", "score": 0, "message": f"a\n{HOSTILE[1]}"}]})  # fmt: skip
    found = report_autograding({"G_RESULTS": base64.b64encode(text.encode()).decode()}, "g")
    assert [command.name for command in run_log("\n".join(found.lines))] == ["error"]


def test_the_longest_texts_fit_into_an_environment_variable() -> None:
    checks = tuple(
        check.model_copy(update={"title": "李" * 5_000, "reason": "李" * 50_000}) for check in SOME_CHECKS * 10
    )
    found = report(a_result(checks))
    assert found.total == sum(check.points for check in checks)
