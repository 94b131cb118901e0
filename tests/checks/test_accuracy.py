import dataclasses
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks.accuracy import NeededAccuracy, accuracy_of, measure, pack_right, unpack_right
from grader.checks.base import Case
from grader.core.errors import Failure, Infrastructure, RubricError
from grader.core.evidence import Judgement
from grader.core.metrics import measure_accuracy
from grader.core.results import Accuracy, Comparison, Outcome
from grader.course.course import Course
from tests.checks.builders import PETS, answers, case, claims, dense, judged, look, model, planned
from tests.fakes import a_preparation

LINE = {"linear": {"from": 0.70, "to": 0.80}}
BANDS = {"bands": [{"at": 0.70, "share": 0.5}, {"at": 0.78, "share": 0.9}, {"at": 0.80, "share": 1.0}]}


def digits(correct: int, judged_images: int = 10_000, units: int = 10) -> Case:
    labels = np.arange(judged_images, dtype=np.int64) % 10
    return case(outputs=answers(labels, correct, units), labels=labels)


def pets(
    outputs: NDArray[np.float32], labels: NDArray[np.int64], activation: str = "sigmoid", *, swapped: bool = False
) -> Case:
    found = judged(model(dense(1, "dense", activation), inputs=(150, 150, 3), outputs=(1,)))
    preparation = a_preparation().model_copy(update={"swapped": swapped})
    found = found.model_copy(update={"preparation": preparation})
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


@st.composite
def rules(draw: st.DrawFn) -> NeededAccuracy:
    """Bands that rise, with or without doubt and a wider border."""
    at = sorted(draw(st.sets(st.floats(0, 1), min_size=1, max_size=4)))
    share = sorted(draw(st.lists(st.floats(0, 1), min_size=len(at), max_size=len(at))))
    bands = [{"at": place, "share": part} for place, part in zip(at, share, strict=True)]
    doubt = draw(st.none() | st.floats(0.025, 0.5))
    return NeededAccuracy.model_validate({"bands": bands, "doubt": doubt, "borderline": draw(st.floats(0, 0.2))})


def counted(correct: int, judged_images: int) -> Accuracy:
    labels = np.zeros(judged_images, dtype=np.int64)
    return measure_accuracy(labels, (np.arange(judged_images) >= correct).astype(np.int64), classes=2)


ORDER = ["fail", "borderline", "pass"]


@given(rules(), st.integers(1, 300), st.data())
def test_more_accuracy_never_gives_fewer_points_or_a_worse_verdict(
    needed: NeededAccuracy, images: int, data: st.DataObject
) -> None:
    one, two = sorted(data.draw(st.tuples(st.integers(0, images), st.integers(0, images))))
    less, more = needed.judge(counted(one, images)), needed.judge(counted(two, images))
    assert needed.share(less) <= needed.share(more)
    assert ORDER.index(str(less.verdict)) <= ORDER.index(str(more.verdict))


@given(rules(), st.integers(1, 300), st.data())
def test_doubt_changes_no_clear_result(needed: NeededAccuracy, images: int, data: st.DataObject) -> None:
    measured = counted(data.draw(st.integers(0, images)), images)
    plain = needed.model_copy(update={"doubt": None})
    found, before = needed.judge(measured), plain.judge(measured)
    assert found.verdict == before.verdict
    if found.verdict != "borderline":
        assert needed.share(measured) == plain.share(measured)
        assert not found.granted
    assert plain.share(measured) <= needed.share(measured) <= max(plain.share(measured), needed.rule[0].share)


DOUBT = {**BANDS, "bands": BANDS["bands"][1:], "doubt": 0.1, "borderline": 0.05}


@pytest.mark.parametrize(
    ("correct", "points", "verdict", "granted"),
    [(780, 9, "pass", False), (779, 9, "borderline", True), (763, 9, "borderline", True),
     (762, 0, "borderline", False), (730, 0, "borderline", False), (729, 0, "fail", False), (799, 9, "pass", False)],
)  # fmt: skip
def test_doubt_counts_the_bar_as_reached_where_chance_explains_the_distance(
    correct: int, points: float, verdict: str, granted: bool
) -> None:
    about = digits(correct, 1000)
    found = accuracy_of(about, (planned("accuracy", DOUBT),))
    assert found is not None
    assert (found.verdict, found.granted) == (verdict, granted)
    assert look("accuracy", about, DOUBT).points == points


def test_the_reason_of_a_granted_doubt_says_how_often_a_good_enough_network_does_no_better() -> None:
    result = look("accuracy", digits(770, 1000), {"at_least": 0.78, "doubt": 0.1})
    assert result.outcome is Outcome.PASSED
    assert "77.00 % of 1,000 judged images" in result.reason
    assert result.reason.endswith("a network of 78 % does no better 23 times in 100, so 78 % counts as reached")
    assert "counts as reached" not in look("accuracy", digits(780, 1000), {"at_least": 0.78, "doubt": 0.1}).reason


@pytest.mark.parametrize(
    ("correct", "points", "verdict"),
    [(600, 0, "fail"), (690, 0, "borderline"), (700, 0, "borderline"), (701, 0.1, "pass"), (750, 5, "pass"),
     (799, 9.9, "pass"), (800, 10, "pass"), (1000, 10, "pass")],
)  # fmt: skip
def test_a_line_gives_points_in_proportion_between_its_two_accuracies(
    correct: int, points: float, verdict: str
) -> None:
    about = digits(correct, 1000)
    found = accuracy_of(about, (planned("accuracy", LINE),))
    assert found is not None
    assert (found.verdict, found.threshold, found.full) == (verdict, 0.7, 0.8)
    result = look("accuracy", about, LINE)
    assert result.points == points
    assert "of the points (none at 70 %, all from 80 % on)" in result.reason


def test_an_accuracy_on_a_line_is_not_said_to_give_all_or_nothing_where_it_does_not() -> None:
    assert "which gives 99.9 % of the points" in look("accuracy", digits(79_999, 100_000), LINE).reason
    assert "which gives 0.1 % of the points" in look("accuracy", digits(70_001, 100_000), LINE).reason


lines = st.builds(
    lambda ends, doubt, borderline: NeededAccuracy.model_validate(
        {"linear": {"from": min(ends), "to": max(ends)}, "doubt": doubt, "borderline": borderline}
    ),
    st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda ends: ends[0] != ends[1]),
    st.none() | st.floats(0.025, 0.5),
    st.floats(0, 0.2),
)


@given(lines, st.integers(1, 300), st.data())
def test_more_accuracy_never_gives_fewer_points_on_a_line(
    needed: NeededAccuracy, images: int, data: st.DataObject
) -> None:
    one, two = sorted(data.draw(st.tuples(st.integers(0, images), st.integers(0, images))))
    less, more = needed.judge(counted(one, images)), needed.judge(counted(two, images))
    assert 0 <= needed.share(less) <= needed.share(more) <= 1
    assert ORDER.index(str(less.verdict)) <= ORDER.index(str(more.verdict))
    plain = needed.model_copy(update={"doubt": None})
    assert plain.share(less) <= needed.share(less), "doubt is never to anybody's disadvantage"
    # what gets points has passed, or the doubt was granted; what clearly fails is in no doubt
    assert (needed.share(less) > 0) == (less.verdict == "pass" or less.granted)
    assert not less.granted or less.verdict == "borderline"


def test_the_table_of_the_documentation_is_what_a_line_with_doubt_does() -> None:
    text = (Course.at().root / "docs" / "explanation" / "fair-verdicts.md").read_text(encoding="utf-8")
    plain, doubting = (NeededAccuracy.model_validate({**LINE, **more}) for more in ({}, {"doubt": 0.1}))
    for correct in (670, 690, 700, 750, 790, 800):
        found = counted(correct, 1000)
        row = (
            f"| {correct} | {round(100 * plain.share(found), 1):g} % | {100 * doubting.counted(found):.2f} % | "
            f"{round(100 * doubting.share(found), 1):g} % |"
        )
        assert row in text, row


def test_the_reason_of_a_line_with_doubt_says_which_accuracy_counts() -> None:
    result = look("accuracy", digits(690, 1000), {**LINE, "doubt": 0.1})
    assert (result.outcome, result.points) == (Outcome.PARTIAL, 0.9)
    assert result.reason.endswith("a network of 70.90 % does no better 10 times in 100, so 70.90 % counts as reached")
    for correct in (600, 800):  # which is clear
        assert "counts as reached" not in look("accuracy", digits(correct, 1000), {**LINE, "doubt": 0.1}).reason


def test_a_rule_without_a_line_stores_no_word_of_it() -> None:
    found = accuracy_of(digits(800, 1000), (planned("accuracy", BANDS),))
    assert found is not None and "full" not in found.model_dump() and "full" not in found.model_dump_json()
    lined = accuracy_of(digits(800, 1000), (planned("accuracy", LINE),))
    assert lined is not None and Accuracy.model_validate_json(lined.model_dump_json()) == lined


def test_a_mean_over_runs_takes_the_place_of_the_runs_own_count() -> None:
    about = dataclasses.replace(digits(770, 1000), counted=781)
    found = measure(about)
    assert (found.correct, found.value, found.judged) == (781, 0.781, 1000)
    assert found.interval[0] < 0.781 < found.interval[1]
    assert (
        "78.10 % of 1,000 judged images on average over the runs" in look("accuracy", about, {"at_least": 0.78}).reason
    )


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "give exactly one of `at_least`, `bands` and `linear`"),
        ({"at_least": 0.9, **BANDS}, "give exactly one of `at_least`, `bands` and `linear`"),
        ({"at_least": 97}, "must be at most 1"),
        ({"bands": []}, "must not be empty"),
        ({"bands": [{"at": 0.8, "share": 1}, {"at": 0.7, "share": 0.5}]}, "must rise"),
        ({"bands": [{"at": 0.7, "share": 1}, {"at": 0.8, "share": 0.5}]}, "must not fall"),
        ({"bands": [{"at": 0.7, "share": 0.5}, {"at": 0.7, "share": 1}]}, "must rise"),
        ({"bands": [{"at": 0.7, "shares": 0.5}]}, "bands 1: key `share"),
        ({"atleast": 0.9}, "did you mean `at_least`?"),
        ({"doubt": 0.1}, "give exactly one of `at_least`, `bands` and `linear`"),
        ({"at_least": 0.9, "doubt": 0.01}, "must be at least 0.025"),
        ({"at_least": 0.9, "doubt": 0.6}, "must be at most 0.5"),
        ({"at_least": 0.9, "borderline": 5}, "must be at most 0.2"),
        ({"at_least": 0.9, "doubts": 0.1}, "did you mean `doubt`?"),
        ({"at_least": 0.9, **LINE}, "give exactly one of"),
        ({**BANDS, **LINE}, "give exactly one of"),
        ({"linear": {"from": 0.8, "to": 0.7}}, "key `linear.to`: `to` must be above `from`, which is 0.8"),
        ({"linear": {"from": 0.8, "to": 0.8}}, "`to` must be above `from`"),
        ({"linear": {"from": 70, "to": 80}}, "key `linear.from`: must be at most 1"),
        ({"linear": {"from": 0.7}}, "key `linear.to` is missing"),
        ({"linear": {"form": 0.7, "to": 0.8}}, "`linear.form` is not known (did you mean `from`?)"),
        ({"linear": 0.7}, "key `linear`: must be a table (found 0.7)"),
    ],
)
def test_impossible_rules_are_refused(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(RubricError, match=re.escape(words)) as caught:
        planned("accuracy", parameters)
    assert not ("is not known" in str(caught.value) and "exactly one" in str(caught.value)), "one fault, told once"


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
    assert result.hint == (
        "The two classes look swapped: cats must be 0 and dogs must be 1. With that mended this network would reach 90.00 %."
    )


def test_a_weak_network_is_told_of_swapped_classes_where_it_took_training_images_for_each_other_too() -> None:
    labels = np.arange(100, dtype=np.int64) % 2
    weak = answers(1 - labels, 64, units=1)
    told = look("accuracy", pets(weak, labels, swapped=True), {"at_least": 0.8}).hint
    assert told.startswith("The two classes look swapped")
    assert "would reach 64.00 %" in told
    assert "swapped" not in look("accuracy", pets(weak, labels), {"at_least": 0.8}).hint
    better = pets(answers(labels, 64, units=1), labels, swapped=True)
    assert "swapped" not in look("accuracy", better, {"at_least": 0.8}).hint


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


def test_what_an_exercise_asks_for_is_told_as_that() -> None:
    asked = Comparison(
        assignment="exercise1", source="what exercise1 asks for", accuracy=0.97, judged=0, judged_on="test"
    )
    better = look("better_than", against(9770, asked), {"exercise": "exercise1"})
    assert (better.outcome, better.reason) == (Outcome.PASSED, "97.70 % here, 97.00 %, what exercise1 asks for")
    assert look("better_than", against(9700, asked), {"exercise": "exercise1"}).outcome is Outcome.FAILED


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


def own(correct: int, *, judged_images: int = 10_000, judged_on: str = "test") -> Comparison:
    """The student's own earlier network, which recognised the last `correct` images."""
    right = np.arange(judged_images) >= judged_images - correct
    return Comparison(
        assignment="exercise1", source="exercise1 of the same student", accuracy=correct / judged_images,
        judged=judged_images, judged_on=judged_on, right=pack_right(right),
    )  # fmt: skip


def test_two_networks_are_compared_image_by_image_where_the_earlier_predictions_are_there() -> None:
    result = look("better_than", against(9890, own(9850)), {"exercise": "exercise1"})
    assert result.outcome is Outcome.PASSED
    assert result.reason == (
        "98.90 % here, 98.50 % for exercise1 of the same student (of the same images 150 are recognised here alone and "
        "110 there alone: McNemar's p = 0.015)"
    )


@pytest.mark.parametrize(
    ("correct", "outcome"), [(9860, Outcome.PASSED), (9850, Outcome.FAILED), (9840, Outcome.FAILED)]
)
def test_what_may_be_chance_is_called_so_and_the_higher_number_decides(correct: int, outcome: Outcome) -> None:
    result = look("better_than", against(correct, own(9850)), {"exercise": "exercise1"})
    assert result.outcome is outcome
    assert result.reason.endswith("so small a difference may be chance")


def test_a_difference_beyond_chance_is_not_excused() -> None:
    result = look("better_than", against(9700, own(9850)), {"exercise": "exercise1"})
    assert "McNemar's p under 0.0001): not better" in result.reason
    assert "chance" not in result.reason


@pytest.mark.parametrize("right", ["", "!", "AAAA", own(99, judged_images=100).right])
def test_without_the_earlier_predictions_of_these_images_plain_numbers_are_compared(right: str) -> None:
    other = own(9850).model_copy(update={"right": right})
    result = look("better_than", against(9890, other), {"exercise": "exercise1"})
    assert (result.outcome, result.reason) == (
        Outcome.PASSED, "98.90 % here, 98.50 % for exercise1 of the same student",
    )  # fmt: skip


@pytest.mark.parametrize(("correct", "chance"), [(9813, True), (9787, True), (9820, False), (9700, False)])
def test_a_baseline_is_told_with_its_runs_and_what_lies_among_them_may_be_chance(correct: int, chance: bool) -> None:
    runs = BASELINE.model_copy(update={"runs": 5, "lowest": 0.978, "highest": 0.9815})
    runs = runs if correct > 9790 else runs.model_copy(update={"lowest": 0.9787})
    result = look("better_than", against(correct, runs), {"exercise": "exercise1"})
    assert "(the mean of 5 runs from 97." in result.reason
    assert ("may be chance" in result.reason) is chance
    assert result.outcome is (Outcome.PASSED if correct > 9800 else Outcome.FAILED)


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_which_images_were_right_comes_back_from_its_bits(right: list[bool]) -> None:
    found = unpack_right(pack_right(np.array(right)), len(right))
    assert found is not None
    assert found.tolist() == right


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_an_equally_good_network_is_never_better_and_a_better_one_always(pairs: list[tuple[bool, bool]]) -> None:
    here, there = (np.array(column) for column in zip(*pairs, strict=True))
    labels = np.zeros(len(pairs), dtype=np.int64)
    outputs = np.eye(10, dtype=np.float32)[np.where(here, 0, 1)]
    other = Comparison(
        assignment="exercise1", source="x", accuracy=float(there.mean()), judged=len(pairs), judged_on="test",
        right=pack_right(there),
    )  # fmt: skip
    about = case(outputs=outputs, labels=labels, compared={"exercise1": other})
    found = look("better_than", about, {"exercise": "exercise1"})
    assert (found.outcome is Outcome.PASSED) == (sum(here) > sum(there))
