"""What students hand in: any names, any trees of files, any bytes. Each becomes a submission or a refusal in words."""

import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.core.errors import SubmissionError, UsageError
from grader.intake import Submission, read_path, safe_name
from tests.fakes import list_class
from tests.fuzz.cases import cases, only, spoilt
from tests.judge.hostile import archive
from tests.notebooks import notebook

# Python only mentions these, where it does not take them for errors as pytest does here.
pytestmark = pytest.mark.filterwarnings("ignore:.*invalid escape sequence:DeprecationWarning")
ENCODINGS = (
    "utf-8",
    "latin-1",
    "punycode",
    "idna",
    "rot13",
    "zlib",
    "unicode_escape",
    "utf-16",
    "utf-7",
    "undefined",
    "x" * 99,
)
SEGMENT = st.binary(min_size=1, max_size=12).map(os.fsdecode) | st.text(st.characters(), min_size=1, max_size=12)
STEM = SEGMENT | st.sampled_from(
    ["solution", "main", "submission", "..", ".", "...", "-rf", "CON", "index.html", "gradebook.csv", "a" * 250, "é" * 120,
     "name\n", "a\\b", ".ipynb_checkpoints", "__MACOSX", "\u202egpj", " ", "=1+1", "roster", "README"]
)  # fmt: skip
NAME = st.builds(
    "{}{}".format, STEM, st.sampled_from(["", ".py", ".py", ".ipynb", ".ipynb", ".IPYNB", ".zip", ".txt", ".md"])
)
MODULES = st.builds(
    lambda encoding, body: f"# coding: {encoding}\n".encode() + body, st.sampled_from(ENCODINGS), st.binary(max_size=60)
)
CONTENT = (
    spoilt(st.sampled_from([notebook("a = 1"), b"a = 1\n", b"\xef\xbb\xbfa = 1\n"]))
    | spoilt(st.just(archive({"solution.ipynb": notebook("a = 1")}, zipfile.ZIP_DEFLATED)))  # as a zip, or as anything
    | MODULES
)
PATH = st.lists(NAME, min_size=1, max_size=3).map(tuple)
SECRET = "secret = 1  # behind a link\n"
TREES = st.lists(st.tuples(PATH, CONTENT | st.sampled_from(["link", "pipe", "folder"])), max_size=5)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("intake")
    (folder / "elsewhere").write_text(SECRET)
    yield folder
    assert (folder / "elsewhere").read_text() == SECRET
    shutil.rmtree(folder, ignore_errors=True)


def grow(folder: Path, tree: list[tuple[tuple[str, ...], bytes | str]]) -> None:
    """Make the files of a tree below `folder`; names that no file system takes are left out."""
    for parts, content in tree:
        if any(part in ("", ".", "..") or "/" in part or "\0" in part for part in parts):
            continue
        path = folder.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if content == "link":
                path.symlink_to(
                    folder.parent / "elsewhere"
                )  # a file of the test's own: what is written through harms nobody
            elif content == "pipe":
                os.mkfifo(path)
            elif content == "folder":
                path.mkdir()
            elif isinstance(content, bytes):
                with path.open("xb") as file:  # what is there already may be a pipe, which would be written to for ever
                    file.write(content)
        except (OSError, UnicodeEncodeError):
            continue


def look_at(submission: Submission) -> None:
    """Everything of it that is printed, stored or written somewhere can be."""
    for text in (submission.student, submission.script.name, *submission.script.cells, *submission.notes):
        text.encode("utf-8")
    assert all(source.strip() and SECRET not in source for source in submission.script.cells)
    assert SECRET.encode() not in b"".join(submission.files.values())
    for name in submission.files:
        assert not Path(name).is_absolute()
        assert ".." not in Path(name).parts
        os.fsencode(name)


@cases
@given(TREES)
@example([(("work.py",), b"# coding: undefined\na")])
@example([(("\udc80",), "folder"), (("\udc81",), "link"), (("\udc82.docx",), b"")])
@example([(("a", "b.py"), b"\xff"), (("a.py",), "link"), (("a.ipynb",), "pipe")])
def test_every_entry_of_any_class_is_read_or_refused_in_words(
    place: Path, tree: list[tuple[tuple[str, ...], bytes | str]]
) -> None:
    folder = place / "class"
    folder.mkdir()
    try:
        grow(folder, tree)
        with only(UsageError):
            entries = list_class(folder)
            folders = {safe_name(entry.student) for entry in entries}
            assert len(folders) == len(entries)
            assert all(Path(name).name == name and len(os.fsencode(name)) <= 255 for name in folders)
            for entry in entries:
                entry.file.encode("utf-8")
                with only(SubmissionError, UsageError):
                    look_at(read_path(entry.path, student=entry.student))
    finally:
        shutil.rmtree(folder)


@cases
@given(st.text(st.characters(), max_size=300), CONTENT)
def test_any_name_of_a_file_that_is_there_or_not_is_read_or_refused(place: Path, name: str, content: bytes) -> None:
    path = place / "one" / f"{name.replace('/', '_')}.py"
    try:
        path.parent.mkdir()
        grow(place / "one", [((path.name,), content)])
        with only(SubmissionError, UsageError):
            look_at(read_path(path))
    finally:
        shutil.rmtree(place / "one")
