"""A batch that is killed goes on where it stopped: the same gradebook, nothing run twice, nothing left behind."""

import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from grader.core.store import load_result
from grader.gradebook import open_gradebook
from tests.fakes import data_of, write_course

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "scripted.py"


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def resume() -> ModuleType:
    return loaded("resume")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A course and a class of 30 hand-ins of every kind."""
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path), "30"], check=True, stdout=subprocess.DEVNULL)
    return tmp_path


def test_a_batch_that_is_killed_twice_gives_the_same_gradebook_as_one_that_is_not(
    resume: ModuleType, folder: Path
) -> None:
    one, other = (resume.a_batch(folder, name, 0.05) for name in ("one", "other"))
    whole = one.finish()
    killed = resume.interrupt(other, 2, whole, random.Random(5))
    assert killed > 0
    assert resume.compare(one, other, killed) == []
    runs, book = sum(other.runs().values()), resume.gradebook_of(other.out)
    other.finish()
    assert (sum(other.runs().values()), resume.gradebook_of(other.out)) == (runs, book), "nothing is left to do"


def test_a_batch_that_is_asked_to_end_publishes_what_is_there_and_says_how_to_go_on(
    resume: ModuleType, folder: Path
) -> None:
    batch = resume.a_batch(folder, "out", 0.3)
    process = batch.start()
    ended(lambda: len(list(batch.out.glob("*/result.json"))) >= 3, process)
    process.terminate()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 143
    assert said.decode().endswith("grader: interrupted; the same command goes on where it stopped.\n")
    rows = (batch.out / "gradebook.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert 3 <= len(rows) < 30
    assert (batch.out / "index.html").is_file()
    with open_gradebook(batch.out, create=False) as book:
        assert len([grade for grade in book.grades() if grade.points is not None]) == len(rows)


def ended(condition: object, process: "subprocess.Popen[bytes]", seconds: float = 300) -> None:
    """Wait until `condition()` holds."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


# -- real sandboxes, with a notebook that never ends

ENDLESS = "import time\ntime.sleep(600)\n"


@contextmanager
def endless(tmp_path: Path, sandbox: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`grader batch` over such a notebook, once its cell runs."""
    course = write_course(tmp_path / "course")
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "ada.py").write_text(ENDLESS)
    (tmp_path / "events").touch()
    words = ["batch", "tiny", "class", "--sandbox", sandbox, "--course", course.root, "--data", data_of(course.root),
             "--out", "out", "--events", "events", "--jobs", "1"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "grader", *map(str, words)], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        ended(lambda: "cell 1 of 1" in (tmp_path / "events").read_text(), process)
        assert descendants(process.pid)
        yield process
    finally:
        process.kill()
        process.communicate()


def descendants(pid: int) -> set[int]:
    """Everything that `pid` started, and what that started, as far as it lives."""
    parents: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = place.read_text()
        except OSError:
            continue
        state, parent = text.rpartition(")")[2].split()[:2]
        if state != "Z":
            parents[int(place.parent.name)] = int(parent)
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in {pid, *found}} - found:
        found |= more
    return found


@pytest.mark.parametrize(
    ("sandbox", "number"), [("bubblewrap", signal.SIGINT), ("bubblewrap", signal.SIGKILL), ("none", signal.SIGKILL)]
)
def test_no_kernel_outlives_the_batch(tmp_path: Path, sandbox: str, number: signal.Signals) -> None:
    with endless(tmp_path, sandbox) as process:
        started = descendants(process.pid)
        process.send_signal(number)
        process.communicate(timeout=120)
        assert process.returncode == (130 if number == signal.SIGINT else -number)
        end = time.monotonic() + 60
        while alive := {pid for pid in started if runs(pid)}:
            assert time.monotonic() < end, alive
            time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_results_of_rows_that_were_not_come_to_stay_on_the_class_page(resume: ModuleType, folder: Path) -> None:
    batch = resume.a_batch(folder, "out", 0.0)
    batch.finish()
    words = (*batch.words, "--rerun")
    again = resume.Batch(words, {**batch.environment, "SCRIPT_SECONDS": "0.3"}, batch.out)
    process = again.start()
    ended(lambda: sum(again.runs().values()) > 40, process)
    process.terminate()
    process.communicate(timeout=120)
    assert len((batch.out / "gradebook.csv").read_text(encoding="utf-8").splitlines()) == 31
    assert load_result(batch.out / "s00029") is not None
