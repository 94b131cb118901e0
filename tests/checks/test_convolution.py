import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.evidence import Layer
from grader.core.results import Outcome
from tests.checks.builders import built, conv, dense, layer, look, model, perceptron, pool

FLATTEN, OUT = layer("Flatten", "flatten"), dense(10, "dense", "softmax")
RELU, NORM = layer("Activation", "activation", {"activation": "relu"}), layer("BatchNormalization", "norm")
ALL = ["filters_increase", "kernel_size", "pooling_after_convolution", "no_padding_or_stride"]


@pytest.mark.parametrize("check", ALL)
def test_a_network_without_convolutions_is_told_so(check: str) -> None:
    result = look(check, built(perceptron()))
    assert (result.outcome, result.reason) == (Outcome.FAILED, "there is no convolution in the model")


@given(st.lists(st.integers(1, 512), min_size=1, max_size=8))
def test_filters_pass_exactly_when_they_never_fall_and_grow_once(filters: list[int]) -> None:
    layers = [conv(count, f"conv2d_{place}") for place, count in enumerate(filters)]
    passed = look("filters_increase", built(model(*layers, FLATTEN, OUT))).outcome is Outcome.PASSED
    assert passed == (filters == sorted(filters) and (len(filters) == 1 or filters[0] < filters[-1]))


def test_fewer_filters_are_told_with_both_layers() -> None:
    result = look("filters_increase", built(model(conv(64, "a"), conv(32, "b"))))
    assert result.reason == "`b` has 32 filters after 64 in `a`"


def test_filters_that_never_grow_are_told_so() -> None:
    assert look("filters_increase", built(model(conv(32, "a"), conv(32, "b")))).reason == (
        "all 2 convolutions have 32 filters"
    )


def test_kernel_sizes_are_those_of_the_rubric_and_3_by_3_without_one() -> None:
    about = built(model(conv(8, "a"), conv(8, "b", kernel=(5, 5))))
    assert look("kernel_size", about).reason == "`b` has 5 x 5; asked for is 3 x 3"
    assert look("kernel_size", about, {"sizes": [[3, 3], [5, 5]]}).outcome is Outcome.PASSED
    assert look("kernel_size", built(model(conv(8)))).reason == "the kernels are 3 x 3"


def test_a_kernel_size_written_as_one_number_counts_for_both_axes() -> None:
    separable = layer("SeparableConv2D", "sep", {"filters": 8, "kernel_size": 3})
    assert look("kernel_size", built(model(separable))).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("layers", "unpooled"),
    [
        ([conv(8, "a"), pool(), FLATTEN, OUT], ""),
        ([conv(8, "a"), NORM, RELU, pool(), FLATTEN, OUT], ""),
        ([conv(8, "a"), conv(8, "b"), pool(), FLATTEN, OUT], ""),
        ([conv(8, "a"), pool(), conv(8, "b"), layer("GlobalAveragePooling2D"), OUT], ""),
        ([conv(8, "a"), conv(8, "b", strides=(2, 2)), FLATTEN, OUT], ""),
        ([conv(8, "a"), pool(), conv(8, "b"), FLATTEN, OUT], "`b` is not"),
        ([conv(8, "a"), conv(8, "b"), FLATTEN, OUT], "`a` and `b` are not"),
        ([conv(8, "a"), OUT, pool()], "`a` is not"),
        ([conv(8, "a")], "`a` is not"),
        ([conv(8, "a", strides=(2, 2)), conv(8, "b"), FLATTEN, OUT], "`b` is not"),
    ],
)
def test_each_block_of_convolutions_is_pooled_before_the_dense_part(layers: list[Layer], unpooled: str) -> None:
    result = look("pooling_after_convolution", built(model(*layers)))
    assert (result.outcome is Outcome.PASSED) == (not unpooled)
    assert result.reason.startswith(unpooled)


@pytest.mark.parametrize(
    ("layers", "passed"),
    [
        ([conv(6, "C1"), pool(), conv(16, "C3"), pool(), conv(120, "C5"), FLATTEN, OUT], True),  # LeNet-5
        ([conv(6, "C1"), pool(), conv(16, "C3"), conv(120, "C5"), FLATTEN, OUT], True),  # the last block of two
        ([conv(6, "C1"), pool(), conv(16, "C3"), FLATTEN, OUT, conv(8, "C5"), FLATTEN], False),
        ([conv(6, "C1"), FLATTEN, OUT], False),
        ([conv(6, "C1"), FLATTEN, conv(16, "C3"), pool(), OUT], False),
    ],
)
def test_the_last_block_may_go_without_where_the_rubric_says_so(layers: list[Layer], passed: bool) -> None:
    result = look("pooling_after_convolution", built(model(*layers)), {"last_free": True})
    assert (result.outcome is Outcome.PASSED) == passed
    assert not passed or result.reason == "all convolutions but the last, `C5`, are pooled, as in LeNet-5"


def test_missing_pooling_is_told_with_the_rule() -> None:
    result = look("pooling_after_convolution", built(model(conv(8, "a"), FLATTEN, OUT)))
    assert result.hint.startswith("The rule: every convolution, or block of convolutions, is followed by a pooling")


def test_padding_and_strides_are_named() -> None:
    result = look("no_padding_or_stride", built(model(conv(8, "a", padding="same"), conv(8, "b", strides=(2, 1)))))
    assert result.reason == '`a` has padding="same" and `b` has strides 2 x 1'


def test_padding_by_a_layer_of_its_own_is_padding() -> None:
    result = look("no_padding_or_stride", built(model(layer("ZeroPadding2D", "zeros"), conv(8))))
    assert result.reason == "`zeros` adds padding"


def test_strides_of_a_pooling_layer_are_nobodys_business() -> None:
    assert look("no_padding_or_stride", built(model(conv(8), pool()))).outcome is Outcome.PASSED


def test_one_dimensional_strides_are_read_as_one_number() -> None:
    sound = layer("Conv1D", "sound", {"filters": 8, "kernel_size": [3], "strides": 2, "padding": "valid"})
    assert look("no_padding_or_stride", built(model(sound))).reason == "`sound` has strides 2"
