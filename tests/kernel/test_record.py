"""The recorder in a real kernel with Keras: every training is seen, whatever road it takes, and nothing is disturbed.

One notebook holds most of it: a kernel with TensorFlow takes its time.
"""

import numpy as np
import pytest

from grader.core.evidence import Candidate, Fit
from grader.core.files import read_npy
from grader.core.limits import Limits
from grader.kernel.run_notebook import Execution
from grader.sandbox.interface import Sandbox
from tests.kernel.test_run_notebook import run

LIMITS = Limits(wall=500.0, cell=300.0, memory=3 << 30)
SETUP = """
import numpy as np, keras, tensorflow as tf
from keras import layers
rng = np.random.default_rng(0)
x = rng.random((64, 8, 8, 1)).astype("float32"); x[0, 0, 0] = 1; y = rng.integers(0, 10, 64)

def build(*inner, units=10):
    net = keras.Sequential([keras.Input((8, 8, 1)), *inner, layers.Flatten(), layers.Dense(units, activation="softmax")])
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return net
"""
SAME_NAME = "model = build(); model.fit(x, y, epochs=1, verbose=0)"
GENERATOR = """
model = build(layers.Conv2D(2, 3))
asked = []
def batches():
    while True:
        asked.append(1); yield x[:32] * 2, keras.utils.to_categorical(y[:32], 10)
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
endless = batches()
model.fit(endless, steps_per_epoch=2, epochs=1, verbose=0)
assert len(next(endless)) == 2, "it is still open"
"""
PIPELINE = """
third = build(layers.Conv2D(2, 3))
pipeline = tf.data.Dataset.from_tensor_slices((x * 3, y)).batch(16)
third.fit(pipeline, epochs=2, verbose=0, validation_data=pipeline)
"""
SEQUENCE = """
class Own(keras.utils.PyDataset):
    asked = []
    def __len__(self): return 2
    def __getitem__(self, index):
        self.asked.append(index)
        return x[32 * index:32 * index + 32] * 4, y[32 * index:32 * index + 32]
original = Own.__getitem__
class Holder: pass
holder = Holder()
holder.net = build()
holder.net.fit(Own(), epochs=1, verbose=0)
assert Own.__getitem__ is original
encoder = build(units=3); encoder.compile("adam", "mse"); encoder.fit(x, x[:, 0, :3, 0], epochs=1, verbose=0)
"""
LOOPS = """
own = build(layers.Dropout(0.1)); optimizer = keras.optimizers.SGD()
@tf.function
def step(a, b):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(b, own(a)))
    optimizer.apply_gradients(zip(tape.gradient(loss, own.trainable_variables), own.trainable_variables))
for _ in range(5): step(x[:32], y[:32])
byhand = build()
for _ in range(4): byhand.train_on_batch(x[:10] * 6, y[:10])
never = build()
"""


@pytest.fixture(scope="module")
def execution(warm_sandbox: Sandbox) -> Execution:
    return run(SETUP, SAME_NAME, GENERATOR, PIPELINE, SEQUENCE, LOOPS, limits=LIMITS, warm=warm_sandbox)


def fit_of(execution: Execution, name: str) -> Fit:
    return next(fit for fit in execution.claims.fits if fit.model == name)


def candidate_of(execution: Execution, name: str) -> Candidate:
    return next(item for item in execution.claims.candidates if item.name == name)


def test_no_cell_is_disturbed(execution: Execution) -> None:
    assert [cell.error for cell in execution.claims.cells] == [None] * 6
    assert execution.claims.problem is None


def test_every_training_is_recorded_in_order_with_its_cell(execution: Execution) -> None:
    told = [(fit.model, fit.cell, fit.how, fit.epochs_done, fit.steps) for fit in execution.claims.fits]
    assert told == [
        ("model of cell 2", 2, "fit", 1, None), ("model", 3, "fit", 1, None), ("third", 4, "fit", 2, None),
        ("holder.net", 5, "fit", 1, None), ("encoder", 5, "fit", 1, None), ("own", 6, "own loop", 0, 5),
        ("byhand", 6, "train_on_batch", 0, 4),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "factor"), [("model of cell 2", 1), ("model", 2), ("third", 3), ("holder.net", 4)])
def test_the_first_batch_is_seen_whatever_it_comes_from(execution: Execution, name: str, factor: int) -> None:
    fit = fit_of(execution, name)
    assert fit.x is not None
    assert fit.x.shape[1:] == (8, 8, 1)
    assert fit.x.high == pytest.approx(factor)
    assert fit.labels[:4] == fit_of(execution, "model of cell 2").labels[:4]


def test_a_name_that_was_given_twice_belongs_to_the_later_network(execution: Execution) -> None:
    assert candidate_of(execution, "model of cell 2").kinds == ("Flatten", "Dense")
    assert candidate_of(execution, "model").kinds == ("Conv2D", "Flatten", "Dense")


def test_the_last_trained_network_with_a_suitable_output_is_proposed(execution: Execution) -> None:
    taken = next(item for item in execution.claims.candidates if item.taken)
    assert (taken.name, taken.reason) == ("byhand", "fitted last")
    assert not candidate_of(execution, "never").fitted
    assert candidate_of(execution, "encoder").file is None


def test_four_networks_leave_the_kernel_with_their_rows_the_proposed_one_first(execution: Execution) -> None:
    by_file = {item.file: item.name for item in execution.claims.candidates if item.file}
    names = [by_file[network.file] for network in execution.networks]
    assert names[0] == "byhand"
    assert len(names) == 4
    assert execution.model == execution.networks[0].model
    rows = execution.networks[0].rows
    assert rows is not None
    first = read_npy(rows)
    assert first.shape == (10, 8, 8, 1)
    assert np.max(first) == pytest.approx(6)
