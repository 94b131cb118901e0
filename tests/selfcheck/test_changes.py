"""What `--watch` says about a second look."""

from grader.core.evidence import Smoke
from grader.core.results import CheckResult, Outcome
from grader.selfcheck.estimate import Checked, stand
from grader.selfcheck.text import changes
from tests.pages.builders import a_check, a_result


def looked_at(*checks: CheckResult) -> Checked:
    result = a_result(checks=checks, smoke=Smoke(), accuracy=None)
    return Checked(mode="smoke", result=result, standing=stand(result, ()))


def trained(outcome: Outcome, points: float = 0, title: str = "A model was trained") -> CheckResult:
    return a_check(outcome, name="trained", title=title, points=points, out_of=10)


def shape(outcome: Outcome, points: float = 0) -> CheckResult:
    return a_check(outcome, name="input_shape", title="The input fits", points=points, out_of=5)


def test_points_up_and_checks_that_pass_now_are_told() -> None:
    before = looked_at(trained(Outcome.FAILED), shape(Outcome.SKIPPED))
    now = looked_at(trained(Outcome.PASSED, 10), shape(Outcome.FAILED))
    assert changes(before, now) == [
        "Since the last check: 10 points more (10, before 0).",
        "  ✓ passes now: A model was trained",
        "  ✗ does not pass: The input fits",
    ]


def test_points_down_and_checks_that_no_longer_pass_are_told() -> None:
    before = looked_at(trained(Outcome.PASSED, 10), shape(Outcome.PASSED, 5))
    now = looked_at(trained(Outcome.PARTIAL, 9), shape(Outcome.SKIPPED))
    assert changes(before, now) == [
        "Since the last check: 6 points fewer (9, before 15).",
        "  ◐ no longer passes: A model was trained",
        "  – no longer looked at: The input fits",
    ]


def test_one_point_is_one_point_and_a_check_may_give_another_part() -> None:
    before, now = looked_at(trained(Outcome.PARTIAL, 4)), looked_at(trained(Outcome.PARTIAL, 5))
    assert changes(before, now) == [
        "Since the last check: 1 point more (5, before 4).",
        "  ◐ A model was trained: 5 of 10, before 4",
    ]


def test_where_nothing_changed_it_says_so() -> None:
    same = looked_at(trained(Outcome.PASSED, 10), shape(Outcome.SKIPPED))
    assert changes(same, same) == ["Since the last check: nothing changed."]


def test_advice_that_changes_no_points_is_told_too() -> None:
    before, now = (
        looked_at(a_check(outcome, name="epochs", title="Epochs", points=0, out_of=0))
        for outcome in (Outcome.FAILED, Outcome.PASSED)
    )
    assert changes(before, now) == ["Since the last check: as many points as before.", "  ✓ passes now: Epochs"]


def test_a_title_starts_no_order_of_a_terminal_or_a_log() -> None:
    before = looked_at(trained(Outcome.FAILED, title="\x1b[31mred ##[error]"))
    now = looked_at(trained(Outcome.PASSED, 10, title="\x1b[31mred ##[error]"))
    assert not any("\x1b" in line or "##[" in line for line in changes(before, now))
