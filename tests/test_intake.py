"""A path becomes a submission and a folder becomes a class, whatever people call their files."""

import io
import os
import stat
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader import intake, zipped
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


def zip_of(*members: tuple[str | zipfile.ZipInfo, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these names (or entries) and bytes, in their order."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", packing) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names that are there twice
        for name, data in members:
            archive.writestr(name, data)
    return packed.getvalue()


def test_a_zip_of_a_module_with_siblings_is_a_submission_like_their_folder(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "main.py").write_bytes(b"import data")
    (tmp_path / "ada" / "data.py").write_bytes(b"a = 1")
    members = [("work/", b""), ("work/data.py", b"a = 1"), ("__MACOSX/work/._main.py", b"x"), (".DS_Store", b"x")]
    (tmp_path / "ada.ZIP").write_bytes(zip_of(*members, ("work/main.py", b"import data")))
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


@pytest.mark.parametrize("packed", [b"", b"PK\x03\x04 not a zip", zip_of(("a.py", b"a = 1"))[:-9]])
def test_a_file_that_is_no_zip_is_refused(tmp_path: Path, packed: bytes) -> None:
    (tmp_path / "ada.zip").write_bytes(packed)
    with pytest.raises(SubmissionError, match=r"ada\.zip: is damaged"):
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
    path.write_bytes(zip_of(("main.py", b"a = 1"), ("big.bin", bytes(intake.MOST_BYTES))))
    with pytest.raises(SubmissionError, match="more than 500 files or 50 MiB"):
        read_path(path)
    many = [(f"{number}.txt", b"x") for number in range(3)]
    monkeypatch.setattr(intake, "MOST_FILES", 3)
    path.write_bytes(zip_of(("main.py", b"a = 1"), *many))
    with pytest.raises(SubmissionError, match="more than 3 files"):
        read_path(path)
    path.write_bytes(zip_of(("main.py", b"a = 1"), *((f".venv/{name}", data) for name, data in many)))
    assert sorted(read_path(path).files) == ["main.py"]


def test_a_directory_of_very_many_entries_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "ada.zip").write_bytes(zipped.ENTRY * (zipped.MOST_MEMBERS + 1))
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
        files = zipped.unpack_zip("ada.zip", left, ignored={"__MACOSX"}, most_files=500, most_bytes=50 << 20)
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
    found = zipped.unpack_zip("a.zip", packed, ignored=(), most_files=500, most_bytes=1 << 20)
    assert found == {**files, "Z": b"z"}
