import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks.accuracy import NeededAccuracy, accuracy_of, measure
from grader.checks.registry import Case
from grader.errors import Failure, Infrastructure, RubricError
from grader.evidence import Judgement
from grader.results import Comparison, Outcome
from tests.checks.builders import PETS, answers, case, claims, dense, judged, look, model, planned

BANDS = {"bands": [{"at": 0.70, "share": 0.5}, {"at": 0.78, "share": 0.9}, {"at": 0.80, "share": 1.0}]}


def digits(correct: int, judged_images: int = 10_000, units: int = 10) -> Case:
    labels = np.arange(judged_images, dtype=np.int64) % 10
    return case(outputs=answers(labels, correct, units), labels=labels)


def pets(outputs: NDArray[np.float32], labels: NDArray[np.int64], activation: str = "sigmoid") -> Case:
    found = judged(model(dense(1, "dense", activation), inputs=(150, 150, 3), outputs=(1,)))
    return case(judgement=found, outputs=outputs, labels=labels, classes=PETS)


def test_the_reason_tells_count_threshold_and_interval() -> None:
    result = look("accuracy", digits(9731), {"at_least": 0.97})
    assert (result.outcome, result.points, result.rests_on) == (Outcome.PASSED, 10, "facts")
    assert result.reason == (
        "97.31 % of 10,000 judged images (9,731 correct), 97 % needed; 95 % interval 96.97-97.62 %"
    )


@pytest.mark.parametrize(
    ("correct", "verdict", "outcome"),
    [(9700, "pass", Outcome.PASSED), (9699, "borderline", Outcome.FAILED), (9600, "fail", Outcome.FAILED)],
)
def test_the_threshold_itself_passes_and_what_is_just_below_is_borderline(
    correct: int, verdict: str, outcome: Outcome
) -> None:
    about, rule = digits(correct), planned("accuracy", {"at_least": 0.97})
    found = accuracy_of(about, (rule,))
    assert found is not None
    assert (found.verdict, found.threshold) == (verdict, 0.97)
    assert look("accuracy", about, {"at_least": 0.97}).outcome is outcome


@pytest.mark.parametrize(("correct", "points"), [(690, 0), (700, 5), (779, 5), (780, 9), (799, 9), (800, 10)])
def test_bands_give_the_share_of_the_highest_one_reached(correct: int, points: float) -> None:
    assert look("accuracy", digits(correct, 1000), BANDS).points == points


def test_bands_tell_what_was_reached_and_all_steps() -> None:
    result = look("accuracy", digits(785, 1000), BANDS)
    assert result.outcome is Outcome.PARTIAL
    assert "which gives 90 % of the points (needed: 70 % for 50 %, 78 % for 90 %, 80 % for 100 %)" in result.reason


def test_the_verdict_of_bands_is_by_the_lowest() -> None:
    found = accuracy_of(digits(700, 1000), (planned("accuracy", BANDS),))
    assert found is not None and found.verdict == "pass" and found.threshold == 0.7


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5), st.floats(0, 1), st.floats(0, 1))
def test_more_accuracy_never_gives_fewer_points(steps: list[tuple[float, float]], one: float, two: float) -> None:
    at = sorted({step[0] for step in steps})
    share = sorted(step[1] for step in steps)[: len(at)]
    bands = [{"at": place, "share": part} for place, part in zip(at, share, strict=True)]
    needed = NeededAccuracy.model_validate({"bands": bands})
    assert needed.share(min(one, two)) <= needed.share(max(one, two))
    assert needed.share(needed.threshold) == bands[0]["share"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "give exactly one of `at_least` and `bands`"),
        ({"at_least": 0.9, **BANDS}, "give exactly one of `at_least` and `bands`"),
        ({"at_least": 97}, "less than or equal to 1"),
        ({"bands": []}, "at least 1 item"),
        ({"bands": [{"at": 0.8, "share": 1}, {"at": 0.7, "share": 0.5}]}, "must rise"),
        ({"bands": [{"at": 0.7, "share": 1}, {"at": 0.8, "share": 0.5}]}, "must not fall"),
        ({"bands": [{"at": 0.7, "share": 0.5}, {"at": 0.7, "share": 1}]}, "must rise"),
        ({"bands": [{"at": 0.7, "shares": 0.5}]}, "bands.0.share"),
        ({"atleast": 0.9}, "did you mean `at_least`?"),
    ],
)
def test_impossible_rules_are_refused(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(RubricError, match=re.escape(words)):
        planned("accuracy", parameters)


def test_without_a_rule_in_the_rubric_there_is_no_verdict() -> None:
    found = accuracy_of(digits(9000), (planned("trained"),))
    assert found is not None and found.value == 0.9
    assert (found.verdict, found.threshold) == (None, None)


def test_where_nothing_was_judged_there_is_no_accuracy() -> None:
    described = case(judgement=Judgement(outcome="described", reason="no images fit its input"))
    assert accuracy_of(described, ()) is None
    with pytest.raises(Failure, match="no images fit its input"):
        measure(described)


def test_labels_that_do_not_match_the_outputs_are_our_fault() -> None:
    labels = np.arange(10, dtype=np.int64)
    with pytest.raises(Infrastructure, match="9 labels for 10 judged images"):
        measure(case(outputs=answers(labels, 10), labels=labels[:9]))
    with pytest.raises(Infrastructure, match="no labels"):
        measure(case(outputs=answers(labels, 10), labels=None))


def test_an_untrained_model_is_not_measured() -> None:
    labels = np.arange(10, dtype=np.int64)
    result = look("accuracy", case(claims(), outputs=answers(labels, 10), labels=labels), {"at_least": 0.5})
    assert (result.outcome, result.points) == (Outcome.SKIPPED, 0)
    assert "`trained` failed" in result.reason


def test_one_unit_is_decided_at_a_half_and_a_logit_at_zero() -> None:
    outputs = np.array([[0.2], [0.4], [0.6], [0.8]], dtype=np.float32)
    labels = np.array([0, 0, 1, 1], dtype=np.int64)
    assert measure(pets(outputs, labels)).correct == 4
    assert measure(pets(outputs, labels, activation="linear")).correct == 2
    assert measure(pets(outputs - 0.5, labels, activation="linear")).correct == 4


def test_outputs_beyond_the_classes_are_wrong_and_stand_in_no_column() -> None:
    labels = np.arange(10, dtype=np.int64)
    outputs = np.eye(12, dtype=np.float32)[np.where(labels < 7, labels, 11)]
    found = measure(case(outputs=outputs, labels=labels))
    assert found.correct == 7
    assert np.array(found.confusion).shape == (10, 10)
    assert sum(map(sum, found.confusion)) == 7


def test_swapped_classes_are_named_but_give_no_points() -> None:
    labels = np.arange(100, dtype=np.int64) % 2
    result = look("accuracy", pets(answers(1 - labels, 90, units=1), labels), {"at_least": 0.8})
    assert result.points == 0
    assert result.hint == "The two classes look swapped: cats must be 0 and dogs must be 1."


@pytest.mark.parametrize(
    ("correct", "words"), [(1000, "no better than guessing"), (9690, "It is so close"), (9000, "Train for more epochs")]
)
def test_the_hint_follows_the_number(correct: int, words: str) -> None:
    assert words in look("accuracy", digits(correct), {"at_least": 0.97}).hint


def test_answers_that_are_no_numbers_are_called_a_training_that_ran_away() -> None:
    labels = np.arange(10, dtype=np.int64)
    broken = case(outputs=np.full((10, 10), np.nan, dtype=np.float32), labels=labels)
    assert "ran away" in look("accuracy", broken, {"at_least": 0.97}).hint


# -- better_than

BASELINE = Comparison(
    assignment="exercise1",
    source="the reference baseline of exercise1",
    accuracy=0.98,
    judged=10_000,
    judged_on="test",
)


def against(correct: int, other: Comparison | None) -> Case:
    labels = np.arange(10_000, dtype=np.int64) % 10
    compared = {"exercise1": other} if other else {}
    return case(outputs=answers(labels, correct), labels=labels, compared=compared)


@pytest.mark.parametrize(("correct", "outcome"), [(9801, Outcome.PASSED), (9800, Outcome.FAILED)])
def test_better_means_strictly_better(correct: int, outcome: Outcome) -> None:
    assert look("better_than", against(correct, BASELINE), {"exercise": "exercise1"}).outcome is outcome


def test_the_comparison_is_told_with_both_numbers_and_the_source() -> None:
    result = look("better_than", against(9790, BASELINE), {"exercise": "exercise1"})
    assert result.reason == "97.90 % here, 98.00 % for the reference baseline of exercise1: not better"


def test_a_missing_comparison_is_our_fault_and_says_what_to_measure() -> None:
    result = look("better_than", against(9900, None), {"exercise": "exercise1"})
    assert result.outcome is Outcome.BROKEN
    assert "`grader baseline exercise1`" in result.reason


@pytest.mark.parametrize("other", ["other images", ""])
def test_a_comparison_on_other_images_is_refused(other: str) -> None:
    elsewhere = BASELINE.model_copy(update={"judged_on": other})
    result = look("better_than", against(9900, elsewhere), {"exercise": "exercise1"})
    assert result.outcome is Outcome.BROKEN
    assert "was measured on" in result.reason
