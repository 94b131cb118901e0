"""The arithmetic of the benchmarks of warm starts: ratios within a round, goals, processor time of whole trees."""

import importlib
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

from grader.sandbox import open_sandbox
from grader.sandbox.measure import process_tree
from tests.sandbox.test_contract import run, running

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = ("class_speed", "judging", "processes", "sandbox_overhead")


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    """As when a benchmark is run: its folder is the first place to look."""
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture
def speed() -> ModuleType:
    return importlib.import_module("class_speed")


def test_each_side_is_compared_with_the_plain_scripts_of_its_own_round(speed: ModuleType) -> None:
    cost = speed.Cost
    costs = {"plain": [cost(10, 8), cost(20, 16), cost(10, 8)], "warm": [cost(4, 4), cost(10, 8), cost(3, 6)]}
    found = speed.ratios(costs)
    assert found["plain"] == cost(1, 1)
    assert found["warm"] == cost(0.4, 0.5)
    assert "0.40" in "\n".join(speed.table(costs, found))


def test_a_goal_that_was_missed_is_named_with_what_was_reached(speed: ModuleType) -> None:
    reached = {"plain": speed.Cost(1, 1), "warm": speed.Cost(0.40, 0.8), "cold": speed.Cost(0.7, 1.0)}
    assert speed.missed(reached) == ["cold: wall 0.70, goal 0.65"]


def test_rounds_go_forwards_and_backwards(speed: ModuleType) -> None:
    order: list[str] = []

    def run(name: str) -> object:
        order.append(name)
        return speed.Cost(1, 1)

    speed.measure({name: partial(run, name) for name in ("plain", "cold", "warm")}, 2)
    assert order == ["plain", "cold", "warm", "warm", "cold", "plain"]


def test_the_class_is_the_same_code_for_every_side(speed: ModuleType, tmp_path: Path) -> None:
    klass = speed.Class(tmp_path, 6000, 4)
    for name in klass.names:
        script = (tmp_path / "scripts" / f"{name}.py").read_text()
        compile(script, name, "exec")
        for place in (tmp_path / "class" / name, tmp_path / "course" / "submitted" / name / "ps1"):
            cells = nbformat.read(place / "work.ipynb", as_version=4).cells
            assert "\n".join(cell.source for cell in cells) == script


def test_the_meter_counts_what_a_killed_sandbox_has_used(speed: ModuleType) -> None:
    processes = importlib.import_module("processes")
    burn = "import os, time\nos.fork()\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass\n"
    with processes.measured() as ended:
        run(open_sandbox("bubblewrap"), f"{burn}\nif os.getpid() == 2: os.wait()")
    assert 0.9 < ended.cpu < 2.5
    with processes.measured() as killed, running(open_sandbox("bubblewrap"), f"{burn}\ntime.sleep(60)") as confined:
        time.sleep(0.3)
        before = time.monotonic()
        while time.monotonic() - before < 30 and sum(map(_used, process_tree(confined.pid))) < 0.9:
            time.sleep(0.05)
    assert 0.9 < killed.cpu < 2.5


def _used(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
