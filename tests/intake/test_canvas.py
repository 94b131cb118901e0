"""Downloads of Canvas, in each of their forms, as a zip and unpacked."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.results import Student
from grader.intake.platforms.canvas import CanvasName, read_name
from tests.intake.zips import (
    NOTEBOOK,
    another_notebook,
    both_ways,
    graded,
    opened,
    problem,
    row_of,
    write_tree,
    write_zip,
    zip_of,
)


def test_a_download_with_late_marks_text_entries_and_links(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path,
        ("lovelaceada_101_5001_work.ipynb", NOTEBOOK),
        ("turingalan_LATE_102_5002_My work_1_2.ipynb", NOTEBOOK),
        ("gödelkurt_103_text.html", b"<p>done</p>"),
        ("hoppergrace_LATE_104_link.html", b"<a>"),
    )
    assert found.form == "canvas"
    assert {entry.student: (entry.who.participant, entry.late) for entry in found.entries} == {
        "lovelaceada": ("101", False), "turingalan": ("102", True),
        "gödelkurt": ("103", False), "hoppergrace": ("104", True),
    }  # fmt: skip
    assert graded(row_of(found, "turingalan")) == "My work_1_2.ipynb"
    assert problem(row_of(found, "gödelkurt")) == "Nothing but a text was handed in, and no file."
    assert problem(row_of(found, "hoppergrace")) == "Nothing but a link was handed in, and no file."
    assert all(entry.submitted is None for entry in found.entries)


def test_several_files_of_one_student_are_one_hand_in_under_their_own_names(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path,
        ("lovelaceada_101_5001_solution.py", b"import helper"),
        ("lovelaceada_101_5002_helper.py", b"a = 1"),
        ("lovelaceada_101_5003_img-1.png", b"1"),
        ("lovelaceada_101_5004_img-2.png", b"2"),
        ("turingalan_102_5005_all.zip", zip_of(("w/work.ipynb", NOTEBOOK))),
    )
    assert len(found.entries) == 2
    assert graded(found.entries[0]) == "solution.py"
    assert sorted(path.name for path in found.entries[0].path.iterdir()) == [
        "helper.py",
        "img-1.png",
        "img-2.png",
        "solution.py",
    ]
    assert graded(found.entries[1]) == "work.ipynb"


def test_of_several_uploads_the_newest_counts_by_its_number_and_the_note_says_so(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path,
        ("lovelaceada_101_5009_work-1.ipynb", another_notebook("new")),
        ("lovelaceada_101_5001_work-2.ipynb", another_notebook("old")),
    )
    assert graded(found.entries[0]) == "work-1.ipynb"
    assert found.entries[0].notes == ("an earlier upload was left out: work-2.ipynb",)


def test_a_number_that_makes_the_assignments_name_is_no_upload(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path,
        ("lovelaceada_101_5001_exercise-1.ipynb", another_notebook("first")),
        ("lovelaceada_101_5002_exercise-2.ipynb", another_notebook("second")),
    )
    assert graded(found.entries[0]) == "exercise-1.ipynb"


def test_anonymous_students_have_a_row_each(tmp_path: Path) -> None:
    found = both_ways(tmp_path, ("anon_aB3xY_5001_work.ipynb", NOTEBOOK), ("LATE_anon_qq123_5002_work.ipynb", NOTEBOOK))
    rows = {entry.student: (entry.who.participant, entry.late) for entry in found.entries}
    assert rows == {"anonymous aB3xY": ("aB3xY", False), "anonymous qq123": ("qq123", True)}


def test_a_gradebook_of_canvas_is_a_roster_and_a_group_is_found_in_one(tmp_path: Path) -> None:
    gradebook = (
        "Student,ID,SIS User ID,SIS Login ID,Section,Exercise 1 (77),Current Score\n"
        ",,,,,Manual Posting,\n    Points Possible,,,,,100,(read only)\n"
        '"Lovelace, Ada",101,s1,ada@x.org,A,,\n"Turing, Alan",102,s2,alan@x.org,A,,\n"Student, Test",999,,,A,,\n'
    )
    found = both_ways(tmp_path, ("lovelaceada_101_5001_work.ipynb", NOTEBOOK), roster=gradebook)
    assert [entry.who for entry in found.entries] == [
        Student(name="Lovelace, Ada", identity="s1", login="ada@x.org", participant="101"),
        Student(name="Turing, Alan", identity="s2", login="alan@x.org", participant="102"),
    ]
    assert problem(row_of(found, "Turing, Alan")) == "Nothing was handed in."
    team = write_zip(tmp_path / "team.zip", ("groupa_103_5001_work.ipynb", NOTEBOOK))
    rows = opened(team, roster="name,group\nAda,Group A\nBob,Group A\n").entries
    assert [(entry.student, [member.name for member in entry.members]) for entry in rows] == [
        ("groupa", ["Ada", "Bob"])
    ]


def test_canvas_spelling_of_a_name_is_matched_where_there_is_no_number(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path,
        ("lovelaceada_101_5001_work.ipynb", NOTEBOOK),
        ("vannostrandjudy_102_5002_work.ipynb", NOTEBOOK),
        roster="first name,last name,id\nAda,Lovelace,s1\nJudy,van Nostrand,s2\n",
    )
    assert [(entry.student, entry.who.identity) for entry in found.entries] == [
        ("Ada Lovelace", "s1"), ("Judy van Nostrand", "s2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "names",
    [
        ("exercise_1_2_final.ipynb", "exercise_1_3_final.ipynb"),  # attachments of one digit
        ("ada_2024_101_work.ipynb", "bob_2024_102_work.ipynb"),  # one user of two names
        ("ada_1_2024_work.ipynb", "bob_2_2024_work.ipynb"),  # one attachment twice
        ("Ada_11_2024_work.ipynb", "Bob_12_2025_work.ipynb"),  # names that Canvas would write small
    ],
)
def test_numbers_in_plain_names_are_not_taken_for_canvas(tmp_path: Path, names: tuple[str, str]) -> None:
    folder = write_tree(tmp_path / "class", *((name, NOTEBOOK) for name in names))
    found = opened(folder)
    assert found.form == "plain"
    assert [f"{entry.student}.ipynb" for entry in found.entries] == list(names)


def test_a_person_may_say_that_it_is_canvas_nevertheless(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "class", ("ada_1_2_work.ipynb", NOTEBOOK), ("bob_2_3_work.ipynb", NOTEBOOK))
    assert [entry.student for entry in opened(folder, as_="canvas").entries] == ["ada", "bob"]


ROSTER = 'Student,ID,SIS User ID\n"Lovelace, Ada",101,s1\n"Turing, Alan",102,s2\n"Roth, Eve",103,s3\n'


@pytest.mark.parametrize("name", ["101", "101_LATE", "7_101", "roth_101"])
def test_a_name_of_digits_is_not_anothers_number(tmp_path: Path, name: str) -> None:
    found = both_ways(
        tmp_path,
        (f"{name}_103_50001_work.ipynb", NOTEBOOK),
        ("turingalan_102_50002_work.ipynb", NOTEBOOK),
        ("hoppergrace_104_50003_2024_report.ipynb", NOTEBOOK),
        roster=ROSTER,
    )
    assert found.form == "canvas"
    assert not row_of(found, "Lovelace, Ada").handed_in, "she handed in nothing, and nobody's work is hers"
    assert graded(row_of(found, "Turing, Alan")) == "work.ipynb"
    assert row_of(found, "hoppergrace").who.participant == "104"
    if name.startswith("101"):
        assert graded(row_of(found, "Roth, Eve")) == "work.ipynb"
    else:
        assert any("which of its numbers is the user's is open" in note for note in found.notes)


def test_a_name_of_digits_with_a_text_or_a_link_alone(tmp_path: Path) -> None:
    found = both_ways(tmp_path, ("777_103_text.html", b"x"), ("turingalan_102_50002_work.ipynb", NOTEBOOK))
    assert [(entry.student, entry.who.participant) for entry in found.entries] == [
        ("777", "103"),
        ("turingalan", "102"),
    ]


def test_two_names_with_one_users_number_are_two_doubts_and_the_class_is_what_it_is(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path,
        ("rotheve_101_50001_work.ipynb", NOTEBOOK),
        ("lovelaceada_101_50002_work.ipynb", NOTEBOOK),
        ("turingalan_102_50003_work.ipynb", NOTEBOOK),
        ("hoppergrace_104_50004_work.ipynb", NOTEBOOK),
        roster=ROSTER,
    )
    assert found.form == "canvas", "one contradiction in four names"
    assert {entry.student for entry in found.entries if entry.handed_in} == {
        "rotheve", "lovelaceada", "Turing, Alan", "hoppergrace",
    }  # fmt: skip
    assert row_of(found, "rotheve").who.participant == row_of(found, "lovelaceada").who.participant == ""
    assert (
        sum("the user's number 101 stands beside several names: matched with nobody" in note for note in found.notes)
        == 2
    )


LETTERS = st.text(st.characters(categories=("Ll", "Lo")), min_size=1, max_size=20)
NUMBERS = st.integers(0, 10**12)


@given(LETTERS, st.booleans(), NUMBERS, NUMBERS, st.text(min_size=1, max_size=40))
def test_what_canvas_puts_into_a_name_is_read_again(name: str, late: bool, user: int, number: int, file: str) -> None:
    found = read_name("_".join([name, *["LATE"] * late, str(user), str(number), file]))
    assert found == CanvasName(
        name=name, user=str(user), late=late, anonymous=False, attachment=number, file=file, entry=""
    )
    hidden = read_name("_".join([*["LATE"] * late, f"anon_x{user}", str(number), file]))
    assert hidden == CanvasName(
        name="", user=f"x{user}", late=late, anonymous=True, attachment=number, file=file, entry=""
    )


@given(st.text() | st.from_regex(r"(\w{0,3}_)?(LATE_)?(anon_)?\w{1,4}_\w{1,4}_.{1,9}", fullmatch=True))
def test_any_text_is_a_name_of_canvas_or_none(text: str) -> None:
    found = read_name(text)
    assert found is None or (found.user and found.user in text and bool(found.file) != bool(found.entry))
