"""Which layers the answers depend on, without Keras: networks here are sums of what their branches make of images."""

import numpy as np
import pytest

from grader.checks.layers import LITTLE
from grader.core.evidence import Layer
from grader.core.results import Outcome
from grader.judge.probes import Answers, measure_influence, with_influence
from tests.checks.builders import built, conv, dense, layer, look, model

IMAGES = np.random.default_rng(1).normal(size=(32, 1)).astype(np.float32)
UNITS = np.asarray([[1.0, -1.0]], np.float32)


class Network:
    """Two convolutions beside each other, added with so much weight; it counts what it is asked."""

    def __init__(self, first: float, second: float) -> None:
        self.weights = {"first": first, "second": second}
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, names: tuple[str, ...]) -> Answers:
        self.asked.append(names)
        cut = {*names}
        branches = [
            np.roll(IMAGES, 1, axis=0) * weight if name in cut else IMAGES * weight
            for name, weight in self.weights.items()
        ]
        whole = np.sum(branches, axis=0)
        return np.asarray((np.roll(whole, 1, axis=0) if "dense" in cut else whole) * UNITS, np.float32)


BRANCHED = (
    conv(8, "first"),
    conv(8, "second"),
    Layer(name="sum", kind="Add", inputs=("first", "second")),
    dense(2),
)


def measured(first: float, second: float, most_s: float = 60.0) -> dict[str, float]:
    return measure_influence(BRANCHED, Network(first, second), most_s=most_s)


def counted(found: dict[str, float], at_least: int) -> Outcome:
    architecture = with_influence(model(*BRANCHED), found)
    return look("required_layers", built(architecture), {"kinds": ["Conv2D"], "at_least": at_least}).outcome


def test_branches_that_both_matter_both_count() -> None:
    assert counted(measured(1.0, 0.5), 2) is Outcome.PASSED


@pytest.mark.parametrize("weight", [0.0, 1e-6, 0.01])
def test_a_branch_that_hardly_moves_an_answer_does_not_count(weight: float) -> None:
    found = measured(1.0, weight)
    assert found["second"] < LITTLE < 1 < found["first"]
    assert counted(found, 1) is Outcome.PASSED
    assert counted(found, 2) is Outcome.FAILED


def test_where_all_of_a_class_do_nothing_one_question_tells() -> None:
    network = Network(0.0, 0.0)
    beside = (*BRANCHED, layer("Flatten", "flatten"))

    def cut(names: tuple[str, ...]) -> Answers:  # the dense part sees the image by another way
        return network(names) + np.asarray((np.roll(IMAGES, 1, axis=0) if "flatten" in names else IMAGES) * UNITS)

    found = measure_influence(beside, cut, most_s=60.0)
    assert found["first"] == found["second"] == 0
    assert ("first", "second") in network.asked and ("first",) not in network.asked
    assert counted(found, 1) is Outcome.FAILED


def test_when_time_is_over_what_was_not_asked_counts() -> None:
    found = measured(1.0, 0.0, most_s=0.0)
    assert "second" not in found
    assert counted(found, 2) is Outcome.PASSED


def test_a_network_without_branches_is_not_asked() -> None:
    network = Network(1.0, 1.0)
    assert measure_influence((conv(8), layer("Flatten"), dense(2)), network, most_s=60.0) == {}
    assert network.asked == []


def test_a_network_that_answers_every_image_alike_tells_nothing() -> None:
    assert measured(0.0, 0.0) == {}


def test_a_layer_that_the_network_can_not_answer_without_counts() -> None:
    def cut(names: tuple[str, ...]) -> Answers:
        return np.asarray(np.full_like(IMAGES, np.nan) if "dense" in names else IMAGES, np.float32) * UNITS

    assert measure_influence(BRANCHED, cut, most_s=60.0)["dense"] == 1
    assert measure_influence(BRANCHED, lambda names: np.full((4, 2), np.nan, np.float32), most_s=60.0) == {}


def test_evidence_of_before_has_no_influence_and_every_layer_counts() -> None:
    assert counted({}, 2) is Outcome.PASSED
