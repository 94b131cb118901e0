"""A notebook is run as a person would run it: what can't be done here is passed over with a note, and the rest goes on."""

import io
import zipfile
from collections.abc import Sequence
from itertools import pairwise

import pytest

from grader.core.evidence import Cause, Cell
from grader.core.limits import Limits
from grader.core.notebook import count_fits, read_submission
from grader.core.progress import Silent
from grader.kernel.guest.notes import MOST, Notes
from grader.kernel.guest.patch_keras import SHARE, FitBudget
from grader.kernel.run_notebook import Execution, Job, run_notebook
from grader.sandbox import open_sandbox
from tests.kernel.test_run_notebook import LIMITS, run
from tests.notebooks import notebook

# a cell -> a part of the note that it leaves
LEFT_OUT = {
    "!pip install tensorflow==1.8": "`!pip install tensorflow==1.8` was left out: packages can't be installed",
    "%pip install -q numpy": "`%pip install -q numpy` was left out: packages can't be installed",
    "pip install keras==2.2.4": "pip install keras==2.2.4` was left out",
    "git pull origin main\nprint('on')": "`!git pull origin main` was left out: there is no network",
    "!wget https://example.org/a.zip \\\r\n    -O a.zip": "`!wget https://example.org/a.zip -O a.zip` was left out",
    "!cd /content && kaggle datasets download -d x/y": "`!kaggle datasets download -d x/y` was left out",
    "!sudo apt-get -qq install graphviz": "`!sudo apt-get -qq install graphviz` was left out",
    "!unzip -q cats.zip": "`!unzip -q cats.zip` was left out",
    "!{'pip'} install x": "was left out",
    "lines = !curl -s https://example.org\nprint(len(lines))": "`!curl -s https://example.org` was left out",
    "%tensorflow_version 2.x": "`%tensorflow_version 2.x` was left out",
    "%load_ext tensorboard\n%tensorboard --logdir logs": "`%tensorboard --logdir logs` was left out",
    "%load_ext sql": "`%load_ext sql` was left out: it is not installed",
    "%%sql\nselect * from cats": "the cell under `%%sql` was left out",
    "%%bash\npip install x\nmkdir -p made/by/bash": "`!pip install x` was left out",
    "%matplotlib notebook": "was run as `%matplotlib inline`",
    "get_ipython().system('pip install x')": "`!pip install x` was left out",
    "get_ipython().magic('tensorflow_version 1.x')": "`%tensorflow_version 1.x` was left out",
    "from google.colab import drive\ndrive.mount('/content/drive')": "`google.colab` is not here",
    "from google.colab import files\nassert files.upload() == {}": "`files.upload()` returned no file",
}
RUN = {
    "import os; print(os.path.isdir('made/by/bash'))": "True\n",
    "!echo shell": "shell\n",
    "!unzip -qo own.zip -d own && echo done": "done\n",
    "print(open('own/a.txt').read())": "inside\n",
    "%matplotlib inline": "",
    "import plain.part.deep as deep; from plain.part import word; print(word, deep.word)": "found deeper\n",
    "from google.colab.patches import cv2_imshow\nimport numpy\ncv2_imshow(numpy.zeros((4, 4, 3)))": "<PIL",
    "a = 1\r\nb = 2\r\nprint(a + b)": "3\n",
    "%%writefile made/train.py\nimport sys\nfrom beside import word\nif __name__ == '__main__':\n"
    "    a = word\n    print(sys.argv)\n    sys.exit(0)": "Writing made/train.py",
    "!echo \"word = 'beside'\" > made/beside.py\n"
    "!python -u made/train.py --epochs 3\nprint(a)": "['made/train.py', '--epochs', '3']\n1\n",
    "import import_ipynb\nimport my_network\nprint(my_network.units, my_network.listed)": "512 ['other.txt']\n",
    "from my_network import units as again\nprint(again)": "512\n",
    "import sys\ntry:\n    sys.stdout.write(b'bytes')\nexcept TypeError:\n    print('no bytes')": "no bytes\n",
}
FAILING = {
    "!echo '1 / 0' > fails.py\n!python fails.py": "ZeroDivisionError",
    "Dies ist Prosa, kein Programm.": "SyntaxError",
    "print 'Python 2'": "SyntaxError",
    "git\npull": "NameError",
}
FLOODS = ["import matplotlib.pyplot as plt\n"
          "for i in range(33):\n    plt.figure(figsize=(1, 1)); plt.plot([1, 2]); plt.show()",
          "for _ in range(3): print('x' * 600_000)"]  # fmt: skip


@pytest.fixture(scope="module")
def execution() -> Execution:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "inside")
    files = {
        "own.zip": packed.getvalue(), "plain/part/__init__.py": b"word = 'found'", "plain/part/deep.py": b"word = 'deeper'",
        "my network.ipynb": notebook("# a notebook beside\nunits = 512", "listed = !echo other.txt"),
    }  # fmt: skip
    return run(*LEFT_OUT, *RUN, *FAILING, *FLOODS, "print('the end')", files=files, limits=LIMITS)


def cell_with(execution: Execution, code: str) -> Cell:
    return next(cell for cell in execution.claims.cells if cell.source == code.replace("\r\n", "\n"))


@pytest.mark.parametrize("code", [code for code in LEFT_OUT if "{" not in code or "files" in code])
def test_what_installs_or_downloads_is_left_out_with_a_note(execution: Execution, code: str) -> None:
    cell = cell_with(execution, code)
    assert cell.error is None, cell.error
    notes = [note for note in execution.claims.notes if LEFT_OUT[code] in note]
    assert notes, execution.claims.notes
    assert f"{cell.number}" in notes[0].rpartition("(cell")[2]


@pytest.mark.parametrize("code", RUN)
def test_what_can_be_run_is_run(execution: Execution, code: str) -> None:
    cell = cell_with(execution, code)
    assert cell.error is None, cell.error
    printed = "".join(output.text for output in cell.outputs)
    assert printed.replace("\r\n", "\n").startswith(RUN[code])


@pytest.mark.parametrize("code", FAILING)
def test_prose_and_python_2_fail_in_their_cells_and_the_rest_goes_on(execution: Execution, code: str) -> None:
    error = cell_with(execution, code).error
    assert error is not None
    assert error.name == FAILING[code]
    assert execution.claims.cells[-1].outputs[0].text == "the end\n"
    assert execution.ending.cause is Cause.FINISHED


def test_a_cell_may_draw_thirty_figures_and_print_a_million_characters(execution: Execution) -> None:
    figures, text = (cell_with(execution, code) for code in FLOODS)
    assert sum(output.png is not None for output in figures.outputs) == 30
    assert text.error is None
    for words in ("more than 30 figures", "more than a million characters"):
        assert any(words in note for note in execution.claims.notes)


def test_a_module_runs_as_main_without_arguments_cell_by_cell_where_it_says_so() -> None:
    code = (
        b"#!/usr/bin/env python\n# coding: utf-8\n\n# In[1]:\n\n\nimport argparse\n1 / 0\n\n# In[ ]:\n\n\n"
        b"get_ipython().system('pip install x')\nget_ipython().run_line_magic('matplotlib', 'inline')\n"
        b"if __name__ == '__main__':\n    print(argparse.ArgumentParser().parse_args(), __file__)\n"
        b"# In[2]:\n\n\nimport asyncio\nasync def four():\n    await asyncio.sleep(0.01)\n    return 4\n"
        b"print(asyncio.run(four()), asyncio.run(four()))\n"
    )
    job = Job(script=read_submission("work.py", code), files={}, inputs=(), limits=LIMITS, seed=1, units=(10,))
    cells = run_notebook(job, open_sandbox("bubblewrap"), who="student", progress=Silent()).claims.cells
    first, second, third = cells
    assert (third.error, third.outputs[0].text) == (None, "4 4\n")  # no event loop runs in a program by itself
    assert first.error is not None
    assert first.error.name == "ZeroDivisionError"
    assert second.outputs[0].text.startswith("Namespace()")
    assert second.outputs[0].text.endswith("work.py\n")


@pytest.mark.parametrize(("end", "error"), [("", None), ("0", None), ("main()", None), ("3", "SystemExit")])
def test_a_program_may_end_itself_in_good_order(end: str, error: str | None) -> None:
    code = f"import sys\ndef main():\n    print('done')\nmain()\nsys.exit({end})\n".encode()
    job = Job(script=read_submission("work.py", code), files={}, inputs=(), limits=LIMITS, seed=1, units=(10,))
    (cell,) = run_notebook(job, open_sandbox("bubblewrap"), who="student", progress=Silent()).claims.cells
    assert cell.outputs[0].text.startswith("done\n")
    assert (cell.error and cell.error.name) == error


STOPPED = """\
import os
os.environ["KERAS_BACKEND"] = "theano"
import keras, numpy
x, y = numpy.zeros((200_000, 3)), numpy.zeros((200_000, 2))
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(10)])
model.compile("adam", "mse")
"""
LONG = (
    """\
history = model.fit(x, y[:, :1] + numpy.zeros((1, 10)), epochs=50, batch_size=1, verbose=0)
if False:
"""
    + "    model.fit(x, y)\n" * 31
)


def test_a_training_that_would_take_too_long_is_stopped_in_good_order_and_told() -> None:
    limits = Limits(wall=1200.0, cell=240.0, memory=3 << 30)  # of which a `fit` gets six seconds
    execution = run(STOPPED, LONG, "print(len(history.history['loss']))", limits=limits)
    assert [cell.error for cell in execution.claims.cells] == [None] * 3
    assert execution.claims.fits[0].epochs_done < 50
    assert execution.claims.fits[0].seconds < 40
    assert execution.model is not None
    stopped = next(note for note in execution.claims.notes if "training was stopped" in note)
    assert stopped.startswith("training was stopped in epoch 1 of 50: the time of this exercise was used up")
    assert stopped.endswith("(cell 2)")
    assert any("`KERAS_BACKEND` was set to 'theano'" in note for note in execution.claims.notes)


def budget(fits: Sequence[int], *, cell: float = 100.0, wall: float = 1000.0) -> tuple[FitBudget, Notes]:
    notes = Notes()
    notes.count_cell()
    return FitBudget(notes, cell=cell, wall=wall, fits=fits), notes


def test_a_fit_gets_a_share_of_its_cell_and_of_the_run() -> None:
    assert budget((1,))[0].seconds() == pytest.approx(SHARE * 100, abs=1)
    assert budget((1,), cell=900, wall=200)[0].seconds() == pytest.approx(SHARE * 200, abs=1)


def test_trainings_that_are_still_to_come_are_left_their_part() -> None:
    alone, two, four = (budget(fits, cell=2000)[0].seconds() for fits in ((1,), (1, 1), (2, 0, 2)))
    assert two == pytest.approx(alone / 2, abs=1)
    assert four == pytest.approx(alone / 4, abs=1)
    last, notes = budget((1, 1), cell=2000)
    notes.count_cell()
    assert last.seconds() == pytest.approx(alone, abs=1)


def test_a_fit_in_a_cell_that_was_taken_for_the_end_is_stopped_within_its_shorter_time() -> None:
    notes = Notes()
    late = FitBudget(notes, cell=1000.0, wall=3000.0, fits=(1, 0), cells=(1000.0, 300.0))
    notes.count_cell()
    assert late.seconds() == pytest.approx(SHARE * 1000, abs=1)
    notes.count_cell()
    assert late.seconds() == pytest.approx(SHARE * 300, abs=1)


def test_a_cell_without_a_written_fit_still_has_a_budget() -> None:
    for fits in ((), (0,), (0, 0)):
        assert budget(fits)[0].seconds() > 0


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("history = model.fit(x, y)", 1),
        ("model.fit_generator(flow)\nself.model.fit(x)", 2),
        ("build().fit(x); nets[0].fit (x)", 2),
        ("# model.fit(x)\nscaler.fit(x)\ndatagen.fit(x)\nle.fit(y)\ntrain_datagen.fit(x)", 0),
        ("knn.fit(x, y)\nmodel.fitness(3)", 0),
    ],
)
def test_fits_are_counted_by_the_words_of_a_cell(source: str, count: int) -> None:
    assert count_fits(source) == count


def test_notes_say_a_thing_once_with_its_cells_and_have_a_bound() -> None:
    notes = Notes()
    for _ in range(8):
        notes.count_cell()
        notes.shim("old", "new")
    assert notes.told()["shims"] == ["works here, deprecated: `old` -> `new` (cells 1, 2, 3, 4, 5, …)"]
    assert not notes.changed
    for number in range(2 * MOST):
        notes.note(f"{number}" + "x" * 10_000)
    told = notes.told()["notes"]
    assert len(told) == MOST
    assert max(map(len, told)) < 300
    assert all(first != second for first, second in pairwise(told))
