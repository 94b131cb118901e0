"""What assignments add up to: weights, the best so many, excuses, marks that are still owed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.course_rules import CourseRules
from grader.core.results import Grade, Override, Status, Student
from grader.core.totals import Total, add_up

IDS = ("e1", "e2", "e3", "p")


def course(total: object, **parts: object) -> CourseRules:
    values = {"schema": 1, "title": "x", "assignments": IDS, "total": total, "part": parts}
    return CourseRules.model_validate(values)


BEST = course({"counts": {"exercises": 60, "p": 40}}, exercises={"counts": ["e1", "e2", "e3"], "best": 2})
EXCUSE = Override(points=None, excused=True, author="x", time="2026-12-01T00:00:00+00:00")


def grade(points: float | None, out_of: float = 100, **changes: object) -> Grade:
    plain = Grade(
        student=Student(name="ada"), assignment="e1", title="x", points=points, out_of=out_of, passed=False,
        status=Status.GRADED,
    )  # fmt: skip
    return plain.model_copy(update=changes)


ABSENT = grade(None, status=None)


def added(rules: CourseRules, **grades: Grade) -> Total:
    found = add_up(rules, grades)
    assert found is not None
    return found


def test_the_best_of_a_part_count_and_the_others_are_left_out() -> None:
    found = added(BEST, e1=grade(50), e2=grade(100), e3=grade(80), p=grade(5, 10))
    assert found.share == pytest.approx(0.6 * 0.9 + 0.4 * 0.5)
    assert set(found.counted) == {"e2", "e3", "p"} and set(found.left_out) == {"e1"} and not found.open


def test_what_was_not_handed_in_or_is_not_there_yet_counts_as_nothing() -> None:
    found = added(BEST, e1=grade(100), e2=ABSENT)
    assert found.share == pytest.approx(0.6 * 0.5)
    assert not found.open
    assert added(BEST).share == 0


def test_an_excused_assignment_is_left_out_and_the_others_weigh_more() -> None:
    excused = grade(None, override=EXCUSE)
    assert added(BEST, e1=grade(70), e2=grade(90), e3=grade(80), p=excused).share == pytest.approx(0.85)
    found = added(BEST, e1=excused, e2=excused, e3=grade(80), p=grade(50))
    assert found.share == pytest.approx(0.6 * 0.8 + 0.4 * 0.5)
    assert found.left_out == {"e1", "e2"}
    everything = added(BEST, **dict.fromkeys(IDS, excused))
    assert (everything.share, everything.counted) == (None, frozenset())


def test_a_mark_that_is_owed_counts_as_nothing_and_is_told() -> None:
    found = added(BEST, e1=grade(90), e2=grade(90), p=grade(None, awaits=("The plot",)))
    assert found.share == pytest.approx(0.54) and set(found.open) == {"p"}
    broken = added(BEST, e1=grade(90), e2=grade(90), p=grade(None, status=Status.BROKEN))
    assert broken.open == {"p"}
    left_out = added(BEST, e1=grade(90), e2=grade(80), e3=grade(None, awaits=("The plot",)), p=grade(40))
    assert set(left_out.left_out) == set(left_out.open) == {"e3"}, "when it is given, another one may be left out"
    doubtful = added(BEST, e1=grade(90), e2=grade(90), p=grade(40, status=Status.NEEDS_REVIEW))
    assert doubtful.share == pytest.approx(0.7) and set(doubtful.open) == {"p"}


def test_parts_may_lie_in_parts_and_lists_weigh_the_same() -> None:
    rules = course({"counts": ["a", "p"]}, a={"counts": ["b", "e3"]}, b={"counts": {"e1": 0.25, "e2": 0.75}})
    found = added(rules, e1=grade(100), e2=grade(0), e3=grade(50), p=grade(100))
    assert found.share == pytest.approx(((0.25 + 0.5) / 2 + 1) / 2)


def test_a_course_without_a_total_has_none_and_an_assignment_of_no_points_is_worth_nothing() -> None:
    assert add_up(course(None), {"e1": grade(50)}) is None
    assert added(course({"counts": ["e1"]}), e1=grade(0, 0)).share == 0


points = st.dictionaries(st.sampled_from(IDS), st.integers(0, 100).map(float))


@given(points, points, st.integers(1, 3))
def test_more_points_never_make_a_smaller_total(some: dict[str, float], more: dict[str, float], best: int) -> None:
    rules = course({"counts": {"a": 0.5, "p": 0.5}}, a={"counts": ["e1", "e2", "e3"], "best": best})
    less = {name: grade(got) for name, got in some.items()}
    better = {name: grade(max(some.get(name, 0.0), more.get(name, 0.0))) for name in {*some, *more}}
    one, two = added(rules, **less).share, added(rules, **better).share
    assert one is not None and two is not None and 0 <= one <= two <= 1
    fewer = course({"counts": {"a": 0.5, "p": 0.5}}, a={"counts": ["e1", "e2", "e3"]})
    plain = added(fewer, **less).share
    assert plain is not None and plain <= one + 1e-12, "leaving out the worst never costs anything"


@given(st.lists(st.integers(0, 100), min_size=4, max_size=4), st.lists(st.integers(1, 50), min_size=4, max_size=4))
def test_a_total_is_the_weighted_mean(got: list[int], parts: list[int]) -> None:
    rules = course({"counts": {name: part / sum(parts) for name, part in zip(IDS, parts, strict=True)}})
    found = added(rules, **{name: grade(value) for name, value in zip(IDS, got, strict=True)})
    expected = sum(value * part for value, part in zip(got, parts, strict=True)) / sum(parts) / 100
    assert found.share is not None and math.isclose(found.share, expected, abs_tol=1e-12)
