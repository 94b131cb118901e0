import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks.architecture import ExpectedLayers
from grader.checks.layers import ACTIVATIONS, KINDS, activation_of, known_kind, output_activation
from grader.core.errors import RubricError
from grader.core.evidence import Judgement, Layer
from grader.core.results import Outcome
from tests.checks.builders import (
    built,
    case,
    conv,
    convolutional,
    dense,
    dropout,
    judged,
    layer,
    look,
    model,
    perceptron,
    planned,
    pool,
)

FLATTEN = layer("Flatten", "flatten")
NO_ARGUMENTS = ["units_decrease", "dropout_before_last_dense", "filters_increase", "kernel_size"]


@pytest.mark.parametrize("check", [*NO_ARGUMENTS, "pooling_after_convolution", "no_padding_or_stride"])
def test_without_a_model_every_look_at_it_is_skipped_and_says_why(check: str) -> None:
    nothing = case(judgement=Judgement(outcome="no-model", reason="no model was left"))
    result = look(check, nothing)
    assert (result.outcome, result.points) == (Outcome.SKIPPED, 0)
    assert "`model_found` failed: no trained model was found" in result.reason


@pytest.mark.parametrize("check", [*NO_ARGUMENTS, "pooling_after_convolution", "no_padding_or_stride"])
def test_a_textbook_network_passes(check: str) -> None:
    result = look(check, built(convolutional()))
    assert (result.outcome, result.rests_on) == (Outcome.PASSED, "facts")
    assert result.reason


# -- input_shape


@pytest.mark.parametrize(
    ("found", "shapes", "fits"),
    [
        ((784,), [[784]], True),
        ((28, 28, 1), [[784], [28, 28, 1]], True),
        ((28, 28), [[28, 28, 1]], False),
        ((150, 150, 3), [[-1, -1, 3]], True),
        ((150, 150, 3), [[0, 0, 3]], True),
        ((150, 150, 1), [[-1, -1, 3]], False),
        ((150, 150, 3), [[-1, -1, -1]], True),
        ((128, 150, 3), [[150, 150, 3]], False),
        ((None, None, 3), [[150, 150, 3]], True),
        ((None, None, None), [[150, 150, 3]], False),
        ((None,), [[784]], False),
    ],
)
def test_input_shapes_are_compared_without_the_batch_axis(
    found: tuple[int | None, ...], shapes: list[list[int]], fits: bool
) -> None:
    result = look("input_shape", built(model(dense(10), inputs=found)), {"shapes": shapes})
    assert (result.outcome is Outcome.PASSED) == fits


def test_a_wrong_input_shape_is_told_with_the_right_ones() -> None:
    result = look("input_shape", built(model(dense(10), inputs=(28, 28))), {"shapes": [[28, 28, 1], [784]]})
    assert result.reason == "the input is (28, 28), asked for is (28, 28, 1) or (784,)"
    assert "channel axis is missing" in result.hint


@given(st.lists(st.integers(1, 500), min_size=1, max_size=4))
def test_every_shape_fits_itself_and_the_all_wildcard(shape: list[int]) -> None:
    about = built(model(dense(10), inputs=shape))
    assert look("input_shape", about, {"shapes": [shape]}).outcome is Outcome.PASSED
    assert look("input_shape", about, {"shapes": [[-1] * len(shape)]}).outcome is Outcome.PASSED
    assert look("input_shape", about, {"shapes": [[*shape, 1]]}).outcome is Outcome.FAILED


# -- output_units


@pytest.mark.parametrize(
    ("layers", "units", "parameters", "passes"),
    [
        ([dense(10, activation="softmax")], 10, {"units": 10}, True),
        ([dense(10, activation="softmax")], 10, {"units": [10]}, True),
        ([dense(10, activation="sigmoid")], 10, {"units": 10}, False),
        ([dense(10, activation="sigmoid")], 10, {"units": 10, "activations": {"10": ["softmax", "sigmoid"]}}, True),
        ([dense(5, activation="softmax")], 5, {"units": 10}, False),
        ([dense(1, activation="sigmoid")], 1, {"units": [1, 2]}, True),
        ([dense(1, activation="tanh")], 1, {"units": [1, 2]}, False),
        ([dense(2, activation="softmax")], 2, {"units": [1, 2]}, True),
        ([dense(10, activation="linear")], 10, {"units": 10}, False),
        ([dense(10, activation="linear")], 10, {"units": 10, "logits": True}, True),
        ([dense(10, activation=None), layer("Softmax")], 10, {"units": 10}, True),
        ([dense(10, activation="linear"), layer("Activation", "", {"activation": "softmax"})], 10, {"units": 10}, True),
    ],
)
def test_output_units_and_activation(layers: list[Layer], units: int, parameters: dict[str, Any], passes: bool) -> None:
    result = look("output_units", built(model(*layers, outputs=(units,))), parameters)
    assert (result.outcome is Outcome.PASSED) == passes


def test_a_wrong_activation_is_told_with_the_right_one() -> None:
    result = look("output_units", built(model(dense(10, activation="linear"))), {"units": 10})
    assert result.reason == "the output has 10 units with no activation (linear), asked for is softmax"
    assert result.hint == 'End with `Dense(10, activation="softmax")`.'


def test_a_wrong_number_of_units_is_told_with_the_units_and_the_activation_that_are_right() -> None:
    result = look("output_units", built(model(dense(9, activation="linear"), outputs=(9,))), {"units": 10})
    assert result.reason == "the output has 9 units with no activation (linear), asked for is 10 units with softmax"
    assert result.hint == 'End with `Dense(10, activation="softmax")`.'
    either = look("output_units", built(model(dense(3, activation="softmax"), outputs=(3,))), {"units": [1, 2]})
    assert either.reason.endswith("asked for is 1 unit with sigmoid or 2 units with softmax")
    assert either.hint == 'End with `Dense(1, activation="sigmoid")`.'


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (None, "linear"),
        ("relu", "relu"),
        ({"class_name": "Softmax", "config": {"axis": -1}}, "softmax"),
        ({"class_name": "LeakyReLU", "config": {}}, "LeakyReLU"),
        ({"class_name": "Activation", "config": {"activation": "softmax"}}, "softmax"),
        ({"class_name": "function", "config": "my_own"}, "my_own"),
        ({"value": ["code"]}, "a function of its own"),
        (3, "a function of its own"),
    ],
)
def test_activations_are_read_from_strings_and_objects(written: object, name: str) -> None:
    assert activation_of(dense(10, activation=written)) == name


def test_dropout_and_reshaping_after_the_output_do_not_hide_its_activation() -> None:
    assert output_activation(model(dense(10, activation="softmax"), dropout(), layer("Flatten"))) == "softmax"
    assert output_activation(model(layer("GlobalAveragePooling2D"))) == "linear"
    assert output_activation(model()) == "linear"


# -- allowed, forbidden and required layers


def test_allowed_layers_let_preparation_and_augmentation_pass() -> None:
    prepared = model(layer("InputLayer"), layer("Rescaling"), layer("RandomFlip"), dense(10))
    assert look("allowed_layers", built(prepared), {"kinds": ["Dense"]}).outcome is Outcome.PASSED


def test_a_layer_that_is_not_allowed_is_named_even_inside_an_inner_model() -> None:
    result = look("allowed_layers", built(model(conv(8, "inner/conv2d"), dense(10))), {"kinds": ["Dense", "Flatten"]})
    assert result.reason == "`inner/conv2d` (Conv2D) is not among the allowed layers"
    assert result.hint == "Use only Dense and Flatten."


def test_forbidden_layers_are_named() -> None:
    result = look("forbidden_layers", built(convolutional()), {"kinds": ["Conv2D"]})
    assert result.reason == "`conv2d` (Conv2D) and `conv2d_1` (Conv2D) are ruled out by this exercise"
    assert look("forbidden_layers", built(perceptron()), {"kinds": ["Conv2D"]}).outcome is Outcome.PASSED


def test_required_layers_must_occur_as_often_as_asked() -> None:
    about = built(convolutional())
    assert look("required_layers", about, {"kinds": ["Conv2D", "MaxPooling2D"], "at_least": 2}).points == 10
    assert look("required_layers", about, {"kinds": ["Conv2D", "Dropout"], "at_least": {"Conv2D": 2}}).points == 10
    result = look("required_layers", about, {"kinds": ["Conv2D", "LSTM"], "at_least": {"Conv2D": 3}})
    assert result.reason == (
        "3 Conv2D layers are asked for, the model has 2 (`conv2d` and `conv2d_1`); "
        "1 LSTM layer is asked for, the model has none"
    )


@pytest.mark.parametrize(
    ("use", "parameters", "words"),
    [
        ("allowed_layers", {"kinds": ["conv2d"]}, "did you mean `Conv2D`?"),
        ("forbidden_layers", {"kinds": ["MaxPool2D"]}, "did you mean `MaxPooling2D`?"),
        ("required_layers", {"kinds": ["Dens"]}, "did you mean `Dense`?"),
        ("required_layers", {"kinds": ["Dense"], "at_least": {"Conv2D": 1}}, "`Conv2D` is not among `kinds`"),
        ("required_layers", {"kinds": ["Dense"], "at_least": 0}, "must be at least 1"),
        ("allowed_layers", {"kinds": []}, "must not be empty"),
        ("allowed_layers", {"kinds": ["zzzz"]}, "`zzzz` is not the name of a Keras layer class."),
        ("output_units", {"units": 10, "activations": {"10": "sofmax"}}, "did you mean `softmax`?"),
        ("output_units", {"units": 10, "activations": {"2": "softmax"}}, "2 is not among `units`"),
        ("output_units", {"units": 0}, "must be at least 1"),
        ("input_shape", {"shapes": []}, "must not be empty"),
        ("input_shape", {"shapes": [[-2, 3]]}, "must be at least -1"),
        ("kernel_size", {"sizes": [[0, 3]]}, "must be at least 1"),
        ("units_decrease", {"strict": True}, "key `strict` is not known"),
    ],
)
def test_impossible_parameters_are_refused_with_the_key(use: str, parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(RubricError, match=re.escape(words)):
        planned(use, parameters)


def test_the_names_of_layers_and_activations_are_those_of_the_installed_keras() -> None:
    spec = importlib.util.find_spec("keras")
    assert spec is not None and spec.origin is not None
    room = Path(spec.origin).parent
    for folder, names in (("layers", KINDS), ("activations", ACTIVATIONS)):
        exported = set(re.findall(r"\w+", (room / folder / "__init__.py").read_text(encoding="utf-8")))
        assert set(names) <= exported


@given(st.sampled_from(KINDS))
def test_a_right_name_is_known_and_a_lower_cased_one_is_recognised(kind: str) -> None:
    assert known_kind(kind) == kind
    if kind.lower() != kind:
        with pytest.raises(ValueError, match=f"did you mean `{kind}`"):
            known_kind(kind.lower())


# -- units_decrease


def test_growing_units_are_told_with_both_layers() -> None:
    result = look("units_decrease", built(model(dense(64, "dense"), dense(128, "dense_1"), dense(10, "dense_2"))))
    assert result.reason == "`dense_1` has 128 units after 64 in `dense`"


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=8))
def test_units_pass_exactly_when_they_never_grow(units: list[int]) -> None:
    layers = [dense(count, f"dense_{place}") for place, count in enumerate(units)]
    passed = look("units_decrease", built(model(*layers))).outcome is Outcome.PASSED
    assert passed == (units == sorted(units, reverse=True))


def test_a_network_without_dense_layers_is_told_so() -> None:
    assert look("units_decrease", built(model(conv(8)))).reason == "there is no Dense layer in the model"


# -- dropout_before_last_dense

RELU = layer("Activation", "activation", {"activation": "relu"})
NORM = layer("BatchNormalization", "norm")
HIDDEN, OUT = dense(512, "dense"), dense(1, "dense_1", "sigmoid")


@pytest.mark.parametrize(
    ("layers", "passes"),
    [
        ([FLATTEN, HIDDEN, dropout(), OUT], True),
        ([FLATTEN, dropout(), HIDDEN, OUT], True),
        ([dropout(), FLATTEN, HIDDEN, OUT], True),
        ([FLATTEN, HIDDEN, dropout(), RELU, NORM, OUT], True),
        ([dropout(), layer("GlobalAveragePooling2D"), OUT], True),
        ([HIDDEN, layer("AlphaDropout", "alpha", {"rate": 0.1}), OUT], True),
        ([HIDDEN, dropout(0.0), OUT], False),
        ([dropout(), dense(256, "first"), HIDDEN, OUT], False),
        ([conv(8), dropout(), pool(), FLATTEN, HIDDEN, OUT], False),
        ([FLATTEN, HIDDEN, OUT], False),
        ([OUT, dropout()], False),
        ([dropout(), OUT], True),
    ],
)
def test_both_readings_of_dropout_before_the_last_dense_count(layers: list[Layer], passes: bool) -> None:
    result = look("dropout_before_last_dense", built(model(*layers)))
    assert (result.outcome is Outcome.PASSED) == passes


def test_missing_dropout_is_told_with_the_places_for_it() -> None:
    result = look("dropout_before_last_dense", built(model(FLATTEN, HIDDEN, OUT)))
    assert result.reason == "no Dropout stands before `dense_1` or `dense`, and none elsewhere"
    assert "directly before `dense_1`" in result.hint


def test_checks_agree_on_what_a_convolution_is() -> None:
    separable = built(model(layer("SeparableConv2D", "a", {"filters": 8}), layer("DepthwiseConv2D", "b"), dense(10)))
    assert look("required_layers", separable, {"kinds": ["Conv2D"], "at_least": 2}).outcome is Outcome.PASSED
    assert ExpectedLayers(required={"Conv2D": 2}).faults(["SeparableConv2D", "DepthwiseConv2D", "Dense"]) == ()
    alone = look("filters_increase", built(model(layer("DepthwiseConv2D", "b"), dense(10))))
    assert "only `b`" in alone.reason


def test_long_names_and_many_layers_are_told_in_a_bounded_way() -> None:
    layers = [layer("Conv2D", f"{number}{'n' * 1_700}") for number in range(1_950)]
    result = look("allowed_layers", case(judgement=judged(model(*layers))), {"kinds": ["Dense"]})
    assert "and 1940 more are not among the allowed layers" in result.reason
    assert len(result.reason) < 1_000
