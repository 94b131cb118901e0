"""Photographs that only the instructor has become the judged split, whole, checked and under a title of their own."""

from pathlib import Path

import pytest

from grader.core.errors import DataError, UsageError
from grader.core.progress import Silent
from grader.course.dataset import Dataset, Naming, load_labels, load_split
from grader.course.find_dataset import Places, import_private, with_private_split
from grader.run.context import RunOptions, open_context
from tests.fakes import ASSIGNMENT, a_rubric, data_of, photographs, run_cli, write_course, write_photographs


def the_dataset(tmp_path: Path) -> Dataset:
    return write_course(tmp_path / "course").dataset("tiny")


def own_folder(tmp_path: Path) -> Path:
    write_photographs(tmp_path / "mine", {"left": photographs(60, 3), "right": photographs(61, 4)})
    return tmp_path / "mine"


def places(tmp_path: Path) -> Places:
    return Places(given=data_of(tmp_path / "course"), shared=tmp_path / "no", cache=tmp_path / "no")


def take_in(tmp_path: Path, source: Path, naming: Naming | None = None) -> int:
    root = data_of(tmp_path / "course")
    return import_private(the_dataset(tmp_path), root / "tiny", source, root / "tiny-private", naming or Naming())


def test_they_are_judged_from_then_on_and_the_title_says_so(tmp_path: Path) -> None:
    dataset = the_dataset(tmp_path)
    assert with_private_split(dataset, places(tmp_path)) == dataset
    assert take_in(tmp_path, own_folder(tmp_path)) == 7
    own = with_private_split(dataset, places(tmp_path))
    assert own.judged == "private"
    assert own.judged_title == "7 private photographs of the course (imported from mine)"
    assert own.digest != dataset.digest
    folder = data_of(tmp_path / "course") / "tiny"
    assert load_labels(own, "private", folder).tolist() == [0] * 3 + [1] * 4
    assert len(load_split(own, "private", folder).images) == 7
    assert load_split(own, own.train, folder).labels.tolist() == load_split(dataset, "train", folder).labels.tolist()


def test_the_command_takes_them_in_and_every_later_mark_rests_on_them(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course")
    root = data_of(course.root)
    said = run_cli("data", "import", "tiny", "--private", own_folder(tmp_path), "--into", root, "--data", root,
                   "--course", course.root)  # fmt: skip
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("7 private photographs; work for `tiny` is judged on them from now on\n")
    title = "7 private photographs of the course (imported from mine)"
    assert a_rubric(course).judged_on == title
    with open_context(course, ASSIGNMENT, RunOptions(isolation="none", data=root), Silent()) as bench:
        assert bench.images is not None
        assert len(bench.images.judged) == 7
    listed = run_cli("data", "list", "--data", root, "--course", course.root)
    assert f"judged on {title}" in listed.out
    assert run_cli("data", "fetch", "tiny", "--data", root, "--course", course.root).code == 0


def test_a_photograph_that_students_can_have_is_refused_by_name_and_nothing_is_kept(tmp_path: Path) -> None:
    source = own_folder(tmp_path)
    course = write_course(tmp_path / "course")
    known = data_of(course.root) / "tiny" / "judged" / "left" / "002.png"
    (source / "right" / "stolen.png").write_bytes(known.read_bytes())
    with pytest.raises(DataError, match=r"stolen\.png can be had by students"):
        take_in(tmp_path, source)
    assert not (data_of(course.root) / "tiny-private").exists()


def test_classes_may_have_other_names_and_lie_deeper(tmp_path: Path) -> None:
    write_photographs(tmp_path / "mine" / "2026", {"L": photographs(60, 2), "R": photographs(61, 2)})
    naming = Naming(splits={"private": "2026"}, classes={"left": "L", "right": "R"})
    assert take_in(tmp_path, tmp_path / "mine", naming) == 4


def test_a_missing_class_is_named(tmp_path: Path) -> None:
    write_photographs(tmp_path / "mine", {"left": photographs(60, 2)})
    with pytest.raises(UsageError, match=r"right: there is no such folder"):
        take_in(tmp_path, tmp_path / "mine")


@pytest.mark.parametrize("text", ["", "split = 7", "[split.private]\ncount = 0", "\0", "[split.train]\ncount = 1"])
def test_digests_that_can_not_be_read_are_told_with_their_file(tmp_path: Path, text: str) -> None:
    dataset = the_dataset(tmp_path)
    folder = data_of(tmp_path / "course") / "tiny-private"
    folder.mkdir()
    (folder / "digests.toml").write_text(text)
    with pytest.raises(DataError, match=r"digests\.toml: (key `split[^`]*`|not a TOML file)"):
        with_private_split(dataset, places(tmp_path))


def test_changed_private_photographs_are_not_judged_on(tmp_path: Path) -> None:
    dataset = the_dataset(tmp_path)
    take_in(tmp_path, own_folder(tmp_path))
    root = data_of(tmp_path / "course")
    write_photographs(root / "tiny-private", {"left": photographs(77, 1)})
    with pytest.raises(DataError, match="SHA-256"):
        load_split(with_private_split(dataset, places(tmp_path)), "private", root / "tiny")
