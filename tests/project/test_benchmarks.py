"""The arithmetic of the benchmarks: order of runs, medians and their intervals."""

import importlib.util
import os
import random
import statistics
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.notebook import count_fits

FILE = Path(__file__).parents[2] / "benchmarks" / "sandbox_overhead.py"
RATIOS = st.lists(st.floats(0.1, 10), min_size=1, max_size=60)


@pytest.fixture(scope="module")
def overhead() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sandbox_overhead", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_data_is_found_by_the_variable_and_a_folder_without_any_ends_in_words(tmp_path: Path) -> None:
    environment = {**os.environ, "GRADER_DATA": str(tmp_path)}
    command = [sys.executable, str(FILE.with_name("judging.py")), "--models", "1"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert said.returncode == 2 and said.stderr.startswith(f"grader: {tmp_path} holds no dataset")
    assert "Traceback" not in said.stderr


def test_the_order_is_reversed_from_pair_to_pair(overhead: ModuleType) -> None:
    first, second = overhead.SIDES
    assert overhead.in_turn(4) == [(first, second), (second, first), (first, second), (second, first)]


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_the_third_cell_of_the_notebook_is_the_one_that_trains(overhead: ModuleType, network: str) -> None:
    script = overhead.notebook(network, 6000)
    assert [count_fits(cell) for cell in script.cells] == [0, 0, 1, 0]
    for cell in script.cells:
        compile(cell, script.name, "exec")


@given(RATIOS)
def test_the_median_lies_inside_its_interval_and_the_interval_inside_the_values(
    overhead: ModuleType, ratios: list[float]
) -> None:
    found = overhead.median_ratio(ratios)
    assert min(ratios) <= found.low <= found.median <= found.high <= max(ratios)
    assert found.median == statistics.median(ratios)
    assert 0 <= found.confidence < 1
    assert len(ratios) < 6 or found.confidence >= 0.95


@pytest.mark.parametrize(
    ("count", "rank", "confidence"),
    [(5, 1, 0.9375), (6, 1, 0.96875), (10, 2, 0.978516), (20, 6, 0.958611), (50, 18, 0.967161)],
)
def test_the_interval_is_the_one_in_tables_of_order_statistics(
    overhead: ModuleType, count: int, rank: int, confidence: float
) -> None:
    found = overhead.median_ratio([float(number) for number in range(1, count + 1)])
    assert (found.low, found.high) == (rank, count + 1 - rank)
    assert found.confidence == pytest.approx(confidence, abs=1e-6)


def test_the_interval_holds_the_true_median_as_often_as_it_says(overhead: ModuleType) -> None:
    noise = random.Random(1)
    intervals = [overhead.median_ratio([noise.lognormvariate(0, 0.3) for _ in range(12)]) for _ in range(2000)]
    held = sum(found.low <= 1 <= found.high for found in intervals) / len(intervals)
    assert held == pytest.approx(intervals[0].confidence, abs=0.015)


def test_ratios_are_taken_within_pairs(overhead: ModuleType) -> None:
    def cost(factor: float) -> object:
        return overhead.Cost(cpu=factor, wall=2 * factor, training=3 * factor)

    pairs = [overhead.Pair(sandboxed=cost(1.1 * size), plain=cost(size)) for size in (1.0, 10.0, 100.0)]
    found = overhead.compare(pairs)
    assert [round(found[name].median, 9) for name in ("cpu", "wall", "training")] == [1.1, 1.1, 1.1]
    lines = overhead.table(pairs, found)
    assert len(lines) == 4
    assert "1.100" in lines[1]
