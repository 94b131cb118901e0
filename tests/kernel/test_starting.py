"""Which notebooks are started cold although a warm start was asked for."""

import pytest

from grader.core.notebook import Script
from grader.kernel.run_notebook import cold_reason


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras", "KERAS_BACKEND"),
        ('os.environ["TF_DETERMINISTIC_OPS"] = "1"', "TF_DETERMINISTIC_OPS"),
        ("os.environ.update(OMP_NUM_THREADS='1')", "OMP_NUM_THREADS"),
        ("%env CUDA_VISIBLE_DEVICES=0", "CUDA_VISIBLE_DEVICES"),
        ("!export XLA_FLAGS=--xla_dump_to=x", "XLA_FLAGS"),
        ("os.putenv('TF_ENABLE_ONEDNN_OPTS', '0')", "TF_ENABLE_ONEDNN_OPTS"),
        ("os.environ.setdefault('TF_USE_LEGACY_KERAS', '1')", "TF_USE_LEGACY_KERAS"),
        ("keras.config.set_backend('jax')", "set_backend"),
        ("open(home / '.keras/keras.json', 'w').write(settings)", "keras.json"),
    ],
)
def test_a_variable_that_is_read_at_an_import_needs_a_cold_start(cell: str, name: str) -> None:
    script = Script("work.ipynb", ("x = 1", cell))
    assert cold_reason(script, {}) == f"it mentions `{name}`, which is read when TensorFlow or Keras is imported"


def test_a_module_beside_the_notebook_counts_and_other_files_do_not() -> None:
    script = Script("work.ipynb", ("from settings import *",))
    assert "`OMP_NUM_THREADS`" in cold_reason(
        script, {"settings.py": b"import os; os.environ['OMP_NUM_THREADS'] = '1'"}
    )
    assert cold_reason(script, {"notes.txt": b"OMP_NUM_THREADS", "data.bin": bytes(range(256))}) == ""
    assert cold_reason(script, {"settings.py": b"\xff\xfe\x00"}) == ""


@pytest.mark.parametrize(
    "cell",
    [
        "import tensorflow as tf\nTF_MODEL = 1".replace("TF_MODEL", "model"),
        "os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'",
        "import keras; print(keras.__version__)",
        "# my_TF_network, tf_seed, omp_threads",
    ],
)
def test_an_ordinary_cell_may_be_started_warm(cell: str) -> None:
    assert cold_reason(Script("work.ipynb", (cell,)), {}) == ""
