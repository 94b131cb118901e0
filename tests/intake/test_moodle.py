"""Downloads of Moodle, in each of their forms, as a zip and unpacked."""

import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.errors import UsageError
from grader.core.results import Student
from grader.intake.platforms.moodle import MoodleName, read_name
from tests.intake.zips import NOTEBOOK, both_ways, graded, opened, problem, row_of, write_tree, write_zip, zip_of

TEXT = b"<p>my work</p>"


@pytest.mark.parametrize("end", ["", "_"])
def test_folders_of_students_with_and_without_the_older_underscore(tmp_path: Path, end: str) -> None:
    found = both_ways(
        tmp_path,
        (f"Ada Lovelace_12_assignsubmission_file{end}/work.ipynb", NOTEBOOK),
        (f"Ada Lovelace_12_assignsubmission_file{end}/lib/helper.py", b"a = 1"),
        (f"Alan Turing_7_assignsubmission_file{end}/Exercise 1.py", b"a = 1"),
    )
    assert found.form == "moodle"
    assert [entry.who for entry in found.entries] == [
        Student(name="Ada Lovelace", participant="12"), Student(name="Alan Turing", participant="7"),
    ]  # fmt: skip
    assert list(map(graded, found.entries)) == ["work.ipynb", "Exercise 1.py"]
    assert "read as a download of Moodle's submissions; 2 found" in found.notes[0]


def test_flat_files_of_one_student_are_one_hand_in(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path,
        ("Ada Lovelace_12_assignsubmission_file_solution.py", b"import helper_2"),
        ("Ada Lovelace_12_assignsubmission_file_helper_2.py", b"a = 1"),
        ("Alan Turing_7_assignsubmission_file_work_3_assignsubmission_file_x.ipynb", NOTEBOOK),
    )
    assert [entry.student for entry in found.entries] == ["Ada Lovelace", "Alan Turing"]
    assert list(map(graded, found.entries)) == ["solution.py", "work_3_assignsubmission_file_x.ipynb"]


def test_an_online_text_beside_a_file_is_noted_and_alone_is_a_problem(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path,
        ("Ada_1_assignsubmission_file/work.ipynb", NOTEBOOK),
        ("Ada_1_assignsubmission_onlinetext/onlinetext.html", TEXT),
        ("Bob_2_assignsubmission_onlinetext/onlinetext.html", TEXT),
        ("Cy_3_assignsubmission_onlinetext_onlinetext.html", TEXT),
    )
    assert [entry.student for entry in found.entries] == ["Ada", "Bob", "Cy"]
    assert found.entries[0].notes == ("what was handed in beside the files is not graded",)
    assert (
        problem(found.entries[1]) == problem(found.entries[2]) == "Nothing but onlinetext was handed in, and no file."
    )


def test_anonymous_students_are_called_as_in_the_worksheet_in_any_language(tmp_path: Path) -> None:
    for word in ("Participant", "Teilnehmer-in"):
        members = [(f"{word}_{number}_assignsubmission_file_/work.ipynb", NOTEBOOK) for number in (4, 31)]
        found = opened(write_zip(tmp_path / f"{word}.zip", *members))
        assert [entry.student for entry in found.entries] == [f"{word} 31", f"{word} 4"]
        assert [entry.who.participant for entry in found.entries] == ["31", "4"]


def test_two_students_of_the_same_name_are_told_apart_by_their_numbers(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path,
        ("Ada Lovelace_12_assignsubmission_file/work.ipynb", NOTEBOOK),
        ("ada lovelace_13_assignsubmission_file/work.ipynb", NOTEBOOK),
        ("Zoë_14_assignsubmission_file/work.ipynb", NOTEBOOK),
    )
    assert [entry.student for entry in found.entries] == ["Ada Lovelace (12)", "Zoë", "ada lovelace (13)"]


def test_a_team_is_a_row_with_its_members_and_none_of_them_is_missing(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path,
        ("Group A_5_assignsubmission_file/work.ipynb", NOTEBOOK),
        ("Default group_assignsubmission_file/work.ipynb", NOTEBOOK),
        roster="name,id,group,extension\nAda,s1,Group A,2d\nBob,s2,group a,2d\nCy,s3,Group B,\n",
    )
    team = row_of(found, "Group A")
    assert [(member.name, member.identity) for member in team.members] == [("Ada", "s1"), ("Bob", "s2")]
    assert (team.who.group, team.who.participant, team.extension) == ("Group A", "5", "2d")
    assert [entry.student for entry in found.entries if not entry.handed_in] == ["Cy"]
    assert row_of(found, "Default group").who.participant == ""


def test_what_lies_beside_the_students_gets_a_row_too(tmp_path: Path) -> None:
    found = both_ways(tmp_path, ("Ada_1_assignsubmission_file/work.ipynb", NOTEBOOK), ("late by mail.ipynb", NOTEBOOK))
    assert [entry.student for entry in found.entries] == ["Ada", "late by mail"]
    assert any("1 not named as Moodle names what is handed in: late by mail.ipynb." in note for note in found.notes)


def test_a_students_zip_and_an_empty_folder_are_a_row_each(tmp_path: Path) -> None:
    inner = zip_of(("project/work.ipynb", NOTEBOOK), ("project/data.csv", b"1"))
    found = both_ways(
        tmp_path,
        ("Ada_1_assignsubmission_file/project.zip", inner),
        ("Bob_2_assignsubmission_file/again.zip", zip_of(("project.zip", inner))),
        ("Cy_3_assignsubmission_file/", b""),
        ("Dee_4_assignsubmission_file/broken.zip", inner[:-30]),
    )
    assert [graded(row_of(found, name)) for name in ("Ada", "Bob")] == ["work.ipynb"] * 2
    assert problem(row_of(found, "Cy")) == "Cy_3_assignsubmission_file: is empty."
    assert "broken.zip: is damaged" in problem(row_of(found, "Dee"))


def dated(name: str, *date: int) -> zipfile.ZipInfo:
    year, month, day, hour, minute = date
    return zipfile.ZipInfo(name, (year, month, day, hour, minute, 0))


def test_dates_of_the_zip_are_believed_only_where_they_are_not_those_of_the_download(tmp_path: Path) -> None:
    ada, bob = "Ada_1_assignsubmission_file/work.ipynb", "Bob_2_assignsubmission_file/work.ipynb"
    old = write_zip(
        tmp_path / "old.zip", (dated(ada, 2024, 5, 1, 12, 0), NOTEBOOK), (dated(bob, 2024, 5, 2, 9, 30), NOTEBOOK)
    )
    assert [entry.submitted for entry in opened(old).entries] == [
        datetime(2024, 5, 1, 12).astimezone(), datetime(2024, 5, 2, 9, 30).astimezone(),
    ]  # fmt: skip
    new = write_zip(
        tmp_path / "new.zip", (dated(ada, 2024, 5, 3, 12, 0), NOTEBOOK), (dated(bob, 2024, 5, 3, 12, 1), NOTEBOOK)
    )
    assert [entry.submitted for entry in opened(new).entries] == [None, None]
    one = write_zip(tmp_path / "one.zip", (dated(ada, 2024, 5, 3, 12, 0), NOTEBOOK))
    assert opened(one).entries[0].submitted is None
    unpacked = write_tree(tmp_path / "unpacked", (ada, NOTEBOOK), (bob, NOTEBOOK))
    assert [entry.submitted for entry in opened(unpacked).entries] == [None, None]


def test_a_download_that_was_packed_again_in_a_folder_is_recognised(tmp_path: Path) -> None:
    found = both_ways(tmp_path, ("all/CS-Ex1-99/Ada_1_assignsubmission_file/work.ipynb", NOTEBOOK))
    assert (found.form, found.entries[0].student) == ("moodle", "Ada")


def test_a_folder_that_is_none_of_moodles_is_not_forced_to_be(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "class", ("ada.py", b"a = 1"))
    with pytest.raises(UsageError, match="holds nothing that is named as in a download of Moodle"):
        opened(folder, as_="moodle")


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="_/\0"), min_size=1).map(str.strip)


@given(NAMES.filter(bool), st.integers(0, 10**9).map(str) | st.just(""), st.text(min_size=1), st.booleans())
def test_what_moodle_puts_into_a_name_is_read_again(name: str, number: str, file: str, old: bool) -> None:
    start = f"{name}_{number}" if number else name
    folder = read_name(f"{start}_assignsubmission_file{'_' * old}", folder=True)
    assert folder == MoodleName(name=name, number=number, plugin="file")
    flat = read_name(f"{start}_assignsubmission_file_{file}", folder=False)
    assert flat == MoodleName(name=name, number=number, plugin="file", file=file)


@given(st.text(), st.booleans())
def test_any_text_is_a_name_of_moodle_or_none(text: str, folder: bool) -> None:
    found = read_name(text, folder=folder)
    assert found is None or "_assignsubmission_" in text
