"""Points that a person gives: nothing is found, nothing is passed, and nobody loses any by it."""

from collections.abc import Mapping
from typing import Any

import pytest

from grader.checks.base import Case, NoParameters, check
from grader.checks.manual import Manual
from grader.checks.registry import plan
from grader.core.assignment import CheckSpec
from grader.core.decision_log import CheckPoints, Review
from grader.core.errors import Awaiting, RubricError
from grader.core.evidence import Cause, Ending, Smoke
from grader.core.grades import plain_grade, standing_checks
from grader.core.grades import with_grade as beside
from grader.core.results import Outcome, Status
from grader.marking.flags import UnrunSubmission, explain_unread
from grader.marking.mark import mark
from grader.selfcheck.estimate import stand
from tests.checks.builders import case, look, planned, run_checks
from tests.fakes import RUBRIC, a_rubric, a_stored, write_course

PLOT = '\n[[check]]\nuse = "manual"\ntitle = "The plot is right"\npoints = 10\nshows = "figure"\n'


def specs(*titles: str | None, points: float = 10, **parameters: object) -> tuple[CheckSpec, ...]:
    plain = {"use": "manual", "points": points, **parameters}
    return tuple(CheckSpec.model_validate({**plain, "title": title}) for title in titles)


def test_it_awaits_a_person_and_gives_nothing_by_itself() -> None:
    found = look("manual", case())
    assert (found.outcome, found.points, found.out_of) == (Outcome.AWAITING, 0, 10)
    assert (found.reason, found.rests_on) == ("a person gives these points", "person")


def test_a_scale_names_levels_in_the_order_of_the_rubric() -> None:
    item = planned("manual", {"scale": {"right": 10, "no axes": 2.5, "missing": 0}, "shows": "cell:loss"})
    assert isinstance(item.parameters, Manual)
    assert list(item.parameters.scale.items()) == [("right", 10), ("no axes", 2.5), ("missing", 0)]
    assert item.parameters.tag == "loss"
    assert Manual(shows="figure").tag == ""


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"scale": {"right": 11}}, r"key `scale`: the level `right` is worth 11 points, and the check 0 to 10\."),
        ({"scale": {"wrong": -1}}, "the level `wrong` is worth -1 points"),
        ({"scale": {"right": "all"}}, r"key `scale\.right`: must be a number"),
        ({"scale": {"right": float("nan")}}, "key `scale"),
        ({"scale": {"": 1}}, r"key `scale\.`: must not be empty"),
        ({"scale": {f"level {n}": 1 for n in range(21)}}, "at most 20 entries"),
        ({"scale": ["right"]}, "key `scale`"),
        ({"shows": "figures"}, "key `shows`"),
        ({"shows": "cell:"}, "key `shows`"),
        ({"shows": "cell:" + "x" * 61}, "key `shows`"),
        ({"shown": "figure"}, r"key `shown` is not known \(did you mean `shows`\?\)"),
    ],
)
def test_what_no_person_could_follow_is_refused_with_the_key(parameters: Mapping[str, Any], said: str) -> None:
    with pytest.raises(RubricError, match=rf"assignment\.toml: check 1 \(`manual`\): .*{said}"):
        planned("manual", parameters)


def test_points_of_a_person_must_be_some() -> None:
    with pytest.raises(RubricError, match=r"check 1 \(`manual`\): key `points`: a person gives these points"):
        planned("manual", points=0)


def test_two_that_nobody_could_tell_apart_are_refused() -> None:
    assert len(plan(specs("The plot", "The report"), origin="assignment.toml")) == 2
    for titles in ((None, None), ("The plot", "The plot")):
        with pytest.raises(RubricError, match=r"check 2 \(`manual`\): key `title`: another one has this title"):
            plan(specs(*titles), origin="assignment.toml")


def test_a_check_of_the_courses_own_can_wait_for_a_person_too() -> None:
    @check(parameters=NoParameters, rests_on="person")
    def essay(case: Case, parameters: NoParameters) -> None:
        """The essay is read."""
        raise Awaiting("somebody reads it")

    known = plan((CheckSpec(use="checks:essay", points=5),), origin="assignment.toml", own={"checks:essay": essay})
    (found,) = run_checks(known, case())
    assert (found.outcome, found.points, found.reason) == (Outcome.AWAITING, 0, "somebody reads it")


def test_a_result_with_all_other_points_is_not_passed_while_a_person_is_awaited(tmp_path: Any) -> None:
    rubric = a_rubric(write_course(tmp_path / "course", RUBRIC + PLOT))
    found = mark(a_stored(rubric), rubric, {})
    assert (found.points, found.out_of, found.passed, found.status) == (100, 110, False, Status.GRADED)
    grade = plain_grade(found)
    assert (grade.points, grade.earned, grade.awaits, grade.passed) == (None, 100, ("The plot is right",), False)


def test_in_a_smoke_run_it_is_told_and_costs_nothing(tmp_path: Any) -> None:
    rubric = a_rubric(write_course(tmp_path / "course", RUBRIC + PLOT))
    cut = Ending(cause=Cause.FINISHED, message="ended", cut=1)
    for changes in ({}, {"ending": cut}):
        stored = a_stored(rubric, smoke=Smoke())
        facts = stored.evidence.facts.model_copy(update=changes)
        found = mark(
            type(stored)(evidence=stored.evidence.model_copy(update={"facts": facts}), outputs=None), rubric, {}
        )
        assert found.checks[-1].outcome is Outcome.AWAITING
        points = stand(found, ("accuracy",))
        assert (points.lost, points.by_person, points.out_of) == (0, 10, 110)


def test_where_nothing_was_handed_in_or_the_grader_broke_nobody_is_awaited(tmp_path: Any) -> None:
    rubric = a_rubric(write_course(tmp_path / "course", RUBRIC + PLOT))
    for submission, ours in (("", False), ("work.ipynb", True), ("work.ipynb", False)):
        row = UnrunSubmission(
            rubric=rubric, student="ada", submission=submission, isolation="none", versions={}, seed=0, started="",
        )  # fmt: skip
        found = explain_unread(row, reason="so", remedy="", ours=ours)
        assert all(item.outcome is not Outcome.AWAITING for item in found.checks)
        assert plain_grade(found).awaits == ()


@pytest.mark.parametrize(("points", "outcome"), [(10, Outcome.PASSED), (4, Outcome.PARTIAL), (0, Outcome.FAILED)])
def test_once_given_they_stand_in_the_check_as_any_other(tmp_path: Any, points: float, outcome: Outcome) -> None:
    rubric = a_rubric(write_course(tmp_path / "course", RUBRIC + PLOT))
    found = mark(a_stored(rubric), rubric, {})
    review = Review(checks=(CheckPoints(check="manual", points=points, author="kim"),))
    grade = plain_grade(found).model_copy(update={"review": review})
    now = standing_checks(beside(found, grade))
    assert now[:-1] == found.checks[:-1]
    assert (now[-1].points, now[-1].outcome, now[-1].rests_on) == (points, outcome, "person")
