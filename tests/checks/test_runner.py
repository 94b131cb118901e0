import pytest

from grader.checks import registry
from grader.checks.base import Case, Check, NoParameters, Planned, Score, check
from grader.checks.registry import NOT_CHECKED, all_checks
from grader.core.assignment import CheckSpec
from grader.core.errors import Failure
from grader.core.evidence import Cause, Ending, Judgement
from grader.core.results import Outcome
from tests.checks.builders import case, cell, claims, look, planned, run_checks


@check(parameters=NoParameters, rests_on="facts")
def silent(case: Case, parameters: NoParameters) -> None:
    """Says nothing."""


@check(parameters=NoParameters, rests_on="facts")
def overflowing(case: Case, parameters: NoParameters) -> Score:
    """Gives more than there is."""
    return Score(1.5)


@check(parameters=NoParameters, rests_on="facts")
def third(case: Case, parameters: NoParameters) -> Score:
    """Gives a third."""
    return Score(1 / 3, "a third")


@check(parameters=NoParameters, rests_on="facts")
def refusing(case: Case, parameters: NoParameters) -> Score:
    """Refuses."""
    raise Failure("the reason", "the hint")


@check(parameters=NoParameters, rests_on="facts")
def buggy(case: Case, parameters: NoParameters) -> Score:
    """Has a bug."""
    raise ZeroDivisionError("a bug")


@check(parameters=NoParameters, rests_on="facts", needs=("refusing",))
def follower(case: Case, parameters: NoParameters) -> Score:
    """Needs one that fails."""
    return Score(1.0)


@check(parameters=NoParameters, rests_on="facts", needs=("follower",))
def follower_of_follower(case: Case, parameters: NoParameters) -> Score:
    """Needs one that is skipped."""
    return Score(1.0)


@check(parameters=NoParameters, rests_on="facts", needs=("buggy",))
def follower_of_buggy(case: Case, parameters: NoParameters) -> Score:
    """Needs one that breaks."""
    return Score(1.0)


@check(parameters=NoParameters, rests_on="facts", needs=("third",))
def follower_of_third(case: Case, parameters: NoParameters) -> Score:
    """Needs one that gives a part."""
    return Score(1.0)


@pytest.fixture(autouse=True)
def _with_checks_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {item.name: item for item in globals().values() if isinstance(item, Check)}
    monkeypatch.setattr(registry, "all_checks", lambda: {**all_checks(), **own})


def plan_of(item: Check, points: float = 10) -> Planned:
    return Planned(item, CheckSpec(use=item.name, points=points), NoParameters())


def test_no_answer_means_full_points() -> None:
    result = run_checks((plan_of(silent),), case())[0]
    assert (result.outcome, result.points, result.out_of) == (Outcome.PASSED, 10, 10)


def test_a_share_gives_its_part_of_the_points() -> None:
    result = run_checks((plan_of(third),), case())[0]
    assert (result.outcome, result.points, result.reason) == (Outcome.PARTIAL, 3.33, "a third")


def test_nobody_gets_more_than_there_is() -> None:
    assert run_checks((plan_of(overflowing),), case())[0].points == 10


def test_a_failure_keeps_its_reason_and_hint() -> None:
    result = run_checks((plan_of(refusing),), case())[0]
    assert (result.outcome, result.points) == (Outcome.FAILED, 0)
    assert (result.reason, result.hint) == ("the reason", "the hint")


def test_our_bug_is_broken_and_the_other_checks_go_on() -> None:
    results = run_checks((plan_of(buggy), plan_of(silent)), case())
    assert [result.outcome for result in results] == [Outcome.BROKEN, Outcome.PASSED]
    assert "ZeroDivisionError: a bug" in results[0].reason


def test_a_check_is_skipped_when_one_it_needs_fails() -> None:
    result = run_checks((plan_of(refusing), plan_of(follower)), case())[1]
    assert (result.outcome, result.points) == (Outcome.SKIPPED, 0)
    assert result.reason == "not looked at, because `refusing` failed"


def test_a_needed_check_that_the_rubric_lacks_is_run_anyway_and_its_reason_told() -> None:
    result = run_checks((plan_of(follower),), case())[0]
    assert result.reason == "not looked at, because `refusing` failed: the reason"


def test_the_first_cause_is_named_through_a_chain() -> None:
    results = run_checks((plan_of(follower_of_follower), plan_of(refusing)), case())
    assert results[0].reason == "not looked at, because `refusing` failed"


def test_a_bug_in_a_needed_check_breaks_those_that_need_it_and_nothing_else() -> None:
    results = run_checks((plan_of(follower_of_buggy), plan_of(silent)), case())
    assert [result.outcome for result in results] == [Outcome.BROKEN, Outcome.PASSED]


def test_part_of_a_needed_check_is_enough() -> None:
    assert run_checks((plan_of(follower_of_third),), case())[0].outcome is Outcome.PASSED


def test_results_keep_the_rubrics_order_and_its_titles() -> None:
    spec = CheckSpec(use="silent", points=1, title="Our own title")
    results = run_checks((Planned(silent, spec, NoParameters()), plan_of(third, 2)), case())
    assert [result.name for result in results] == ["silent", "third"]
    assert [result.title for result in results] == ["Our own title", "Gives a third"]


def test_advice_is_worth_nothing_and_costs_nothing() -> None:
    result = run_checks((planned("suggested_epochs", {"value": 7}, points=0),), case())[0]
    assert (result.outcome, result.points, result.out_of) == (Outcome.FAILED, 0, 0)


def test_a_rubric_about_no_model_fails_once_and_skips_the_rest() -> None:
    rubric = (
        planned("trained"),
        planned("accuracy", {"at_least": 0.9}),
        planned("input_shape", {"shapes": [[784]]}),
        planned("better_than", {"exercise": "exercise1"}),
    )
    results = run_checks(rubric, case(judgement=Judgement(outcome="no-model", reason="none was left")))
    assert [result.outcome for result in results] == [Outcome.FAILED, *[Outcome.SKIPPED] * 3]


def test_what_a_smoke_run_did_not_come_to_is_open_and_what_it_saw_is_told() -> None:
    ending = Ending(cause=Cause.FINISHED, message="the smoke run ended in cell 2", cut=2)
    cells = (cell(1), cell(2), cell(3, executed=False))
    cut = case(claims(*cells), Judgement(outcome="no-model", reason="none"), ending)
    for name in ("executes", "trained", "history_plotted"):
        result = look(name, cut)
        assert (result.outcome, result.reason.startswith(NOT_CHECKED)) == (Outcome.SKIPPED, True), name
    wrong = look("input_shape", case(claims(*cells), None, ending), {"shapes": [[5]]})
    assert wrong.outcome is Outcome.FAILED
    failed = case(claims(cell(1, error=("ValueError", "x")), *cells[1:]), None, ending)
    assert "cell 1 failed" in look("executes", failed).reason
