"""What the grader does itself with bytes of a student costs no more than in proportion; `pytest -s` prints the table."""

import sys
from typing import Any

import pytest

from grader.attacks.corpus import load_corpus
from grader.attacks.costly_inputs import WORK, Cost, measure, processor_seconds

KINDS = {attack.name: attack for attack in load_corpus() if attack.how == "host"}


def test_every_kind_of_input_has_its_work() -> None:
    assert set(KINDS) == set(WORK)


@pytest.mark.parametrize("kind", KINDS)
def test_twice_as_much_costs_no_more_than_twice_as_much(kind: str) -> None:
    cost = measure(KINDS[kind])
    sys.stdout.write(f"\n{kind:20} {cost.words}")
    assert not cost.grows, cost.words


@pytest.mark.parametrize("kind", ["failing-cells", "fits-in-functions", "dense-code"])
def test_hints_and_reasons_are_found_in_a_second_whatever_is_handed_in(kind: str) -> None:
    made: dict[str, Any] = {}
    exec(KINDS[kind].code, made)
    for times in (1, 2, 3, 4, 5, 6, 8, 16, 64):  # some just below the most of characters, others far beyond it
        # Two inputs that differ, for hints remember the last ones: the lower time is the work's own, whatever runs beside.
        found = [processor_seconds(WORK[kind], made["make"](made["SIZE"] * times + tried)) for tried in range(2)]
        assert 0.001 < min(found) < 1, (times, found)


@pytest.mark.parametrize(
    ("seconds", "memory", "words"),
    [
        ((0.1, 0.4), (0, 0), "4.0 times as long"),
        ((0.1, 0.2), (8 << 20, 24 << 20), "3.0 times the memory"),
        ((0.1, 0.2), (8 << 20, 17 << 20), "2.1 times the memory"),
        ((0.1, 0.2), (8 << 20, (16 << 20) + (200 << 10)), ""),
        ((1.5, 2.5), (0, 0), "it takes 2.5 s"),
        ((0.1, 0.1), (300 << 20, 300 << 20), "it takes 300 MiB"),
        ((0.001, 0.01), (1000, 9000), ""),
    ],
)
def test_what_is_too_much_is_said(seconds: tuple[float, float], memory: tuple[int, int], words: str) -> None:
    found = Cost(seconds=seconds, memory=memory).grows
    assert (words in found) if words else not found
