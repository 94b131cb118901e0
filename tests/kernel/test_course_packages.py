"""What a course adds to Python, inside: it can be imported and not changed, and nothing that was there is another."""

from pathlib import Path

import pytest

from grader.core.evidence import Smoke
from grader.core.limits import Limits
from grader.core.notebook import read_submission
from grader.core.progress import Silent
from grader.kernel.run_notebook import Job, run_notebook
from grader.sandbox import open_sandbox
from grader.sandbox.environment import PACKAGES
from grader.sandbox.interface import Input
from grader.sandbox.warm import WarmBubblewrap
from tests.notebooks import notebook

LOOKING = """
import pathlib, keras_tuner, numpy
place = pathlib.Path(keras_tuner.__file__)
print(keras_tuner.WORDS, 'site-packages' in str(place), hasattr(numpy, 'ours'))
try:
    (place.parent / 'more.py').write_text('')
    print('written')
except OSError:
    print('refused')
"""
SEARCHING = """
import keras_tuner, keras, numpy
x, y = numpy.zeros((2000, 4)), numpy.zeros(2000)
def build():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile('adam', 'mse')
    return model
tuner = keras_tuner.BaseTuner(9, lambda: build().fit(x, y, epochs=4, verbose=0))
tuner.search()
print(len(tuner.oracle.trials), tuner.oracle.max_trials)
endless = keras_tuner.BaseTuner(None, lambda: None)
endless.search()
print(len(endless.oracle.trials), endless.oracle.max_trials)
"""
# As in KerasTuner: a search ends where its oracle has made `max_trials`.
TUNER = """
class Oracle:
    def __init__(self, most):
        self.max_trials, self.trials = most, {}
class BaseTuner:
    def __init__(self, most, run):
        self.oracle, self.run = Oracle(most), run
    def search(self):
        while not (self.oracle.max_trials and len(self.oracle.trials) >= self.oracle.max_trials):
            self.run()
            self.oracle.trials[len(self.oracle.trials)] = 1
"""


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> tuple[Input, ...]:
    folder = tmp_path_factory.mktemp("added")
    for path, text in {
        "numpy.py": "ours = True", "keras_tuner/__init__.py": "from keras_tuner.src.engine.base_tuner import *\nWORDS = 3",
        "keras_tuner/src/__init__.py": "", "keras_tuner/src/engine/__init__.py": "",
        "keras_tuner/src/engine/base_tuner.py": TUNER,
    }.items():  # fmt: skip
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for above in (folder, *folder.parents[:2]):
        above.chmod(above.stat().st_mode | 0o055)
    return (Input(folder, PACKAGES),)


def a_job(added: tuple[Input, ...], *cells: str, warm: bool = False, smoke: Smoke | None = None) -> Job:
    script = read_submission("work.ipynb", notebook(*cells))
    return Job(
        script=script, files={}, inputs=added, limits=Limits(wall=120.0), seed=5, units=(10,), warm=warm, smoke=smoke
    )


@pytest.mark.parametrize("held", ["bubblewrap", "none", "warm"])
def test_a_notebook_imports_what_the_course_adds_and_nothing_else_changes(
    added: tuple[Input, ...], held: str, warm_sandbox: WarmBubblewrap
) -> None:
    sandbox = warm_sandbox if held == "warm" else open_sandbox("none" if held == "none" else "bubblewrap")
    execution = run_notebook(a_job(added, LOOKING, warm=held == "warm"), sandbox, who="student", progress=Silent())
    (cell,) = execution.claims.cells
    said = "".join(output.text for output in cell.outputs).split("\n")
    assert cell.error is None and said[0] == "3 True False"
    assert said[1] == ("written" if held == "none" else "refused")
    (Path(added[0].source) / "keras_tuner" / "more.py").unlink(missing_ok=True)


def test_a_search_of_keras_tuner_is_cut_in_a_smoke_run_and_said(added: tuple[Input, ...]) -> None:
    job = a_job(added, SEARCHING, smoke=Smoke(seconds=200))
    execution = run_notebook(job, open_sandbox("bubblewrap"), who="student", progress=Silent())
    (cell,) = execution.claims.cells
    assert cell.error is None and "".join(output.text for output in cell.outputs).split() == ["2", "9", "2", "None"]
    notes = "\n".join(execution.claims.notes)
    assert "a search of KerasTuner's made 2 of its 9 trials" in notes
    assert "a search of KerasTuner's ended after 2 trials" in notes
    assert execution.claims.left_out_s > 0
