"""Notebooks through a real kernel in a real sandbox; few of these need TensorFlow."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from grader.core.evidence import Cause, Isolation, Smoke
from grader.core.limits import Limits
from grader.core.notebook import read_submission
from grader.core.progress import Silent
from grader.kernel.run_notebook import Execution, Job, run_notebook
from grader.sandbox import open_sandbox
from grader.sandbox.interface import Sandbox
from tests.notebooks import notebook

LIMITS = Limits(wall=300.0, cell=200.0, memory=1 << 30)  # time enough on a busy machine


def run(
    *cells: str,
    limits: Limits = LIMITS,
    isolation: Isolation = "bubblewrap",
    files: Mapping[str, bytes] | None = None,
    seed: int = 5,
    warm: Sandbox | None = None,
    smoke: Smoke | None = None,
) -> Execution:
    """`warm`: the sandbox whose fork server has imported TensorFlow; test_warm.py holds that nothing differs."""
    job = Job(
        script=read_submission("work.ipynb", notebook(*cells)),
        files=files or {},
        inputs=(),
        limits=limits,
        seed=seed,
        units=(10,),
        smoke=smoke,
        warm=warm is not None,
    )
    return run_notebook(job, warm or open_sandbox(isolation), who="student", progress=Silent())


@pytest.mark.parametrize("isolation", ["bubblewrap", "none"])
def test_outputs_errors_and_timings_of_every_cell_are_kept(isolation: Isolation) -> None:
    execution = run("print('one')", "1 / 0", "import time; time.sleep(0.3); 'three'", isolation=isolation)
    first, second, third = execution.claims.cells
    assert execution.ending.cause is Cause.FINISHED
    assert first.outputs[0].text == "one\n"
    assert second.error is not None
    assert second.error.name == "ZeroDivisionError"
    assert "\x1b" not in second.error.traceback
    assert third.outputs[0].text == "'three'"
    assert third.seconds >= 0.3


def test_a_figure_comes_out_as_a_png() -> None:
    execution = run("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()")
    assert any(output.png for output in execution.claims.cells[0].outputs)


def test_the_tags_that_a_cell_was_handed_in_with_are_kept_with_it() -> None:
    raw = json.loads(notebook("x = 1", "y = 2"))
    raw["cells"][1]["metadata"] = {"tags": ["plot", "loss"]}
    script = read_submission("work.ipynb", json.dumps(raw).encode())
    job = Job(script=script, files={}, inputs=(), limits=LIMITS, seed=5, units=(10,))
    execution = run_notebook(job, open_sandbox("bubblewrap"), who="student", progress=Silent())
    assert [cell.tags for cell in execution.claims.cells] == [(), ("plot", "loss")]


def test_sibling_files_can_be_imported_and_the_folder_is_writable() -> None:
    execution = run("import helper, os; open('new', 'w').write(helper.word); print(open('new').read())",
                    files={"helper.py": b"word = 'found'"})  # fmt: skip
    assert execution.claims.cells[0].outputs[0].text == "found\n"


def test_argparse_gets_no_arguments_and_main_runs() -> None:
    code = "import argparse\nif __name__ == '__main__':\n    print(argparse.ArgumentParser().parse_args())"
    assert run(code).claims.cells[0].outputs[0].text == "Namespace()\n"


def test_an_endless_loop_is_stopped_and_named_with_its_cell() -> None:
    execution = run(
        "print('before')", "while True: pass", "print('after')", limits=LIMITS.model_copy(update={"cell": 2.0})
    )
    assert (execution.ending.cause, execution.ending.cell) == (Cause.CELL_TIMEOUT, 2)
    assert "cell 2" in execution.ending.message
    assert execution.claims.cells[0].outputs[0].text == "before\n"
    assert not execution.claims.cells[2].executed


def test_a_run_that_is_too_long_is_stopped() -> None:
    limits = LIMITS.model_copy(update={"wall": 3.0})
    assert run("import time\nfor _ in range(100): time.sleep(0.1)", limits=limits).ending.cause is Cause.WALL_LIMIT


def test_too_much_memory_ends_in_words_a_student_understands() -> None:
    limits = LIMITS.model_copy(update={"memory": 400 << 20})
    code = "import time\nkept = []\nwhile True:\n    kept.append(bytearray(b'x' * (20 << 20))); time.sleep(0.02)"
    ending = run(code, limits=limits).ending
    assert ending.cause is Cause.MEMORY_LIMIT
    assert ending.message == "cell 1 used more than 400 MiB of memory and was stopped"


def test_a_fork_bomb_is_stopped() -> None:
    """By whichever limit it meets first: on a busy machine its children fill the memory before they are too many."""
    assert run("import os\nwhile True: os.fork()").ending.cause in (Cause.PROCESS_LIMIT, Cause.MEMORY_LIMIT)


def test_input_is_an_error_in_the_cell_and_not_the_end() -> None:
    execution = run("name = input('who? ')", "print('on')")
    assert execution.claims.cells[0].error is not None
    assert execution.claims.cells[0].error.name == "StdinNotImplementedError"
    assert execution.claims.cells[1].outputs[0].text == "on\n"


@pytest.mark.parametrize("word", ["exit()", "quit()", "import sys; sys.exit(0)"])
def test_exit_ends_its_cell_and_not_the_others(word: str) -> None:
    first, second = run(f"{word}\nprint('not reached')", "import time; time.sleep(1); print('on')").claims.cells
    assert first.error is not None
    assert first.error.name == "SystemExit"
    assert second.outputs[0].text == "on\n"


def test_a_kernel_that_dies_while_it_saves_is_not_waited_for() -> None:
    started = time.monotonic()
    code = "import IPython, os\nIPython.get_ipython().grader_recorder.finish = lambda: os._exit(0)"
    assert run(code).ending.cause is Cause.FINISHED
    assert time.monotonic() - started < 30


def test_a_kernel_that_ends_itself_is_named() -> None:
    execution = run("import os; os._exit(0)", "print('on')")
    assert (execution.ending.cause, execution.ending.cell) == (Cause.KERNEL_EXITED, 1)


def test_a_crash_is_named() -> None:
    assert run("import ctypes; ctypes.string_at(0)").ending.cause is Cause.CRASH


def test_a_full_disk_is_an_error_in_the_cell() -> None:
    limits = LIMITS.model_copy(update={"disk": 4 << 20})
    execution = run("open('big', 'wb').write(b'x' * (16 << 20))", "print('on')", limits=limits)
    assert execution.claims.cells[0].error is not None
    assert execution.claims.cells[0].error.name == "OSError"
    assert execution.claims.cells[1].outputs[0].text == "on\n"


FLOODS = {"a flood": "while True: print('x' * 10_000)", "one giant": "print('x' * (200 << 20))"}
GROWTH = """\
import resource, sys
from tests.kernel.test_run_notebook import FLOODS, LIMITS, run
run("pass")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ending = run(FLOODS[sys.argv[1]], limits=LIMITS.model_copy(update={"memory": 4 << 30})).ending
print(ending.cause.value, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("flood", FLOODS)
def test_too_much_output_is_stopped_and_the_grader_stays_small(flood: str) -> None:
    """In a process of its own: the most memory that this one ever had would hide any growth."""
    command = [sys.executable, "-c", GROWTH, flood]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True)
    cause, grown_kb = done.stdout.split()
    assert cause == Cause.OUTPUT_LIMIT.value
    assert int(grown_kb) < 100 * 1024


def test_a_record_that_the_notebook_forged_or_broke_is_only_a_claim() -> None:
    code = "open('/run/artefacts/record.json', 'w').write('{' * 100_000)"
    execution = run(code, "import os; os._exit(0)")
    assert execution.claims.fits == ()
    assert execution.claims.problem is not None
    assert "damaged" in execution.claims.problem


def test_a_link_in_the_place_of_the_network_is_refused() -> None:
    execution = run("import os; os.symlink('/etc/passwd', '/run/artefacts/model.keras')")
    assert execution.model is None
    assert execution.claims.problem is not None
    assert "refused" in execution.claims.problem


@pytest.mark.parametrize("asked", [True, False])
def test_operators_are_deterministic_where_the_rubric_asks_for_it(asked: bool, warm_sandbox: Sandbox) -> None:
    code = "import keras\nfrom tensorflow.python.framework import config\nprint(config.is_op_determinism_enabled())"
    limits = LIMITS.model_copy(update={"deterministic": asked})
    assert run(code, limits=limits, warm=warm_sandbox).claims.cells[0].outputs[0].text.strip() == str(asked)


def test_the_seed_reaches_python_and_numpy() -> None:
    code = "import random, numpy; print(random.random(), numpy.random.rand(), hash('a'))"

    def said(seed: int) -> str:
        return run(code, seed=seed).claims.cells[0].outputs[0].text

    assert said(5) == said(5)
    assert not set(said(5).split()) & set(said(6).split())
