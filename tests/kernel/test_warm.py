"""Kernels forked from a server that has imported TensorFlow: the same weights to the bit, and nothing from run to run."""

import io
import os
import signal
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from grader.errors import Infrastructure
from grader.evidence import Cause
from grader.kernel.guest.imports import AfterImport, Kept
from grader.kernel.run import Execution, Job, run_notebook
from grader.limits import Limits
from grader.notebook import Script
from grader.progress import Silent
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.warm import WarmBubblewrap
from tests.sandbox.test_warm import server_of

LIMITS = Limits(threads=1, cell=120.0, wall=300.0)
TRAIN = (
    "import sys\nprint([name in sys.modules for name in ('keras', 'tensorflow', 'h5py', 'matplotlib.pyplot')])\n"
    "import random\nimport numpy as np\nprint(np.random.rand(), random.random())",
    "from keras import layers\nimport keras\nprint(np.random.rand(), random.random())\n"
    "x = np.random.rand(256, 8, 8, 1).astype('float32')\ny = np.random.randint(0, 10, 256)",
    "import tensorflow as tf\ntf.config.experimental.enable_op_determinism()\n"
    "model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation='relu'), layers.Dropout(0.3),\n"
    "                          layers.Flatten(), layers.Dense(10, activation='softmax')])\n"
    "model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])\n"
    "history = model.fit(x, y, epochs=2, batch_size=32, verbose=2)",
    "import matplotlib.pyplot as plt\nplt.style.use('seaborn-whitegrid')\nplt.plot(history.history['loss'])\n"
    "print(tf.keras.__version__, tf.test.gpu_device_name(), tf.Session)",
)
SPOIL = (
    "import keras, numpy as np, random, os, tensorflow as tf\n"
    "keras.layers.Dense.call = None\nkeras.config.set_floatx('float16')\nnp.random.seed(99)\nrandom.seed(99)\n"
    "tf.config.run_functions_eagerly(True)\nopen('/tmp/note', 'w').write('x')\nos.kill(os.getpid(), 11)",
)


class Watched(WarmBubblewrap):
    """Warm starts that must not fail."""

    def __init__(self) -> None:
        super().__init__(Bubblewrap.on_this_host().host, pytest.fail)


@pytest.fixture(scope="module")
def warm() -> Iterator[Watched]:
    with closing(Watched()) as sandbox:
        yield sandbox


def run(sandbox: Bubblewrap, cells: tuple[str, ...], *, warm: bool = True) -> Execution:
    job = Job(script=Script("work.ipynb", cells), files={}, inputs=(), limits=LIMITS, seed=4, units=(10,), warm=warm)
    return run_notebook(job, sandbox, who="student", progress=Silent())


def weights(execution: Execution) -> bytes:
    assert execution.model is not None, execution.claims
    with zipfile.ZipFile(io.BytesIO(execution.model)) as archive:
        return archive.read("model.weights.h5")


def told(execution: Execution) -> object:
    """What a run left but for times and addresses."""
    cells = [([output.text for output in cell.outputs], cell.error) for cell in execution.claims.cells]
    fits = [fit.model_dump(exclude={"seconds", "identity"}) for fit in execution.claims.fits]
    return [(texts[:1] if number == 2 else texts, error) for number, (texts, error) in enumerate(cells)], fits, \
        execution.claims.shims, execution.claims.notes  # fmt: skip


@pytest.fixture(scope="module")
def cold_run(warm: Watched) -> Execution:
    return run(Bubblewrap(warm.host), TRAIN, warm=False)


def without_times(execution: Execution) -> Execution:
    """Keras prints how long an epoch took."""
    import re

    cells = []
    for cell in execution.claims.cells:
        outputs = tuple(
            output.model_copy(update={"text": re.sub(r"\d+m?s(?:/step)?|0x\w+", "", output.text)}) for output in cell.outputs
        )
        cells.append(cell.model_copy(update={"outputs": outputs}))
    return Execution(
        ending=execution.ending, claims=execution.claims.model_copy(update={"cells": tuple(cells)}), model=execution.model
    )


def test_a_warm_kernel_gives_the_same_weights_and_tells_the_same(warm: Watched, cold_run: Execution) -> None:
    forked = run(warm, TRAIN)
    assert (forked.start, cold_run.start) == ("warm", "cold")
    assert forked.ending.cause is Cause.FINISHED
    assert weights(forked) == weights(cold_run)
    assert told(without_times(forked)) == told(without_times(cold_run))
    assert forked.claims.cells[0].outputs[0].text.startswith("[False, False, False, False]")


def test_a_notebook_that_spoils_its_kernel_changes_nothing_for_the_next_one(warm: Watched, cold_run: Execution) -> None:
    spoilt = run(warm, SPOIL)
    assert (spoilt.start, spoilt.ending.cause) == ("warm", Cause.CRASH)
    assert weights(run(warm, TRAIN)) == weights(cold_run)


def test_a_notebook_that_needs_it_is_started_cold_and_says_why(warm: Watched) -> None:
    execution = run(warm, ("import os\nos.environ['OMP_NUM_THREADS'] = '1'",))
    assert execution.start == "cold"
    assert execution.start_note == "it mentions `OMP_NUM_THREADS`, which is read when TensorFlow or Keras is imported"


def test_a_server_that_dies_is_our_fault_and_no_ending_of_the_notebook(warm: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    start = warm.start

    def fatal(program: object) -> object:
        confined = start(program)  # type: ignore[arg-type]
        if (os.fork() if False else 0) == 0:
            import threading

            threading.Timer(1.5, os.kill, (server_of(confined), signal.SIGKILL)).start()
        return confined

    monkeypatch.setattr(warm, "start", fatal)
    with pytest.raises(Infrastructure):
        run(warm, ("import time; time.sleep(30)",))
    monkeypatch.undo()
    assert run(warm, ("print(1)",)).start == "warm"


def test_a_kept_module_is_given_out_at_its_import_and_after_its_companions(monkeypatch: pytest.MonkeyPatch) -> None:
    import colorsys
    import sys
    import this_is_no_module as _  # noqa: F401
