"""The log of what people decide: the newest entry stands, nothing is lost or overwritten unseen, and grades follow."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from grader.core.errors import UsageError
from grader.core.grades import Event
from grader.core.results import CheckResult, Grade, Outcome
from grader.gradebook import Change, Gradebook, Superseded, open_gradebook
from tests.gradebook.findings import DUE, LATE, RUBRIC, a_finding, an_assignment, handed_in
from tests.gradebook.test_migrating import make_old, require_old_grades

EXERCISE = "exercise2"
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
PLOT = CheckResult(
    name="manual", title="The plot is right", outcome=Outcome.AWAITING, points=0, out_of=10, reason="so", rests_on="person"
)  # fmt: skip


def a_change(kind: Any = "check", value: dict[str, object] | None = None, **changes: Any) -> Change:
    """Kim's decision on ada; of the check `accuracy`, where no subject is given."""
    values: dict[str, Any] = {"student": "ada", "author": "kim", "subject": "accuracy" if kind == "check" else ""}
    return Change(kind=kind, value=value, **{**values, **changes})


def give(book: Gradebook, points: float, **changes: Any) -> None:
    book.write_log(EXERCISE, a_change("check", {"points": points}, **{"reason": "a defect", **changes}))


def the_grade(book: Gradebook) -> Grade:
    (grade,) = book.grades(student="ada")
    return grade


@contextmanager
def a_book(place: str, points: float = 50, **changes: Any) -> Iterator[Gradebook]:
    """A gradebook in which ada has so many points: 20 for `executes`, the others for `accuracy`, of 80."""
    with open_gradebook(place) as book:
        book.record(a_finding("ada", points, **changes), handed_in("ada"), rubric_digest=RUBRIC)
        yield book


def waiting(points: float = 50) -> dict[str, Any]:
    """A result in which ten more points are a person's to give."""
    return {"checks": (*a_finding("ada", points).checks, PLOT), "out_of": 110, "passed": False}


def test_points_of_a_check_change_what_was_earned_and_survive_a_regrade(place: str) -> None:
    with a_book(place) as book:
        give(book, 70)
        grade = the_grade(book)
        assert (grade.points, grade.earned, grade.passed) == (90, 50, True)
        book.record(a_finding("ada", 60), handed_in("ada"), rubric_digest="rubric-2")
        assert (the_grade(book).points, the_grade(book).earned) == (90, 60)


def test_a_check_that_awaits_a_person_leaves_no_points_in_all_until_they_are_given(place: str) -> None:
    with a_book(place, **waiting()) as book:
        assert (the_grade(book).points, the_grade(book).awaits, the_grade(book).passed) == (None, (PLOT.title,), False)
        give(book, 10, subject="manual", reason="")
        assert (the_grade(book).points, the_grade(book).awaits, the_grade(book).passed) == (60, (), True)
        book.write_log(EXERCISE, a_change("check", None, subject="manual"))
        assert (the_grade(book).points, the_grade(book).awaits) == (None, (PLOT.title,))


def test_points_in_all_and_of_comments_come_on_top_and_stay_between_none_and_all(place: str) -> None:
    with a_book(place) as book:
        book.write_log(EXERCISE, a_change("adjustment", {"points": 5}, reason="a good question"))
        book.write_log(EXERCISE, a_change("comment", {"text": "tidy it up", "points": -2, "cell": 3}, subject="c1"))
        assert the_grade(book).points == 53
        book.write_log(EXERCISE, a_change("adjustment", {"points": 500}, reason="too many"))
        assert the_grade(book).points == 100
        book.write_log(EXERCISE, a_change("adjustment", {"points": -500}, reason="too few"))
        assert the_grade(book).points == 0


def test_lateness_takes_from_what_a_person_decided_and_an_override_wins_over_both(place: str, tmp_path: Path) -> None:
    with open_gradebook(place) as book:
        book.enrol(an_assignment(tmp_path, LATE))
        late = (DUE + timedelta(hours=5)).isoformat()
        book.record(a_finding("ada", 50), handed_in("ada", "first", late), rubric_digest=RUBRIC)
        give(book, 70)
        assert the_grade(book).points == 80
        book.override("ada", points=61.5, author="lou", reason="x")
        assert the_grade(book).points == 61.5
        book.revoke("ada", author="lou", reason="x")
        assert the_grade(book).points == 80


def test_a_saved_comment_that_is_changed_changes_wherever_it_was_used(place: str) -> None:
    def save(text: str, points: float) -> Change:
        return a_change("saved_comment", {"text": text, "points": points}, student="", subject="s1")

    with a_book(place) as book:
        book.write_log(EXERCISE, save("label the axes", -1))
        book.write_log(EXERCISE, a_change("comment", {"saved": "s1"}, subject="c1"))
        assert the_grade(book).points == 49
        book.write_log(EXERCISE, save("label both axes", -3))
        grade = the_grade(book)
        assert grade.points == 47
        assert grade.review is not None
        assert [(item.text, item.points) for item in grade.review.comments] == [("label both axes", -3)]


def test_whoever_decides_what_another_changed_meanwhile_is_shown_the_change(place: str) -> None:
    with a_book(place) as book:
        first = book.write_log(EXERCISE, a_change("check", {"points": 70}, reason="x", seen=0))
        with pytest.raises(Superseded, match="changed by kim meanwhile") as caught:
            book.write_log(EXERCISE, a_change("check", {"points": 40}, reason="x", author="lou", seen=0))
        assert caught.value.newest == first
        book.write_log(EXERCISE, a_change("check", {"points": 40}, reason="x", author="lou", seen=first.id))
        book.write_log(EXERCISE, a_change("check", None, seen=None))
        with pytest.raises(Superseded) as caught:
            book.write_log(EXERCISE, a_change("check", {"points": 1}, reason="x", seen=first.id))
        assert caught.value.newest is None, "it was taken back"


def test_of_several_who_decide_the_same_at_once_one_is_first_and_the_others_are_told(place: str) -> None:
    told: list[str] = []

    def decide(author: str) -> None:
        with open_gradebook(place) as book:
            try:
                book.write_log(EXERCISE, a_change("check", {"points": 70}, reason="x", author=author, seen=0))
                told.append("written")
            except Superseded:
                told.append("told")

    with a_book(place) as book:
        people = [threading.Thread(target=decide, args=(f"person {number}",)) for number in range(6)]
        for person in people:
            person.start()
        for person in people:
            person.join()
        assert sorted(told) == ["told"] * 5 + ["written"]
        assert len(book.review_log(EXERCISE)) == 1


def test_no_entry_says_what_did_not_come_to_its_end(place: str) -> None:
    rubric = a_change("rubric", {"changes": ["pass mark 60 -> 50"]}, student="", seen=0)
    done: list[str] = []

    def killed() -> None:
        raise KeyboardInterrupt

    with a_book(place) as book:
        with pytest.raises(KeyboardInterrupt):
            book.write_log_of(EXERCISE, rubric, killed)
        assert book.review_log(EXERCISE) == []
        written = book.write_log_of(EXERCISE, rubric, lambda: done.append("first"))
        later = a_change("rubric", {"changes": ["pass mark 60 -> 40"]}, student="", seen=0, author="lou")
        with pytest.raises(Superseded):
            book.write_log_of(EXERCISE, later, lambda: done.append("second"))
        assert (done, book.review_log(EXERCISE)) == (["first"], [written])


def test_it_is_known_by_which_rubric_every_submission_was_marked_last(place: str) -> None:
    with a_book(place) as book:
        book.record(a_finding("bob", 40), handed_in("bob"), rubric_digest=RUBRIC)
        book.record(a_finding("ada", 60), handed_in("ada"), rubric_digest="rubric-2")
        rules, marked_by = book.marked_by(EXERCISE)
        assert {(item.rubric, item.points) for item in marked_by} == {("rubric-2", 60), (RUBRIC, 40)}
        assert rules.out_of == 100


def test_what_is_repeated_because_an_answer_was_lost_is_written_once(place: str) -> None:
    change = a_change("check", {"points": 70}, reason="x", seen=0, time=NOW)
    with a_book(place) as book:
        assert book.write_log(EXERCISE, change) == book.write_log(EXERCISE, change)
        assert len(book.review_log(EXERCISE)) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": {"points": 70}, "subject": "acuracy", "reason": "x"}, "no check `acuracy` .did you mean `accuracy`"),
        ({"value": {"points": 80.5}, "reason": "x"}, "80.5 points are not between 0 and the 80 of `accuracy`"),
        ({"value": {"points": -1}, "reason": "x"}, "-1 points are not between 0 and the 80"),
        ({"value": {"points": 70}, "reason": " "}, "Other points than a check gave need a reason"),
        ({"value": None}, "There is nothing to take back"),
        ({"kind": "adjustment", "value": {"points": 5}}, "Points that are given or taken need a reason"),
        ({"value": {"points": 7}, "student": "bob", "reason": "x"}, "no student `bob`"),
    ],
)
def test_what_can_not_be_is_refused_and_nothing_is_written(place: str, change: dict[str, Any], said: str) -> None:
    with a_book(place) as book:
        with pytest.raises(UsageError, match=said):
            book.write_log(EXERCISE, a_change(**change))
        assert book.review_log(EXERCISE) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"author": " "}, "needs an author"),
        ({"student": ""}, "does not fit `the whole class`"),
        ({"reason": "x" * 4_001}, "The reason has 4,001 characters"),
        ({"value": {"points": float("inf")}}, "not understood|not a number of points"),
        ({"value": {"points": 1e7}}, "is not a number of points"),
        ({"value": {"pints": 7}}, "key `pints` is not known"),
        ({"kind": "comment", "value": {"text": "x" * 4_001}}, "at most 4000 characters"),
        ({"kind": "comment", "value": {"text": "x", "cell": 0}}, "`cell`"),
    ],
)
def test_what_nobody_can_mean_is_no_change_at_all(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        a_change(**{"value": {"points": 7}, **change})


def test_points_decided_on_another_run_are_asked_about_and_stay(place: str) -> None:
    with a_book(place) as book:
        give(book, 70, evidence="evidence of ada")
        assert "decided_before" not in the_grade(book).flags
        book.record(
            a_finding("ada", 40, evidence="another run"), handed_in("ada", "second"), rubric_digest=RUBRIC
        )  # fmt: skip
        assert (the_grade(book).points, "decided_before" in the_grade(book).flags) == (90, True)


def test_a_check_that_gives_fewer_points_by_now_gives_no_more_and_is_asked_about(place: str) -> None:
    with a_book(place) as book:
        give(book, 70)
        executes, accuracy = a_finding("ada", 50).checks
        smaller = accuracy.model_copy(update={"out_of": 40.0})
        book.record(
            a_finding("ada", 50, checks=(executes, smaller), out_of=60), handed_in("ada"), rubric_digest="rubric-2"
        )  # fmt: skip
        grade = the_grade(book)
        assert (grade.points, "decided_before" in grade.flags) == (60, True)


def test_the_history_tells_every_kind_of_decision_in_the_order_of_writing(place: str) -> None:
    decisions: list[tuple[Any, dict[str, object], str]] = [
        ("check", {"points": 70}, "accuracy"), ("adjustment", {"points": 5}, ""), ("comment", {"text": "well done"}, "c1"),
        ("looked_at", {}, ""), ("assigned", {"to": "lou"}, ""),
    ]  # fmt: skip
    with a_book(place) as book:
        for kind, value, subject in decisions:
            book.write_log(EXERCISE, a_change(kind, value, subject=subject, reason="why"))
        book.override("ada", points=1, author="kim", reason="x")
        book.write_log(EXERCISE, a_change("comment", None, subject="c1"))
        events = book.history("ada")[1:]

    def told(event: Event) -> tuple[str, str, float | None, bool]:
        return event.kind, event.subject, event.points, event.taken_back

    assert [told(event) for event in events] == [
        ("check", "accuracy", 70, False), ("adjustment", "", 5, False), ("comment", "c1", 0, False),
        ("looked_at", "", None, False), ("assigned", "lou", None, False), ("override", "", 1, False),
        ("comment", "c1", None, True),
    ]  # fmt: skip
    assert events[2].comment == "well done"
    assert {event.author for event in events} == {"kim"}


def test_who_looked_at_it_ends_what_is_provisional(place: str) -> None:
    with a_book(place, status="needs_review") as book:
        assert the_grade(book).provisional
        book.write_log(EXERCISE, a_change("looked_at", {}))
        assert not the_grade(book).provisional
        book.write_log(EXERCISE, a_change("looked_at", None))
        assert the_grade(book).provisional


def test_an_older_gradebook_keeps_all_that_was_decided_and_takes_more(place: str) -> None:
    make_old(place)
    with open_gradebook(place) as book:
        require_old_grades(book.grades())
        assert [entry.kind for entry in book.review_log(EXERCISE)] == ["override"]
        book.write_log(EXERCISE, a_change("adjustment", {"points": 5}, reason="x"))
        assert (the_grade(book).points, the_grade(book).earned) == (75, 80)
