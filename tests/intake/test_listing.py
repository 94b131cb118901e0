"""A folder becomes a class, whatever people call their files."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.errors import UsageError
from grader.intake import safe_name
from tests.fakes import list_class, write_class


def test_a_class_has_one_entry_for_each_file_and_folder_sorted_by_name(tmp_path: Path) -> None:
    write_class(tmp_path, "cy", "ada")
    (tmp_path / "bob").mkdir()
    (tmp_path / "dee.docx").write_text("wrong type")
    (tmp_path / "README.md").write_text("about the class")
    (tmp_path / ".DS_Store").write_text("")
    (tmp_path / "__MACOSX").mkdir()
    assert [(entry.student, entry.file) for entry in list_class(tmp_path)] == [
        ("ada", "ada.py"), ("bob", "bob"), ("cy", "cy.py"), ("dee", "dee.docx"),
    ]  # fmt: skip


def test_students_whose_files_have_the_same_stem_are_told_apart(tmp_path: Path) -> None:
    for name in ("ada.py", "ada.ipynb", "ada.ipynb.ipynb", "bob.py"):
        (tmp_path / name).write_text("a = 1")
    students = [entry.student for entry in list_class(tmp_path)]
    assert students == ["ada.ipynb", "ada.ipynb (2)", "ada.py", "bob"]


def test_students_whose_names_are_no_utf8_are_told_apart(tmp_path: Path) -> None:
    for name in (b"M\xfc.py", b"M\xf6.py", b"M?.py", b"M?.py (2).py"):
        (tmp_path / os.fsdecode(name)).write_text("a = 1")
    students = [entry.student for entry in list_class(tmp_path)]
    assert len({safe_name(student) for student in students}) == 4


@settings(max_examples=50, deadline=None)
@given(st.sets(st.text(st.sampled_from("ab.py (2)"), min_size=1, max_size=8), min_size=1, max_size=8))
def test_every_entry_of_any_class_has_a_name_and_a_folder_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, names: set[str]
) -> None:
    folder = tmp_path_factory.mktemp("class")
    wanted = {name for name in names if name.strip() not in (".", "..") and not name.startswith(".")}
    for name in wanted:
        (folder / name).write_text("a = 1")
    if not wanted:
        return
    entries = list_class(folder)
    assert len(entries) == len(wanted)
    assert len({safe_name(entry.student) for entry in entries}) == len(wanted)


def test_an_empty_folder_and_a_file_are_no_class(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no submission"):
        list_class(tmp_path)
    (tmp_path / "ada.py").write_text("a = 1")
    with pytest.raises(UsageError, match="neither a folder nor a zip"):
        list_class(tmp_path / "ada.py")


def test_a_class_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UsageError, match="Permission denied"):
        list_class(tmp_path)
