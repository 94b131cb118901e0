"""Of the networks that a kernel left, only what can be one is kept, and not more than a host has room for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.core.evidence import Candidate, Claims
from grader.kernel import outcome
from grader.kernel.outcome import MODELS, read_networks
from tests.judge.hostile import archive


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def claims(*files: str) -> Claims:
    told = {"fitted": True, "output_units": 10, "reason": ""}
    found = [Candidate(name=file, taken=file == MODELS[0], file=file, **told) for file in files]  # type: ignore[arg-type]
    return Claims(candidates=tuple(found))


def test_alternatives_are_kept_where_they_can_be_networks(folder: int, tmp_path: Path) -> None:
    for name, data in zip(MODELS, (archive(), b"\0" * 9_000, archive(), b"PK no archive"), strict=True):
        (tmp_path / name).write_bytes(data)
    assert [network.file for network in read_networks(folder, claims(*MODELS))] == [MODELS[0], MODELS[2]]


def test_all_alternatives_together_have_a_most(folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MODELS:
        (tmp_path / name).write_bytes(archive())
    assert [network.file for network in read_networks(folder, claims(*MODELS))] == [MODELS[0], *MODELS[:0:-1]]
    monkeypatch.setattr(outcome, "ALTERNATIVE_BYTES", 2 * len(archive()) + 1)
    assert [network.file for network in read_networks(folder, claims(*MODELS))] == [MODELS[0], MODELS[3], MODELS[2]]


def test_what_was_proposed_is_looked_at_whatever_it_is(folder: int, tmp_path: Path) -> None:
    (tmp_path / MODELS[0]).write_bytes(b"\0" * 99)
    (found,) = read_networks(folder, claims(*MODELS))
    assert found.model == b"\0" * 99
