"""An instructor's own photographs are taken in whole, under the manifest's names, or not at all."""

import os
from pathlib import Path

import pytest

from grader.core.errors import DataError, UsageError
from grader.course.dataset import Dataset, Naming, import_photographs, load_split, with_own_digests
from tests.course.test_load import digits
from tests.fakes import photographs, run_cli, write_course, write_photographs

NAMING = Naming(splits={"judged": "test set"}, classes={"left": "L", "right": "R"})


def own_folder(tmp_path: Path, name: str = "mine", *, splits: tuple[str, str] = ("train", "test set")) -> Path:
    """An instructor's folder with other names and other pictures."""
    source = tmp_path / name
    for seed, split in enumerate(splits):
        made = photographs(40 + seed, 7)
        write_photographs(source / split, {"L": made[:3], "R": made[3:]})
    return source


def the_dataset(tmp_path: Path) -> Dataset:
    return write_course(tmp_path / "course").dataset("tiny")


def test_names_are_mapped_and_the_imported_data_verifies(tmp_path: Path) -> None:
    dataset, target = the_dataset(tmp_path), tmp_path / "data" / "tiny"
    target.parent.mkdir()
    counts = import_photographs(dataset, own_folder(tmp_path), target, NAMING)
    assert counts == {"train": 7, "judged": 7}
    assert sorted(path.name for path in (target / "judged").iterdir()) == ["left", "right"]
    own = with_own_digests(dataset, target)
    assert own.digest != dataset.digest
    assert own.source == "imported from mine"
    assert own.judged_title == f"{own.split[own.judged].count:,} photographs imported from mine"
    assert load_split(own, "judged", target).labels.tolist() == [0] * 3 + [1] * 4


def test_the_command_imports_and_then_finds_the_data(tmp_path: Path) -> None:
    the_dataset(tmp_path)
    options = ("--course", tmp_path / "course")
    said = run_cli(
        "data", "import", "tiny", own_folder(tmp_path), "--into", tmp_path / "roots" / "data", "--class", "left=L",
        "--class", "right=R", "--split", "judged=test set", *options,
    )  # fmt: skip
    assert (said.code, said.out) == (0, f"{tmp_path / 'roots' / 'data' / 'tiny'}: 7 train, 7 judged\n")
    said = run_cli("data", "fetch", "tiny", "--data", tmp_path / "roots" / "data", *options)
    assert said.code == 0
    assert "verified" in said.out


@pytest.mark.parametrize("word", ["left", "left=", "=L", ""])
def test_a_pair_that_is_none_is_refused(tmp_path: Path, word: str) -> None:
    the_dataset(tmp_path)
    said = run_cli(
        "data", "import", "tiny", own_folder(tmp_path), "--into", tmp_path / "data", "--class", word,
        "--course", tmp_path / "course",
    )  # fmt: skip
    assert said.code == 2
    assert "NAME=FOLDER" in said.err


def assert_nothing_is_left(tmp_path: Path, words: str, naming: Naming = NAMING, source: Path | None = None) -> None:
    target = tmp_path / "data" / "tiny"
    target.parent.mkdir(exist_ok=True)
    with pytest.raises((DataError, UsageError), match=words):
        import_photographs(the_dataset(tmp_path), source or tmp_path / "mine", target, naming)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"\xff\xd8\xff\xe0 cut"])
def test_a_broken_picture_is_named_and_nothing_is_kept(tmp_path: Path, data: bytes) -> None:
    (own_folder(tmp_path) / "test set" / "R" / "002.png").write_bytes(data)
    assert_nothing_is_left(tmp_path, r"002\.png \(split `judged`\) is not a photograph")


def test_a_missing_class_is_named_and_nothing_is_kept(tmp_path: Path) -> None:
    source = own_folder(tmp_path)
    (source / "test set" / "R").rename(source / "test set" / "Q")
    assert_nothing_is_left(tmp_path, r"R: there is no such folder.*--class right=FOLDER")


def test_a_missing_split_is_named_and_nothing_is_kept(tmp_path: Path) -> None:
    own_folder(tmp_path)
    assert_nothing_is_left(
        tmp_path, r"judged/L: there is no such folder.*--split judged=FOLDER", Naming(classes=NAMING.classes)
    )


def test_a_class_without_photographs_is_refused(tmp_path: Path) -> None:
    source = own_folder(tmp_path)
    for path in (source / "train" / "L").iterdir():
        path.rename(path.with_suffix(".gif"))
    (source / "train" / "L" / "folder.jpg").mkdir()
    assert_nothing_is_left(tmp_path, "there is no photograph in it")


def test_a_name_that_the_manifest_does_not_have_is_refused(tmp_path: Path) -> None:
    own_folder(tmp_path)
    assert_nothing_is_left(tmp_path, "no class `lefd`", Naming(classes={"lefd": "L"}))
    assert_nothing_is_left(tmp_path, "no split `test`", Naming(splits={"test": "test set"}))


def test_a_photograph_that_can_not_be_copied_is_named_and_nothing_is_kept(tmp_path: Path) -> None:
    source = own_folder(tmp_path)
    (source / "train" / "L" / "dangling.jpg").symlink_to(tmp_path / "nowhere.jpg")
    os.mkfifo(source / "train" / "L" / "pipe.jpg")
    target = tmp_path / "data"
    assert import_photographs(the_dataset(tmp_path), source, target, NAMING)["train"] == 7, "neither is a file"


def test_a_target_that_is_there_already_is_not_touched(tmp_path: Path) -> None:
    target = tmp_path / "data"
    target.mkdir()
    (target / "mine").write_text("precious")
    with pytest.raises(UsageError, match="is there already"):
        import_photographs(the_dataset(tmp_path), own_folder(tmp_path), target, NAMING)
    assert [path.name for path in target.iterdir()] == ["mine"]


def test_what_an_interrupted_import_left_does_not_stop_the_next(tmp_path: Path) -> None:
    (tmp_path / "data.partial" / "train" / "left").mkdir(parents=True)
    (tmp_path / "data.partial" / "train" / "left" / "old.jpg").write_bytes(b"x")
    counts = import_photographs(the_dataset(tmp_path), own_folder(tmp_path), tmp_path / "data", NAMING)
    assert counts["train"] == 7
    assert not (tmp_path / "data.partial").exists()


def test_digits_can_not_be_imported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a collection of photographs"):
        import_photographs(digits(), own_folder(tmp_path), tmp_path / "data", NAMING)


@pytest.mark.parametrize("name", [b'my "best" pets', b"M\xfcller", b"a\nb", b"C:\\pets", "Zoë 😀".encode(), b"..."])
def test_a_folder_of_any_name_is_quoted_in_the_digests(tmp_path: Path, name: bytes) -> None:
    source = own_folder(tmp_path, os.fsdecode(name))
    target = tmp_path / "data"
    dataset = the_dataset(tmp_path)
    import_photographs(dataset, source, target, NAMING)
    own = with_own_digests(dataset, target)
    assert own.source == f"imported from {os.fsdecode(name).encode('utf-8', 'replace').decode()}"
