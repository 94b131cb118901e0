"""A record is cut to what the recorder writes, and a number that is none of a training makes it a damaged one."""

import json
from typing import Any

import pytest

from grader.core.evidence import Cell, Claims
from grader.kernel.outcome import bounded, read_claims

FIT: dict[str, Any] = {
    "cell": 1, "model": "model", "identity": 7, "epochs": 1, "epochs_done": 1, "batch_size": 32,
    "history": {"accuracy": [0.9]}, "x": {"shape": [100, 28, 28, 1], "dtype": "f"},
}  # fmt: skip
NETWORK = {"name": "model", "fitted": True, "output_units": 10, "taken": True, "reason": "the one that was fitted"}
CELLS = (Cell(number=1, source="model.fit(x, y)", executed=True),)


def read(**record: object) -> Claims:
    return read_claims(json.dumps({"fits": [FIT], "candidates": [NETWORK], **record}).encode(), CELLS, [])


@pytest.mark.parametrize(
    "record",
    [
        {"fits": [{**FIT, "epochs": 9 * 10**4299}]},
        {"fits": [{**FIT, "labels": [10**400]}]},
        {"fits": [{**FIT, "batch_size": 10**400}]},
        {"fits": [{**FIT, "x": {"shape": [10**400, 28], "dtype": "f"}}]},
        {"fits": [{**FIT, "updates": -(10**30)}]},
        {"candidates": [{**NETWORK, "output_units": 2**53 + 1}]},
        {"evaluations": [{"cell": 1, "model": "model", "identity": 10**17}]},
    ],
)
def test_a_number_beyond_all_counting_is_a_damaged_record(record: dict[str, object]) -> None:
    claims = read(**record)
    assert (claims.fits, claims.problem) == ((), "the recorder's record was damaged")
    assert claims.cells == CELLS


def test_an_honest_record_stays_as_it_is() -> None:
    whole = Claims.model_validate(
        {
            "fits": [{**FIT, "identity": 2**53, "labels": list(range(256))}] * 400, "candidates": [NETWORK] * 50,
            "notes": ["n" * 290] * 150, "shims": ["s" * 290] * 150, "undrawn": [1, 2], "problem": "x",
        }
    )  # fmt: skip
    assert bounded(whole) == whole


def test_of_what_is_endless_as_much_is_kept_as_the_recorder_writes() -> None:
    passed_over = {**NETWORK, "taken": False}
    claims = read(
        notes=["n"] * 5_000, shims=["s" * 100_000], fits=[{**FIT, "model": "m" * 9_000}] * 2_000,
        candidates=[NETWORK, *[passed_over] * 2_000], problem="p" * 99_000, undrawn=[1] * 2_000,
    )  # fmt: skip
    counts = [len(part) for part in (claims.notes, claims.fits, claims.candidates, claims.undrawn)]
    assert counts == [150, 500, 301, 150]
    assert claims.candidates[0].taken, "the network that was taken is never among what is left out"
    assert max(map(len, (claims.shims[0], claims.fits[0].model, claims.problem or ""))) <= 1_000
