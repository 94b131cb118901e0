"""Cells behind the last training have less time: what counts as training is read generously."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.kernel.run_notebook import first_after_training

BUILD, FIT, PLOT = "model = build()", "history = model.fit(x, y)", "plt.plot(history.history['loss'])"


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        ((BUILD, FIT, PLOT), 2),
        ((BUILD, FIT, PLOT, FIT), 4),
        ((BUILD, PLOT), 2),
        ((), 0),
        (("def train():\n    model.fit(x, y)", BUILD, "train()", PLOT), 3),
        (("class Net:\n    def learn(self):\n        self.m.fit(x)", "n = Net()", PLOT, "n.learn()", PLOT), 4),
        (("def one():\n    m.fit(x)\ndef two(): one()", "def three():\n    two()", PLOT, "three()", PLOT), 4),
        (("go = lambda: model.fit(x, y)", PLOT, "go()", PLOT), 3),
        (("def train():\n    model.fit(x, y)", "go = partial(train)", "go()", PLOT), 3),
        (("with tf.GradientTape() as tape: pass", PLOT), 1),
        (("for b in data: model.train_on_batch(*b)", "scaler.fit(x)", PLOT), 2),
        (("%run train.py", PLOT), 1),
        (("!python train.py", PLOT), 1),
        (("def experiment(): learn(build())", "def learn(m): m.fit(x, y)", "m = experiment()", PLOT), 3),
        (("scaler.fit(x)", "train = model.fit", "train(x, y)", PLOT), 2),
        (("getattr(model, 'fit')(x, y)", PLOT), 1),
        (("scores = cross_val_score(clf, x, y)", PLOT), 1),
    ],
)
def test_the_tail_begins_behind_the_last_cell_that_may_train(cells: tuple[str, ...], first: int) -> None:
    assert first_after_training(cells) == first


@given(st.lists(st.sampled_from([BUILD, FIT, PLOT, "train()", "def train(): model.fit(x)", "not Python ("])))
def test_no_cell_of_the_tail_writes_a_fit(cells: list[str]) -> None:
    first = first_after_training(cells)
    assert 0 <= first <= len(cells)
    assert not any(".fit(" in cell for cell in cells[first:])
