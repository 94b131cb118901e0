"""Keras on other backends than TensorFlow, in real kernels: honoured where they are installed, told where they are not."""

import sys
from importlib.util import find_spec
from types import ModuleType

import pytest

from grader.core.evidence import Claims, Smoke
from grader.core.limits import Limits
from grader.core.notebook import read_submission
from grader.core.progress import Silent
from grader.judge.client import Question, judge_model
from grader.kernel.guest.backends import choose_backend
from grader.kernel.guest.notes import Notes
from grader.kernel.run_notebook import Execution, Job, run_notebook
from grader.sandbox import open_sandbox
from tests.judge.models import images
from tests.notebooks import notebook

LIMITS = Limits(wall=500.0, cell=300.0, memory=6 << 30)
SMOKE = Smoke(images=256, epochs=1, seconds=400.0)
needs_jax = pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")

# As the textbook's third edition does it.
MAGIC = """
from IPython.core.magic import register_cell_magic
@register_cell_magic
def backend(line, cell):
    if os.environ.get("KERAS_BACKEND", "") == line.split()[-1]:
        get_ipython().run_cell(cell)
    else:
        print("another backend")
"""
SETUP = """
import keras, numpy as np
from keras import layers
print(keras.config.backend())
rng = np.random.default_rng(0)
x = rng.random((2000, 8, 8, 1)).astype("float32"); y = rng.integers(0, 2, 2000)
loss_of = keras.losses.SparseCategoricalCrossentropy()
def build():
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.Dropout(0.1),
                             layers.Flatten(), layers.Dense(2, activation="softmax")])
class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.flat, self.last = layers.Flatten(), layers.Dense(2, activation="softmax")
    def call(self, value):
        return self.last(self.flat(value))
def compiled(model):
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
"""
FIT = """
fitted = compiled(build())
history = fitted.fit(x, y, epochs=2, batch_size=50, validation_split=0.1, verbose=0)
print(sorted(history.history), len(fitted.predict(x, verbose=0)))
"""
# A loop of one's own as Keras' guide for JAX has it, compiled and not.
JAX_STEP = """%%backend jax
import jax
def make(model, optimizer):
    optimizer.build(model.trainable_variables)
    def loss_and_state(trained, others, images, labels):
        found, others = model.stateless_call(trained, others, images, training=True)
        return loss_of(labels, found), others
    gradient = jax.value_and_grad(loss_and_state, has_aux=True)
    def step(state, images, labels):
        trained, others, own = state
        (loss, others), found = gradient(trained, others, images, labels)
        trained, own = optimizer.stateless_apply(own, found, trained)
        return loss, (trained, others, own)
    variables = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
    return step, tuple([variable.value for variable in each] for each in variables)
def keep(model, state):
    for variable, value in zip(model.trainable_variables, state[0]):
        variable.assign(value)
"""
JAX_COMPILED = """%%backend jax
model = build()
step, state = make(model, keras.optimizers.Adam())
step = jax.jit(step, donate_argnums=0)
for epoch in range(20):
    for start in range(0, 2000, 50):
        loss, state = step(state, x[start:start + 50], y[start:start + 50])
keep(model, state)
print(step.lower is not None, float(loss) > 0)
"""
JAX_WRITTEN_OUT = """%%backend jax
slow, forgotten = build(), build()
step, state = make(slow, keras.optimizers.SGD())
for start in range(0, 250, 50):
    loss, state = step(state, x[start:start + 50], y[start:start + 50])
keep(slow, state)
step, state = make(forgotten, keras.optimizers.SGD())
jax.jit(step)(state, x[:50], y[:50])
"""
OWN = "own = compiled(Own())\nown.fit(x, y, epochs=1, verbose=0)\n1 / 0"


def run(*cells: str, smoke: Smoke | None = None) -> Execution:
    script = read_submission("work.ipynb", notebook(*cells))
    job = Job(script=script, files={}, inputs=(), limits=LIMITS, seed=3, units=(2,), smoke=smoke)
    return run_notebook(job, open_sandbox("bubblewrap"), who="student", progress=Silent())


def printed(execution: Execution) -> list[str]:
    return ["".join(output.text or "" for output in cell.outputs) for cell in execution.claims.cells]


def errors(execution: Execution) -> list[str | None]:
    return [cell.error.name if cell.error else None for cell in execution.claims.cells]


def judged_in_words(model: bytes) -> str:
    """What the judge, on TensorFlow, says of a network."""
    judged = images(300, 2)
    question = Question(image_shape=(8, 8, 1), probe=images(200, 1), images=judged.images, units=(2,))
    answer = judge_model(model, question, Claims(), open_sandbox("bubblewrap"), Limits()).judgement
    return "judged" if answer.preparation is not None else str(answer)


def test_without_the_backend_tensorflow_stands_in_and_the_textbooks_magic_works() -> None:
    """Also the magic that a notebook forgot to make, before; a cell inside of a cell is not one more."""
    execution = run(
        "import os, sys\nsys.modules['jax'] = None\nos.environ['KERAS_BACKEND'] = 'jax'",
        "import keras\nprint(keras.config.backend())\nkeras.config.set_backend('jax')",
        "%%backend tensorflow\nprint('without its magic')", MAGIC, "%%backend jax\nprint('never')",
        "%%backend tensorflow\nprint('ran')\n1 / 0", "%nothing",
    )  # fmt: skip
    assert printed(execution)[1:5] == ["tensorflow\n", "without its magic\n", "", "another backend\n"]
    assert errors(execution) == [None, None, None, None, None, "ZeroDivisionError", None]
    notes = execution.claims.notes
    assert "`KERAS_BACKEND` was set to 'jax', which is not here: Keras 3 with TensorFlow was used (cell 2)" in notes
    assert (
        "`keras.config.set_backend` was set to 'jax', which is not here: Keras 3 with TensorFlow was used (cell 2)"
        in (notes)
    )
    assert "the cell under `%%backend jax` was left out: in this run Keras' backend is 'tensorflow' (cell 5)" in notes
    assert any(note.startswith("`%nothing") and note.endswith("(cell 7)") for note in notes)


def test_a_warm_start_has_imported_keras_with_tensorflow_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the variable may be put together, so that nobody saw that a cold start was due."""
    loaded = ModuleType("keras.src.backend.config")
    vars(loaded)["backend"] = lambda: "tensorflow"
    monkeypatch.setitem(sys.modules, "keras.src.backend.config", loaded)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    notes = Notes()
    choose_backend(notes)
    assert notes.told()["notes"] == [
        "`KERAS_BACKEND` was set to 'jax', which is not here: Keras 3 with TensorFlow was used"
    ]


@needs_jax
def test_a_notebook_on_jax_is_recorded_and_its_network_is_judged_on_tensorflow() -> None:
    begin = "import os\nos.environ['KERAS_BACKEND'] = 'jax'"
    execution = run(begin, MAGIC, SETUP, FIT, JAX_STEP, JAX_COMPILED, JAX_WRITTEN_OUT, OWN)
    assert errors(execution) == [None] * 7 + ["ZeroDivisionError"]
    assert printed(execution)[2:6] == [
        "jax\n",
        "['accuracy', 'loss', 'val_accuracy', 'val_loss'] 2000\n",
        "",
        "True True\n",
    ]
    fits = {fit.model: fit for fit in execution.claims.fits}
    assert sorted(fits) == ["fitted", "model", "own", "slow"]
    fitted = fits["fitted"]
    assert (fitted.epochs_done, fitted.updates, fitted.x and fitted.x.shape) == (2, 72, (2000, 8, 8, 1))
    assert len(fitted.labels) == 256
    assert (fitted.moved or 0) > 0
    assert fitted.first_accuracy is not None
    assert [(fits[name].how, fits[name].steps) for name in ("model", "slow")] == [("own loop", 1), ("own loop", 5)]
    notes = execution.claims.notes
    assert any(note.startswith("Keras ran on JAX") and note.endswith("(cell 3)") for note in notes)
    assert any("compiled by `jax.jit`" in note and note.endswith("(cell 6)") for note in notes)
    assert any("left the weights of its network as they were" in note and "(cell 7)" in note for note in notes)
    assert any(note.startswith("`Own` is a class") for note in notes)
    assert execution.model is not None
    assert judged_in_words(execution.model) == "judged"


@needs_jax
def test_a_smoke_run_on_jax_cuts_trainings_and_loops() -> None:
    execution = run("%env KERAS_BACKEND=jax", "import os" + MAGIC, SETUP, FIT, JAX_STEP, JAX_COMPILED, smoke=SMOKE)
    assert errors(execution) == [None] * 6
    fit = execution.claims.fits[0]
    assert (fit.epochs, fit.epochs_done, fit.updates) == (2, 1, 6)
    assert any("at most 200 steps" in note for note in execution.claims.notes)
    assert execution.claims.left_out_s > 0


TORCH_LOOPS = """
import torch
batches = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=50
)
model, other = build(), build()
optimizer, theirs = keras.optimizers.Adam(), torch.optim.Adam(other.parameters())
for epoch in range(10):
    for images, labels in batches:
        model.zero_grad()
        loss_of(labels, model(images, training=True)).backward()
        with torch.no_grad():
            optimizer.apply([weight.value.grad for weight in model.trainable_weights], model.trainable_weights)
for images, labels in batches:
    other.zero_grad()
    loss_of(labels, other(images, training=True)).backward()
    theirs.step()
"""
TORCH_LOADER = "loaded = compiled(build())\nloaded.fit(batches, epochs=1, verbose=0)"


@needs_torch
@pytest.mark.parametrize("smoke", [None, SMOKE], ids=["whole", "smoke"])
def test_a_notebook_on_pytorch_is_recorded_cut_and_judged(smoke: Smoke | None) -> None:
    start = "import keras\nkeras.config.set_backend('torch')"
    execution = run(start, SETUP, TORCH_LOOPS, TORCH_LOADER, OWN, smoke=smoke)
    assert errors(execution) == [None] * 4 + ["ZeroDivisionError"]
    fits = {fit.model: fit for fit in execution.claims.fits}
    assert sorted(fits) == ["loaded", "model", "other", "own"]
    assert len(fits["loaded"].labels) == 50
    if smoke is None:
        assert (fits["model"].steps, fits["other"].steps) == (400, 40)
        assert execution.model is not None
        assert judged_in_words(execution.model) == "judged"
    else:
        assert any("at most 200 steps" in note for note in execution.claims.notes)
