"""Layers that the network's answers do not depend on get no credit, from whichever check; nor do they cost anything."""

from dataclasses import replace

import pytest

from grader.checks.base import Case
from grader.checks.family import recognise
from grader.checks.layers import NO_INFLUENCE, reaching_answer
from grader.core.evidence import Architecture, Layer, Smoke
from grader.core.results import CheckResult, Outcome
from tests.checks.builders import built, conv, dense, dropout, layer, look, model, pool

MAPS = (8, 8, 8)
IMAGE = layer("InputLayer", "image")
CONVOLUTIONAL = ["filters_increase", "kernel_size", "pooling_after_convolution", "no_padding_or_stride"]


def part(of: Layer, *inputs: str, influence: float | None = 1.0, shape: tuple[int, ...] = MAPS) -> Layer:
    return of.model_copy(update={"inputs": inputs, "influence": influence, "output_shape": shape})


def headed(*layers: Layer) -> Architecture:
    """A network of these layers and a dense part that reads from the last one."""
    flat = part(layer("Flatten", "flatten"), layers[-1].name, shape=(512,))
    return model(IMAGE, *layers, flat, part(dense(2, "out", "softmax"), "flatten", shape=(2,)))


def merged(kind: str, influence: float) -> Architecture:
    """Two convolutions one after another and a third one beside the second, which has so much influence."""
    return headed(
        part(conv(8, "stem"), "image"),
        part(conv(8, "near"), "stem"),
        part(conv(8, "far"), "near"),
        part(conv(8, "beside"), "stem", influence=influence),
        part(layer("ops.Multiply", "scaled"), "beside", influence=None),
        part(layer(kind, "merge", {"axis": -1}), "far", "beside"),
    )


@pytest.mark.parametrize(("kind", "family"), [("Add", "resnet"), ("Concatenate", "inception")])
def test_a_branch_that_is_multiplied_by_zero_makes_no_architecture_of_branches(kind: str, family: str) -> None:
    assert recognise(merged(kind, 0.5)).name == family
    assert recognise(merged(kind, 0.0)).name == "plain"
    assert "(`stem`, `near` and `far`)" in recognise(merged(kind, 0.0)).reason
    asked = {"families": [family]}
    assert look("inspired_by", built(merged(kind, 0.5)), asked).outcome is Outcome.PASSED
    assert look("inspired_by", built(merged(kind, 0.0)), asked).outcome is Outcome.FAILED


@pytest.mark.parametrize("check", CONVOLUTIONAL)
def test_a_perceptron_with_an_idle_convolution_is_no_convolutional_network(check: str) -> None:
    flat = part(layer("Flatten", "flatten"), "image", shape=(784,))
    idle = part(conv(8, "idle"), "image", influence=0.0), part(pool("idle_pool"), "idle", influence=0.0)
    about = built(model(IMAGE, *idle, flat, part(dense(10), "flatten", "idle_pool", shape=(10,))))
    found = look(check, about)
    assert (found.outcome, found.points) == (Outcome.FAILED, 0)
    assert found.reason == "there is no convolution that the model's answers depend on: `idle` could be left out"
    assert found.hint == NO_INFLUENCE
    assert recognise(about.architecture).name == "mlp"


def test_an_idle_pooling_pools_nothing_and_an_idle_convolution_needs_none() -> None:
    used, idle = part(conv(8, "used"), "image"), part(conv(8, "idle"), "used", influence=0.0)
    idle_pool = part(pool(), "used", influence=0.0)
    assert look("pooling_after_convolution", built(headed(used, idle_pool, part(conv(8, "last"), "used")))).reason == (
        "`used` and `last` are not followed by pooling before the dense part"
    )
    beside = headed(used, part(pool(), "used"), idle, part(layer("Add", "sum"), "max_pooling2d", "idle"))
    assert look("pooling_after_convolution", built(beside)).outcome is Outcome.PASSED


def test_an_idle_dropout_does_not_count_and_an_idle_dense_layer_is_not_compared() -> None:
    flat = part(layer("Flatten", "flatten"), "image", shape=(784,))
    out = part(dense(10, "out"), "flatten", shape=(10,))
    for influence, outcome in ((0.5, Outcome.PASSED), (0.0, Outcome.FAILED)):
        dropped = part(dropout(), "flatten", influence=influence)
        assert look("dropout_before_last_dense", built(model(flat, dropped, out))).outcome is outcome
    narrow, wide = part(dense(4, "narrow"), "flatten", influence=0.0), part(dense(10, "out"), "flatten")
    assert look("units_decrease", built(model(flat, narrow, wide))).outcome is Outcome.PASSED


def test_what_reads_only_from_idle_layers_goes_with_them_unless_it_counts_itself() -> None:
    layers = reaching_answer(
        (
            part(conv(8, "used"), "image"),
            part(conv(8, "idle"), "used", influence=0.0),
            part(layer("ops.Relu", "relu"), "idle", influence=None),
            part(layer("ops.Multiply", "zero"), "relu", influence=None),
            part(conv(8, "other"), "zero", influence=0.3),
            part(layer("Add", "sum"), "zero", "used", "other"),
        )
    )
    assert [(item.name, item.inputs) for item in layers] == [
        ("used", ("image",)), ("other", ("used",)), ("sum", ("used", "other")),
    ]  # fmt: skip


def test_where_nothing_was_measured_every_layer_counts() -> None:
    before = tuple(item.model_copy(update={"influence": None}) for item in merged("Add", 0.5).layers)
    assert reaching_answer(before) == before


def smoked(influence: float) -> Case:
    """A smoke run of a network of which one convolution has so much influence."""
    about = built(merged("Add", influence))
    return replace(about, evidence=about.evidence.model_copy(update={"smoke": Smoke()}))


def in_a_smoke_run(influence: float, at_least: int, use: str = "required_layers") -> CheckResult:
    return look(use, smoked(influence), {"kinds": ["Conv2D"], "at_least": at_least})


def test_a_smoke_run_refuses_what_has_no_influence_as_a_full_run_would() -> None:
    found = in_a_smoke_run(0.0, 4)
    assert found.outcome is Outcome.FAILED
    assert "`beside` could be left out" in found.reason


def test_a_smoke_run_leaves_open_what_hangs_on_a_branch_that_has_hardly_learnt() -> None:
    found = in_a_smoke_run(0.01, 4)
    assert (found.outcome, found.points) == (Outcome.SKIPPED, 0)
    assert found.reason == (
        "not checked: whether the answers will depend on `beside` can't be told after so little training"
    )
    assert look("inspired_by", smoked(0.01), {"families": ["resnet"]}).outcome is Outcome.SKIPPED


def test_it_tells_what_does_not_hang_on_such_a_branch() -> None:
    assert in_a_smoke_run(0.01, 3).outcome is Outcome.PASSED
    assert in_a_smoke_run(0.01, 5).outcome is Outcome.FAILED
