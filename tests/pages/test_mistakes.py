"""The images that a network was most surely wrong about."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from grader.core.evidence import Architecture, Layer
from grader.pages.accuracy import SHOWN, JudgedImages, confidence, find_mistakes

IMAGES = np.arange(6 * 28 * 28, dtype=np.uint8).reshape(6, 28, 28, 1)


def ending_in(activation: str, units: int) -> Architecture:
    layer = Layer(name="out", kind="Dense", config={"activation": activation}, output_shape=(units,))
    return Architecture(kind="Sequential", input_shape=(4,), output_shape=(units,), parameters=1, layers=(layer,))


def judged(outputs: list[list[float]], labels: list[int]) -> JudgedImages:
    values = np.asarray(outputs, dtype=np.float32)
    return JudgedImages(outputs=values, labels=np.asarray(labels), images=IMAGES[: len(labels)])


def test_mistakes_come_in_the_order_of_how_sure_the_network_was() -> None:
    outputs = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.99, 0.01]]
    found = find_mistakes(judged(outputs, [1, 1, 1, 1]), ending_in("softmax", 2), ("cat", "dog"))
    assert [(item.true, item.called, item.sure) for item in found] == [
        ("dog", "cat", "99.0\u00a0%"),
        ("dog", "cat", "90.0\u00a0%"),
        ("dog", "cat", "60.0\u00a0%"),
    ]
    assert (found[0].true, found[0].called) == ("dog", "cat")


def test_one_unit_speaks_for_both_classes() -> None:
    found = find_mistakes(judged([[0.1], [0.9], [0.7]], [1, 1, 0]), ending_in("sigmoid", 1), ("cat", "dog"))
    assert [(item.true, item.called, item.sure) for item in found] == [
        ("dog", "cat", "90.0\u00a0%"),
        ("cat", "dog", "70.0\u00a0%"),
    ]


def test_logits_are_made_into_probabilities_first() -> None:
    found = find_mistakes(judged([[4.0, 0.0], [-3.0, 0.0]], [1, 0]), ending_in("linear", 2), ("cat", "dog"))
    assert [item.sure for item in found] == ["98.2\u00a0%", "95.3\u00a0%"]


def test_a_network_without_mistakes_has_none_and_nan_is_no_certainty() -> None:
    assert find_mistakes(judged([[0.9, 0.1]], [0]), ending_in("softmax", 2), ("a", "b")) == ()
    assert find_mistakes(judged([[float("nan"), 0.1]], [1]), ending_in("softmax", 2), ("a", "b")) == ()


def test_parts_that_are_not_of_the_same_images_and_an_unknown_network_show_nothing() -> None:
    ours = judged([[0.1, 0.9], [0.1, 0.9]], [0, 0])
    short = JudgedImages(outputs=ours.outputs, labels=ours.labels[:1], images=ours.images)
    assert find_mistakes(short, ending_in("softmax", 2), ("a", "b")) == ()
    assert find_mistakes(ours, None, ("a", "b")) == ()


def test_a_class_that_there_is_not_is_called_by_its_number() -> None:
    (found,) = find_mistakes(judged([[0.0, 0.1, 0.9]], [0]), ending_in("softmax", 3), ("a", "b"))
    assert (found.true, found.called) == ("a", "2")


def test_no_page_shows_more_than_a_dozen() -> None:
    many = JudgedImages(
        outputs=np.tile(np.asarray([0.9, 0.1], dtype=np.float32), (40, 1)),
        labels=np.ones(40, dtype=np.int64),
        images=IMAGES[:1].repeat(40, 0),
    )
    assert len(find_mistakes(many, ending_in("softmax", 2), ("a", "b"))) == SHOWN


@pytest.mark.filterwarnings("ignore:invalid value")
@given(arrays(np.float32, (5, 3), elements=st.floats(-(2.0**100), 2.0**100, width=32)), st.booleans())
def test_a_certainty_is_never_more_than_all(outputs: NDArray[np.float32], logits: bool) -> None:
    sure = confidence(outputs, logits=logits)
    assert sure.shape == (5,)
    if logits:
        assert np.all((sure >= 1 / 3 - 1e-9) & (sure <= 1 + 1e-9))
