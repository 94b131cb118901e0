"""What the recorder sees of how a network came about, in a real kernel with Keras: claims, but honest ones where code is."""

import numpy as np
import pytest

from grader.core.evidence import Candidate, Evaluation, Fit
from grader.core.files import read_npy
from grader.core.limits import Limits
from grader.core.thumbnails import small_copies
from grader.kernel.run_notebook import Execution
from grader.sandbox.interface import Sandbox
from tests.kernel.test_run_notebook import run

LIMITS = Limits(wall=500.0, cell=300.0, memory=3 << 30)
SETUP = """
import numpy as np, keras, tensorflow as tf
from keras import layers
rng = np.random.default_rng(0)
x = rng.random((640, 16, 16, 1)).astype("float32"); y = rng.integers(0, 10, 640)
x[np.arange(640), 0, y] += 9  # easy to learn
def build(*inner, rate=0.01):
    net = keras.Sequential([keras.Input((16, 16, 1)), *inner, layers.Flatten(), layers.Dense(10, activation="softmax")])
    net.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return net
"""
HONEST = """
good = build()
good.fit(x, y, epochs=30, batch_size=64, verbose=0)
good.evaluate(x[:500], y[:500], verbose=0)
"""
FROZEN = "frozen = build(rate=0.0); frozen.fit(x, y, epochs=2, verbose=0)"
LOADED = """
loaded = build(); loaded.set_weights(good.get_weights())
loaded.fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(32), epochs=1, verbose=0)
loaded.set_weights(good.get_weights())
state = np.random.get_state()[1].sum(), tf.random.uniform([]).numpy()
"""
FED = """
fed = build(layers.Conv2D(2, 3))
def batches():
    for start in range(0, 640, 32):
        yield x[start:start + 32] * 255, y[start:start + 32]
fed.fit(batches(), steps_per_epoch=20, epochs=1, verbose=0)
fed.evaluate(x=x[:64], y=y[:64], verbose=0)
fed.fit(x[:64], y[:64], epochs=1, verbose=0)
"""


@pytest.fixture(scope="module")
def execution(warm_sandbox: Sandbox) -> Execution:
    return run(SETUP, HONEST, FROZEN, LOADED, FED, limits=LIMITS, warm=warm_sandbox)


def fit_of(execution: Execution, name: str) -> Fit:
    return next(fit for fit in execution.claims.fits if fit.model == name)


def candidate_of(execution: Execution, name: str) -> Candidate:
    return next(item for item in execution.claims.candidates if item.name == name)


def evaluations_of(execution: Execution, name: str) -> list[Evaluation]:
    return [item for item in execution.claims.evaluations if item.model == name]


def seen_of(execution: Execution, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    file = candidate_of(execution, name).file
    seen = next(network.seen for network in execution.networks if network.file == file)
    assert seen is not None
    return read_npy(seen)


def test_nothing_is_disturbed(execution: Execution) -> None:
    assert [cell.error for cell in execution.claims.cells] == [None] * 5
    assert execution.claims.problem is None


def test_the_first_step_tells_how_good_a_network_was_before_it(execution: Execution) -> None:
    fresh, loaded = fit_of(execution, "good"), fit_of(execution, "loaded")
    assert fresh.first_accuracy is not None
    assert fresh.first_accuracy < 0.4
    assert fresh.first_loss is not None
    assert loaded.first_accuracy is not None
    assert loaded.first_accuracy > 0.9


def test_steps_are_counted_and_weights_that_stay_are_told(execution: Execution) -> None:
    fresh, frozen = fit_of(execution, "good"), fit_of(execution, "frozen")
    assert (fresh.updates, frozen.updates) == (300, 40)
    assert fresh.moved is not None
    assert fresh.moved > 0.01
    assert frozen.moved == 0


def test_weights_that_were_changed_after_the_last_training_are_told(execution: Execution) -> None:
    assert candidate_of(execution, "loaded").changed is True
    assert candidate_of(execution, "good").changed is False


def test_evaluations_since_the_last_training_are_told_with_what_they_were_given(execution: Execution) -> None:
    (told,) = evaluations_of(execution, "good")
    assert (told.cell, told.x.shape if told.x else None) == (2, (500, 16, 16, 1))
    assert told.accuracy is not None
    assert told.accuracy > 0.9
    assert evaluations_of(execution, "fed") == [], "it was trained again"


def test_small_copies_of_rows_leave_the_kernel_whatever_they_come_from(execution: Execution) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((640, 16, 16, 1)).astype("float32"), rng.integers(0, 10, 640)
    x[np.arange(640), 0, y] += 9
    expected = small_copies(x)
    assert np.array_equal(seen_of(execution, "good"), expected)
    passed_by = [*range(32), *(start + row for start in range(32, 640, 32) for row in range(8))]
    assert np.array_equal(seen_of(execution, "loaded"), expected[passed_by]), (
        "a pipeline's first batch, then some of each"
    )
    fed = seen_of(execution, "fed")
    assert np.array_equal(fed[:64], expected[:64]), "the last training comes first"
    assert len(fed) == 64 + len(passed_by)
