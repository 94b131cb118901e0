from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from grader.core.metrics import (
    chance_of_at_most,
    confusion_matrix,
    exact_interval,
    mcnemar,
    measure_accuracy,
    predicted_classes,
)
from tests.reference.loading import WhenUsed

stats: Any = WhenUsed("scipy.stats")
COUNTS = st.integers(1, 20_000).flatmap(lambda judged: st.tuples(st.integers(0, judged), st.just(judged)))
PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=200)


def test_many_units_are_decided_by_the_largest() -> None:
    outputs = np.array([[0.1, 0.9, 0.0], [5.0, -1.0, 2.0]], dtype=np.float32)
    assert predicted_classes(outputs, logits=False).tolist() == [1, 0]
    assert predicted_classes(outputs, logits=True).tolist() == [1, 0]


def test_one_unit_is_decided_at_a_half_and_a_logit_at_zero() -> None:
    outputs = np.array([[0.5], [0.49], [-0.1], [0.0]], dtype=np.float32)
    assert predicted_classes(outputs, logits=False).tolist() == [1, 0, 0, 0]
    assert predicted_classes(outputs, logits=True).tolist() == [1, 1, 0, 1]


@pytest.mark.parametrize(
    ("correct", "judged", "low", "high"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (5, 10, 0.1871, 0.8129), (9731, 10_000, 0.9697, 0.9762)],
)
def test_the_interval_is_clopper_and_pearsons(correct: int, judged: int, low: float, high: float) -> None:
    assert exact_interval(correct, judged) == pytest.approx((low, high), abs=5e-5)


@given(COUNTS)
def test_the_interval_holds_the_value_and_stays_between_0_and_1(counts: tuple[int, int]) -> None:
    correct, judged = counts
    low, high = exact_interval(correct, judged)
    assert 0 <= low <= correct / judged <= high <= 1
    assert low < high


@given(
    st.integers(1, 200).flatmap(lambda judged: st.tuples(st.integers(0, judged), st.just(judged))), st.integers(2, 50)
)
def test_the_interval_shrinks_with_more_images(counts: tuple[int, int], times: int) -> None:
    correct, judged = counts
    low, high = exact_interval(correct, judged)
    narrower_low, narrower_high = exact_interval(correct * times, judged * times)
    assert narrower_high - narrower_low < high - low


@given(COUNTS)
def test_the_interval_is_mirrored_when_right_and_wrong_are(counts: tuple[int, int]) -> None:
    correct, judged = counts
    low, high = exact_interval(correct, judged)
    assert exact_interval(judged - correct, judged) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@given(COUNTS)
def test_more_confidence_needs_a_wider_interval(counts: tuple[int, int]) -> None:
    low, high = exact_interval(*counts, confidence=0.9)
    wider_low, wider_high = exact_interval(*counts, confidence=0.99)
    assert wider_low <= low and high <= wider_high


@given(PAIRS)
def test_the_confusion_adds_up_by_rows_and_its_diagonal_is_what_was_correct(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    counts = np.array(confusion_matrix(labels, predicted, 5))
    assert counts.sum(axis=1).tolist() == [int((labels == row).sum()) for row in range(5)]
    assert counts.sum(axis=0).tolist() == [int((predicted == column).sum()) for column in range(5)]
    found = measure_accuracy(labels, predicted, classes=5)
    assert (found.correct, found.judged) == (int(counts.trace()), len(pairs))
    assert found.value == found.correct / found.judged


def test_rows_are_the_true_classes_and_columns_the_predicted() -> None:
    labels, predicted = np.array([0, 0, 1], dtype=np.int64), np.array([0, 1, 1], dtype=np.int64)
    assert confusion_matrix(labels, predicted, 2) == ((1, 1), (0, 1))


@given(PAIRS)
def test_accuracy_does_not_depend_on_the_order_of_images(pairs: list[tuple[int, int]]) -> None:
    assume(len(pairs) > 1)
    labels, predicted = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    assert measure_accuracy(labels, predicted, classes=5) == measure_accuracy(labels[::-1], predicted[::-1], classes=5)


def test_a_measurement_has_no_verdict_yet() -> None:
    found = measure_accuracy(np.array([0]), np.array([0]), classes=1)
    assert (found.verdict, found.threshold) == (None, None)


def test_mcnemars_test_is_the_sign_test_on_what_one_alone_recognised() -> None:
    assert mcnemar(0, 0) == mcnemar(7, 7) == 1.0
    assert mcnemar(5, 0) == mcnemar(0, 5) == pytest.approx(2 / 2**5)
    assert mcnemar(1, 9) == pytest.approx(2 * (1 + 10) / 2**10)


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemars_test_agrees_with_scipys_binomial_test(one: int, two: int) -> None:
    assume(one + two)
    assert mcnemar(one, two) == pytest.approx(stats.binomtest(one, one + two).pvalue, rel=1e-6)


@given(st.integers(1, 2_000), st.data())
def test_doing_no_better_than_a_count_is_the_sum_of_its_binomial_tail(judged: int, data: st.DataObject) -> None:
    correct, accuracy = data.draw(st.integers(0, judged)), data.draw(st.floats(0.01, 0.99))
    found = chance_of_at_most(correct, judged, accuracy=accuracy)
    assert found == pytest.approx(float(stats.binom.cdf(correct, judged, accuracy)), abs=1e-9)
    upper = exact_interval(correct, judged, confidence=0.8)[1]
    assert (found >= 0.1) is (upper >= accuracy) or abs(upper - accuracy) < 1e-9
