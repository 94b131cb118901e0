"""A zip that was handed in: its files, or words about what is wrong with it."""

import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.errors import SubmissionError, UsageError
from grader.intake import open_class, read_path, submission_zip
from tests.fakes import list_class
from tests.intake.zips import zip_of


def test_a_zip_of_a_module_with_siblings_is_a_submission_like_their_folder(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "main.py").write_bytes(b"import data")
    (tmp_path / "ada" / "data.py").write_bytes(b"a = 1")
    members = [
        ("handed/", b""),
        ("handed/data.py", b"a = 1"),
        ("__MACOSX/handed/._main.py", b"x"),
        (".DS_Store", b"x"),
    ]
    (tmp_path / "ada.ZIP").write_bytes(zip_of(*members, ("handed/main.py", b"import data")))
    folder, found = read_path(tmp_path / "ada"), read_path(tmp_path / "ada.ZIP")
    assert found == folder
    assert found.notes == ("main.py was graded; beside it lay data.py",)
    assert [entry.student for entry in list_class(tmp_path)] == ["ada", "ada.ZIP"]


def test_a_zip_without_a_folder_around_its_files_is_read_too(tmp_path: Path) -> None:
    notebook = b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "b"}]}'
    (tmp_path / "bob.zip").write_bytes(zip_of(("work.ipynb", notebook), ("data/a.csv", b"1"), ("helper.py", b"a = 1")))
    found = read_path(tmp_path / "bob.zip")
    assert (found.student, found.script.name, found.script.cells) == ("bob", "work.ipynb", ("b",))
    assert dict(found.files) == {"data/a.csv": b"1", "helper.py": b"a = 1"}


def test_a_folder_of_nothing_but_a_zip_is_that_zip(tmp_path: Path) -> None:
    (tmp_path / "Ada_123").mkdir()
    (tmp_path / "Ada_123" / "work.zip").write_bytes(zip_of(("work.py", b"a = 1")))
    found = read_path(tmp_path / "Ada_123")
    assert (found.student, found.script.name) == ("Ada_123", "work.py")
    (tmp_path / "Ada_123" / "last.py").write_text("b = 1")
    assert read_path(tmp_path / "Ada_123").script.name == "last.py"


def test_a_zip_that_is_something_else_is_named(tmp_path: Path) -> None:
    page, pointer = b"<!doctype html><title>Sign in</title>", b"version https://git-lfs.github.com/spec/v1\noid"
    for data, said in (
        (page, "is a web page"),
        (pointer, "is a pointer of Git LFS"),
        (b"Rar!\x1a", "is a RAR archive"),
    ):
        (tmp_path / "class.zip").write_bytes(data)
        with pytest.raises(SubmissionError, match=rf"class\.zip: {said}"):
            read_path(tmp_path / "class.zip")
        with pytest.raises(UsageError, match=rf"class\.zip: {said}"):
            open_class(tmp_path / "class.zip", assignment="a", workspace=tmp_path)


@pytest.mark.parametrize("packed", [b"PK\x03\x04 not a zip", zip_of(("a.py", b"a = 1"))[:-9]])
def test_a_file_that_is_no_zip_is_refused(tmp_path: Path, packed: bytes) -> None:
    (tmp_path / "ada.zip").write_bytes(packed)
    with pytest.raises(SubmissionError, match=r"ada\.zip: is damaged"):
        read_path(tmp_path / "ada.zip")
    (tmp_path / "ada.zip").write_bytes(b"")
    with pytest.raises(SubmissionError, match=r"ada\.zip: is empty"):
        read_path(tmp_path / "ada.zip")


@pytest.mark.parametrize(
    "name",
    ["/etc/a.py", "../a.py", "a/../../b.py", "..\\a.py", "C:\\a.py", "C:a.py", "a//b.py", "./a.py", "a\nb.py",
     "x" * 256 + ".py", "long/" * 200 + "a.py", "\u202ea.py"],
)  # fmt: skip
def test_a_zip_whose_names_lead_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "ada.zip").write_bytes(zip_of(("main.py", b"a = 1"), (name, b"b = 1")))
    with pytest.raises(SubmissionError, match="name leads elsewhere"):
        read_path(tmp_path / "ada.zip")


def test_a_name_that_ends_in_a_zero_byte_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ada.zip").write_bytes(zip_of(("main.pyX/b", b"a = 1")).replace(b"main.pyX/b", b"main.py\0/b"))
    with pytest.raises(SubmissionError, match="name leads elsewhere"):
        read_path(tmp_path / "ada.zip")


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.create_system, made.external_attr = 3, mode << 16
    return made


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "ada.zip").write_bytes(zip_of(("main.py", b"a = 1"), (entry("link", mode | 0o777), b"/etc/passwd")))
    with pytest.raises(SubmissionError, match="a link or a device"):
        read_path(tmp_path / "ada.zip")


@pytest.mark.parametrize("names", [("a.py", "a.py"), ("a\\b.py", "a/b.py"), ("a", "a/b.py"), ("a/b", "a/b/c.py")])
def test_a_zip_with_two_files_in_one_place_is_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    (tmp_path / "ada.zip").write_bytes(zip_of(("main.py", b"a = 1"), *((name, b"b = 1") for name in names)))
    with pytest.raises(SubmissionError, match=r"holds a file twice|a file and a folder of one name"):
        read_path(tmp_path / "ada.zip")


def test_a_zip_with_a_password_is_refused(tmp_path: Path) -> None:
    packed = bytearray(zip_of(("main.py", b"a = 1")))
    packed[6] |= 1  # the flag in the file's header, and in the directory
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "ada.zip").write_bytes(bytes(packed))
    with pytest.raises(SubmissionError, match=r"locked with a password.*without one"):
        read_path(tmp_path / "ada.zip")


def test_a_zip_that_was_packed_in_an_unusual_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ada.zip").write_bytes(zip_of(("main.py", b"a = 1"), packing=zipfile.ZIP_LZMA))
    with pytest.raises(SubmissionError, match="not every program"):
        read_path(tmp_path / "ada.zip")


def test_a_zip_holds_no_more_than_a_folder_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ada.zip"
    path.write_bytes(zip_of(("main.py", b"a = 1"), ("big.bin", bytes(2 << 20))))
    with pytest.raises(SubmissionError, match="200 times its size"):
        read_path(path)
    path.write_bytes(zip_of(("main.py", b"a = 1"), ("big.bin", bytes(submission_zip.MOST_BYTES))))
    with pytest.raises(SubmissionError, match="more than 500 files or 50 MiB"):
        read_path(path)
    many = [(f"{number}.txt", b"x") for number in range(3)]
    monkeypatch.setattr(submission_zip, "MOST_FILES", 3)
    path.write_bytes(zip_of(("main.py", b"a = 1"), *many))
    with pytest.raises(SubmissionError, match="more than 3 files"):
        read_path(path)
    path.write_bytes(zip_of(("main.py", b"a = 1"), *((f".venv/{name}", data) for name, data in many)))
    assert sorted(read_path(path).files) == ["main.py"]


def test_a_directory_of_very_many_entries_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "ada.zip").write_bytes(submission_zip.ENTRY * (submission_zip.MOST_MEMBERS + 1))
    with pytest.raises(SubmissionError, match="too many files"):
        read_path(tmp_path / "ada.zip")


def test_a_size_that_lies_unpacks_no_more_than_it_says(tmp_path: Path) -> None:
    packed = bytearray(zip_of(("main.py", b"a = 1\n" * 1000)))
    place = packed.index(b"PK\x01\x02") + 24
    for size in (6, 60_000):
        packed[place : place + 4] = size.to_bytes(4, "little")
        (tmp_path / "ada.zip").write_bytes(bytes(packed))
        with pytest.raises(SubmissionError, match="is damaged"):
            read_path(tmp_path / "ada.zip")


def test_names_in_utf_8_without_the_flag_are_read_as_they_were_meant(tmp_path: Path) -> None:
    packed = bytearray(zip_of(("lösung.py", b"a = 1")))
    packed[7] &= ~0x08
    packed[packed.index(b"PK\x01\x02") + 9] &= ~0x08 & 0xFF
    (tmp_path / "ada.zip").write_bytes(bytes(packed))
    assert read_path(tmp_path / "ada.zip").script.name == "lösung.py"


GOOD = zip_of(("work/main.py", b"a = 1"), ("work/data.csv", b"1,2\n" * 50), ("work/sub/b.py", b"b = 2"))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6), st.integers(0, 40)
)
def test_a_damaged_zip_is_read_or_refused_in_words(changes: list[tuple[int, int]], cut: int) -> None:
    packed = bytearray(GOOD)
    for place, value in changes:
        packed[place] = value
    left = bytes(packed[: len(packed) - cut])
    try:
        files = submission_zip.unpack_zip("ada.zip", left)
    except SubmissionError as error:
        assert error.message.startswith("ada.zip: ")
        assert error.remedy
    else:
        assert all(part not in ("", ".", "..") for name in files for part in name.split("/"))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z ]{1,8}(/[a-zäß]{1,5}){0,2}\.py", fullmatch=True), st.binary(max_size=99)))
def test_whatever_plain_files_are_packed_come_out_again(files: dict[str, bytes]) -> None:
    inside = {f"top/{name}": data for name, data in files.items()}
    packed = zip_of(*inside.items(), ("top/Z", b"z"))
    found = submission_zip.unpack_zip("a.zip", packed)
    assert found == {**files, "Z": b"z"}
