"""A path becomes a submission, whatever people call their files."""

import os
from pathlib import Path

import pytest

from grader.core.errors import SubmissionError, UsageError
from grader.core.store import save_result
from grader.intake import read_path, safe_name, submission_zip
from tests.fakes import a_result
from tests.intake.test_names import NAMES


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


def test_three_notebooks_are_refused_and_named(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.ipynb").write_text(f'{{"{name}": 1}}')
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
        (tmp_path / f"{name}.py").write_text(f"{name} = 1")
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
    with pytest.raises(SubmissionError, match="is not a regular file"):
        read_path(tmp_path / "pipe.py")


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission_zip, "MOST_FILES", 3)
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("x")
    (tmp_path / "work.py").write_text("a = 1")
    with pytest.raises(SubmissionError, match="more than 3 files"):
        read_path(tmp_path)


def test_too_many_bytes_are_refused_without_reading_them(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text("a = 1")
    with (tmp_path / "data.bin").open("wb") as file:
        file.truncate(submission_zip.MOST_BYTES + 1)
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


def test_a_path_that_differs_in_capital_letters_is_told(tmp_path: Path) -> None:
    (tmp_path / "warmup.py").write_text("a = 1")
    with pytest.raises(
        UsageError, match=r"Warmup\.py: there is no such file.*There is warmup\.py: the names differ in cap"
    ):
        read_path(tmp_path / "Warmup.py")


@pytest.mark.parametrize("target", ["nowhere.py", "secret.py", "folder"])
def test_what_a_link_leads_to_is_nobodys_submission(tmp_path: Path, target: str) -> None:
    (tmp_path / "secret.py").write_text("secret = 1")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "work.py").write_text("secret = 1")
    (tmp_path / "work.py").symlink_to(tmp_path / target)
    with pytest.raises(SubmissionError, match=r"work\.py: is a link to another place\. Hand in the file"):
        read_path(tmp_path / "work.py")


def test_a_folder_of_links_alone_is_not_called_empty(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "work.py").symlink_to(tmp_path / "secret.py")
    with pytest.raises(SubmissionError, match="ada: holds nothing but links"):
        read_path(tmp_path / "ada")


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
