"""Every limit in a real kernel: its own cause, in words a student understands; what is no end but an error gets a word."""

import socket
import tempfile
from pathlib import Path

import pytest

from grader.core.evidence import Cause, CellError
from grader.core.limits import Limits
from grader.kernel.outcome import soft_limit
from tests.kernel.test_run_notebook import LIMITS, run

SMALL = LIMITS.model_copy(update={"memory": 400 << 20, "disk": 4 << 20, "processes": 12})
MEMORY = "import time\nkept = []\nwhile True:\n    kept.append(bytearray(b'x' * (20 << 20))); time.sleep(0.02)"
SHARED = (
    "import mmap, os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        kept = mmap.mmap(-1, 150 << 20)\n"
    "        for place in range(0, 150 << 20, 4096): kept[place] = 1\n        time.sleep(60)\ntime.sleep(60)"
)


@pytest.mark.parametrize(
    ("code", "cause", "words"),
    [
        (MEMORY, Cause.MEMORY_LIMIT, "cell 2 used more than 400 MiB of memory and was stopped"),
        (SHARED, Cause.MEMORY_LIMIT, "cell 2 used more than 400 MiB of memory and was stopped"),
        (
            "import os, time\nfor _ in range(20):\n    if os.fork() == 0: time.sleep(60)\ntime.sleep(60)",
            Cause.PROCESS_LIMIT, "cell 2 started more than 12 processes and was stopped",
        ),
        (
            "import time\nfor number in range(3000): open(f'/submission/file-{number}', 'w').close()\ntime.sleep(60)",
            Cause.DISK_LIMIT, "cell 2 made more files than fit into 4 MiB and was stopped",
        ),
        ("while True: pass", Cause.CELL_TIMEOUT, "cell 2 ran longer than 5 s and was stopped"),
        (
            "import time\nwhile True:\n    print('x' * 10_000); time.sleep(0.001)",
            Cause.OUTPUT_LIMIT, "cell 2 printed or drew more than 10 MiB and was stopped",
        ),
        ("import os; os.kill(os.getpid(), 9)", Cause.KILLED, "the kernel was killed in cell 2"),
        ("import os; os._exit(3)", Cause.KERNEL_EXITED, "cell 2 ended the kernel itself"),
        ("import os; os.abort()", Cause.CRASH, "Python crashed in cell 2 (signal 6)"),
    ],
)  # fmt: skip
def test_a_limit_ends_the_run_as_its_own_cause(code: str, cause: Cause, words: str) -> None:
    limits = SMALL.model_copy(update={"cell": 5.0}) if cause is Cause.CELL_TIMEOUT else SMALL
    ending = run("print('before')", code, limits=limits).ending
    assert (ending.cause, ending.cell) == (cause, 2)
    assert ending.message.startswith(words)


def test_a_cell_behind_the_last_training_has_less_time_unless_a_module_beside_it_may_train() -> None:
    limits = SMALL.model_copy(update={"cell": 8.0, "cell_after_training": 3.0})
    trained, endless = "class M:\n    def fit(self): pass\nM().fit()", "while True: pass"
    ending = run(trained, endless, limits=limits).ending
    assert (ending.cause, ending.cell) == (Cause.CELL_TIMEOUT, 2)
    assert ending.message == "cell 2, after the training, ran longer than 3 s and was stopped"
    beside = run(trained, endless, limits=limits, files={"helper.py": b""}).ending
    assert beside.message == "cell 2 ran longer than 8 s and was stopped"


def test_the_wall_clock_of_the_whole_run_is_named() -> None:
    ending = run("import time\nwhile True: time.sleep(0.1)", limits=SMALL.model_copy(update={"wall": 4.0})).ending
    assert ending.cause is Cause.WALL_LIMIT
    assert ending.message == "the run took longer than 4 s and was stopped in cell 1"


@pytest.mark.parametrize("code", ["while True: pass", "import os\nos.fork()\nwhile True: pass"])
def test_processor_time_is_named_of_one_process_and_of_many(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the slack for TensorFlow's import taken away; a kernel alone needs about half a second."""
    monkeypatch.setattr("grader.sandbox.process.cpu_limit", lambda limits: 3.0)
    ending = run(code, limits=SMALL.model_copy(update={"cell": 50.0})).ending
    assert ending.cause is Cause.CPU_LIMIT
    assert ending.message == "cell 1 used up its processor time and was stopped"


def test_processor_time_ends_a_process_that_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line: the kernel's own limit, which the watchdog's is before."""
    monkeypatch.setattr("grader.sandbox.process.cpu_limit", lambda limits: 3.0)
    monkeypatch.setattr("grader.sandbox.process.Watchdog._passed", lambda watchdog, usage: None)
    ending = run("while True: pass", limits=SMALL.model_copy(update={"cell": 50.0})).ending
    assert ending.cause is Cause.CPU_LIMIT


def test_errors_that_are_limits_get_a_word_and_the_run_goes_on() -> None:
    cells = (
        "open('big', 'wb').write(b'x' * (8 << 20))",
        "raise MemoryError",
        "import threading, time\nfor _ in range(3000): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
        "import numpy; numpy.ones((1 << 40,))",
        "1 / 0",
    )
    execution = run(*cells, limits=LIMITS.model_copy(update={"disk": 4 << 20, "processes": 12}))
    said = execution.ending.message.split("; ")
    assert execution.ending.cause is Cause.FINISHED
    assert said[0] == "every cell was run"
    assert said[1].startswith("by its own account cell 1 ")
    assert said[1].endswith("(4 MiB are allowed)")
    assert said[2] == "by its own account cell 2 ran out of memory (1 GiB are allowed)"
    assert said[3] == "by its own account cell 3 started too many processes or threads"
    assert said[4] == "by its own account cell 4 ran out of memory (1 GiB are allowed)"
    assert len(said) == 5


@pytest.mark.parametrize(
    ("name", "message", "words"),
    [
        ("OSError", "[Errno 28] No space left on device", "filled the disk (512 MiB are allowed)"),
        ("OSError", "[Errno 27] File too large: 'a'", "wrote a file that was too big (512 MiB are allowed)"),
        ("_ArrayMemoryError", "Unable to allocate", "ran out of memory (4 GiB are allowed)"),
        ("ResourceExhaustedError", "OOM when allocating", "ran out of memory (4 GiB are allowed)"),
        ("RuntimeError", "can't start new thread", "started too many processes or threads"),
        ("BlockingIOError", "[Errno 11] Resource temporarily unavailable", "started too many processes or threads"),
        ("ValueError", "MemoryError: no", None),
        ("FileNotFoundError", "[Errno 2] No such file", None),
    ],
)
def test_the_words_for_an_error_that_is_a_limit(name: str, message: str, words: str | None) -> None:
    assert soft_limit(CellError(name=name, message=message), Limits()) == words


def test_the_usual_places_are_the_working_folder() -> None:
    code = (
        "import os\nopen('/content/one', 'w').write('1'); open('/kaggle/working/two', 'w').write('2')\n"
        "print(sorted(os.listdir()), sorted(os.listdir('/kaggle/input')))"
    )
    names = ["given.csv", "one", "two"]
    assert run(code, files={"given.csv": b"1,2"}).claims.cells[0].outputs[0].text == f"{names} {names}\n"


def test_matplotlib_does_not_look_for_fonts_again() -> None:
    code = "import logging, matplotlib\nlogging.basicConfig(level='INFO')\nimport matplotlib.font_manager"
    text = "".join(output.text for output in run(code).claims.cells[0].outputs)
    assert "generated new fontManager" not in text


def test_comms_reach_nobody() -> None:
    code = (
        "from comm import create_comm\n"
        "comm = create_comm(target_name='x', data={'a': 1}); comm.send({'b': 2}); comm.close(); print('on')"
    )
    execution = run(code)
    assert execution.ending.cause is Cause.FINISHED
    assert [output.text for output in execution.claims.cells[0].outputs] == ["on\n"]


SWAP = """\
import os, socket, time
for port in range(1, 6):
    os.remove(f"/run/kernel/kernel-{port}")
    os.symlink("BAIT", f"/run/kernel/kernel-{port}")
for descriptor in range(3, 300):
    try:
        found = socket.socket(fileno=os.dup(descriptor))
        if "kernel-" in str(found.getsockname()): os.dup2(os.open("/dev/null", os.O_RDONLY), descriptor)
    except OSError: continue
time.sleep(60)
"""


def test_a_socket_that_becomes_a_link_to_the_host_is_never_followed() -> None:
    """Whoever connected again, or to a channel that nobody needs, would speak to a socket of the host."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as bait:
        bait.bind(str(Path(folder) / "bait"))
        bait.listen(8)
        bait.setblocking(False)
        ending = run(SWAP.replace("BAIT", str(Path(folder) / "bait"))).ending
        with pytest.raises(BlockingIOError):
            bait.accept()
    assert ending.cause is Cause.PROTOCOL_VIOLATION


def test_a_run_leaves_neither_descriptors_nor_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    run("pass")
    before = descriptors()
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        run("pass")
        run("import os; os._exit(1)")
        assert list(Path(folder).iterdir()) == []
    assert descriptors() <= before
