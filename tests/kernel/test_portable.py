"""Networks of classes of the notebook's own, in a real kernel: those that Keras can follow leave it as plain networks."""

import io
import json
import zipfile

import pytest

from grader.core.limits import Limits
from grader.kernel.run_notebook import Execution
from grader.sandbox.interface import Sandbox
from tests.kernel.test_run_notebook import run

LIMITS = Limits(wall=300.0, cell=200.0, memory=3 << 30)
SETUP = """
import numpy as np, keras, tensorflow as tf
from keras import layers
x = np.random.default_rng(0).random((64, 8, 8, 1)).astype("float32"); y = np.arange(64) % 10
def train(network):
    network.compile("adam", "sparse_categorical_crossentropy")
    network.fit(x, y, epochs=1, verbose=0)
    return network
"""
STACKED = """
class Stacked(keras.Sequential):
    def __init__(self):
        super().__init__()
        self.add(layers.Flatten())
        self.add(layers.Dense(10, activation="softmax"))
stacked = train(Stacked())
"""
CALLED = """
class Called(keras.Model):
    def __init__(self):
        super().__init__()
        self.flatten, self.drop = layers.Flatten(), layers.Dropout(0.5)
        self.hidden = [layers.Dense(12, activation="relu") for _ in range(2)]
        self.last = layers.Dense(10, activation="softmax")
    def call(self, inputs, training=False):
        values = self.flatten(inputs)
        for layer in self.hidden:
            values = layer(values)
        return self.last(self.drop(values, training=training))
called = train(Called())
"""
TURNED = """
class Turned(Stacked):
    def __call__(self, inputs, *arguments, **options):
        return super().__call__(inputs, *arguments, **options)[:, ::-1]
turned = train(Turned())
"""
OWN = """
class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.flatten, self.last = layers.Flatten(), layers.Dense(10)
    def call(self, inputs):
        return tf.nn.softmax(self.last(self.flatten(inputs)))
own = train(Own())
again = [float(stacked.evaluate(x, y, verbose=0)), stacked.layers[1].name, called.predict(x[:2], verbose=0).shape]
print("AGAIN", len(again))
"""


@pytest.fixture(scope="module")
def execution(warm_sandbox: Sandbox) -> Execution:
    return run(SETUP, STACKED, CALLED, TURNED, OWN, limits=LIMITS, warm=warm_sandbox)


def saved_class(execution: Execution, name: str) -> str:
    """The class that the file of a candidate names for its network."""
    file = next(item.file for item in execution.claims.candidates if item.name == name)
    model = next(network.model for network in execution.networks if network.file == file)
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        return str(json.loads(archive.read("config.json"))["class_name"])


@pytest.mark.parametrize(
    ("name", "known_as"), [("stacked", "Functional"), ("called", "Functional"), ("turned", "Turned"), ("own", "Own")]
)
def test_what_gives_the_same_outputs_leaves_the_kernel_as_a_plain_network(
    execution: Execution, name: str, known_as: str
) -> None:
    assert saved_class(execution, name) == known_as


def test_what_was_saved_in_another_form_is_told_and_nothing_else_is(execution: Execution) -> None:
    told = [note for note in execution.claims.notes if "no other process knows" in note]
    assert [note.split("`")[1] for note in told] == ["Stacked", "Called"]


def test_the_notebooks_own_networks_are_what_they_were(execution: Execution) -> None:
    assert [cell.error for cell in execution.claims.cells] == [None] * 5
    assert all(item.output_units == 10 for item in execution.claims.candidates)
    shown = json.dumps([cell.model_dump(mode="json") for cell in execution.claims.cells])
    assert "AGAIN 3" in shown
    assert "UserWarning" not in shown


LOOP = """
looped, optimizer, loss = Called(), keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy()
@tf.function
def step(images, labels):
    with tf.GradientTape() as tape:
        value = loss(labels, looped(images, training=True))
    optimizer.apply_gradients(zip(tape.gradient(value, looped.trainable_variables), looped.trainable_variables))
for images, labels in tf.data.Dataset.from_tensor_slices((x, y)).batch(16):
    step(images, labels)
"""


def test_a_network_of_a_training_loop_of_ones_own_leaves_the_kernel_too(warm_sandbox: Sandbox) -> None:
    execution = run(SETUP, CALLED.rpartition("called =")[0], LOOP, limits=LIMITS, warm=warm_sandbox)
    assert [cell.error for cell in execution.claims.cells] == [None] * 3
    assert saved_class(execution, "looped") == "Functional"
    (fit,) = execution.claims.fits
    assert (fit.how, fit.steps) == ("own loop", 4)


CODE = """
def own(values):
    return values * keras.ops.sigmoid(values)
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.wide = layers.Conv2D(4, 3, activation=own)
    def call(self, inputs):
        return self.wide(inputs)
import warnings
warnings.simplefilter("error")
np.seterr(all="raise")
keras.config.set_floatx("float64")
lambdas = train(keras.Sequential([
    layers.Lambda(lambda values: values / 2, input_shape=(8, 8, 1)), Block(), layers.Flatten(), layers.Activation(own),
    layers.Dense(10, activation="softmax")]))
"""
PARTS = """
image = keras.Input((8, 8, 1))
seen = layers.Dense(8)(layers.Flatten()(image))
both = keras.Model(image, [layers.Dense(10, activation="softmax")(seen), layers.Dense(1)(seen)])
both.compile("adam", ["sparse_categorical_crossentropy", "mse"])
both.fit(x, [y, y / 9], verbose=0)
digits = keras.Model(image, both.outputs[0])
assert keras.config.floatx() == "float64" and warnings.filters[0][0] == "error"
"""
WEIGHTS = """
class Weighted(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")
    def call(self, inputs):
        return inputs * self.scale
weighted = train(keras.Sequential([
    layers.Input((8, 8, 1)), layers.Flatten(), Weighted(), layers.Dense(10, activation="softmax")]))
"""
CLOSED = """
import sys
sys.stdout = open("log", "w")
sys.stdout.close()
"""


@pytest.fixture(scope="module")
def followed(warm_sandbox: Sandbox) -> Execution:
    return run(SETUP, CODE, PARTS, WEIGHTS, CLOSED, "print('shown again')", limits=LIMITS, warm=warm_sandbox)


def test_code_of_ones_own_is_followed_wherever_in_a_network_it_stands(followed: Execution) -> None:
    assert saved_class(followed, "lambdas") == "Functional"
    note = next(note for note in followed.claims.notes if "no other process knows" in note)
    for word in ("the Lambda layer", "`Block`", "`own`"):
        assert word in note


def test_our_code_runs_under_no_setting_of_the_notebooks_and_leaves_them_as_they_are(followed: Execution) -> None:
    assert [cell.error for cell in followed.claims.cells] == [None] * 6
    assert followed.claims.problem is None
    assert followed.claims.fits[0].moved


def test_an_output_that_was_closed_does_not_hang_the_kernel_and_is_told(followed: Execution) -> None:
    assert followed.claims.cells[5].outputs[0].text == "shown again\n"
    assert "`sys.stdout` was closed: what is printed later is shown as before (cell 5)" in followed.claims.notes


def test_a_network_made_of_trained_layers_is_trained(followed: Execution) -> None:
    fitted = {item.name: (item.fitted, item.output_units) for item in followed.claims.candidates}
    assert fitted.pop("weighted") == (True, 10)
    assert fitted == {"lambdas": (True, 10), "both": (True, None), "digits": (True, 10)}


def test_a_layer_with_weights_of_its_own_is_not_followed_for_they_would_be_lost(followed: Execution) -> None:
    assert saved_class(followed, "weighted") == "Sequential"
