"""What a computer leaves behind is nobody's work: in a folder, in a zip, in a class, and where `check` looks for a file."""

from pathlib import Path

import pytest

from grader.core.errors import SubmissionError
from grader.intake import read_path
from grader.intake.submission_zip import is_leftover, without_leftovers
from grader.selfcheck.own_files import pick_file
from tests.intake.zips import NOTEBOOK, another_notebook, both_ways, graded, problem, row_of, write_tree, write_zip

OTHER = another_notebook("old = 1")
LEFT = (
    "._work.ipynb", ".history/work_20261110.ipynb", ".virtual_documents/work.ipynb", ".Trash-1000/files/old.ipynb",
    ".ipynb_checkpoints/work-checkpoint.ipynb", ".github/scripts/notify.py", "__MACOSX/._work.ipynb", "$RECYCLE.BIN/a.ipynb",
    "__pycache__/a.py", "node_modules/a/b.ipynb", "Thumbs.db", "Desktop.ini", "~$work.docx", "work.egg-info/a.py",
    "env/lib/python3.11/site-packages/foo/demo.ipynb", "env/share/doc/demo.ipynb", "venv/Lib/site-packages/x.ipynb",
    "mine/pyvenv.cfg", "mine/lib/python3.12/turtledemo/clock.ipynb", "conda/conda-meta/history", "conda/etc/demo.ipynb",
    "Lib/site-packages/a.ipynb",
)  # fmt: skip


def test_nothing_that_a_computer_leaves_counts_beside_the_work_and_all_of_the_work_does(tmp_path: Path) -> None:
    work = [("work.ipynb", NOTEBOOK), ("lib.py", b"a = 1"), ("data/bin/a.csv", b"1"), ("share/b.csv", b"2")]
    members = [*work, *((name, OTHER) for name in LEFT)]
    folder = read_path(write_tree(tmp_path / "ada", *members))
    zipped = read_path(write_zip(tmp_path / "ada.zip", *members))
    assert folder.script == zipped.script and folder.sha256 == zipped.sha256
    assert set(folder.files) == {
        "lib.py",
        "data/bin/a.csv",
    }  # a `share` beside the packages of `Lib` is the environment's
    assert folder.notes == zipped.notes == ()
    assert pick_file(tmp_path / "ada", "exercise1").name == "work.ipynb"


def test_work_in_the_very_folder_of_an_environment_counts(tmp_path: Path) -> None:
    members = [("pyvenv.cfg", b""), ("bin/activate_this.py", b"x"), ("lib/python3.11/site-packages/a/b.ipynb", OTHER),
               ("work.py", b"import helper"), ("helper.py", b"a = 1"), ("notes/a.txt", b"1")]  # fmt: skip
    found = read_path(write_tree(tmp_path / "work", *members), assignment="work")
    assert (found.script.name, set(found.files)) == ("work.py", {"work.py", "helper.py", "notes/a.txt"})


@pytest.mark.parametrize(
    "name", ["..", ".", "../a.py", "a/../b.py", "/a.py", "lib/a.py", "env.py", "trash/a.py", "a.b"]
)
def test_ordinary_names_and_those_that_lead_elsewhere_are_looked_at(name: str) -> None:
    assert without_leftovers([name]) == [name]


@pytest.mark.parametrize("name", [".env", "._a", "Thumbs.db", "THUMBS.DB", "__pycache__", ".git", "~$a.docx"])
def test_a_name_alone_tells_most_of_them(name: str) -> None:
    assert is_leftover(name)


def test_a_class_has_no_row_for_them_and_a_student_none_of_them(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path, ("._ada", b"x"), ("desktop.ini", b"x"), ("ada/work.ipynb", NOTEBOOK), ("ada/._work.ipynb", OTHER),
        ("ada/venv/lib/site-packages/x.ipynb", OTHER), ("bob/.history/a.ipynb", OTHER), ("bob/.DS_Store", b"x"),
    )  # fmt: skip
    assert [entry.student for entry in found.entries] == ["ada", "bob"]
    assert graded(row_of(found, "ada")) == "work.ipynb"
    assert "bob: holds nothing but hidden files" in problem(row_of(found, "bob"))  # whom nobody loses


def test_a_hand_in_of_nothing_else_is_refused_with_what_lies_there(tmp_path: Path) -> None:
    said = r"holds nothing but hidden files and what programs leave behind \(\.DS_Store, \.history\)\."
    members = [(".DS_Store", b"x"), (".history/work.ipynb", NOTEBOOK)]
    for path in (write_tree(tmp_path / "ada", *members), write_zip(tmp_path / "bob.zip", *members)):
        with pytest.raises(SubmissionError, match=said):
            read_path(path)


@pytest.mark.parametrize(
    ("names", "main"),
    [
        (("src/warmup.py", "README.md"), "warmup.py"),
        (("src/warmup.py", "src/tests/test_warmup.py", "setup.py", "src/__init__.py"), "warmup.py"),
        (("src/warmup.py", "src/net.py"), "warmup.py"),  # called after the assignment
        (("a/b/c/net.py",), "net.py"),
        (("warmup_test.py", "helpers/net.py"), "warmup_test.py"),  # what lies higher goes first
        (("setup.py",), "setup.py"),
    ],
)
def test_a_module_in_a_subfolder_is_found(tmp_path: Path, names: tuple[str, ...], main: str) -> None:
    found = read_path(write_tree(tmp_path / "ada", *((name, name.encode()) for name in names)), assignment="warmup")
    assert found.script.name == main


def test_what_lies_beside_work_in_a_subfolder_lies_beside_it_when_it_runs(tmp_path: Path) -> None:
    members = [("src/work.ipynb", NOTEBOOK), ("src/helper.py", b"a = 1"), ("data/a.csv", b"1"), ("helper.py", b"b")]
    found = read_path(write_tree(tmp_path / "ada", *members))
    assert (found.script.name, dict(found.files)) == ("work.ipynb", {"helper.py": b"a = 1", "data/a.csv": b"1"})
    assert found.notes == ("src/work.ipynb was run in its own folder",)


@pytest.mark.parametrize(
    ("names", "remedy"),
    [
        (("work.tar.gz", "photo.png"), "pack them as one zip"),
        (("work.rar",), "pack them as one zip"),
        (("a/report.pdf", "report.docx"), r"Hand in the notebook \(\.ipynb\) itself, not a print"),
        (("data.csv",), "Hand in one of them"),
    ],
)
def test_a_refusal_names_what_lies_there_and_what_to_do(tmp_path: Path, names: tuple[str, ...], remedy: str) -> None:
    found = both_ways(tmp_path, ("bob.py", b"a = 1"), *((f"ada/{name}", name.encode()) for name in names))
    row = row_of(found, "ada")
    assert problem(row) == (f"ada: holds no notebook (.ipynb) and no module (.py), but {', '.join(sorted(names))}.")
    with pytest.raises(SubmissionError, match=remedy):
        read_path(row.path)
