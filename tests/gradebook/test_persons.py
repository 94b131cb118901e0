"""Who is who in a gradebook: by number, login or address, each among its own kind, and last by name."""

from pathlib import Path

import pytest

from grader.core.assignment import Assignment
from grader.core.grades import Enrolment
from grader.core.results import Student
from grader.gradebook import Gradebook, open_gradebook
from grader.gradebook.persons import Person
from tests.gradebook.findings import RUBRIC, a_finding, an_assignment, handed_in


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    return an_assignment(tmp_path)


def enrol(book: Gradebook, assignment: Assignment, *students: Student) -> list[Person]:
    return book.enrol(assignment, [Enrolment(student=student) for student in students])


def names(book: Gradebook) -> list[str]:
    return [grade.student.name for grade in book.grades()]


@pytest.mark.parametrize("kind", ["participant", "identity", "login", "email"])
def test_who_has_another_name_today_is_one_person_with_the_newer_name_and_one_grade(
    place: str, assignment: Assignment, kind: str
) -> None:
    with open_gradebook(place) as book:
        before = Student.model_validate({"name": "Ada Berg", kind: "Key-7"})
        book.record(a_finding("Ada Berg", 80), handed_in("Ada Berg", student=before), rubric_digest=RUBRIC)
        (person,) = enrol(book, assignment, Student.model_validate({"name": "Ada Berg-Stein", kind: "key-7 "}))
        assert (person.name, person.before, person.apart) == ("Ada Berg-Stein", "Ada Berg", False)
        assert [(grade.student.name, grade.points) for grade in book.grades()] == [("Ada Berg-Stein", 80)]


@pytest.mark.parametrize("kind", ["participant", "identity", "login", "email"])
def test_another_number_under_a_known_name_is_another_person_who_is_told_apart(
    place: str, assignment: Assignment, kind: str
) -> None:
    with open_gradebook(place) as book:
        for _ in range(2):  # the same again is the same two
            first, second = (Student.model_validate({"name": "Li Wei", kind: key}) for key in ("11", "12"))
            one, other = enrol(book, assignment, first), enrol(book, assignment, second)
            assert (one[0].name, other[0].name, other[0].apart) == ("Li Wei", "Li Wei (12)", True)
        assert names(book) == ["Li Wei", "Li Wei (12)"]


def test_two_of_one_name_and_one_number_in_the_same_class_stay_apart_and_never_take_each_others_grade(
    place: str, assignment: Assignment
) -> None:
    ada, eve = Student(name="Ada Lovelace", participant="11"), Student(name="Ada Lovelace", participant="12")
    with open_gradebook(place) as book:
        enrol(book, assignment, ada)
        book.record(a_finding("Ada Lovelace", 100), handed_in("Ada Lovelace", student=ada), rubric_digest=RUBRIC)
        book.record(a_finding("Ada Lovelace", 10), handed_in("Ada Lovelace", "late", student=eve), rubric_digest=RUBRIC)
        assert [(grade.student.participant, grade.points) for grade in book.grades()] == [("11", 100), ("12", 10)]


def test_a_platforms_number_is_one_within_its_assignment_alone(place: str, tmp_path: Path) -> None:
    with open_gradebook(place) as book:
        for name, number in (("exercise1", "1"), ("exercise2", "2")):  # Moodle counts each assignment afresh
            enrol(book, an_assignment(tmp_path, name=name), Student(name="ada", participant=number))
        enrol(book, an_assignment(tmp_path, name="exercise2"), Student(name="bob", participant="1"))
        assert [(grade.assignment, grade.student.name) for grade in book.grades()] == [
            ("exercise1", "ada"), ("exercise2", "ada"), ("exercise2", "bob"),
        ]  # fmt: skip


def test_a_login_that_is_another_ones_number_is_nobodys_number(place: str, assignment: Assignment) -> None:
    ada = Student(name="Ada", identity="107", login="ada")
    eve = Student(name="Eve", identity="107", login="107")  # no number: the login stands for it
    with open_gradebook(place) as book:
        for _ in range(2):
            persons = enrol(book, assignment, ada, eve)
            assert [person.name for person in persons] == ["Ada", "Eve"]


def test_the_surest_key_decides_and_what_is_new_of_a_person_is_learnt(place: str, assignment: Assignment) -> None:
    with open_gradebook(place) as book:
        enrol(book, assignment, Student(name="ada"))
        enrol(book, assignment, Student(name="ada", identity="7"), Student(name="bob", identity="8", email="b@x.org"))
        (ada,) = enrol(book, assignment, Student(name="Ada L.", identity="7", email="b@x.org"))
        assert ada.before == "ada", "a number is surer than an address that somebody else has"
        (bob,) = enrol(book, assignment, Student(name="Bob", email="b@x.org"))
        assert (bob.name, bob.before) == ("Bob", "bob")
        assert names(book) == ["Ada L.", "Bob"]


def test_a_hand_in_that_is_called_as_a_login_is_that_persons_and_renames_nobody(
    place: str, assignment: Assignment
) -> None:
    with open_gradebook(place) as book:
        enrol(book, assignment, Student(name="Cy Hof", identity="chof", login="chof"))
        (person,) = enrol(book, assignment, Student(name="chof"))
        assert (person.name, person.before, person.apart) == ("Cy Hof", "", False)
        assert names(book) == ["Cy Hof"]


def test_two_hand_ins_of_one_person_in_one_class_are_one_grade(place: str, assignment: Assignment) -> None:
    with open_gradebook(place) as book:
        twice = [Student(name=name, identity="7") for name in ("Ada (7)", "Ada (7) (2)")]
        one, other = enrol(book, assignment, *twice)
        assert (one.student_id, one.name) == (other.student_id, other.name)
        assert names(book) == ["Ada (7)"]


def test_a_large_class_is_told_apart_as_a_small_one_is(place: str, assignment: Assignment) -> None:
    with open_gradebook(place) as book:
        everyone = [Student(name=f"s{number}", identity=str(number)) for number in range(200)]
        enrol(book, assignment, *everyone)
        renamed = [student.model_copy(update={"name": f"{student.name} new"}) for student in everyone]
        persons = enrol(book, assignment, *renamed, Student(name="s1 new", identity="other"))
        assert all(person.before for person in persons[:-1])
        assert (persons[-1].name, len(book.grades())) == ("s1 new (other)", 201)
