"""A smoke run in a real kernel with Keras: what takes long is cut, the code sees data and answers of the full shape."""

import pytest

from grader.core.evidence import Cause, Fit, Smoke
from grader.core.limits import Limits
from grader.kernel.run_notebook import Execution
from grader.sandbox.interface import Sandbox
from tests.kernel.test_run_notebook import run

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
answers = quick.predict(x[:4000], verbose=0)
assert answers.shape == (4000, 10) and len(np.unique(answers[:, 0].round(6))) > 2000
"""
LOOP = """
seen = [quick.predict(x[i:i + 1], verbose=0) for i in range(2000)]
assert seen[-1].shape == (1, 10)
"""
GENERATORS = """
class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 60
    def __getitem__(self, index):
        time.sleep(0.1)
        return x[index * 10:][:3 if index == 59 else 10], y[index * 10:][:3 if index == 59 else 10]
answers = quick.predict(Batches(), verbose=0)
assert answers.shape == (593, 10) and len(np.unique(answers[:, 0])) < 400
slowed = lambda rows: (time.sleep(0.1), rows)[1]
piped = tf.data.Dataset.from_tensor_slices((x[:1003], y[:1003])).batch(10).map(
    lambda rows, labels: (tf.ensure_shape(tf.numpy_function(slowed, [rows], tf.float32), (None, 8)), labels))
assert quick.predict(piped.prefetch(2), verbose=0).shape == (1003, 10)
pictures = rng.random((5000, 8, 8, 1)).astype("float32")
generator = keras.src.legacy.preprocessing.image.ImageDataGenerator(featurewise_center=True)
generator.fit(pictures)
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
assert cross_val_score(KNeighborsClassifier(), x, y, cv=3).shape == (3,)
assert KNeighborsClassifier().fit(X=x, y=y).n_samples_fit_ == KNeighborsClassifier().fit(x, y=y).n_samples_fit_ == 640
"""
AGAIN = """
for fold in range(5):
    again = build()
    history = again.fit(x, y, epochs=4, batch_size=128, validation_data=(x, y), verbose=0).history
    assert len(history["val_accuracy"]) == 1
"""
WRONG = "model.fit(x, y, epochs=range(10))"
SELF_CHECK = """
import grader
grader.check("exercise1", model)
%load_ext grader
%grader exercise1
"""


@pytest.fixture(scope="module")
def execution(warm_sandbox: Sandbox) -> Execution:
    return run(
        SETUP,
        FIT,
        PIPELINE,
        PREDICT,
        LOOP,
        GENERATORS,
        AGAIN,
        WRONG,
        SELF_CHECK,
        limits=LIMITS,
        smoke=Smoke(seconds=400),
        warm=warm_sandbox,
    )


def fits(execution: Execution, cell: int) -> list[Fit]:
    return [fit for fit in execution.claims.fits if fit.cell == cell]


def test_only_the_cell_that_is_wrong_fails(execution: Execution) -> None:
    failed = [cell.number for cell in execution.claims.cells if cell.error]
    assert failed == [8]


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
    assert any("in a long loop `predict` gave its last answer again" in note for note in execution.claims.notes)


def test_what_looks_at_all_images_beside_a_training_is_cut_to_the_same_shape_and_said(execution: Execution) -> None:
    notes = "\n".join(execution.claims.notes)
    assert "of 60 batches, whose answers were repeated for the rest (cell 6)" in notes
    assert "of 101 batches, whose answers were repeated for the rest (cell 6)" in notes
    assert "`ImageDataGenerator.fit` was given 640 of 5000 rows (cell 6)" in notes
    assert "`KNeighborsClassifier.fit` was given 640 of 40000 rows (cell 6)" in notes


def test_every_training_more_sees_less_and_one_of_many_builds_no_graph(execution: Execution) -> None:
    done = [fit.pace.done for fit in fits(execution, 7) if fit.pace is not None]
    assert len(fits(execution, 7)) == 5
    assert all(count <= 2 for count in done)
    assert fits(execution, 7)[-1].pace is None
    assert any("from the 3rd training on" in note for note in execution.claims.notes)


def test_the_run_says_openly_that_it_was_one(execution: Execution) -> None:
    assert any(
        note.startswith("this is a smoke run: each `fit` saw at most 640 images") for note in execution.claims.notes
    )


def test_a_self_check_that_was_left_in_costs_nothing_and_does_nothing(execution: Execution) -> None:
    cell = execution.claims.cells[8]
    assert cell.error is None
    assert cell.seconds < 20
    notes = "\n".join(execution.claims.notes)
    assert "`grader.check` was skipped" in notes
    assert "`%grader exercise1` was left out" in notes


ENDLESS = """
import time
while True:
    try:
        time.sleep(0.05)
    except Exception:
        pass
"""
STUBBORN = """
import time
while True:
    try:
        time.sleep(0.05)
    except BaseException:
        pass
"""


@pytest.mark.parametrize("source", [ENDLESS, STUBBORN])
def test_a_smoke_run_ends_in_its_time_wherever_it_is_and_says_where(source: str) -> None:
    ended = run("print(1)", source, "print(3)", limits=LIMITS, smoke=Smoke(seconds=3))
    assert (ended.ending.cause, ended.ending.cut) == (Cause.FINISHED, 2)
    assert ended.ending.message == "the smoke run ended in cell 2, after 3 seconds: what follows was not looked at"
    assert ended.ending.wall_s < 40
    assert [cell.error for cell in ended.claims.cells] == [None] * 3
    assert [cell.executed for cell in ended.claims.cells] == [True, True, False]


COUNTED = """
import numpy as np, keras
traced = 0
class Counted(keras.Sequential):
    def train_step(self, *given):
        global traced
        traced += 1
        return super().train_step(*given)
net = Counted([keras.Input((8,)), keras.layers.Dense(10, activation="softmax")])
net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = net.fit(np.zeros((600, 8), "float32"), np.zeros(600, int), verbose=0)
assert traced == 1, traced
assert set(history.history) == {"accuracy", "loss"}
"""


def test_the_training_step_of_a_smoke_run_is_built_as_a_graph_once(warm_sandbox: Sandbox) -> None:
    short = run(COUNTED, limits=LIMITS, smoke=Smoke(), warm=warm_sandbox)
    assert [cell.error for cell in short.claims.cells] == [None]
