"""Classroom 50 takes our result: whole points that add up, and nobody is given a pass by rounding."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grader.core.errors import Infrastructure, UsageError
from grader.core.evidence import Smoke
from grader.core.grades import plain_grade, with_grade
from grader.core.results import CheckResult, Outcome, Result, Status
from grader.exports.classroom50 import Submission, whole_mark, whole_shares, write_result
from tests.exports.builders import HOSTILE, LATE, a_grade, decided, hostile_results
from tests.exports.validators import SUBMITTED, Classroom50Result, collect_classroom50, run_log
from tests.fakes import a_result
from tests.pages.builders import SOME_CHECKS, a_check

NOW = datetime(2026, 11, 29, 10, 0, 5, 999, tzinfo=UTC)
TAKEN = Submission.of(SUBMITTED)


def collect(*results: Result) -> Classroom50Result:
    return collect_classroom50(write_result(results, TAKEN, NOW))


def test_a_result_is_taken_with_the_runners_words_and_whole_points() -> None:
    document = json.loads(write_result([a_result()], TAKEN, NOW))
    assert [document[key] for key in ("classroom", "assignment", "owner", "assignment_type")] == [
        "networks-2026", "operators", "ada-l", "individual"]  # fmt: skip
    assert (document["submission"], document["datetime"]) == (SUBMITTED["SUBMISSION_TAG"], "2026-11-29T10:00:05Z")
    assert [document[key] for key in ("commit", "release", "review")] == [
        SUBMITTED[key] for key in ("COMMIT_URL", "RELEASE_URL", "REVIEW_URL")]  # fmt: skip
    found = collect(a_result())
    assert (found.score, found.most) == (65, a_result().out_of)
    assert [test.passed for test in found.tests] == [True, True, False, False, False, False]
    assert [test.score for test in found.tests] == [10, 50, 5, 0, 0, 0]
    said = document["tests"][2]["message"]
    assert "no labels on its axes" in said and "message" not in document["tests"][0]


def test_what_the_runner_leaves_out_is_not_made_up() -> None:
    few = {
        key: value
        for key, value in SUBMITTED.items()
        if key not in ("REVIEW_URL", "OWNER", "USERNAME", "ASSIGNMENT_TYPE")
    }
    document = json.loads(write_result([a_result()], Submission.of(few), NOW))
    assert "owner" not in document and "assignment_type" not in document
    assert document["review"] == SUBMITTED["COMMIT_URL"]
    assert collect_classroom50(json.dumps(document)).owner == "ada-l"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"CLASSROOM": ""}, "names the submission, and CLASSROOM is not set"),
        ({"COMMIT_URL": " ", "RELEASE_URL": ""}, "COMMIT_URL, RELEASE_URL are not set"),
        ({"SUBMISSION_TAG": "main"}, "SUBMISSION_TAG is 'main', and Classroom 50 takes no tag but submit/"),
    ],
)
def test_without_the_runners_variables_it_says_which_are_missing(changes: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Submission.of(SUBMITTED | changes)


@pytest.mark.parametrize(
    ("points", "out_of", "pass_mark", "expected"),
    [
        (72.5, 100, 60, (73, 100)), (72.49, 100, 60, (72, 100)), (0.4, 100, 60, (0, 100)),
        (59.5, 100, 60, (59, 100)), (59.99, 100, 60, (59, 100)), (60, 100, 60, (60, 100)),
        (99.5, 100, 60, (99, 100)), (99.999, 100, 60, (99, 100)), (100, 100, 60, (100, 100)),
        (60.4, 100, 60.3, (61, 100)), (60.2, 100, 60.3, (60, 100)), (60.6, 100, 60.7, (60, 100)),
        (12.5, 12.5, 6, (13, 13)), (12.4, 12.5, 6, (12, 13)), (0.3, 0.3, 0.1, (1, 1)), (0.2, 0.3, 0.1, (0, 1)),
        (110, 100, 60, (100, 100)), (0, 0, 0, (0, 0)), (33.33 + 33.33 + 33.34, 100, 60, (100, 100)),
    ],
)  # fmt: skip
def test_rounding_gives_nobody_a_pass_and_makes_no_mark_full(
    points: float, out_of: float, pass_mark: float, expected: tuple[int, int]
) -> None:
    assert whole_mark(points, out_of, pass_mark) == expected


hundredths = st.integers(0, 3000).map(lambda value: value / 100)
pairs_of_points = st.lists(
    st.tuples(hundredths, hundredths).map(lambda pair: (min(pair), max(pair))) | hundredths.map(lambda most: (most, most)),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=300)
@given(pairs_of_points, st.integers(0, 24000).map(lambda value: value / 100))
@example([(33.33, 33.33), (0.0, 33.33), (0.0, 33.34)], 50.0)
@example([(9.7, 10.0)] * 3 + [(30.0, 30.0)], 59.0)
@example([(0.3, 0.4)] * 5, 1.0)
def test_tests_add_up_whatever_their_points(pairs: list[tuple[float, float]], pass_mark: float) -> None:
    points, out_of = round(sum(pair[0] for pair in pairs), 2), round(sum(pair[1] for pair in pairs), 2)
    score, most = whole_mark(points, out_of, pass_mark)
    shares = whole_shares(pairs, score)
    assert (sum(share for share, _ in shares), sum(highest for _, highest in shares)) == (score, most)
    assert all(0 <= share <= highest for share, highest in shares)
    assert (score == most) == (points == out_of) and abs(score - points) <= 1
    if score < most - 1 or points == out_of:  # but for a mark between its last whole point and full marks
        assert (score >= pass_mark) == (points >= pass_mark)
    assert all(abs(share - pair[0]) < 2 for pair, (share, _) in zip(pairs, shares, strict=True))


def test_whole_points_stay_as_they_are_and_no_failed_check_gets_all_of_its_own() -> None:
    assert whole_shares([(10, 10), (5, 10), (0, 50), (30, 30)], 45) == [(10, 10), (5, 10), (0, 50), (30, 30)]
    assert whole_shares([(50, 50), (9.6, 10), (0.4, 40)], 60) == [(50, 50), (9, 10), (1, 40)]


def test_lateness_and_decisions_are_one_test_with_the_whole_mark() -> None:
    late = a_grade(points=51.5, penalty=LATE)
    found = collect(with_grade(a_result(out_of=100), late))
    assert (found.score, found.most) == (52, 100)
    *checks, mark = found.tests
    assert {(test.score, test.most) for test in checks} == {(0, 0)}
    assert (mark.name, mark.score, mark.passed) == ("The mark: Lateness", 52, True)
    given = with_grade(a_result(out_of=100), a_grade(points=99.9, override=decided(99.9)))
    assert (collect(given).score, collect(given).tests[-1].name) == (99, "The mark: Decided by the instructor")


def test_advice_is_no_test_and_a_result_without_checks_is_one() -> None:
    advice = a_check(Outcome.FAILED, points=0.0, out_of=0.0)
    found = collect(a_result((advice,), points=7.0, out_of=10.0, pass_mark=6))
    assert [(test.name, test.score, test.most) for test in found.tests] == [("The submission is graded", 7, 10)]


PLOT = a_check(Outcome.AWAITING, name="manual", title="The plot is right")


@pytest.mark.parametrize(
    ("result", "kind", "said"),
    [
        (a_result((PLOT,), out_of=10.0), UsageError, "a person has not given the points of The plot is right yet"),
        (with_grade(a_result(), a_grade(points=None, override=decided(excused=True))), UsageError, "is excused"),
        (a_result(status=Status.BROKEN), Infrastructure, "the grader broke, so no mark was decided"),
        (a_result().model_copy(update={"smoke": Smoke()}), UsageError, "a smoke run, which gives no mark"),
    ],
)
def test_where_there_is_no_mark_there_is_no_text(result: Result, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        write_result([result], TAKEN, NOW)


def test_several_assignments_add_up_under_their_names_and_none_is_no_mark() -> None:
    other = a_result(assignment="exercise1", checks=(a_check(points=9.5, out_of=10.0),), pass_mark=5)
    found = collect(a_result(), other)
    assert (found.score, found.most) == (65 + 9, a_result().out_of + 10)
    assert found.tests[0].name.startswith("exercise2: ") and found.tests[-1].name.startswith("exercise1: ")
    with pytest.raises(UsageError, match="gives points yet"):
        write_result([], TAKEN, NOW)


def test_rows_of_one_title_and_long_titles_can_be_told_apart() -> None:
    checks: tuple[CheckResult, ...] = tuple(
        check.model_copy(update={"title": "李" * 90, "reason": "x" * 5_000}) for check in SOME_CHECKS
    )
    found = collect(a_result(checks))
    assert len({test.name for test in found.tests}) == len(SOME_CHECKS) - 1  # one of them is advice
    assert found.tests[1].name.endswith(" (2)") and found.tests[1].name.startswith("李李")


@settings(max_examples=150)
@given(hostile_results())
def test_whatever_a_student_wrote_the_result_is_taken_and_none_of_it_is_a_command(result: Result) -> None:
    if plain_grade(result).points is None:
        with pytest.raises((UsageError, Infrastructure)):
            write_result([result], TAKEN, NOW)
        return
    found = collect(result)
    lines = [str(said) for test in found.tests for said in (test.name, (test.model_extra or {}).get("message", ""))]
    assert run_log("\n".join(lines)) == [] and all("\n" not in line for line in lines)


def test_the_runner_would_refuse_what_is_not_of_the_contract() -> None:
    fine = json.loads(write_result([a_result()], TAKEN, NOW))
    wrong: list[dict[str, object]] = [
        {"schema": "classroom50/result/v2"}, {"score": 65.0}, {"score": True}, {"max-score": -1}, {"submission": "main"},
        {"datetime": "2026-11-29 10:00:05"}, {"extra": 1}, {"classroom": "another"}, {"tests": [{"test-name": HOSTILE[0]}]},
        {"score": 66}, {"review": ""},
    ]  # fmt: skip
    for changes in wrong:
        with pytest.raises((AssertionError, ValueError)):
            collect_classroom50(json.dumps(fine | changes))
