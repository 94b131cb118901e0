"""The arithmetic of layers: it says what the judge saw, in the lecture's notation, or nothing at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.evidence import Layer
from grader.pages.shapes import (
    FAMILIES,
    Axis,
    Padding,
    dense_instead,
    flattened,
    free_rule,
    parameter_count,
    pooled_cells,
    sliding,
    written_rule,
)
from tests.pages.arithmetic import equations
from tests.pages.layers import a_convolution, a_layer, a_pooling

DENSE = {"units": 128, "use_bias": True}
NORMALIZATION = {"axis": -1, "scale": True, "center": True}


def an_axis(window: int, stride: int = 1, padding: Padding = "valid", dilation: int = 1) -> Axis:
    return Axis(name="height", incoming=None, window=window, stride=stride, dilation=dilation, padding=padding)


@pytest.mark.parametrize(
    ("incoming", "axis", "said"),
    [
        (28, an_axis(3), "(28 - 3)/1 + 1 = 26"),
        (28, an_axis(3, padding="same"), "(28 + 2·1 - 3)/1 + 1 = 28"),
        (28, an_axis(2, padding="same"), "(28 + 1 - 2)/1 + 1 = 28"),
        (28, an_axis(4, padding="same"), "(28 + 1 + 2 - 4)/1 + 1 = 28"),
        (28, an_axis(2, 2, padding="same"), "(28 - 2)/2 + 1 = 14"),
        (28, an_axis(3, dilation=2), "(28 - 5)/1 + 1 = 24"),
        (28, an_axis(3, padding="causal"), "(28 + 2 - 3)/1 + 1 = 28"),
        (227, an_axis(11, 4), "(227 - 11)/4 + 1 = 55"),
        (27, an_axis(2, 2), "floor((27 - 2)/2 + 1) = floor(13.5) = 13"),
        (30, an_axis(2, 3), "floor((30 - 2)/3 + 1) = floor(10.33…) = 10"),
        (9, an_axis(1, 4), "(9 - 1)/4 + 1 = 3"),
        (10, an_axis(1, 4, padding="same"), "floor((10 - 1)/4 + 1) = floor(3.25) = 3"),
        (2_000, an_axis(3), "(2,000 - 3)/1 + 1 = 1,998"),
        (1_202, an_axis(1, 200), "floor((1,202 - 1)/200 + 1) = floor(7.00…) = 7"),
    ],
)
def test_the_size_rule_is_written_with_the_layers_own_numbers(incoming: int, axis: Axis, said: str) -> None:
    assert written_rule(axis, incoming) == said


def test_a_free_size_has_a_rule_in_letters() -> None:
    assert free_rule(an_axis(3)) == "(m - 3)/1 + 1"
    assert free_rule(an_axis(3, 2)) == "floor((m - 3)/2 + 1)"
    assert free_rule(an_axis(3, padding="same")) == "m"
    assert free_rule(an_axis(3, 2, padding="same")) == "ceil(m/2)"


padding_words = st.sampled_from(("valid", "same", "causal"))


@given(st.integers(1, 3_000), st.integers(1, 12), st.integers(1, 7), padding_words, st.integers(1, 4))
def test_every_rule_that_is_written_down_is_a_true_equation(
    incoming: int, window: int, stride: int, padding: Padding, dilation: int
) -> None:
    axis = an_axis(window, stride, padding, dilation)
    if padding != "valid":
        assert axis.outgoing(incoming) == -(-incoming // stride)
    for sides in equations(written_rule(axis, max(incoming, axis.reach))):
        assert len(set(sides)) == 1


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (a_layer("Conv2D", "c", (9, 9, 3), (7, 7, 32), 896, **a_convolution(32)), "(3 · 3 · 3 + 1) · 32"),
        (
            a_layer("Conv2D", "c", (9, 9, 3), (7, 7, 32), 864, **a_convolution(32, use_bias=False)),
            "3 · 3 · 3 · 32",
        ),
        (
            a_layer("Conv2D", "c", (9, 9, 32), (7, 7, 64), 9_280, **a_convolution(64, groups=2)),
            "(3 · 3 · 16 + 1) · 64",
        ),
        (
            a_layer("SeparableConv2D", "c", (9, 9, 32), (7, 7, 64), 2_400, **a_convolution(64, depth_multiplier=1)),
            "3 · 3 · 32 + (32 + 1) · 64",
        ),
        (
            a_layer("DepthwiseConv2D", "c", (9, 9, 32), (7, 7, 64), 640, **a_convolution(0, depth_multiplier=2)),
            "(3 · 3 + 1) · 32 · 2",
        ),
        (
            a_layer("Conv2DTranspose", "c", (9, 9, 3), (11, 11, 32), 896, **a_convolution(32)),
            "(3 · 3 · 3 + 1) · 32",
        ),
        (a_layer("Dense", "d", (784,), (128,), 100_480, **DENSE), "(784 + 1) · 128"),
        (a_layer("Dense", "d", (784,), (128,), 100_352, units=128, use_bias=False), "784 · 128"),
        (a_layer("BatchNormalization", "b", (7, 7, 32), (7, 7, 32), 128, **NORMALIZATION), "4 · 32"),
        (
            a_layer("BatchNormalization", "b", (32, 7, 7), (32, 7, 7), 96, axis=1, scale=False, center=True),
            "3 · 32",
        ),
    ],
)
def test_parameters_are_counted_with_the_layers_own_numbers(layer: Layer, said: str) -> None:
    found = parameter_count(layer)
    assert found is not None and (found.text, found.value) == (said, layer.parameters)


def test_a_count_that_is_not_the_judges_is_not_shown() -> None:
    for parameters in (0, 895, 897):
        layer = a_layer("Conv2D", "c", (9, 9, 3), (7, 7, 32), parameters, **a_convolution(32))
        assert parameter_count(layer) is None and sliding(layer) is not None
    for outgoing in ((7, 6, 32), (7, 7, 31), (None, 7, 32), (7, 7), (7, 7, 32, 1)):
        layer = a_layer("Conv2D", "c", (9, 9, 3), outgoing, 896, **a_convolution(32))
        assert sliding(layer) is None


def test_a_layer_with_several_inputs_or_none_is_not_explained() -> None:
    layer = a_layer("Conv2D", "c", (9, 9, 3), (7, 7, 32), 896, **a_convolution(32))
    for shapes in ((), ((9, 9, 3), (9, 9, 3))):
        other = layer.model_copy(update={"input_shapes": shapes})
        assert (sliding(other), parameter_count(other), dense_instead(other)) == (None, None, None)


def test_a_dense_layer_in_its_place_needs_a_weight_for_every_pair_and_a_bias_for_every_output() -> None:
    layer = a_layer("Conv2D", "c", (28, 28, 1), (26, 26, 32), 320, **a_convolution(32))
    found = dense_instead(layer)
    assert found is not None
    assert (found.text, found.value) == ("(784 + 1) · 21,632", 784 * 21_632 + 21_632)
    pooling = dense_instead(a_layer("GlobalMaxPooling2D", "g", (7, 7, 64), (64,)))
    assert pooling is not None and pooling.value == 7 * 7 * 64 * 64 + 64
    assert dense_instead(a_layer("Dense", "d", (784,), (128,), 100_480, **DENSE)) is None
    assert dense_instead(a_layer("MaxPooling2D", "p", (None, 28, 1), (None, 14, 1), **a_pooling())) is None


def test_flattening_and_global_pooling_count_their_cells() -> None:
    row = flattened(a_layer("Flatten", "f", (5, 5, 48), (1_200,)))
    assert row is not None and (row.text, row.value) == ("5 · 5 · 48", 1_200)
    assert flattened(a_layer("Flatten", "f", (5, 5, 48), (1_201,))) is None
    cells = pooled_cells(a_layer("GlobalMaxPooling2D", "g", (7, 6, 64), (64,), data_format="channels_last"))
    assert cells is not None and (cells.text, cells.value) == ("7 · 6", 42)
    assert pooled_cells(a_layer("GlobalMaxPooling2D", "g", (None, 6, 64), (64,), data_format="channels_last")) is None


odd = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 40) | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
odd_shapes = st.lists(st.none() | st.integers(-2, 40) | st.just(10**30), max_size=5).map(tuple)
KEYS = sorted({*a_convolution(1), *a_pooling(), *DENSE, *NORMALIZATION, "depth_multiplier", "output_size"})


@given(st.data())
@settings(max_examples=300)
def test_whatever_a_config_holds_nothing_breaks_and_nothing_untrue_is_said(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([*sorted(FAMILIES), "Dense", "BatchNormalization", "Flatten", "Lambda"]))
    usual = {**a_convolution(8, depth_multiplier=1), **a_pooling(), **DENSE, **NORMALIZATION}
    config = usual | data.draw(st.dictionaries(st.sampled_from(KEYS), odd, max_size=3))
    for key in data.draw(st.sets(st.sampled_from(KEYS), max_size=1)):
        config.pop(key, None)
    layer = Layer(
        name="x",
        kind=kind,
        config=config,
        input_shapes=data.draw(st.lists(odd_shapes, max_size=2).map(tuple)),
        output_shape=data.draw(st.none() | odd_shapes),
        parameters=data.draw(st.integers(-5, 2_000)),
    )
    found = sliding(layer)
    if found is not None:
        sizes = [None if axis.incoming is None else axis.outgoing(axis.incoming) for axis in found.axes]
        written = [written_rule(axis, axis.incoming) for axis in found.axes if axis.incoming is not None]
        assert sorted(map(str, [*sizes, found.channels.value])) == sorted(map(str, layer.output_shape or ()))
        assert all(len(set(sides)) == 1 for text in written for sides in equations(text))
    for formula in (parameter_count(layer), dense_instead(layer), flattened(layer), pooled_cells(layer)):
        if formula is not None:
            assert equations(f"{formula.text} = {formula.value}") == [[formula.value] * 2]
            assert len(formula.text) < 120
    counted = parameter_count(layer)
    assert counted is None or counted.value == layer.parameters


@pytest.mark.parametrize(
    "value", [True, 3, "3", [3], [3, 3, 3], [3, True], [True, True], [3.0, 3.0], [3, -3], [0, 3], [3, 10**30], None]
)
@pytest.mark.parametrize("key", ["kernel_size", "strides", "dilation_rate"])
def test_a_window_that_no_keras_layer_has_is_not_calculated_with(key: str, value: object) -> None:
    layer = a_layer("Conv2D", "c", (9, 9, 3), (7, 7, 32), 896, **a_convolution(32, **{key: value}))
    assert sliding(layer) is None
    assert key != "kernel_size" or parameter_count(layer) is None


def test_shapes_of_many_axes_are_not_multiplied_into_pages_of_digits() -> None:
    for kind in ("MaxPooling2D", "Flatten"):
        layer = a_layer(kind, "x", (10**9,) * 500, (10**9,) * 500)
        assert dense_instead(layer) is None and flattened(layer) is None
