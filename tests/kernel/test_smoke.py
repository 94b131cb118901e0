"""A smoke run in a real kernel with Keras: what takes long is cut, the code sees data and answers of the full shape."""

import pytest

from grader.evidence import Fit, Smoke
from grader.kernel.run import Execution, Job, run_notebook
from grader.limits import Limits
from grader.notebook import read_submission
from grader.progress import Silent
from grader.sandbox.choose import open_sandbox
from tests.notebooks import notebook

LIMITS = Limits(wall=500.0, cell=300.0, memory=3 << 30)
SETUP = """
import time, numpy as np, keras, tensorflow as tf
from keras import layers
rng = np.random.default_rng(0)
x = rng.random((60000, 8)).astype("float32"); y = rng.integers(0, 10, 60000)

class Slow(layers.Layer):
    def call(self, value):
        slowed = tf.numpy_function(lambda rows: (time.sleep(0.3), rows)[1], [value], tf.float32)
        slowed.set_shape(value.shape)
        return slowed

def build(*inner):
    net = keras.Sequential([keras.Input((8,)), *inner, layers.Dense(10, activation="softmax")])
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return net
"""
FIT = """
model = build()
history = model.fit(x, y, epochs=7, batch_size=128, validation_split=0.1, verbose=0)
assert len(history.history["val_loss"]) == 1
later = model.fit(x, y, epochs=12, initial_epoch=7, verbose=0)
assert later.epoch == [7]
"""
PIPELINE = """
other = build()
pipeline = tf.data.Dataset.from_tensor_slices((x, y)).batch(50)
other.fit(pipeline.repeat(), steps_per_epoch=1200, epochs=3, verbose=0, validation_data=(x[:1000], y[:1000]))
"""
PREDICT = """
slow = build(Slow())
assert slow.predict(x[:96], batch_size=8, verbose=0).shape == (96, 10)
slow.evaluate(x[:96], y[:96], batch_size=8, verbose=0)
quick = build()
answers = quick.predict(x[:10000], verbose=0)
assert answers.shape == (10000, 10) and len(np.unique(answers[:, 0].round(6))) > 5000
"""
LOOP = """
seen = [quick.predict(x[i:i + 1], verbose=0) for i in range(2000)]
assert seen[-1].shape == (1, 10)
"""
WRONG = "model.fit(x, y, epochs=range(10))"
SELF_CHECK = """
import grader
grader.check("exercise1", model)
%load_ext grader
%grader exercise1
"""


@pytest.fixture(scope="module")
def execution() -> Execution:
    script = read_submission("work.ipynb", notebook(SETUP, FIT, PIPELINE, PREDICT, LOOP, WRONG, SELF_CHECK))
    job = Job(script=script, files={}, inputs=(), limits=LIMITS, seed=5, units=(10,), smoke=Smoke(images=640, epochs=1))
    return run_notebook(job, open_sandbox("bubblewrap"), who="student", progress=Silent())


def fits(execution: Execution, cell: int) -> list[Fit]:
    return [fit for fit in execution.claims.fits if fit.cell == cell]


def test_only_the_cell_that_is_wrong_fails(execution: Execution) -> None:
    failed = [cell.number for cell in execution.claims.cells if cell.error]
    assert failed == [6]


def test_what_the_code_asked_for_is_told_and_one_short_epoch_is_made(execution: Execution) -> None:
    first, second = fits(execution, 2)
    assert (first.epochs, first.epochs_done, first.batch_size) == (7, 1, 128)
    assert first.x is not None
    assert first.x.shape == (60000, 8)
    assert first.pace is not None
    assert (first.pace.steps, first.pace.done, first.pace.validation_steps) == (422, 5, 47)
    assert first.pace.step_s > 0
    assert first.seconds < 60
    assert (second.epochs, second.epochs_done) == (12, 1)


def test_a_pipeline_is_cut_by_its_steps(execution: Execution) -> None:
    (fit,) = fits(execution, 3)
    assert fit.pace is not None
    assert (fit.pace.steps, fit.pace.validation_steps) == (1200, 32)
    assert 4 <= fit.pace.done <= 20


def test_slow_predictions_are_cut_and_repeated_and_quick_ones_are_made(execution: Execution) -> None:
    notes = "\n".join(execution.claims.notes)
    assert "`predict` looked at" in notes
    assert "of 12 batches, whose answers were repeated for the rest" in notes
    assert "`evaluate` looked at" in notes
    assert execution.claims.left_out_s > 1


def test_a_loop_of_predictions_is_answered_from_memory(execution: Execution) -> None:
    loop = execution.claims.cells[4]
    assert loop.seconds < 60
    assert any("from the 101st time on" in note for note in execution.claims.notes)


def test_the_run_says_openly_that_it_was_one(execution: Execution) -> None:
    assert any(
        note.startswith("this is a smoke run: each `fit` saw at most 640 images") for note in execution.claims.notes
    )


def test_a_self_check_that_was_left_in_costs_nothing_and_does_nothing(execution: Execution) -> None:
    cell = execution.claims.cells[6]
    assert cell.error is None
    assert cell.seconds < 20
    notes = "\n".join(execution.claims.notes)
    assert "`grader.check` was passed over" in notes
    assert "`%grader exercise1` was left out" in notes
