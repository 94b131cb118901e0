"""The example of docs/how-to/write-an-exercise-of-functions.md does what the page says that it does."""

import re
from pathlib import Path

import pytest

from tests.fakes import Said, run_cli

PAGE = (Path(__file__).parents[2] / "docs/how-to/write-an-exercise-of-functions.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """The page's blocks of code of that kind, in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [text for word, text in found if word == kind]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The course of the page and its submission, written down as the page has them."""
    (rubric,), (cases, mine) = blocks("toml"), blocks("python")
    written = tmp_path / "course/assignments/scores"
    written.mkdir(parents=True)
    (written / "assignment.toml").write_text(rubric)
    (written / "cases.py").write_text(cases)
    (tmp_path / "mine.py").write_text(mine)
    return tmp_path


def grade(folder: Path, *options: str) -> Said:
    where = ("--course", folder / "course", "--out", folder / "out")
    return run_cli("grade", "scores", folder / "mine.py", *where, *options)


def test_the_files_that_the_page_names_are_those_that_it_shows(folder: Path) -> None:
    named = [line for line in blocks("")[0].split() if line]
    assert all((folder / name).is_file() for name in named)


def test_grading_the_page_s_module_says_what_the_page_says(folder: Path) -> None:
    said = grade(folder)
    shown = next(block for block in blocks("") if "Passed" in block)
    assert shown.strip() in said.out
    assert said.code == 0


@pytest.mark.parametrize("seed", ["1", "2"])
def test_with_the_mistake_mended_it_gets_all_points_whatever_is_drawn(folder: Path, seed: str) -> None:
    mine = (folder / "mine.py").read_text()
    (folder / "mine.py").write_text(
        mine.replace("np.exp(scores)", "np.exp(scores - scores.max(axis=1, keepdims=True))")
    )
    said = grade(folder, "--seed", seed)
    assert "You have 100 of 100 points" in said.out


def test_an_oracle_is_corrected_by_the_commands_of_the_page(folder: Path) -> None:
    grade(folder)
    path = folder / "course/assignments/scores/cases.py"
    path.write_text(path.read_text().replace("== labels).mean()", "!= labels).mean()"))
    commands = next(block for block in blocks("") if "regrade" in block).strip().splitlines()
    for command in commands:
        words = [str(folder / word) if word in ("out", "course") else word for word in command.split()[1:]]
        said = run_cli(*words)
        assert said.out.startswith("mine: 83.33 (passed) -> 68.33 (passed)  computes (accuracy: how often")
        assert "right) 30 -> 15\n1 of 1 moved" in said.out
    assert "0 of 1 moved" in run_cli(*words).out
