"""What is recorded stays, what stands is the newest, and nothing is written twice: the same on both engines."""

from datetime import timedelta
from pathlib import Path

import pytest

from grader.core.errors import UsageError
from grader.core.grades import Enrolment, Extension
from grader.core.results import Attempt, Status, Student
from grader.gradebook import open_gradebook
from tests.gradebook.findings import DUE, LATE, RUBRIC, a_finding, an_assignment, handed_in, unread


def test_a_result_becomes_a_grade(place: str) -> None:
    with open_gradebook(place) as book:
        who = Student(name="ada", identity="4711", email="ada@example.org", participant="88", group="B")
        assert book.record(a_finding("ada", 80), handed_in("ada", student=who), rubric_digest=RUBRIC)
    with open_gradebook(place, create=False) as book:  # another day
        (grade,) = book.grades()
    assert grade.student == who
    assert (grade.assignment, grade.points, grade.out_of, grade.passed) == ("exercise2", 80, 100, True)
    assert (grade.earned, grade.status, grade.submission, grade.folder) == (80, Status.GRADED, "ada.ipynb", "ada")


def test_recording_the_same_thing_again_changes_nothing(place: str) -> None:
    with open_gradebook(place) as book:
        assert book.record(a_finding("ada", 80), handed_in("ada"), rubric_digest=RUBRIC)
        later = a_finding("ada", 80, started="2027-01-01T00:00:00+00:00")  # as of an unread row, made anew each time
        assert not book.record(later, handed_in("ada"), rubric_digest=RUBRIC)
        assert len(book.history("ada")) == 1


def test_a_new_rubric_gives_a_new_row_and_the_old_one_stays_in_the_history(place: str) -> None:
    with open_gradebook(place) as book:
        book.record(a_finding("ada", 50), handed_in("ada"), rubric_digest=RUBRIC)
        book.record(a_finding("ada", 90), handed_in("ada"), rubric_digest="rubric-2")
        (grade,) = book.grades()
        old, new = book.history("ada")
    assert grade.points == 90
    assert (old.points, old.before, old.rubric, old.passed) == (50, None, RUBRIC, False)
    assert (new.points, new.before, new.rubric, new.passed) == (90, 50, "rubric-2", True)
    assert new.changed == ("accuracy 30 -> 70",)


def test_a_rubric_that_is_changed_back_stands_again(place: str) -> None:
    with open_gradebook(place) as book:
        for points, rubric in ((50, RUBRIC), (90, "rubric-2"), (50, RUBRIC)):
            assert book.record(a_finding("ada", points), handed_in("ada"), rubric_digest=rubric)
        assert [grade.points for grade in book.grades()] == [50]
        assert [event.points for event in book.history("ada")] == [50, 90, 50]


def test_an_older_run_that_is_recorded_again_does_not_displace_the_newer_one(place: str) -> None:
    monday, tuesday = a_finding("ada", 50, evidence="monday"), a_finding("ada", 90, evidence="tuesday")
    with open_gradebook(place) as book:
        for result in (monday, tuesday):
            book.record(result, handed_in("ada"), rubric_digest=RUBRIC)
        assert not book.record(monday, handed_in("ada"), rubric_digest=RUBRIC)
        assert [grade.points for grade in book.grades()] == [90]


def test_an_older_hand_in_that_is_recorded_later_does_not_displace_the_newer_one(place: str) -> None:
    with open_gradebook(place) as book:
        book.record(a_finding("ada", 90), handed_in("ada", "new", "2026-11-20T12:00:00+01:00"), rubric_digest=RUBRIC)
        book.record(a_finding("ada", 50), handed_in("ada", "old", "2026-11-19T12:00:00+01:00"), rubric_digest=RUBRIC)
        (grade,) = book.grades()
    assert (grade.points, grade.submissions) == (90, 2)


def test_without_times_the_submission_that_was_seen_last_counts(place: str) -> None:
    with open_gradebook(place) as book:
        for digest, points in (("one", 90), ("two", 50), ("one", 90)):
            book.record(a_finding("ada", points), handed_in("ada", digest), rubric_digest=RUBRIC)
        assert [grade.points for grade in book.grades()] == [50]


def test_a_time_that_is_told_later_is_taken_over_and_one_that_is_not_told_changes_nothing(
    place: str, tmp_path: Path
) -> None:
    with open_gradebook(place) as book:
        book.enrol(an_assignment(tmp_path, LATE))
        late = (DUE + timedelta(days=1, hours=1)).isoformat()
        for when in (None, late, None):
            book.record(a_finding("ada", 90), handed_in("ada", "first", when), rubric_digest=RUBRIC)
        (grade,) = book.grades()
        assert len(book.history("ada")) == 1
    assert grade.penalty is not None
    assert (grade.points, grade.penalty.days, grade.submitted) == (70, 2, "2026-11-22T00:59:00+01:00")


def test_a_fault_of_ours_takes_nobodys_mark_away_and_is_told(place: str) -> None:
    with open_gradebook(place) as book:
        book.record(a_finding("ada", 80), handed_in("ada"), rubric_digest=RUBRIC)
        book.record(unread("ada", ours=True), handed_in("ada", ""), rubric_digest=RUBRIC)
        book.record(unread("bob", ours=True), handed_in("bob", ""), rubric_digest=RUBRIC)
        ada, bob = book.grades()
    assert (ada.points, ada.submissions, ada.flags) == (80, 1, ("later_run_broke",))
    assert (bob.points, bob.status, bob.passed) == (None, Status.BROKEN, False)


def test_a_last_hand_in_that_can_not_be_read_counts_and_is_recorded_once(place: str) -> None:
    with open_gradebook(place) as book:
        book.record(a_finding("ada", 80), handed_in("ada"), rubric_digest=RUBRIC)
        for _ in range(2):
            book.record(unread("ada"), handed_in("ada", "", name="ada.docx"), rubric_digest=RUBRIC)
        (grade,) = book.grades()
        assert len(book.history("ada")) == 2
    assert (grade.points, grade.status, grade.submission) == (0, Status.EXPLAINED, "ada.docx")


def test_every_run_is_kept_once_whatever_the_policy_makes_of_it(place: str) -> None:
    import sqlalchemy

    def run(number: int) -> Attempt:
        return Attempt(
            seed=4_294_967_295 + number,
            accuracy=0.9,
            correct=9,
            judged=10,
            points=80,
            evidence=f"e{number}",
            counted=True,
        )

    with open_gradebook(place) as book:
        for runs, rubric in (((run(1), run(2)), RUBRIC), ((run(1),), "rubric-2")):
            result = a_finding("ada", 80, evidence="e1", attempts=runs)
            book.record(result, handed_in("ada"), rubric_digest=rubric)
        rows = book._database.read(
            lambda connection: connection.execute(
                sqlalchemy.text("SELECT seed, evidence FROM attempts ORDER BY id")
            ).all()
        )
    assert [tuple(row) for row in rows] == [(4_294_967_296, "e1"), (4_294_967_297, "e2")]


def test_everyone_who_is_enrolled_has_a_grade_and_todays_extension(place: str, tmp_path: Path) -> None:
    assignment = an_assignment(tmp_path, LATE)
    late = handed_in("ada", "first", (DUE + timedelta(days=2)).isoformat())
    with open_gradebook(place) as book:
        longer = Extension(seconds=2 * 24 * 3600)
        book.enrol(assignment, [Enrolment(student=Student(name="ada"), extension=longer), *everyone("bob", "cy")])
        book.record(a_finding("ada", 90), late, rubric_digest=RUBRIC)
        ada, bob, _ = book.grades("exercise2")
        assert (ada.points, ada.penalty, ada.due) == (90, None, "2026-11-22T23:59:00+01:00")
        assert (bob.points, bob.status, bob.submissions, bob.passed) == (None, None, 0, False)
        book.enrol(assignment, everyone("ada"))  # today's roster has it no more
        assert [grade.points for grade in book.grades(student="ada")] == [70]
        assert len(book.grades()) == 3, "nobody is ever removed"


def everyone(*names: str) -> list[Enrolment]:
    return [Enrolment(student=Student(name=name)) for name in names]


def test_a_moved_deadline_needs_no_new_results(place: str, tmp_path: Path) -> None:
    late = handed_in("ada", "first", (DUE + timedelta(days=1)).isoformat())
    with open_gradebook(place) as book:
        book.enrol(an_assignment(tmp_path, LATE))
        book.record(a_finding("ada", 90), late, rubric_digest=RUBRIC)
        assert [grade.points for grade in book.grades()] == [80]
        book.enrol(an_assignment(tmp_path, LATE.replace("11-20", "11-22")))
        assert [grade.points for grade in book.grades()] == [90]


def test_remarking_shows_grades_before_and_after_and_a_dry_run_leaves_no_trace(place: str, tmp_path: Path) -> None:
    today = an_assignment(tmp_path, LATE)
    late = handed_in("ada", "first", (DUE + timedelta(days=1)).isoformat())
    with open_gradebook(place) as book:
        book.record(a_finding("ada", 90), late, rubric_digest=RUBRIC)
        told = [(a_finding("ada", 70), late)]
        for dry_run in (True, True, False):
            ((before, after),) = book.remark(today, told, rubric_digest="rubric-2", dry_run=dry_run).grades
            assert (before.points, after.points) == (90, 60)
        assert [grade.points for grade in book.grades()] == [60]
        assert [event.points for event in book.history("ada")] == [90, 70]


def test_what_a_database_refuses_of_one_folder_costs_that_folder_alone(place: str, tmp_path: Path) -> None:
    today, group = an_assignment(tmp_path), {"folder": "group"}
    handed = {
        name: handed_in(name, **(group if name in ("bob", "bea") else {})) for name in ("ada", "bea", "bob", "cy")
    }
    with open_gradebook(place) as book:
        for name, hand_in in handed.items():
            book.record(a_finding(name, 50), hand_in, rubric_digest=RUBRIC)
        seeds = {"bob": 2**70}  # which no column of numbers takes
        told = [
            (a_finding(name, 90, evidence="again", seed=seeds.get(name, 1)), hand_in)
            for name, hand_in in handed.items()
        ]
        for dry_run, found in ((True, [50] * 4), (False, [90, 50, 50, 90])):
            done = book.remark(today, told, rubric_digest="rubric-2", dry_run=dry_run)
            assert [after.points for _, after in done.grades] == [90, 50, 50, 90]
            assert list(done.refused) == ["group"], "a group is marked again as a whole, or not"
            assert [grade.points for grade in book.grades()] == found
        assert [len(book.history(name)) for name in handed] == [2, 1, 1, 2]


def test_several_assignments_share_students_and_each_has_grades_of_its_own(place: str, tmp_path: Path) -> None:
    with open_gradebook(place) as book:
        for number, points in ((1, 60), (2, 80)):
            name = f"exercise{number}"
            who = Student(name="ada", participant=str(number))
            book.enrol(an_assignment(tmp_path, name=name))
            result = a_finding("ada", points, assignment=name)
            book.record(result, handed_in("ada", student=who), rubric_digest=RUBRIC)
        assert [(grade.assignment, grade.points) for grade in book.grades()] == [("exercise1", 60), ("exercise2", 80)]
        assert [grade.student.participant for grade in book.grades()] == ["1", "2"]
        assert [grade.points for grade in book.grades("exercise2")] == [80]
        with pytest.raises(UsageError, match=r"no assignment `exercise3` \(did you mean `exercise"):
            book.grades("exercise3")


@pytest.mark.parametrize("name", ["=2+5", "a\0b", "Zoë", "Robert'); DROP TABLE students;--", "\u202egnp", "é" * 250])
def test_any_name_is_kept_and_found_again(place: str, name: str) -> None:
    with open_gradebook(place) as book:
        for _ in range(2):
            result = a_finding("ada", 80)
            book.record(result, handed_in("ada", student=Student(name=name), name=name), rubric_digest=RUBRIC)
        (grade,) = book.grades()
        assert book.grades(student=name) == [grade]
        assert grade.student.name == name.replace("\0", "?")


@pytest.mark.parametrize(
    "when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1969-12-31T23:59:59+00:00"]
)
def test_a_time_that_no_clock_shows_breaks_nothing(place: str, tmp_path: Path, when: str) -> None:
    with open_gradebook(place) as book:
        book.enrol(an_assignment(tmp_path, LATE))
        book.record(a_finding("ada", 80), handed_in("ada", "first", when), rubric_digest=RUBRIC)
        (grade,) = book.grades()
        assert grade.points == (30 if when > "2026" else 80)


def test_what_a_page_of_one_folder_can_show_is_read_without_the_rest_of_the_class(place: str) -> None:
    with open_gradebook(place) as book:
        for name, folder in (("ada", "pair"), ("Ben", "pair"), ("cem", "cem"), ("dan", "dan")):
            book.record(a_finding(name, 80), handed_in(name, folder=folder), rubric_digest=RUBRIC)
        book.record(a_finding("ada", 90, assignment="pets"), handed_in("ada", folder="pair"), rubric_digest=RUBRIC)
        everyone = {(grade.assignment, grade.student.name): grade for grade in book.grades()}

        def read(assignment: str, folder: str, *names: str) -> list[str]:
            found = book.grades_beside(assignment, folder, names)
            assert found == [everyone[assignment, grade.student.name] for grade in found]
            return [grade.student.name for grade in found]

        assert read("exercise2", "pair") == ["ada", "Ben"]
        assert read("exercise2", "elsewhere", "cem") == ["cem"]
        assert read("exercise2", "dan", "ada") == ["ada", "dan"]
        assert read("pets", "pair", "cem", "nobody", "\ud800") == ["ada"]
        assert read("unknown", "pair", "ada") == []
