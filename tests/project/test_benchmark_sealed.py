"""The arithmetic of the benchmark of sealed serving: pairs, their mean and its interval."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "sealed_serving.py"


@pytest.fixture(scope="module")
def sealing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sealed_serving", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_a_cost_is_what_open_data_gives_more_in_points(sealing: ModuleType) -> None:
    pair = sealing.Pair(seed=0, sealed=0.971, open=0.974)
    assert pair.cost == pytest.approx(0.3)
    assert sealing.line(pair) == "sealed 97.10%, open 97.40%, difference +0.30 points"


def test_outputs_that_are_the_same_are_said_to_be(sealing: ModuleType) -> None:
    pairs = [sealing.Pair(seed=0, sealed=0.5, open=0.5, same=True), sealing.Pair(seed=1, sealed=0.5, open=0.5)]
    assert sealing.line(pairs[0]).endswith("+0.00 points, the same outputs")
    assert sealing.table({"pets": pairs})[1].endswith("1 of 2")


def test_the_interval_of_the_mean_is_that_of_the_pairs(sealing: ModuleType) -> None:
    pairs = [sealing.Pair(seed=seed, sealed=0.5, open=0.5 + points / 100) for seed, points in enumerate((1, 2, 3))]
    cost = sealing.mean_cost(pairs)
    assert cost.mean == pytest.approx(2)
    assert cost.interval == pytest.approx((2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), abs=1e-4)  # t table, 2 degrees
    assert cost.small, "its interval holds zero"
    assert not sealing.mean_cost(pairs[2:] * 3).small


def test_one_pair_has_no_interval_and_the_table_says_so(sealing: ModuleType) -> None:
    pairs = [sealing.Pair(seed=3, sealed=0.98, open=0.9795)]
    assert sealing.mean_cost(pairs).interval is None
    assert sealing.table({"exercise1": pairs})[1].split() == [
        "exercise1", "1", "98.00%", "97.95%", "-0.05", "one", "pair:", "none", "0", "of", "1",
    ]  # fmt: skip
