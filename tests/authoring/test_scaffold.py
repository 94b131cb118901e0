"""A new assignment: complete, and refused where it can't be."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grader.authoring.lint import Means, lint_assignment
from grader.authoring.scaffold import NewAssignment, new_assignment
from grader.core.errors import DataError, UsageError
from grader.course.course import Course
from grader.course.dataset import load_split
from grader.course.find_dataset import Places, find_data
from grader.course.rubric import own_code_digest
from tests.fakes import run_cli

CLASSES = ("coat", "sneaker", "t-shirt")


def write_images(folder: Path, *, splits: tuple[str, ...] = ("train", "validation"), each: int = 8) -> Path:
    generator = np.random.default_rng(0)
    for split in splits:
        for label, name in enumerate(CLASSES):
            (folder / split / name).mkdir(parents=True)
            for number in range(each):
                pixels = generator.integers(0, 80, (28, 28), dtype=np.uint8)
                pixels[:, 9 * label : 9 * label + 9] += 150
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")
    return folder


def test_a_folder_of_images_becomes_an_assignment_that_has_no_fault(tmp_path: Path) -> None:
    images, root, data = write_images(tmp_path / "images"), tmp_path / "course", tmp_path / "data"
    written = new_assignment(NewAssignment(id="fashion", title='Clothes "to go"', images=images), root, data_root=data)
    names = {path.relative_to(root).as_posix() for path in written}
    assert names == {
        "datasets/fashion/dataset.toml", "reference/fashion/solution.ipynb",
        *(f"assignments/fashion/{name}" for name in (
            "assignment.toml", "checks.py", "README.md", "starter.ipynb", "test_fashion.py")),
    }  # fmt: skip
    course = Course.at(root)
    dataset = course.dataset("fashion")
    assert dataset.classes == CLASSES and dataset.split["test"].count == 24
    folder = find_data(dataset, Places.of(course, data))
    assert len(load_split(dataset, "test", folder).labels) == 24
    assert course.assignment("fashion").out_of == 100
    found = lint_assignment(course, "fashion", Means(data=data))
    assert [item.words() for item in found if item.fault] == []
    assert any("nobody has measured" in item.said for item in found)


def test_an_assignment_on_digits_needs_no_images(tmp_path: Path) -> None:
    new_assignment(NewAssignment(id="digits"), tmp_path / "course", data_root=tmp_path)
    course = Course.at(tmp_path / "course")
    assert course.assignment("digits").dataset == "mnist"
    assert "load_data" in (course.assignment_file("digits").parent / "starter.ipynb").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", ["../x", "Fashion", "", "a b", "9to5", "x" * 80])
def test_an_id_is_a_plain_word(tmp_path: Path, word: str) -> None:
    with pytest.raises(UsageError, match="can't be the id"):
        new_assignment(NewAssignment(id=word), tmp_path, data_root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    new_assignment(NewAssignment(id="digits"), tmp_path, data_root=tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        new_assignment(NewAssignment(id="digits"), tmp_path, data_root=tmp_path)


def test_images_in_the_wrong_folders_are_told_how_to_lie(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds none of the folders test, validation"):
        wanted = NewAssignment(id="f", images=write_images(tmp_path / "images", splits=("train",)))
        new_assignment(wanted, tmp_path / "course", data_root=tmp_path / "data")
    (tmp_path / "images" / "test" / "coat").mkdir(parents=True)
    with pytest.raises(UsageError, match="the classes are coat, sneaker, t-shirt for training and none for testing"):
        new_assignment(wanted, tmp_path / "course", data_root=tmp_path / "data")


def test_a_file_that_is_no_image_is_named_and_nothing_is_kept(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images")
    (images / "train" / "coat" / "broken.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"broken\.png .* is not a photograph"):
        new_assignment(NewAssignment(id="f", images=images), tmp_path / "course", data_root=tmp_path / "data")
    assert not (tmp_path / "course" / "assignments" / "f").exists() and list((tmp_path / "data").iterdir()) == []


def test_the_command_says_what_it_wrote_and_what_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = run_cli("new", "digits")
    assert said.code == 2 and "is not a course" in said.err and "--course DIR" in said.err
    said = run_cli("new", "digits", "--course", tmp_path / "course")
    assert said.code == 0 and "assignment.toml" in said.out and "grader lint digits --course" in said.out
    said = run_cli("new", "more", "--images", tmp_path / "nowhere", "--course", tmp_path / "course")
    assert said.code == 2 and "nowhere" in said.err


def test_a_changed_check_of_the_course_is_another_rubric(tmp_path: Path) -> None:
    new_assignment(NewAssignment(id="digits"), tmp_path, data_root=tmp_path)
    course = Course.at(tmp_path)
    before = own_code_digest(course, course.assignment("digits"))
    file = course.assignment_file("digits").with_name("checks.py")
    file.write_text(file.read_text(encoding="utf-8") + "# another thought\n", encoding="utf-8")
    assert before != own_code_digest(course, course.assignment("digits"))
    assert own_code_digest(Course.at(), Course.at().assignment("exercise1")) == ""
