"""Waiting for a save."""

from collections.abc import Callable
from pathlib import Path

from grader.selfcheck.own_files import stamp, wait_for_save


def saving(*steps: Callable[[], object]) -> Callable[[float], None]:
    """A sleep during which the world goes on, a step each time."""
    left = list(steps)

    def sleep(seconds: float) -> None:
        left.pop(0)()

    return sleep


def test_a_save_is_noticed_once_the_file_is_at_rest(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("x = 1")
    before = stamp(path)
    half, whole = (lambda: path.write_text("x =")), (lambda: path.write_text("x = 2 + 2"))
    after = wait_for_save(path, before, saving(lambda: None, half, whole, lambda: None))
    assert after == stamp(path) != before


def test_a_file_that_is_away_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    path, new = tmp_path / "mine.py", tmp_path / "new"
    path.write_text("x = 1")
    new.write_text("x = 22")
    after = wait_for_save(path, stamp(path), saving(path.unlink, lambda: new.replace(path), lambda: None))
    assert after == stamp(path)


def test_a_folder_changes_with_its_code_alone(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    before = stamp(tmp_path)
    (tmp_path / "data.csv").write_text("1")
    assert stamp(tmp_path) == before
    (tmp_path / "b.ipynb").write_text("{}")
    assert stamp(tmp_path) != before
