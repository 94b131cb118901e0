"""A grade finds the one row that is its student's, or says why it found none."""

from grader.core.results import Grade
from grader.exports.platform_csv import RowPerson, match_rows
from tests.exports.builders import a_grade

ADA = RowPerson(participant="11", identities=("s1", "ada"), emails=("ada@x.org",), names=("Ada Lovelace",))
BOB = RowPerson(participant="12", identities=("s2", ""), emails=("bob@x.org",), names=("Bob Stone",))
PEOPLE = {0: ADA, 3: BOB}


def rows(*grades: Grade) -> dict[int, str]:
    return {row: grade.student.name for row, grade in match_rows(grades, PEOPLE).rows.items()}


def test_the_platforms_number_counts_first_then_number_login_address_name() -> None:
    assert rows(a_grade("x", participant="12")) == {3: "x"}
    assert rows(a_grade("x", identity="S1")) == {0: "x"}
    assert rows(a_grade("x", identity="ADA ")) == {0: "x"}
    assert rows(a_grade("x", email="Bob@X.org")) == {3: "x"}
    assert rows(a_grade("bob  STONE")) == {3: "bob  STONE"}
    assert rows(a_grade("Bob Stone", participant="11")) == {0: "Bob Stone"}


def test_a_name_is_matched_as_it_survives_in_a_files_name() -> None:
    people = {0: RowPerson(names=("Sean O'Brien",)), 1: RowPerson(names=("Zoë de Vries",))}
    found = match_rows([a_grade("Sean OBrien"), a_grade("zoe\u0308 de vries")], people)
    assert set(found.rows) == {0, 1}


def test_words_are_compared_and_no_letters_that_run_together() -> None:
    for name in ("Ada-Lovelace", "A.D.A. Lovelace", "AdaLovelace", "Adalove Lace", "Lovelace Ada"):
        assert rows(a_grade(name)) == {}, name
    for name in ("ada_lovelace", "ADA  Lovelace", "Ada 'Lovelace'"):
        assert rows(a_grade(name)) == {0: name}


def test_who_was_found_by_the_name_alone_is_said() -> None:
    found = match_rows([a_grade("Ada Lovelace"), a_grade("Bob Stone", identity="s2")], PEOPLE)
    assert found.remarks == ("1 found by the name alone, without a number, login or address: Ada Lovelace",)
    assert match_rows([a_grade("Bob Stone", identity="s2")], PEOPLE).remarks == ()


def test_who_is_in_no_row_is_named() -> None:
    found = match_rows([a_grade("Eve", participant="99", email="eve@x.org"), a_grade("...")], PEOPLE)
    assert found.rows == {}
    assert found.unplaced == ("Eve: is in no row of the file", "...: is in no row of the file")


def test_nothing_is_guessed_where_several_rows_fit() -> None:
    twins = {0: RowPerson(names=("Kim Lee",)), 1: RowPerson(names=("Kim  Lee",))}
    found = match_rows([a_grade("Kim Lee")], twins)
    assert (found.rows, found.unplaced) == ({}, ("Kim Lee: several rows of the file have this name (kim lee)",))


def test_two_students_of_one_name_are_not_told_apart_by_it() -> None:
    found = match_rows([a_grade("Ada Lovelace"), a_grade("ada lovelace", email="other@x.org")], PEOPLE)
    assert found.rows == {}
    assert len(found.unplaced) == 2


def test_two_grades_for_one_row_are_both_left_out() -> None:
    found = match_rows([a_grade("x", participant="11"), a_grade("y", identity="s1"), a_grade("Bob Stone")], PEOPLE)
    assert {row: grade.student.name for row, grade in found.rows.items()} == {3: "Bob Stone"}
    assert found.unplaced == ("x, y: belong to the same row of the file; which one counts?",)


def test_a_number_of_another_platform_does_not_give_a_mark_to_a_stranger() -> None:
    found = match_rows([a_grade("Eve", participant="11", email="eve@x.org")], PEOPLE)
    assert found.unplaced == ("Eve: the row with this number (11) belongs to another address",)
    assert rows(a_grade("Ada", participant="11", email="a.lovelace@x.org", identity="s1")) == {0: "Ada"}
    assert rows(a_grade("Ada", participant="11")) == {0: "Ada"}
