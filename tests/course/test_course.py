"""Where content is, and what is said about a name that is not there."""

import shutil
from pathlib import Path

import pytest

from grader.core.errors import DataError, UsageError
from grader.course.course import Course
from tests.fakes import write_course


def test_without_a_folder_the_content_of_this_checkout_is_the_course() -> None:
    course = Course.at()
    assert (course.root / "grader").is_dir()
    assert course.assignment("exercise1").dataset == "mnist"
    assert {item.id for item in course.datasets()} >= {"mnist", "pets", "mnist-5k"}


def test_a_course_of_ones_own_is_a_folder_with_assignments(tmp_path: Path) -> None:
    course = write_course(tmp_path / "own")
    assert course.assignment_ids() == ["tiny"]
    assert course.assignment("tiny").title == "Left or right"
    assert "tiny" in [item.id for item in course.datasets()]


def test_a_folder_without_assignments_is_no_course(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is not a course.*assignment\.toml"):
        Course.at(tmp_path)
    with pytest.raises(UsageError, match="is not a course"):
        Course.at(tmp_path / "nowhere")


@pytest.mark.parametrize(("word", "meant"), [("exercise3", "exercise"), ("exersise1", "exercise1"), ("pet", "pets")])
def test_a_misspelt_assignment_gets_the_nearest_name_and_the_list(word: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        Course.at().assignment(word)
    assert f"There is no assignment `{word}`" in str(caught.value)
    assert f"Did you mean `{meant}" in str(caught.value)
    assert "exercise1, exercise1-5k, exercise2, operators, pets, pets-drawn" in str(caught.value)


@pytest.mark.parametrize("word", ["../assignments/exercise1", "exercise1/", "/etc", "", ".", "exercise1\0"])
def test_an_assignment_is_a_name_and_never_a_path(word: str) -> None:
    with pytest.raises(UsageError, match="There is no assignment"):
        Course.at().assignment(word)


def test_a_missing_dataset_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no dataset `mnits`\. Did you mean `mnist`\? Available: .*tiny\."):
        write_course(tmp_path / "own").dataset("mnits")


def test_a_course_need_not_bring_reports_and_references(tmp_path: Path) -> None:
    course = write_course(tmp_path / "own")
    assert (course.report_templates() / "templates").is_dir()
    assert course.baseline_file("exercise1") == Course.at().baseline_file("exercise1")
    assert course.examples().parent == Course.at().root / "examples"


def test_a_course_has_its_own_datasets_and_those_that_come_along_and_its_own_win(tmp_path: Path) -> None:
    course = write_course(tmp_path / "own")
    assert course.dataset("mnist") == Course.at().dataset("mnist")
    shutil.copytree(course.root / "datasets" / "tiny", course.root / "datasets" / "mnist")
    assert course.dataset("mnist").title == course.dataset("tiny").title
    assert [item.id for item in course.datasets()] == ["mnist", "mnist-5k", "pets", "pets-drawn", "tiny"]


def test_a_missing_reference_solution_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"`tiny` has no reference solution"):
        write_course(tmp_path / "own").reference("tiny")


def test_shared_data_lies_beside_the_course(tmp_path: Path) -> None:
    course = write_course(tmp_path / "own")
    assert course.shared_data() == tmp_path.resolve() / "shared" / "data"


def test_a_broken_manifest_is_named_when_datasets_are_listed(tmp_path: Path) -> None:
    course = write_course(tmp_path / "own")
    broken = course.root / "datasets" / "tiny" / "dataset.toml"
    broken.write_text("schema = 1\n", encoding="utf-8")
    with pytest.raises(DataError, match=str(broken)):
        course.datasets()


def test_a_reference_solution_may_be_a_module(tmp_path: Path) -> None:
    course = write_course(tmp_path)
    folder = course.root / "reference" / "tiny"
    folder.mkdir(parents=True)
    with pytest.raises(UsageError, match=r"has no reference solution\. Write one: solution\.ipynb or solution\.py"):
        course.reference("tiny")
    for name in ("solution.py", "solution.ipynb"):  # the notebook goes first where both are there
        (folder / name).write_text("a = 1")
        assert course.reference("tiny").name == name
