"""A person's decision wins over every result, survives every regrade, and stays in the history when it is taken back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from grader.core.errors import UsageError
from grader.core.results import Student
from grader.gradebook import Gradebook, open_gradebook
from tests.gradebook.findings import DUE, LATE, RUBRIC, a_finding, an_assignment, handed_in


def record(
    book: Gradebook, name: str = "ada", points: float = 50, *, rubric: str = RUBRIC, digest: str = "first",
    when: str | None = None, **changes: object,
) -> None:  # fmt: skip
    book.record(a_finding(name, points), handed_in(name, digest, when, **changes), rubric_digest=rubric)


def test_an_override_wins_and_survives_regrades_and_new_hand_ins(place: str, tmp_path: Path) -> None:
    with open_gradebook(place) as book:
        record(book)
        grade = book.override("ada", points=75, author="kim", reason="a defect of the exercise")
        assert (grade.points, grade.passed, grade.earned) == (75, True, 50)
        record(book, points=10, rubric="rubric-2")
        record(book, points=20, digest="second", when=(DUE + timedelta(days=3)).isoformat())
        book.enrol(an_assignment(tmp_path, LATE))
        (grade,) = book.grades()
    assert (grade.points, grade.passed, grade.earned) == (75, True, 20)
    assert grade.override is not None
    assert (grade.override.author, grade.override.reason) == ("kim", "a defect of the exercise")


def test_an_excuse_leaves_no_points_and_passes_nobody(place: str) -> None:
    with open_gradebook(place) as book:
        record(book, points=90)
        grade = book.override("ada", excused=True, author="kim", reason="ill")
    assert (grade.excused, grade.points, grade.passed) == (True, None, False)


def test_the_newest_decision_holds_and_revoking_gives_the_rules_back(place: str) -> None:
    with open_gradebook(place) as book:
        record(book)
        book.override("ada", points=75, author="kim", reason="first")
        assert book.override("ada", points=80, author="lou", reason="second").points == 80
        grade = book.revoke("ada", author="kim", reason="a mistake")
        assert (grade.points, grade.override) == (50, None)
        events = book.history("ada")
    assert [event.kind for event in events] == ["result", "override", "override", "revoke"]
    assert [(event.author, event.reason) for event in events[1:]] == [
        ("kim", "first"), ("lou", "second"), ("kim", "a mistake"),
    ]  # fmt: skip


def test_what_is_repeated_because_an_answer_was_lost_is_written_once(place: str) -> None:
    now = datetime.now(UTC)
    with open_gradebook(place) as book:
        record(book)
        for _ in range(2):
            book.override("ada", points=75, author="kim", reason="x", time=now)
        assert len(book.history("ada")) == 2


def test_a_clock_that_jumps_changes_neither_what_stands_nor_the_order(place: str) -> None:
    with open_gradebook(place) as book:
        record(book)
        for day, points in ((1, 70), (-400, 80), (-1, 90)):
            time = datetime.now(UTC) + timedelta(days=day)
            book.override("ada", points=points, author="kim", reason="x", time=time)
        assert [grade.points for grade in book.grades()] == [90]
        assert [event.points for event in book.history("ada")] == [50, 70, 80, 90]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"points": 1, "reason": " "}, "needs a reason"),
        ({"points": 1, "author": "\t"}, "needs an author"),
        ({}, "points or an excuse"),
        ({"points": 1, "excused": True}, "either excused or has points"),
        ({"points": -1}, "is not a number of points"),
        ({"points": float("nan")}, "is not a number of points"),
        ({"points": float("inf")}, "is not a number of points"),
        ({"points": 1, "assignment": "exercise3"}, "no assignment `exercise3`"),
    ],
)
def test_a_decision_that_can_not_be_is_refused_and_nothing_is_written(
    tmp_path: Path, words: dict[str, object], said: str
) -> None:
    with open_gradebook(tmp_path) as book:
        record(book)
        with pytest.raises(UsageError, match=said):
            book.override("ada", **{"author": "kim", "reason": "x", **words})  # type: ignore[arg-type]
        assert len(book.history("ada")) == 1


def test_there_is_nothing_to_revoke_before_a_decision_or_after_it_was_revoked(tmp_path: Path) -> None:
    with open_gradebook(tmp_path) as book:
        record(book)
        for _ in range(2):
            with pytest.raises(UsageError, match="no override to take back"):
                book.revoke("ada", author="kim", reason="x")
            book.override("ada", points=1, author="kim", reason="x")
            book.revoke("ada", author="kim", reason="x")


def test_an_assignment_must_be_named_only_where_the_student_has_several(place: str, tmp_path: Path) -> None:
    with open_gradebook(place) as book:
        record(book)
        book.record(a_finding("ada", 60, assignment="exercise1"), handed_in("ada"), rubric_digest=RUBRIC)
        record(book, "bob")
        assert book.override("bob", points=1, author="kim", reason="x").assignment == "exercise2"
        with pytest.raises(UsageError, match="exercise1, exercise2"):
            book.override("ada", points=1, author="kim", reason="x")
        assert (
            book.override("ada", points=1, author="kim", reason="x", assignment="exercise1").assignment == "exercise1"
        )
        assert [grade.points for grade in book.grades(student="ada")] == [1, 50]
        with pytest.raises(UsageError, match="not enrolled for `exercise1`, only for exercise2"):
            book.override("bob", points=1, author="kim", reason="x", assignment="exercise1")


def test_a_student_is_found_by_name_identity_or_address_and_the_nearest_is_named(place: str) -> None:
    with open_gradebook(place) as book:
        for name, number, login in (("Ada Lovelace", "7", ""), ("Alan Turing", "8", ""), ("Alan Kay", "8", "8")):
            who = Student(name=name, identity=number, login=login, email=f"{name.split()[1]}@example.org".lower())
            record(book, name, student=who)
        for word in ("Ada Lovelace", "ada lovelace", "7", "lovelace@example.org"):
            assert [grade.student.name for grade in book.grades(student=word)] == ["Ada Lovelace"]
        for word, said in (
            ("Ada Lovelase", r"did you mean `Ada Lovelace`\?"),
            ("8", r"Several students have the identity `8`\. Available: `Alan Kay` \(8\), `Alan Turing`"),
            ("", "no student ``"),
        ):
            with pytest.raises(UsageError, match=said):
                book.grades(student=word)


@pytest.mark.parametrize(
    "typed",
    ["Niccolò Rossi", "niccolo rossi", "Rossi Niccolo", "ROSSI, Niccolò", "Søren Łukasz Weiß", "weiss soren lukasz"],
)
def test_a_name_is_found_without_its_accents_and_in_any_order(place: str, typed: str) -> None:
    name = "Niccolò Rossi" if "rossi" in typed.casefold() else "Søren Łukasz Weiß"
    with open_gradebook(place) as book:
        for one in ("Niccolò Rossi", "Søren Łukasz Weiß", "Ada Berg"):
            record(book, one)
        assert book.override(typed, points=70, author="kim", reason="x").student.name == name


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            "Rossi Niccolo",
            "Several students could be meant by `Rossi Niccolo`. Available: `Niccolo Rossi`, `Niccolò Rossi`.",
        ),
        ("Rossi", "has no student `Rossi`. Available: `Marco Rossi`, `Niccolo Rossi`, `Niccolò Rossi`."),
        ("lovelace", "has no student `lovelace`. Did you mean `Ada King Lovelace`?"),
        ("Adda Berg", "has no student `Adda Berg` (did you mean `Ada Berg`?)"),
    ],
)
def test_a_name_that_may_mean_several_is_offered_and_nobody_is_chosen(place: str, typed: str, said: str) -> None:
    with open_gradebook(place) as book:
        for one in ("Niccolò Rossi", "Niccolo Rossi", "Marco Rossi", "Ada King Lovelace", "Ada Berg"):
            record(book, one)
        with pytest.raises(UsageError) as told:
            book.override(typed, points=70, author="kim", reason="x")
        assert said in told.value.message
        assert all(grade.override is None for grade in book.grades())
        assert book.override("Niccolo Rossi", points=70, author="kim", reason="x").student.name == "Niccolo Rossi"
