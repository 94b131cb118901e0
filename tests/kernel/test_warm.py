"""Kernels forked from a server that has imported TensorFlow: the same weights to the bit, and nothing from run to run."""

import colorsys
import importlib
import importlib.util
import io
import os
import re
import signal
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing
from types import ModuleType

import pytest

from grader.core.errors import Infrastructure
from grader.core.evidence import Cause
from grader.core.limits import Limits
from grader.core.notebook import Script
from grader.core.progress import Silent
from grader.kernel.guest.imports import AfterImport, ImportedEarlier
from grader.kernel.guest.smoke import patches
from grader.kernel.run_notebook import Execution, Job, run_notebook
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.interface import Confined, Program
from grader.sandbox.warm import WarmBubblewrap
from tests.sandbox.test_warm import server_of

LIMITS = Limits(threads=1, cell=120.0, wall=300.0)
VARYING = re.compile(r"\d+m?s(?:/step)?|0x\w+")  # times and addresses
TRAIN = (
    f"import sys\nprint([name for name in (*sys.meta_path[0]._patches, *{[*patches(None)]}) if name in sys.modules])\n"  # type: ignore[arg-type]
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
    """Warm starts that must not fail; `fatal`: seconds after which each child loses its server."""

    def __init__(self) -> None:
        super().__init__(Bubblewrap.on_this_host().host, pytest.fail)
        self.fatal: float | None = None

    def start(self, program: Program) -> Confined:
        confined = super().start(program)
        if self.fatal is not None:
            threading.Timer(self.fatal, os.kill, (server_of(confined), signal.SIGKILL)).start()
        return confined


@pytest.fixture(scope="module")
def warm() -> Iterator[Watched]:
    with closing(Watched()) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def cold_run(warm: Watched) -> Execution:
    return run(Bubblewrap(warm.host), TRAIN, warm=False)


def run(sandbox: Bubblewrap, cells: tuple[str, ...], *, warm: bool = True) -> Execution:
    job = Job(script=Script("work.ipynb", cells), files={}, inputs=(), limits=LIMITS, seed=4, units=(10,), warm=warm)
    return run_notebook(job, sandbox, who="student", progress=Silent())


def weights(execution: Execution) -> bytes:
    assert execution.model is not None, execution.claims
    with zipfile.ZipFile(io.BytesIO(execution.model)) as archive:
        return archive.read("model.weights.h5")


def told(execution: Execution) -> object:
    """All that a run told, but for times and addresses."""
    claims = execution.claims
    cells = [([VARYING.sub("", output.text) for output in cell.outputs], cell.error) for cell in claims.cells]
    fits = [fit.model_dump(exclude={"seconds", "identity"}) for fit in claims.fits]
    return cells, fits, claims.shims, claims.notes, claims.problem


def test_a_warm_kernel_gives_the_same_weights_and_tells_the_same(warm: Watched, cold_run: Execution) -> None:
    forked = run(warm, TRAIN)
    assert (forked.start, cold_run.start) == ("warm", "cold")
    assert forked.ending.cause is Cause.FINISHED
    assert weights(forked) == weights(cold_run)
    assert told(forked) == told(cold_run)
    assert forked.claims.cells[0].outputs[0].text.startswith("[]\n"), (
        "nothing that waits for an import is there before it"
    )
    assert forked.claims.shims


def test_a_notebook_that_spoils_its_kernel_changes_nothing_for_the_next_one(warm: Watched, cold_run: Execution) -> None:
    spoilt = run(warm, SPOIL)
    assert (spoilt.start, spoilt.ending.cause) == ("warm", Cause.CRASH)
    assert weights(run(warm, TRAIN)) == weights(cold_run)


def test_a_notebook_that_needs_it_is_started_cold_and_says_why(warm: Watched) -> None:
    execution = run(warm, ("import os\nos.environ['OMP_NUM_THREADS'] = '1'",))
    assert execution.start == "cold"
    assert execution.start_note == "it mentions `OMP_NUM_THREADS`, which is read when TensorFlow or Keras is imported"


def test_a_server_that_dies_is_our_fault_and_no_ending_of_the_notebook(warm: Watched) -> None:
    warm.fatal = 1.0
    with pytest.raises(Infrastructure):
        run(warm, ("import time; time.sleep(60)",))
    warm.fatal = None
    assert run(warm, ("print(1)",)).start == "warm"


def test_a_kept_module_is_given_out_whole_at_its_import_and_its_companions_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    def note(module: ModuleType) -> None:
        seen.append(module.__name__)

    first, second = colorsys, importlib.import_module("quopri")
    monkeypatch.delitem(sys.modules, "colorsys")
    monkeypatch.delitem(sys.modules, "quopri")
    waiting = AfterImport({"colorsys": note, "quopri": note})
    kept = ImportedEarlier({"colorsys": first, "quopri": second}, {"colorsys": ("quopri", "antigravity")})
    monkeypatch.setattr(sys, "meta_path", [waiting, kept, *sys.meta_path])
    assert importlib.import_module("colorsys") is first
    assert sys.modules["quopri"] is second
    assert seen == ["quopri", "colorsys"]
    assert importlib.import_module("colorsys") is first
    assert len(seen) == 2
    assert importlib.util.find_spec("colorsys") is first.__spec__
