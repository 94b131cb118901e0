"""Which file is meant, and what goes with it."""

from pathlib import Path

import pytest

from grader.core.errors import UsageError
from grader.core.notebook import read_submission
from grader.selfcheck.own_files import files_beside, pick_file
from tests.notebooks import notebook


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_text("x = 1\n")
    return folder


@pytest.mark.parametrize(
    ("names", "picked"),
    [
        (("mine.ipynb",), "mine.ipynb"),
        (("mine.ipynb", "helper.py"), "mine.ipynb"),
        (("net.py", "test_net.py", "conftest.py"), "net.py"),
        (("a.ipynb", "solution.ipynb"), "solution.ipynb"),
        (("a.ipynb", "Exercise1.ipynb", "solution.ipynb"), "Exercise1.ipynb"),
        (("draft.ipynb", "bauer_exercise1_final.ipynb"), "bauer_exercise1_final.ipynb"),
        (("mine.ipynb", ".hidden.ipynb", "README.md"), "mine.ipynb"),
    ],
)
def test_the_only_candidate_or_a_telling_name_is_taken(tmp_path: Path, names: tuple[str, ...], picked: str) -> None:
    assert pick_file(make(tmp_path, *names), "exercise1").name == picked


def test_several_candidates_are_listed(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as told:
        pick_file(make(tmp_path, "a.ipynb", "b.ipynb"), "exercise1")
    assert "a.ipynb, b.ipynb" in told.value.message
    assert "grader check exercise1 'a.ipynb'" in told.value.remedy


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no notebook"):
        pick_file(tmp_path, "exercise1")


def test_modules_that_are_imported_go_with_the_notebook(tmp_path: Path) -> None:
    make(tmp_path, "unused.py")
    (tmp_path / "helper.py").write_text("import deeper\n")
    (tmp_path / "deeper.py").write_text("y = 2\n")
    raw = notebook("!pip install x\nimport helper", "from numpy import *")
    (tmp_path / "mine.ipynb").write_bytes(raw)
    found = files_beside(tmp_path / "mine.ipynb", read_submission("mine.ipynb", raw))
    assert sorted(found) == ["deeper.py", "helper.py"]


def test_a_cell_that_is_no_python_is_searched_by_its_words(tmp_path: Path) -> None:
    make(tmp_path, "helper.py")
    script = read_submission("mine.ipynb", notebook("import helper\nprint 'old'"))
    assert list(files_beside(tmp_path / "mine.ipynb", script)) == ["helper.py"]
