"""`grader.check` on a live network: in a real Jupyter kernel, in a plain script, and what is refused in words."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from grader.core.errors import UsageError
from grader.selfcheck.in_notebook import describe_network, require_network
from tests.fakes import RUBRIC, data_of, write_course

ROOT = Path(__file__).parents[2]
NETWORK = """
import keras
import numpy as np
keras.utils.set_random_seed(1)
net = keras.Sequential([
    keras.Input((20, 24, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(),
    keras.layers.Dense(1, activation="sigmoid"),
])
net.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = net.fit(np.zeros((8, 20, 24, 3)), np.array([0, 1] * 4), epochs=3, verbose=0)
other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(7)])
"""
CHECK = "%load_ext grader\n%grader tiny net"
FOUND = 'import grader\ngrader.check("tiny")'
MISTAKES = "%grader tinny\n%grader tiny nothing\n%grader"
SCRIPT = f"""{NETWORK}
import grader
print(grader.check("tiny", net))
try:
    grader.check("tiny", history)
except Exception as error:
    print(type(error).__name__, error)
"""
RUBRIC_WITH_ADVICE = f"""{RUBRIC}
[[check]]
use = "suggested_epochs"
points = 0
value = 3

[[check]]
use = "suggested_batch_size"
points = 0
value = 32
"""


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    course = write_course(tmp_path_factory.mktemp("course"), RUBRIC_WITH_ADVICE)
    return {
        **os.environ, "PYTHONPATH": str(ROOT), "GRADER_COURSE": str(course.root), "GRADER_DATA": str(data_of(course.root)),
        "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3",
    }  # fmt: skip


@pytest.fixture(scope="module")
def cells(surroundings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The code cells of a notebook after a run in an ordinary Jupyter kernel, without any sandbox."""
    made = [nbformat.v4.new_code_cell(source) for source in (NETWORK, CHECK, FOUND, MISTAKES)]
    notebook = nbformat.v4.new_notebook(cells=made)
    place = {"metadata": {"path": str(tmp_path_factory.mktemp("desk"))}}
    client = NotebookClient(notebook, kernel_name="python3", timeout=300, resources=place)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in surroundings.items():
            patch.setenv(name, value)
        client.execute()
    return list(notebook.cells)


def shown(cell: Any) -> dict[str, str]:
    (result,) = [output for output in cell.outputs if output.output_type == "execute_result"]
    return dict(result.data)


def test_the_magic_shows_a_card_and_text_where_no_card_can_be_shown(cells: list[Any]) -> None:
    data = shown(cells[1])
    assert "Accuracy" in data["text/html"]
    assert "Not checked here: The code runs from top to bottom" in data["text/html"]
    assert "of 10 on the 10 judged photographs; 80 % needed" in data["text/plain"]
    assert "`net` was fitted for 3 epochs" in data["text/plain"]
    assert "A self-check, not a mark." in data["text/html"]


def test_what_the_network_can_not_know_is_left_out(cells: list[Any]) -> None:
    said = shown(cells[1])["text/plain"]
    assert "3 epochs, as suggested" in said
    assert "The batch size is the suggested one\n             not checked: only a run of the whole notebook" in said


def test_without_a_name_the_network_that_suits_the_exercise_is_taken(cells: list[Any]) -> None:
    assert "<b>tiny</b> · `net`" in shown(cells[2])["text/html"]


def test_mistakes_are_answered_in_a_line_without_a_traceback(cells: list[Any]) -> None:
    said = "".join(output.text for output in cells[3].outputs)
    assert said.splitlines() == [
        "grader: There is no assignment `tinny`. Did you mean `tiny`? Available: tiny.",
        "grader: There is nothing called `nothing` in this notebook. Run the cell that makes it.",
        "grader: Write `%grader ASSIGNMENT`, or `%grader ASSIGNMENT NETWORK`. Available: tiny.",
    ]


def test_in_a_plain_script_it_is_text(surroundings: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "work.py"]
    done = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "of 10 on the 10 judged photographs; 80 % needed" in done.stdout
    assert (
        "UsageError A History is not a Keras network. That is what `fit` returns: give the network itself."
        in done.stdout
    )


class Odd:
    """Something that can be saved and has layers, and knows nothing of a training."""

    layers = ()
    name = "odd"

    def save(self, path: str) -> None:
        """Nothing."""


def test_whatever_is_no_network_is_refused_by_its_kind() -> None:
    with pytest.raises(UsageError, match="A str is not a Keras network"):
        require_network("model.keras")
    require_network(Odd())


def test_a_network_that_was_never_trained_claims_no_training() -> None:
    claims = describe_network(Odd())
    assert claims.fits == ()
    assert claims.candidates[0].name == "odd"
    assert not claims.candidates[0].fitted


def test_importing_grader_imports_nothing_heavy() -> None:
    code = (
        "import sys, grader; grader.__version__; assert hasattr(grader, 'load_ipython_extension'); "
        "heavy = {'tensorflow', 'keras', 'numpy', 'typer', 'pydantic', 'IPython', 'grader.selfcheck'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
