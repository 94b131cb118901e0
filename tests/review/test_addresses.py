"""The secret behind the addresses of submissions: one for all desks over the same results."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grader.review import desk
from grader.review.desk import SECRET, key_of, read_secret


def test_many_desks_that_start_at_once_share_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: read_secret(tmp_path), range(64)))
    assert found == {(tmp_path / SECRET).read_bytes()}


def test_another_batch_has_another_secret(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    keys = {key_of(read_secret(tmp_path / name), Path("Ada_Lind")) for name in ("one", "other", "one")}
    assert len(keys) == 2


def test_a_desk_that_can_neither_make_nor_read_it_has_one_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(read_secret(tmp_path / "missing")) == desk.SECRET_SIZE
    (tmp_path / SECRET).mkdir()
    assert len(read_secret(tmp_path)) == desk.SECRET_SIZE
    (tmp_path / SECRET).rmdir()
    (tmp_path / SECRET).write_bytes(b"half")  # a desk that was killed while it wrote
    monkeypatch.setattr(desk, "SECRET_PATIENCE", 0.05)
    assert len({read_secret(tmp_path), read_secret(tmp_path)}) == 2
