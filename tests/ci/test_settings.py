"""`grader.toml`, and what is said where it is wrong."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.ci.check_repository import CiSettings, read_settings
from grader.core.errors import UsageError
from grader.course.course import Course

RIGHT = 'schema = 1\nbudget = "20m"\n[[submission]]\nassignment = "exercise1"\npath = "a/b.ipynb"\nmode = "smoke"\n'


def read(folder: Path, text: str) -> CiSettings:
    (folder / "grader.toml").write_text(text, encoding="utf-8")
    return read_settings(folder / "grader.toml")


def test_the_settings_are_read(tmp_path: Path) -> None:
    settings = read(tmp_path, RIGHT)
    assert settings.budget == 1200 and settings.course is None
    assert [(item.assignment, item.path, item.mode, item.optional) for item in settings.submission] == [
        ("exercise1", "a/b.ipynb", "smoke", False)
    ]


def test_those_of_the_example_are_right() -> None:
    settings = read_settings(Course.at().examples().parent / "assignment-repo" / "grader.toml")
    assert {item.assignment for item in settings.submission} <= set(Course.at().assignment_ids())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("schema = 1", "schema = 2", "schema"),
        ("mode", "mood", "did you mean `mode`"),
        ('"smoke"', '"smok"', "mode"),
        ('"a/b.ipynb"', '"../b.ipynb"', "leads out of the repository"),
        ('"a/b.ipynb"', '"/etc/passwd"', "leads out of the repository"),
        ('"a/b.ipynb"', '""', "is not a path"),
        ('"20m"', '"20 parsecs"', "not understood"),
        ('"20m"', "20", "key `budget`: 20 has no unit"),
        ("path =", "pth =", "submission 1: key `pth` is not known"),
        ("[[submission]]", "[[submission]", "not a TOML file"),
        ("[[submission]]", "[submission]", r"Write `\[\[submission\]\]`"),
        ('"a/b.ipynb"', "'a\\b.ipynb'", "holds a backslash: write folders with a slash"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(tmp_path, RIGHT.replace(old, new, 1))


def test_one_assignment_stands_there_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`exercise1` stands there twice"):
        read(tmp_path, RIGHT + RIGHT.partition("\n")[2].partition("\n")[2])


def test_a_repository_without_settings_is_shown_how_they_look(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no such file.*\[\[submission\]\]"):
        read_settings(tmp_path / "grader.toml")


@given(st.text())
def test_any_path_stays_inside_or_is_refused(path: str) -> None:
    try:
        settings = CiSettings.model_validate({"schema": 1, "submission": [{"assignment": "a", "path": path}]})
    except ValueError:
        return
    root = Path("/repository")
    inside = (root / settings.submission[0].path).resolve()
    assert inside == root or root in inside.parents
