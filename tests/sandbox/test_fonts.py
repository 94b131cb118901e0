"""matplotlib's list of fonts: built once in a sandbox, kept, and no reason to stop where it can't be."""

import json
from pathlib import Path

import pytest

from grader.core.evidence import Isolation
from grader.sandbox import open_sandbox
from grader.sandbox.environment import font_list

BOTH: tuple[Isolation, ...] = ("bubblewrap", "none")


def test_it_is_built_in_any_sandbox_and_kept(tmp_path: Path) -> None:
    for held in BOTH:
        sandbox, cache = open_sandbox(held), tmp_path / held
        built = font_list(sandbox, cache)
        ((name, data),) = built.items()
        assert name.startswith("tmp/.matplotlib/fontlist-")
        assert json.loads(data)["ttflist"]
        kept = next(path for path in cache.rglob("*") if path.is_file())
        kept.write_bytes(b"marked")
        assert font_list(sandbox, cache) == {name: b"marked"}


def test_a_cache_that_can_not_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert font_list(open_sandbox("bubblewrap"), tmp_path / "file")


def test_without_matplotlib_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("grader.sandbox.environment.version", missing)
    assert font_list(open_sandbox("bubblewrap"), tmp_path) == {}
