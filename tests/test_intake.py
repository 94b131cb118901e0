"""A path becomes a submission and a folder becomes a class, whatever people call their files."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader import intake
from grader.errors import SubmissionError, UsageError
from grader.intake import RESERVED, list_class, read_path, safe_name, student_name
from grader.store import save_result
from tests.fakes import a_result, write_class

NAMES = (
    "Ada Lovelace", 'O\'Brien "Bob"', "../../etc/passwd", "..", ".", "/", "😀😀", "-rf", "--help", "x" * 300, "", " ",
    ".hidden", "a/b", "a\\b", "a\nb", "a\tb", "a\x1b[31mb", "C:\\x", "$(reboot)", "`id`", "%2e%2e", "Zoë", "Zoe\u0308",
    "李雷", "𝔘" * 100, "name.", "name..", "_name_", "con", "a?b", "a*b", "M\udcfcller", "\u202ereversed", "a_b", "a b",
    "ada.", "gradebook.csv", "Index.HTML", "batch.json", "gradebook.sqlite", "ada-0123abcd",
)  # fmt: skip


def test_a_notebook_a_module_and_a_folder_are_submissions(tmp_path: Path) -> None:
    (tmp_path / "ada.py").write_text("a = 1")
    (tmp_path / "bob.IPYNB").write_text('{"nbformat": 4, "cells": [{"cell_type": "code", "source": "b"}]}')
    (tmp_path / "cy").mkdir()
    (tmp_path / "cy" / "Work.PY").write_text("c = 1")
    (tmp_path / "cy" / "notes.txt").write_text("mine")
    ada, bob, cy = (read_path(tmp_path / name) for name in ("ada.py", "bob.IPYNB", "cy"))
    assert (ada.student, ada.script.name, ada.script.cells) == ("ada", "ada.py", ("a = 1",))
    assert (bob.student, bob.script.cells, dict(bob.files)) == ("bob", ("b",), {})
    assert (cy.student, cy.script.name, sorted(cy.files)) == ("cy", "Work.PY", ["Work.PY", "notes.txt"])


def test_the_digest_covers_every_file_and_its_name(tmp_path: Path) -> None:
    def digest(**files: str) -> str:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        return read_path(folder).sha256

    known = digest(main="a", helper="b")
    assert digest(main="a", helper="b") == known
    others = [digest(main="a", helper="c"), digest(main="a", other="b"), digest(main="ab", helper=""), digest(main="a")]
    assert len({known, *others}) == 5


@pytest.mark.parametrize(
    "name", [name for name in NAMES if "/" not in name and name not in ("", ".", "..") and len(name) < 90]
)
def test_a_file_of_any_name_is_read_and_gets_a_folder_inside_the_output(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.py"
    path.write_text("a = 1")
    found = read_path(path)
    assert found.script.cells == ("a = 1",)
    found.student.encode()
    out = tmp_path / "out"
    save_result(out / safe_name(found.student), a_result(student=found.student, submission=found.script.name))
    assert len(list(out.glob("*/result.json"))) == 1


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leaves_the_output_folder(tmp_path: Path, name: str) -> None:
    folder = safe_name(name)
    assert (tmp_path / folder).resolve().parent == tmp_path.resolve()
    assert folder not in ("", ".", "..")
    assert len(os.fsencode(folder)) <= 255
    (tmp_path / folder).mkdir()


def test_a_plain_name_is_its_own_folder() -> None:
    for name in ("ada", "ada.lovelace", "Zoë", "李雷", "s-1234", "m_muster"):
        assert safe_name(name) == name


def test_names_that_differ_get_folders_that_differ() -> None:
    names = {*NAMES, *(safe_name(name) for name in NAMES), "Ada_Lovelace", "a-b", "x" * 299, "x" * 80, "𝔘" * 99}
    assert len({safe_name(name) for name in names}) == len(names)


def test_no_student_can_take_anothers_folder_or_a_file_of_the_batch() -> None:
    assert safe_name(safe_name("Ada Lovelace")) != safe_name("Ada Lovelace")
    for name in RESERVED:
        assert safe_name(name).casefold() != name
        assert safe_name(name.upper()).casefold() != name


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters()), st.text(st.characters()))
def test_safe_names_are_single_components_and_tell_names_apart(first: str, second: str) -> None:
    for folder in (safe_name(first), safe_name(second)):
        assert Path(folder).name == folder
        assert not folder.startswith(".")
        assert len(os.fsencode(folder)) <= 255
        assert folder.isprintable()
    assert (safe_name(first) == safe_name(second)) == (first == second)


def test_three_notebooks_are_refused_and_named(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.ipynb").write_text("{}")
    with pytest.raises(SubmissionError, match=r"3 files.*a\.ipynb, b\.ipynb, c\.ipynb.*solution\.ipynb"):
        read_path(tmp_path)


def test_of_several_modules_the_one_with_a_telling_name_is_taken_and_the_report_says_so(tmp_path: Path) -> None:
    for name in ("helper", "Solution", "other"):
        (tmp_path / f"{name}.py").write_text(f"{name} = 1")
    found = read_path(tmp_path)
    assert found.script.name == "Solution.py"
    assert found.notes == ("Solution.py was graded; beside it lay helper.py, other.py",)
    assert sorted(found.files) == ["Solution.py", "helper.py", "other.py"]


def test_two_telling_names_are_refused(tmp_path: Path) -> None:
    for name in ("main", "solution"):
        (tmp_path / f"{name}.py").write_text("a = 1")
    with pytest.raises(SubmissionError, match="2 files"):
        read_path(tmp_path)


def test_a_notebook_goes_before_modules_beside_it(tmp_path: Path) -> None:
    (tmp_path / "work.ipynb").write_text('{"nbformat": 4, "cells": [{"cell_type": "code", "source": "b"}]}')
    (tmp_path / "helper.py").write_text("a = 1")
    found = read_path(tmp_path)
    assert (found.script.name, sorted(found.files)) == ("work.ipynb", ["helper.py"])


def test_a_folder_without_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "essay.docx").write_text("words")
    with pytest.raises(SubmissionError, match="holds no notebook"):
        read_path(tmp_path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("of another student")
    folder = tmp_path / "ada"
    folder.mkdir()
    (folder / "work.py").write_text("a = 1")
    (folder / "stolen.txt").symlink_to(outside / "secret.txt")
    (folder / "folder").symlink_to(outside, target_is_directory=True)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "dangling.py").symlink_to(folder / "nowhere.py")
    assert sorted(read_path(folder).files) == ["work.py"]


def test_pipes_and_what_tools_leave_behind_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text("a = 1")
    os.mkfifo(tmp_path / "pipe.py")
    for name in ("__pycache__", ".ipynb_checkpoints", ".venv", "node_modules"):
        (tmp_path / "sub" / name).mkdir(parents=True)
        (tmp_path / "sub" / name / "x.py").write_text("x")
    assert sorted(read_path(tmp_path).files) == ["work.py"]


def test_a_pipe_that_is_handed_in_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(SubmissionError, match="is no regular file"):
        read_path(tmp_path / "pipe.py")


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_FILES", 3)
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("x")
    (tmp_path / "work.py").write_text("a = 1")
    with pytest.raises(SubmissionError, match="more than 3 files"):
        read_path(tmp_path)


def test_too_many_bytes_are_refused_without_reading_them(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text("a = 1")
    with (tmp_path / "data.bin").open("wb") as file:
        file.truncate(intake.MOST_BYTES + 1)
    with pytest.raises(SubmissionError, match="50 MiB"):
        read_path(tmp_path)
    with pytest.raises(SubmissionError, match="neither a notebook"):
        read_path(tmp_path / "data.bin")
    (tmp_path / "data.bin").rename(tmp_path / "data.py")
    with pytest.raises(SubmissionError, match="larger than 50 MiB"):
        read_path(tmp_path / "data.py")


@pytest.mark.parametrize("name", ["work.docx", "work", "work.ipynb.pdf"])
def test_a_file_that_is_no_code_is_refused_in_words(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"%PDF")
    with pytest.raises(SubmissionError, match=rf"{name}: is neither a notebook"):
        read_path(tmp_path / name)


@pytest.mark.parametrize("name", ["nowhere.ipynb", "x" * 300 + ".ipynb", "a/b/c.py"])
def test_a_path_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="there is no such file or folder"):
        read_path(tmp_path / name)


def test_a_dangling_link_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "work.py").symlink_to(tmp_path / "nowhere.py")
    with pytest.raises(UsageError, match="no such file"):
        read_path(tmp_path / "work.py")


def test_a_file_without_permission_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work.py").write_text("a = 1")
    (tmp_path / "work.py").chmod(0)

    def refuse(path: Path) -> bytes:  # what everyone but root gets
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    for path in (tmp_path, tmp_path / "work.py"):
        with pytest.raises(SubmissionError, match=r"work\.py: can't be read \(Permission denied\)"):
            read_path(path)


def test_a_folder_without_permission_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "work.py").write_text("a = 1")
    real = Path.is_symlink

    def refuse(path: Path) -> bool:
        if path.name == "work.py":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "is_symlink", refuse)
    with pytest.raises(SubmissionError, match=r"ada: can't be read \(Permission denied\)"):
        read_path(tmp_path / "ada")


def test_a_name_that_is_no_utf8_becomes_text_and_the_file_keeps_its_own(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"M\xfcller")
    folder.mkdir()
    (folder / os.fsdecode(b"l\xf6sung.py")).write_text("a = 1")
    (folder / os.fsdecode(b"\xe4.txt")).write_text("x")
    found = read_path(folder)
    assert (found.student, found.script.name) == ("M?ller", "l?sung.py")
    assert sorted(map(os.fsencode, found.files)) == [b"l\xf6sung.py", b"\xe4.txt"]


def test_the_error_about_a_name_that_is_no_utf8_can_be_printed_and_stored(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"M\xfcller.docx")).write_text("words")
    (tmp_path / os.fsdecode(b"M\xfcller")).mkdir()
    for path in (*tmp_path.iterdir(), tmp_path / os.fsdecode(b"\xfc.py")):
        with pytest.raises((SubmissionError, UsageError), match=r"\?") as caught:
            read_path(path)
        str(caught.value).encode("utf-8")


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
    with pytest.raises(UsageError, match="is no folder"):
        list_class(tmp_path / "ada.py")


def test_a_class_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UsageError, match="Permission denied"):
        list_class(tmp_path)


def test_a_student_is_called_after_the_file_without_its_ending_or_the_folder(tmp_path: Path) -> None:
    (tmp_path / "v1.2").mkdir()
    assert student_name(tmp_path / "v1.2") == "v1.2"
    assert student_name(tmp_path / "v1.2.py") == "v1.2"
    assert student_name(tmp_path / ".py") == ".py"
