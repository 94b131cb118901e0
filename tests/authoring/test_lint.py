"""What is said about an assignment before students find out."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.authoring.lint import LintFinding, lint_assignment
from grader.course.course import Course
from tests.fakes import run_cli

SHIPPED = Course.at().root


def copy_of_operators(root: Path) -> Path:
    for part in ("assignments", "reference"):
        shutil.copytree(SHIPPED / part / "operators", root / part / "operators")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A course of one's own with the exercise on operators, of each group of cases a few: what is said of it is the same."""
    mend(home(copy_of_operators(tmp_path)) / "cases.py", "draws=", "number=4, draws=")
    return tmp_path


def faults(root: Path) -> list[LintFinding]:
    return [item for item in lint_assignment(Course.at(root), "operators") if item.fault]


def test_a_shipped_assignment_has_no_fault(tmp_path: Path) -> None:
    assert faults(copy_of_operators(tmp_path)) == []


def mend(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def home(root: Path) -> Path:
    return root / "assignments" / "operators"


def solved(root: Path) -> Path:
    return root / "reference" / "operators" / "solution.py"


@pytest.mark.parametrize(
    ("harm", "where", "said"),
    [
        (lambda root: mend(home(root) / "assignment.toml", "points = 30", "points = 40"), "README.md", "promises 100"),
        (
            lambda root: mend(home(root) / "assignment.toml", '"computes"', '"compute"'),
            "assignment.toml",
            "did you mean",
        ),
        (lambda root: mend(home(root) / "assignment.toml", "pass_mark = 60", "pass_mark = 5"), "operators", "own word"),
        (lambda root: (home(root) / "README.md").unlink(), "README.md", "can't be read"),
        (lambda root: shutil.copy(solved(root), home(root) / "starter.py"), "starter.py", "already earns 100 points"),
        (lambda root: solved(root).unlink(), "operators", "no reference solution"),
        (lambda root: solved(root).write_text("x = 1\n", encoding="utf-8"), "solution.py", "0 of 30 points"),
        (lambda root: mend(home(root) / "cases.py", "import", "imp ort"), "operators", "fails with SyntaxError"),
    ],
)
def test_each_fault_is_named_with_its_place(root: Path, harm: Callable[[Path], object], where: str, said: str) -> None:
    harm(root)
    assert any(item.where.endswith(where) and said in item.said for item in faults(root)), faults(root)


def test_a_check_of_the_course_that_explains_nothing_is_a_fault(root: Path) -> None:
    (home(root) / "checks.py").write_text(
        "from grader.checks import Parameters, check\n\nclass Most(Parameters):\n    most: int\n\n"
        "@check(parameters=Most, rests_on='facts')\ndef silent(case, given):\n    '''It says nothing.'''\n",
        encoding="utf-8",
    )
    with (home(root) / "assignment.toml").open("a", encoding="utf-8") as file:
        file.write('\n[[check]]\nuse = "checks:silent"\npoints = 0\nmost = 3\n')
    assert [item.said for item in faults(root)] == ["its docstring does not explain `most`."]


def test_the_command_ends_with_1_for_a_fault_and_speaks_json(root: Path) -> None:
    (home(root) / "README.md").unlink()
    said = run_cli("lint", "operators", "--course", root, "--json")
    assert said.code == 1
    assert [item["fault"] for item in json.loads(said.out)["operators"]] == [True]
    assert run_cli("lint", "operator", "--course", root).code == 2


def test_a_folder_that_lost_its_rubric_is_a_fault_and_an_empty_course_is_told(root: Path) -> None:
    (home(root) / "assignment.toml").unlink()
    said = run_cli("lint", "--course", root)
    assert said.code == 1
    assert "operators: holds no assignment.toml" in said.out
    shutil.rmtree(home(root))
    said = run_cli("lint", "--course", root)
    assert said.code == 2
    assert "holds no assignment. Begin one with `grader new ID --course DIR`" in said.err


def test_a_missing_reference_is_asked_for_in_the_course_and_nowhere_else(root: Path) -> None:
    shutil.rmtree(root / "reference")
    home(root).rename(root / "assignments" / "mine")
    (found,) = [item for item in lint_assignment(Course.at(root), "mine") if "reference" in item.said]
    assert found.where == str(root / "reference" / "mine")


def test_a_fault_of_the_rubric_names_its_file_once(root: Path) -> None:
    mend(home(root) / "assignment.toml", '"computes"', '"compute"')
    assert faults(root)[0].words().count("assignment.toml") == 1


TAGGED = '[[check]]\nuse = "manual"\ntitle = "The figure"\npoints = 10\nshows = "cell:figure"\n'


def test_points_of_a_person_are_no_fault_of_the_reference_but_a_cell_without_its_tag_is_one(root: Path) -> None:
    rubric = home(root) / "assignment.toml"
    rubric.write_text(f"{rubric.read_text(encoding='utf-8')}\n{TAGGED}", encoding="utf-8")
    mend(home(root) / "README.md", "| **100** |", "| **110** |")
    found = faults(root)
    assert not any("0 of 10 points" in item.said for item in found)
    (missing,) = [item for item in found if "cell with the tag" in item.said]
    assert missing.where.endswith("starter.py")
    assert "has no cell with the tag `figure`, which `The figure` shows" in missing.said
