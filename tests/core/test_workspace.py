"""Throw-away folders are thrown away, and files are there whole or not at all."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grader.core.errors import Infrastructure, UsageError
from grader.core.workspace import output_folder, sweep_workspaces, user_cache, workspace, write_json, write_whole


@contextmanager
def a_full_disk(size: int = 100) -> Iterator[None]:
    """No file can grow past `size` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_workspace_is_a_readable_folder_that_is_gone_afterwards() -> None:
    with workspace() as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_text("x")
        assert folder.stat().st_mode & 0o777 == 0o755
    assert not folder.exists()


def test_a_workspace_is_gone_after_an_error_too() -> None:
    class Oops(Exception):
        pass

    with pytest.raises(Oops), workspace() as folder:
        raise Oops
    assert not folder.exists()


def test_a_file_is_written_whole_with_the_folders_it_needs(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "c.txt", "ü")
    write_whole(tmp_path / "a" / "b" / "c.bin", b"\xff")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "ü".encode()
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == b"\xff"


def test_a_full_disk_is_our_fault_and_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    write_whole(tmp_path / "result.json", "old")
    with a_full_disk(), pytest.raises(Infrastructure, match=r"result\.json: could not be written") as caught:
        write_whole(tmp_path / "result.json", "x" * 1000)
    assert "Make room" in str(caught.value)
    assert caught.value.exit_code == 3
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("result.json", "old")]


def test_a_folder_where_the_file_should_be_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "index.html").mkdir()
    with pytest.raises(Infrastructure, match="could not be written"):
        write_whole(tmp_path / "index.html", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


def test_a_file_where_a_folder_should_be_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "ada").write_text("x")
    with pytest.raises(Infrastructure, match="could not be written"):
        write_whole(tmp_path / "ada" / "report.html", "x")


def test_half_a_character_does_not_stop_a_page(tmp_path: Path) -> None:
    write_whole(tmp_path / "page.html", "a\ud800b")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "a?b"


def test_json_is_written_for_people_and_reads_back(tmp_path: Path) -> None:
    write_json(tmp_path / "batch.json", [{"student": "Zoë", "points": 1.5}])
    text = (tmp_path / "batch.json").read_text(encoding="utf-8")
    assert "Zoë" in text
    assert text.endswith("]\n")
    assert json.loads(text) == [{"student": "Zoë", "points": 1.5}]


def test_the_output_folder_is_made(tmp_path: Path) -> None:
    assert output_folder(tmp_path / "a" / "b").is_dir()
    assert output_folder(tmp_path / "a" / "b").is_dir()


def test_an_output_folder_that_can_not_be_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(UsageError, match="--out"):
            output_folder(path)
    with pytest.raises(UsageError, match="--out"):
        output_folder(Path("/proc/grader"))


HOLDER = """
import sys, time
from grader.core.workspace import workspace

with workspace() as folder:
    (folder / "large").mkdir()
    (folder / "large" / "file").write_text("x")
    print(folder, flush=True)
    time.sleep(60)
"""


def test_the_workspace_of_a_grader_that_was_killed_goes_at_the_next_start_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "grader-of-somebody-else").mkdir()
    (tmp_path / "grader-a-link").symlink_to(tmp_path / "grader-of-somebody-else")
    with (
        subprocess.Popen(
            [sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        ) as process,
        workspace() as ours,
    ):  # fmt: skip
        assert process.stdout is not None
        theirs = Path(process.stdout.readline().strip())
        sweep_workspaces(tmp_path)
        assert (theirs / "large" / "file").is_file(), "its owner lives"
        process.kill()
        process.wait()
        assert theirs.is_dir()
        sweep_workspaces(tmp_path)
        assert not theirs.exists()
        assert ours.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grader-a-link", "grader-of-somebody-else"]


def test_a_private_workspace_can_be_read_by_nobody_else() -> None:
    with workspace(private=True) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        done.append("replace")
        real(source, target)

    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append("fsync"))
    monkeypatch.setattr(os, "replace", replace)
    write_whole(tmp_path / "a.json", "x")
    assert done == ["fsync", "replace", "fsync"]  # the file, then the folder


def test_the_cache_lies_below_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "größe und platz"))
    assert user_cache() == tmp_path / "größe und platz" / "grader"


@pytest.mark.parametrize("home", ["~/.cache", "/proc/nothing/can/be/made/here", "/dev/null/cache"])
def test_without_a_home_to_write_to_the_cache_is_a_private_folder_among_the_temporary_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: f"{home}/{name}")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = user_cache()
    assert found == tmp_path / f"grader-cache-{os.getuid()}"
    assert found.stat().st_mode & 0o777 == 0o700
    assert user_cache() == found


def test_a_cache_that_somebody_else_put_there_is_not_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: f"/dev/null/{name}")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "theirs").mkdir()
    (tmp_path / f"grader-cache-{os.getuid()}").symlink_to(tmp_path / "theirs")
    assert user_cache() == Path("/dev/null/grader")
