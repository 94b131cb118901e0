"""What the grader does itself with bytes of a student costs no more than in proportion; `pytest -s` prints the table."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from grader.attacks import costly_inputs
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


@pytest.mark.parametrize(
    ("seconds", "grows"),
    [
        (lambda size: size / 1000 * (1 if size < 16 else 1.8), ""),  # a step, as where a processor's cache ends
        (lambda size: size * size / 10_000, "4.0 times as long"),
        (lambda size: size * size / 100, "4.0 times as long"),  # too long to be tried with more
    ],
)
def test_one_step_is_no_growth_but_what_grows_at_every_doubling_is(
    monkeypatch: pytest.MonkeyPatch, seconds: Callable[[int], float], grows: str
) -> None:
    attack = replace(KINDS["many-cells"], code="SIZE = 8\ndef make(size): return size")
    monkeypatch.setattr(costly_inputs, "processor_seconds", lambda work, size: seconds(size // 8 * 8))
    monkeypatch.setattr(costly_inputs, "WORK", {attack.name: lambda size: None})
    cost = measure(attack)
    assert (grows in cost.grows) if grows else not cost.grows, cost.words
