"""The arithmetic of layers beside real Keras layers, described as the judge describes them."""

import importlib
import math
import warnings
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.evidence import Architecture, Layer
from grader.judge.worker import describe_model
from grader.pages.shapes import dense_instead, flattened, parameter_count, sliding, written_rule
from tests.pages.arithmetic import equations
from tests.pages.layers import Shape


@lru_cache
def keras() -> Any:
    """Keras, which is loaded only when a test that needs it runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("keras")


def described(layer: Any, incoming: Shape) -> Layer:
    """A real Keras layer as the judge describes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = keras().Sequential([keras().Input(incoming), layer])
        return Architecture.model_validate(describe_model(model)).layers[0]


def _per_axis(rank: int, low: int, high: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(low, high)] * rank)


@st.composite
def windows(draw: st.DrawFn, family: str) -> tuple[str, Shape, dict[str, Any]]:
    """A layer's class name, a shape that it can take in, and its arguments."""
    rank = draw(st.integers(1, 2 if family in ("SeparableConv", "DepthwiseConv") else 3))
    even = family in ("SeparableConv", "DepthwiseConv")  # TensorFlow strides these the same along both axes
    window = draw(_per_axis(rank, 1, 4))
    stride = (draw(st.integers(1, 3)),) * rank if even else draw(_per_axis(rank, 1, 3))
    spread = (1,) * rank
    arguments: dict[str, Any] = {"strides": stride}
    arguments["padding"] = draw(
        st.sampled_from(("valid", "same", "causal") if family + str(rank) == "Conv1" else ("valid", "same"))
    )
    channels = draw(st.integers(1, 6))
    if "Pooling" in family:
        arguments["pool_size"] = window
    else:
        if set(stride) == {1}:
            spread = (draw(st.integers(1, 3)),) * rank if even else draw(_per_axis(rank, 1, 3))
        arguments |= {"kernel_size": window, "dilation_rate": spread, "use_bias": draw(st.booleans())}
    if family == "Conv":
        groups = draw(st.integers(1, 3))
        channels *= groups
        arguments |= {"groups": groups, "filters": groups * draw(st.integers(1, 4))}
    if even:
        arguments["depth_multiplier"] = draw(st.integers(1, 3))
    if family == "SeparableConv":
        arguments["filters"] = draw(st.integers(1, 7))
    sizes = [d * (f - 1) + 1 + draw(st.integers(0, 9)) for f, d in zip(window, spread, strict=True)]
    free = draw(st.lists(st.booleans(), min_size=rank, max_size=rank))
    spatial = tuple(None if hidden and draw(st.booleans()) else size for size, hidden in zip(sizes, free, strict=True))
    return f"{family}{rank}D", (*spatial, channels), arguments


@pytest.mark.parametrize("family", ["Conv", "SeparableConv", "DepthwiseConv", "MaxPooling", "AveragePooling"])
@given(data=st.data())
@settings(max_examples=40)
def test_the_arithmetic_gives_what_keras_gives(family: str, data: st.DataObject) -> None:
    kind, incoming, arguments = data.draw(windows(family))
    layer = described(getattr(keras().layers, kind)(**arguments), incoming)
    found = sliding(layer)
    assert found is not None
    sizes = tuple(None if axis.incoming is None else axis.outgoing(axis.incoming) for axis in found.axes)
    assert (*sizes, found.channels.value) == layer.output_shape
    for axis in found.axes:
        for sides in equations(written_rule(axis, axis.incoming)) if axis.incoming else ():
            assert set(sides) == {axis.outgoing(axis.incoming or 0)}
    parameters = parameter_count(layer)
    if "Pooling" in kind:
        assert layer.parameters == 0
    else:
        assert parameters is not None and parameters.value == layer.parameters
        assert equations(f"{parameters.text} = {layer.parameters}") == [[layer.parameters] * 2]
    assert (dense_instead(layer) is None) == (None in incoming)


@pytest.mark.parametrize(
    ("kind", "incoming", "arguments"),
    [
        ("Conv2D", (6, 5, 3), {"filters": 4, "kernel_size": 3}),
        ("Conv1D", (12, 2), {"filters": 3, "kernel_size": 2, "strides": 2}),
        ("MaxPooling2D", (6, 5, 3), {"pool_size": 2}),
        ("GlobalAveragePooling2D", (6, 5, 3), {}),
        ("Conv2DTranspose", (4, 4, 2), {"filters": 3, "kernel_size": 3, "strides": 2}),
        ("AdaptiveMaxPooling2D", (7, 7, 2), {"output_size": 3}),
    ],
)
def test_the_dense_layer_in_its_place_has_as_many_parameters_as_keras_counts(
    kind: str, incoming: Shape, arguments: dict[str, Any]
) -> None:
    layer = described(getattr(keras().layers, kind)(**arguments), incoming)
    found, flat = dense_instead(layer), keras().layers.Flatten()
    target = keras().layers.Dense(math.prod(size or 0 for size in layer.output_shape or ()))
    model = keras().Sequential([keras().Input(incoming), flat, target])
    assert found is not None and found.value == model.count_params()
    row = flattened(Architecture.model_validate(describe_model(model)).layers[0])
    assert row is not None and equations(f"{row.text} = {row.value}") == [
        [math.prod(size or 0 for size in incoming)] * 2
    ]


@given(st.data())
@settings(max_examples=25)
def test_other_layers_with_weights_are_counted_as_keras_counts_them(data: st.DataObject) -> None:
    layers, shape = keras().layers, tuple(data.draw(st.lists(st.integers(1, 7), min_size=1, max_size=4)))
    flags = data.draw(st.tuples(st.booleans(), st.booleans()))
    axis = data.draw(st.integers(-len(shape), len(shape)).filter(bool))
    for made in (
        layers.Dense(data.draw(st.integers(1, 9)), use_bias=flags[0]),
        layers.BatchNormalization(axis=axis, scale=flags[0], center=flags[1]),
    ):
        layer = described(made, shape)
        found = parameter_count(layer)
        assert found is not None and found.value == layer.parameters
    volume = (*(8 for _ in shape[:3]), 2)
    rank = len(volume) - 1
    transposed = getattr(layers, f"Conv{rank}DTranspose")(data.draw(st.integers(1, 4)), 3, strides=2, use_bias=flags[0])
    layer = described(transposed, volume)
    counted = parameter_count(layer)
    assert counted is not None and counted.value == layer.parameters and sliding(layer) is None


def test_channels_may_come_first() -> None:
    layer = described(keras().layers.Conv2D(5, (3, 2), strides=2, data_format="channels_first"), (3, 9, 8))
    found, parameters = sliding(layer), parameter_count(layer)
    assert found is not None and parameters is not None
    assert [(axis.name, axis.incoming, axis.outgoing(axis.incoming or 0)) for axis in found.axes] == [
        ("height", 9, 4),
        ("width", 8, 4),
    ]
    assert parameters.text == "(3 · 2 · 3 + 1) · 5"


def test_a_layer_whose_weights_are_more_than_the_lectures_is_left_alone() -> None:
    wider = keras().layers.Dense(4, lora_rank=2)
    assert parameter_count(described(wider, (6,))) is None
    wrapped = keras().layers.SpectralNormalization(keras().layers.Conv2D(4, 3))
    layer = described(wrapped, (8, 8, 1))
    assert (sliding(layer), parameter_count(layer), dense_instead(layer)) == (None, None, None)


def test_a_layer_used_twice_is_explained_by_its_first_use() -> None:
    shared, image = keras().layers.Conv2D(1, 3, name="shared"), keras().Input((28, 28, 1))
    model = keras().Model(image, keras().layers.GlobalMaxPooling2D()(shared(shared(image))))
    layers = {layer.name: layer for layer in Architecture.model_validate(describe_model(model)).layers}
    found, parameters = sliding(layers["shared"]), parameter_count(layers["shared"])
    assert found is not None and parameters is not None
    assert [axis.incoming for axis in found.axes] == [28, 28]
    assert parameters.value == layers["shared"].parameters == 10
