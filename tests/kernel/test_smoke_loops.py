"""Loops in a smoke run, in a real kernel: most of their steps are not made, and the code sees all that it expects."""

import pytest

from grader.core.evidence import Fit, Smoke
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
batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(512)
loss_of = keras.losses.SparseCategoricalCrossentropy()

made = [0]
def sleep(seconds=0.05):
    time.sleep(seconds)
    made[0] += 1

class Slow(layers.Layer):
    def call(self, value):
        slowed = tf.numpy_function(lambda rows: (sleep(), rows)[1], [value], tf.float32)
        slowed.set_shape(value.shape)
        return slowed

def build(*inner):
    return keras.Sequential([keras.Input((8,)), *inner, layers.Dense(10, activation="softmax")])
"""
COMPILED = """
model = build()
optimizer = keras.optimizers.Adam()
seen = keras.metrics.Mean()
made[0] = 0
@tf.function
def train_step(images, labels):
    tf.numpy_function(sleep, [], [])
    with tf.GradientTape() as tape:
        loss = loss_of(labels, model(images, training=True))
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return loss
losses = []
for epoch in range(10):
    for images, labels in batches:
        losses.append(float(train_step(images, labels)))
        seen.update_state(losses[-1])
assert len(losses) == 1180 and np.isfinite(losses).all()
print("made", made[0])
"""
WRITTEN_OUT = """
one, other = build(Slow()), build()
first, second = keras.optimizers.Adam(), keras.optimizers.SGD()
count = made[0] = 0
for epoch in range(5):
    for images, labels in batches:
        with tf.GradientTape() as tape:
            loss = loss_of(labels, other(images, training=True)) + loss_of(labels, other(1 - images, training=True))
        second.apply_gradients(zip(tape.gradient(loss, other.trainable_variables), other.trainable_variables))
        with tf.GradientTape() as tape:
            loss = loss_of(labels, one(images, training=True))
        gradients = tape.gradient(loss, one.trainable_variables)
        assert all(gradient is not None for gradient in gradients)
        first.apply_gradients(zip(gradients, one.trainable_variables))
        count += 1
assert count == 590 and np.isfinite(float(loss))
with tf.GradientTape() as tape:  # variables of which no gradient is known
    loss = loss_of(labels, one(images, training=True))
parts = tape.gradient(loss, one.trainable_variables[:1])
assert parts[0].shape == one.trainable_variables[0].shape
print("made", made[0])
"""
ON_BATCHES = """
slow = build(Slow())
slow.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
made[0] = 0
for step in range(1500):
    loss, accuracy = slow.train_on_batch(x[:32], y[:32])
assert np.isfinite(loss) and 0 <= accuracy <= 1
print("made", made[0])
"""
CALLED = """
made[0] = 0
answers = np.concatenate([slow(x[i:i + 1]).numpy() for i in range(2000)])
assert answers.shape == (2000, 10)
print("made", made[0])
"""
SEARCHED = """
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
class Sleepy(ClassifierMixin, BaseEstimator):
    def __init__(self, a=1, b=1):
        self.a, self.b = a, b
    def fit(self, X, y):
        sleep(0.5)
        self.classes_ = np.unique(y)
        return self
    def predict(self, X):
        time.sleep(len(X) / 3000)
        return np.full(len(X), self.classes_[0])
made[0] = 0
search = GridSearchCV(Sleepy(), {"a": [1, 2, 3], "b": [1, 2, 3, 4]}, cv=3, n_jobs=-1).fit(x[:12000], y[:12000])
assert search.cv_results_["mean_test_score"].reshape(3, 4).shape == (3, 4) and "a" in search.best_params_
assert search.predict(x).shape == (60000,)
found = cross_validate(Sleepy(), x, y, cv=10, return_estimator=True)
assert found["test_score"].shape == (10,) and len(found["estimator"]) == 10
print("made", made[0])
quick = KNeighborsClassifier(n_neighbors=1).fit(x[:300], y[:300])
assert (quick.predict(x[:300]) == y[:300]).all()
"""


@pytest.fixture(scope="module")
def execution(warm_sandbox: Sandbox) -> Execution:
    return run(
        SETUP,
        COMPILED,
        WRITTEN_OUT,
        ON_BATCHES,
        CALLED,
        SEARCHED,
        limits=LIMITS,
        smoke=Smoke(seconds=400),
        warm=warm_sandbox,
    )


def loops(execution: Execution, cell: int) -> list[Fit]:
    return [fit for fit in execution.claims.fits if fit.cell == cell]


def test_no_loop_sees_anything_that_breaks_it(execution: Execution) -> None:
    assert [(cell.number, cell.error) for cell in execution.claims.cells if cell.error] == []


def test_most_steps_are_not_made(execution: Execution) -> None:
    """Of 1,180 steps under `tf.function`, 590 that are written out, 1,500 and 2,000 calls, and 47 fits."""
    printed = ["".join(output.text for output in cell.outputs) for cell in execution.claims.cells[1:]]
    made = [int(text.rpartition("made")[2]) for text in printed]
    most = (200, 110, 200, 110, 20)
    assert all(4 <= count <= limit for count, limit in zip(made, most, strict=True)), made


def test_what_was_left_out_is_said(execution: Execution) -> None:
    notes = "\n".join(execution.claims.notes)
    assert "a training loop of your own made at most 200 steps; the functions of its later steps" in notes
    assert "(cells 2, 3, 4)" in notes
    assert "in a long loop a network that was called gave its last answer again" in notes
    assert "a search or a cross-validation gave the last score again" in notes
    assert "`Sleepy.predict` looked at 640 of 60000 rows, whose answers were repeated for the rest" in notes
    assert "KNeighborsClassifier.predict" not in notes


def test_what_was_left_out_counts_in_the_estimate(execution: Execution) -> None:
    """Of 1,180 steps of 0.05 s, 1,500 more and 2,000 calls at least three quarters were not made."""
    assert execution.claims.left_out_s > 0.75 * 0.05 * (1180 + 1500 + 2000)


def test_the_trainings_are_seen_as_such(execution: Execution) -> None:
    assert [fit.how for fit in loops(execution, 2)] == ["own loop"]
    assert {fit.model for fit in loops(execution, 3)} == {"one", "other"}
    assert [fit.how for fit in loops(execution, 4)] == ["train_on_batch"]
    assert all((fit.steps or 0) >= 4 for cell in (2, 3, 4) for fit in loops(execution, cell))
