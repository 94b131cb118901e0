"""What a student is told of the grade: the points that they get, and all that made them others than the checks'."""

from typing import Any

import pytest

from grader.core.evidence import Cause, Ending
from grader.core.results import Grade, Override, Penalty, Result, Status, Student
from grader.pages import headline
from grader.pages.html import student_page
from grader.pages.terminal import row, summary
from tests.pages.builders import TEMPLATES, a_result, some_evidence

LATE = Penalty(days=1, points=20.0, words="handed in after the deadline, on day 1: 20 points off")


def a_grade(**changes: object) -> Grade:
    values: dict[str, object] = {
        "student": Student(name="Ada Lovelace"), "assignment": "exercise2", "title": "t", "points": 75.0, "earned": 75.0,
        "out_of": 100.0, "passed": True, "status": Status.GRADED, "submission": "solution.ipynb",
    }  # fmt: skip
    return Grade.model_validate({**values, **changes})


def the_headline(**changes: object) -> Any:
    return headline.write_headline(a_result(grade=a_grade(**changes)))


def decided(points: float | None, comment: str = "") -> Override:
    return Override(
        points=points, excused=points is None, author="kim", reason="secret", comment=comment, time="2026-11-23"
    )


def test_lateness_is_told_with_what_was_earned_and_may_cost_the_pass() -> None:
    found = the_headline(points=55.0, passed=False, penalty=LATE)
    assert (found.headline, found.tone) == ("Below the pass mark", "bad")
    assert found.sentence.startswith(
        "You have 55 of 100 points; 60 are needed. You earned 75; handed in after the deadline"
    )


def test_a_decision_is_called_one_and_what_the_checks_give_is_told_beside_it() -> None:
    found = the_headline(points=50.0, passed=False, override=decided(50))
    assert found.headline == "Below the pass mark"
    assert found.sentence == (
        "Your instructor decided: you have 50 of 100 points; 60 are needed. The checks alone give 75."
    )
    assert the_headline(points=75.0, override=decided(75)).sentence.count("75") == 1
    assert the_headline(points=None, passed=False, override=decided(None)).headline == "Excused"


def test_a_doubtful_mark_is_provisional_until_a_person_decides() -> None:
    found = the_headline(status=Status.NEEDS_REVIEW)
    assert (found.headline, found.tone) == ("Needs review: provisional", "warn")
    assert found.sentence.startswith("Provisionally you have 75 of 100 points")
    assert the_headline(status=Status.NEEDS_REVIEW, override=decided(75)).headline == "Passed"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"evidence": "another run"}, "Another submission or run of yours counts: solution.ipynb."),
        ({"evidence": "another run", "flags": ("later_run_broke",)}, "A later run failed because of a fault of ours"),
    ],
)
def test_a_grade_of_another_run_than_the_one_below_says_so(changes: dict[str, object], said: str) -> None:
    assert said in the_headline(**changes).sentence
    assert said not in the_headline(evidence=a_result().evidence).sentence


def test_members_with_several_grades_are_each_named_and_alike_ones_are_told_once() -> None:
    members = [a_grade(student=Student(name=name)) for name in ("Ada", "Bo")]
    alike = a_result(student="team", members=tuple(members))
    assert headline.write_headline(alike).headline == "Passed"
    apart = a_result(
        student="team",
        members=(members[0], a_grade(student=Student(name="Bo"), points=40.0, override=decided(40, "c"))),
    )
    found = headline.write_headline(apart)
    assert found.headline == "The members have different grades"
    assert found.sentence == "Ada: 75 of 100; Bo: 40 of 100 as your instructor decided"
    assert [line.split()[1:3] for line in row(apart).splitlines()] == [["Ada", "75/100"], ["Bo", "40/100"]]
    page = student_page(apart, some_evidence(), templates=TEMPLATES)
    assert "From your instructor" not in page, "what was said to one is not for all"


def test_who_handed_in_nothing_has_one_sentence_in_the_terminal_and_on_the_page() -> None:
    ending = Ending(cause=Cause.NOT_RUN, message="Nothing was handed in.")
    plain: dict[str, Any] = {
        "submission": "",
        "status": Status.EXPLAINED,
        "passed": False,
        "points": 0,
        "accuracy": None,
        "evidence": "",
    }
    absent: Result = a_result(ending=ending, **plain)  # of an older grader: with checks that failed
    assert summary(absent)[1:] == ["– Nothing handed in. Nothing was handed in."]
    assert "nothing" in row(absent) and "0/" not in row(absent)
    page = student_page(absent, None, templates=TEMPLATES)
    assert "Nothing handed in" in page and 'id="check-1"' not in page and "<nav" not in page
    assert "Most to gain" not in page and "<figure" not in page


def test_notes_of_a_hand_in_are_shown_once() -> None:
    evidence = some_evidence()
    note = "The file was taken out of a zip."
    submission = evidence.submission.model_copy(update={"notes": (note,)})
    page = student_page(
        a_result(notes=(note,)), evidence.model_copy(update={"submission": submission}), templates=TEMPLATES
    )
    assert page.count(note) == 1
