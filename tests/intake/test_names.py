"""Every student gets a name and a folder that is nobody else's, whatever they are called."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.intake import RESERVED, former_names, safe_name, student_name

NAMES = (
    "Ada Lovelace", 'O\'Brien "Bob"', "../../etc/passwd", "..", ".", "/", "😀😀", "-rf", "--help", "x" * 300, "", " ",
    ".hidden", "a/b", "a\\b", "a\nb", "a\tb", "a\x1b[31mb", "C:\\x", "$(reboot)", "`id`", "%2e%2e", "Zoë", "Zoe\u0308",
    "李雷", "𝔘" * 100, "name.", "name..", "_name_", "con", "a?b", "a*b", "M\udcfcller", "\u202ereversed", "a_b", "a b",
    "ada.", "gradebook.csv", "Index.HTML", "batch.json", "gradebook.sqlite", "ada-0123abcd",
)  # fmt: skip


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


def test_names_that_are_found_by_trying_have_no_folder_in_common() -> None:
    first, second = "Jonas Bauer", "Jonas]][]&*); Bauer"
    assert former_names(first) == former_names(second), "585 million tries"
    assert safe_name(first) != safe_name(second)
    assert re.fullmatch(r"Jonas_Bauer-[0-9a-f]{32}", safe_name(first)), "128 bits"
    for folder in (*former_names(first), safe_name(first)):
        assert safe_name(folder) != folder, "no plain name looks like one with a digest"


@pytest.mark.parametrize(
    "name",
    ["gradebook.sqlite-journal", "Gradebook.sqlite-WAL", "other-shm", "index.html", ".room", "events.jsonl", "x.db",
     "batch.json", "junit.xml", "evidence", "evidence-2", "gradebook.csv.partial", "book.sqlite"],
)  # fmt: skip
def test_no_student_has_a_folder_where_a_file_of_the_batch_may_lie(name: str) -> None:
    assert safe_name(name).casefold() != name.casefold()
    assert safe_name("batcheldor") == "batcheldor"


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters()), st.text(st.characters()))
def test_safe_names_are_single_components_and_tell_names_apart(first: str, second: str) -> None:
    for folder in (safe_name(first), safe_name(second)):
        assert Path(folder).name == folder
        assert not folder.startswith(".")
        assert len(os.fsencode(folder)) <= 255
        assert folder.isprintable()
    assert (safe_name(first) == safe_name(second)) == (first == second)


def test_a_student_is_called_after_the_file_without_its_ending_or_the_folder(tmp_path: Path) -> None:
    (tmp_path / "v1.2").mkdir()
    assert student_name(tmp_path / "v1.2") == "v1.2"
    assert student_name(tmp_path / "v1.2.py") == "v1.2"
    assert student_name(tmp_path / ".py") == ".py"
