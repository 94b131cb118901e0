"""What the judge tells of a network is all that it computes, wherever that stands in it. Real Keras layers, untrained."""

import inspect
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from grader.checks.family import recognise
from grader.core.evidence import Architecture
from grader.core.results import Outcome
from grader.judge.worker import closure, describe_model, kind_of, predict_cut
from tests.checks.builders import built, look
from tests.reference.loading import WhenUsed

keras: Any = WhenUsed("keras")
layers: Any = WhenUsed("keras.layers")
ops: Any = WhenUsed("keras.ops")

OF_WEIGHTS = ("self", "name", "dtype", "_initializer", "_regularizer", "_constraint")  # they see no image
DENSE_ONLY = {"kinds": ["Dense", "Flatten", "Reshape", "Add"]}
# What arguments without a default may be; whatever else a class wants, it can't be made here.
ARGUMENTS: dict[str, Any] = {
    "units": 2, "filters": 2, "kernel_size": 1, "rate": 0.5, "num_heads": 2, "key_dim": 2, "target_shape": (4,),
    "dims": (1,), "size": 2, "n": 2, "height": 4, "width": 4, "scale": 1.0, "output_dim": 2, "input_dim": 2, "factor": 0.5,
    "output_size": 2, "head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 2, "stddev": 0.5, "output_shape": 2,
    "axes": 1, "num_tokens": 2, "num_bins": 2, "max_number": 2, "equation": "ab,bc->ac",
}  # fmt: skip


def described(network: Any) -> Architecture:
    return Architecture.model_validate(json.loads(json.dumps(describe_model(network))))


def kinds(network: Any) -> list[str]:
    return [layer.kind for layer in described(network).layers]


def hidden() -> list[Any]:
    """A Conv2D in the forms in which a layer may take another."""
    convolution = layers.Conv2D(2, 1)
    cell = layers.LSTMCell(2, activation=convolution)
    return [convolution, [convolution], cell, [cell], layers.LSTM(2, activation=convolution)]


def holders() -> Iterator[tuple[str, str, Any]]:
    """Each of Keras' layers made with a hidden Conv2D in each of its arguments, where saving it would save that."""
    forms = hidden()
    for name in sorted(vars(keras.layers)):
        kind = getattr(keras.layers, name)
        if not inspect.isclass(kind) or not issubclass(kind, keras.layers.Layer) or kind.__name__ != name:
            continue
        for argument, given in inspect.signature(kind.__init__).parameters.items():
            if given.kind is inspect.Parameter.VAR_POSITIONAL or argument.endswith(OF_WEIGHTS):
                continue
            used = "activity_regularizer" if given.kind is inspect.Parameter.VAR_KEYWORD else argument
            made = made_with(kind, used, forms)
            if made is not None:
                yield name, used, made


def made_with(kind: Any, argument: str, forms: list[Any]) -> Any:
    """A layer of this class that holds a Conv2D by this argument; None where there is none."""
    wanted = inspect.signature(kind.__init__).parameters.values()
    others = {
        each.name: ARGUMENTS[each.name]
        for each in wanted
        if each.default is inspect.Parameter.empty and each.name in ARGUMENTS and each.name != argument
    }
    for value in forms:
        try:
            made = kind(**others, **{argument: value})
            saved = json.dumps(keras.saving.serialize_keras_object(made))
        except Exception:
            continue
        if '"Conv2D"' in saved:
            return made
    return None


@pytest.mark.filterwarnings("ignore")
def test_a_convolution_in_any_class_of_keras_that_can_hold_a_layer_is_told() -> None:
    tried = set()
    for name, argument, made in holders():
        network = keras.Sequential([made])
        assert "Conv2D" in [kind_of(part.operation) for part in closure(network)], f"{name}({argument}=...) hides one"
        tried.add(name)
    doors = {"Activation", "Bidirectional", "Dense", "Conv2D", "LSTM", "Pipeline", "RNN", "SimpleRNNCell",
             "SpectralNormalization", "StackedRNNCells", "TimeDistributed", "Wrapper"}  # fmt: skip
    assert doors <= tried
    assert len(tried) > 30


def in_pipeline(image: Any) -> Any:
    return layers.Pipeline([layers.Conv2D(2, 3), layers.Conv2D(2, 3)])(image)


def in_activation(image: Any) -> Any:
    return layers.Activation(keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(1, 3, padding="same")]))(image)


def in_dense(image: Any) -> Any:
    return layers.Dense(1, activation=keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(1, 3)]))(image)


def in_wrapper(image: Any) -> Any:
    return layers.TimeDistributed(layers.Conv1D(2, 3))(image)


def in_mapped_function(image: Any) -> Any:
    return ops.vectorized_map(layers.Conv1D(2, 3), image)


def as_operation(image: Any) -> Any:
    return ops.relu(ops.conv(image, np.ones((3, 3, 1, 2), "float32")) + np.ones(2, "float32"))


def as_product(image: Any) -> Any:
    return ops.matmul(ops.reshape(image, (-1, 64)), np.ones((64, 9), "float32"))


def as_slices(image: Any) -> Any:
    return image[:, 1:] * 0.5 + image[:, :-1] * 0.25


def as_scaled_constants(image: Any) -> Any:
    return image * np.ones((8, 8, 1), "float32")


def network(between: Callable[[Any], Any]) -> Any:
    """An image of 8 x 8, something in between, and two dense layers."""
    image = keras.Input((8, 8, 1))
    hidden = layers.Dense(4, activation="relu")(layers.Flatten()(between(image)))
    return keras.Model(image, layers.Dense(2, activation="softmax")(hidden))


HIDING = [in_pipeline, in_activation, in_dense, in_wrapper, as_operation, as_product, as_slices]


@pytest.mark.parametrize("between", [*HIDING, as_scaled_constants])
def test_what_is_hidden_is_no_perceptron_of_dense_layers_only(between: Callable[[Any], Any]) -> None:
    about = described(network(between))
    assert look("allowed_layers", built(about), DENSE_ONLY).outcome is Outcome.FAILED
    assert recognise(about).name != "mlp"


@pytest.mark.parametrize(
    "between",
    [
        lambda image: image / 255,
        lambda image: (image - 0.5) * np.float32(2.0),
        lambda image: ops.reshape(image, (-1, 64)),
        lambda image: ops.relu(layers.Dense(4)(layers.Flatten()(image))),
        lambda image: layers.Dense(4, activation=layers.LeakyReLU())(layers.Flatten()(image)),
        lambda image: layers.Pipeline([layers.Rescaling(1 / 255), layers.RandomFlip()])(image),
        lambda image: layers.Dense(64)(layers.Flatten()(image)) + layers.Flatten()(image),
    ],
    ids=["divided", "standardised", "reshaped", "relu", "LeakyReLU", "augmented", "skip"],
)
def test_arithmetic_activations_and_augmentation_make_no_other_network_of_a_perceptron(between: Any) -> None:
    about = described(network(between))
    result = look("allowed_layers", built(about), DENSE_ONLY)
    assert result.outcome is Outcome.PASSED, result.reason
    assert recognise(about).name == "mlp"


def test_operations_are_told_with_the_constants_in_them() -> None:
    told = {layer.kind: layer for layer in described(network(as_operation)).layers}
    assert told["ops.Conv"].config["constants"] == [[3, 3, 1, 2]]
    assert told["ops.Add"].config["constants"] == [[2]]
    assert "constants" not in told["ops.Relu"].config
    refused = look("allowed_layers", built(described(network(as_operation))), DENSE_ONLY)
    assert "(ops.Conv) and `" in refused.reason and "(ops.Add) are not among the allowed layers" in refused.reason
    assert "single numbers alone" in refused.hint


def test_an_operation_that_does_what_a_layer_does_is_ruled_out_with_it() -> None:
    about = built(described(network(as_operation)))
    assert look("forbidden_layers", about, {"kinds": ["Conv2D"]}).outcome is Outcome.FAILED
    assert look("forbidden_layers", about, {"kinds": ["Conv2DTranspose", "LSTM"]}).outcome is Outcome.PASSED


def test_a_layer_that_a_mapped_operation_applies_is_told() -> None:
    assert {"ops.VectorizedMap", "Conv1D"} <= {*kinds(network(in_mapped_function))}


def test_what_several_parts_share_is_told_once() -> None:
    shared = layers.Conv2D(1, 3, padding="same")
    inner = keras.Sequential([keras.Input((8, 8, 1)), shared])
    told = kinds(network(lambda image: layers.Pipeline([shared])(layers.Activation(inner)(shared(inner(image))))))
    assert told.count("Conv2D") == 1


def test_what_a_class_makes_for_itself_belongs_to_its_layer() -> None:
    def recurrent(image: Any) -> Any:
        rows = layers.Reshape((8, 8))(image)
        return layers.GRU(3)(
            layers.Bidirectional(layers.LSTM(3, return_sequences=True))(layers.MultiHeadAttention(2, 2)(rows, rows))
        )

    told = kinds(network(recurrent))
    assert told == ["InputLayer", "Reshape", "MultiHeadAttention", "Bidirectional", "LSTM", "LSTM", "GRU", "Flatten",
                    "Dense", "Dense"]  # fmt: skip


@pytest.mark.parametrize("between", HIDING)
def test_no_parameter_is_counted_twice(between: Callable[[Any], Any]) -> None:
    about = described(network(between))
    assert sum(layer.parameters for layer in about.layers) == about.parameters


def test_what_reads_from_a_layer_that_holds_others_comes_after_them() -> None:
    told = {layer.name: layer for layer in described(network(in_pipeline)).layers}
    names = list(told)
    (pipeline,) = [name for name in names if told[name].kind == "Pipeline"]
    first, second = [name for name in names if name.startswith(f"{pipeline}/")]
    assert (told[first].inputs, told[second].inputs) == ((pipeline,), (first,))


@pytest.mark.parametrize("between", [in_pipeline, in_activation, in_wrapper])
def test_a_hidden_layer_can_be_cut_and_the_network_is_as_it_was_afterwards(between: Callable[[Any], Any]) -> None:
    images = np.random.default_rng(0).normal(size=(8, 8, 8, 1)).astype("float32")
    made = network(between)
    whole = np.asarray(predict_cut(made, images, []))
    (inside, *_) = [part.name for part in closure(made) if "Conv" in kind_of(part.operation)]
    assert np.abs(np.asarray(predict_cut(made, images, [inside])) - whole).max() > 1e-4
    assert np.allclose(made.predict_on_batch(images), whole, atol=1e-5)
