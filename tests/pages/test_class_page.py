"""A class page's matter: who stumbled over what, who needs a person, what the gradebook made of it."""

import ast
from pathlib import Path
from typing import Any

import pytest

from grader.core.evidence import Cause, Ending
from grader.core.results import CheckResult, Flag, Grade, Outcome, Override, Penalty, Result, Status, Student
from grader.pages import class_page, html
from grader.pages.wording import FLAGS
from tests.pages.builders import TEMPLATES, a_check, a_result, a_spread, an_accuracy

PACKAGE = Path(__file__).parents[2] / "grader"


def seen(*results: Result, **options: Any) -> Any:
    links = {result.student: f"{result.student}/report.html" for result in results}
    return class_page.class_view(results, title="t", links=links, **options)


def a_grade(student: str, **changes: object) -> Grade:
    values = {
        "student": Student(name=student), "assignment": "exercise1", "title": "t", "points": 60.0, "out_of": 100.0,
        "passed": True, "status": Status.GRADED,
    }  # fmt: skip
    return Grade.model_validate({**values, **changes})


def absent(student: str, checks: tuple[CheckResult, ...] = ()) -> Result:
    """Somebody who handed in nothing; older graders gave them checks that failed."""
    ending = Ending(cause=Cause.NOT_RUN, message="Nothing was handed in.")
    nothing = {"status": Status.EXPLAINED, "passed": False, "accuracy": None, "points": 0, "evidence": ""}
    return a_result(checks, student=student, submission="", ending=ending, **nothing)


def test_a_trouble_names_who_failed_and_who_did_partly_with_their_reports() -> None:
    failed, partly = a_check(Outcome.FAILED, name="a", title="t"), a_check(Outcome.PARTIAL, name="a", title="t")
    (check,) = seen(
        a_result((failed,), student="Ada"), a_result((partly,), student="Bo"), a_result((), student="Cy")
    ).failed_checks
    assert [(who.student, who.href, who.words) for who in check.whom] == [
        ("Ada", "Ada/report.html", ""),
        ("Bo", "Bo/report.html", "partly"),
    ]
    assert check.share == pytest.approx(2 / 3)


def test_a_trouble_of_many_names_some_and_counts_the_rest() -> None:
    failed = a_check(Outcome.FAILED, name="a", title="t")
    results = [a_result((failed,), student=f"s{n:03}") for n in range(67)]
    (check,) = seen(*results).failed_checks
    assert check.failed == len(check.whom) == 67
    page = html.class_page(results, title="t", links={}, templates=TEMPLATES)
    assert "<li>s059</li>" in page and "<li>s060</li>" not in page and '<li class="soft">and 7 more</li>' in page


def test_what_needs_a_person_is_grouped_and_what_we_broke_comes_first() -> None:
    similar = Flag(kind="similar_code", reason="much like Bo's", audience="instructor")
    borderline = Flag(kind="borderline", reason="chance may have decided")
    groups = seen(
        a_result(student="Ada", flags=(similar, borderline)),
        a_result(student="Bo", flags=(similar,)),
        a_result(student="Cy", status=Status.BROKEN, ending=Ending(cause=Cause.INFRASTRUCTURE, message="disk full")),
        a_result(student="Di", status=Status.NEEDS_REVIEW),
    ).attention
    assert [(group.title, len(group.whom)) for group in groups] == [
        ("grader broke", 1),
        ("needs review", 1),
        ("similar code", 2),
        ("borderline", 1),
    ]
    assert groups[0].whom[0].words == "disk full" and groups[2].whom[0].words == "much like Bo's"


def test_what_was_decided_already_or_holds_for_everyone_asks_nobody() -> None:
    flags = tuple(Flag(kind=kind, reason="r") for kind in ("substitute_data", "late", "override", "excused"))
    assert seen(a_result(flags=flags)).attention == ()


def test_grades_stand_beside_points_and_say_why_they_differ() -> None:
    override = Override(points=90.0, excused=False, author="Prof. Rossi", reason="shown in person", time="t")
    excuse = Override(points=None, excused=True, author="Prof. Rossi", reason="ill", time="t")
    grades = (
        a_grade("Ada", points=55.0, passed=False, earned=65.0, penalty=Penalty(days=1, points=10.0, words="w")),
        a_grade("Bo", points=90.0, override=override),
        a_grade("Cy", points=None, passed=False, override=excuse),
    )
    view = seen(*(a_result(student=grade.student.name, grade=grade) for grade in grades))
    assert view.graded
    assert [(row.points, row.grade, row.why_grade, row.passed) for row in view.rows] == [
        ("65", "55", "1 day late: -10", "no"),
        ("65", "90", "set by Prof. Rossi: shown in person", "yes"),
        ("65", "excused", "excused by Prof. Rossi: ill", "–"),
    ]
    assert {key: number for _, number, _, key in view.tally if number} == {"passed": 1, "below": 1, "excused": 1}
    assert sum(view.bins) == 2 and dict(view.figures)["median points"] == "72.5 of 100"


def test_the_flags_of_a_grade_are_on_the_class_page_with_their_reasons() -> None:
    unclear = a_grade("Ada", status=Status.GRADED, flags=("late_without_time", "later_run_broke"))
    view = seen(a_result(student="Ada", grade=unclear))
    assert view.rows[0].flags == ("late, without a time", "a later run broke")
    assert [group.title for group in view.attention] == ["late, without a time", "a later run broke"]
    assert "a person decides" in view.attention[0].whom[0].words and view.flagged == 1


def test_each_member_of_a_group_has_a_row_with_the_grade_and_the_page_that_are_theirs() -> None:
    decided = Override(points=40.0, excused=False, author="kim", reason="did not take part", time="t")
    members = (a_grade("Ada", status=Status.GRADED), a_grade("Bo", points=40.0, passed=False, override=decided))
    links = {"team": "team/report.html", "Ada": "team/members/Ada.html"}
    view = class_page.class_view([a_result(student="team", members=members)], title="t", links=links)
    assert [(row.student, row.grade, row.href) for row in view.rows] == [
        ("Ada", "60", "team/members/Ada.html"), ("Bo", "40", "team/report.html"),
    ]  # fmt: skip
    assert (view.submissions, {key: n for _, n, _, key in view.tally if n}) == (1, {"passed": 1, "below": 1})


def test_a_student_who_handed_in_nothing_has_a_row_in_its_place() -> None:
    failed = a_check(Outcome.FAILED, name="a", title="t")
    view = seen(a_result((failed,), student="Ada"), absent("Bo", (failed,)), a_result(student="Zoë"))
    assert [(row.student, row.status, row.points, row.grade) for row in view.rows] == [
        ("Ada", "graded", "0", "0"),
        ("Bo", "nothing handed in", "–", "–"),
        ("Zoë", "graded", "65", "65"),
    ]
    assert view.submissions == 2 and {key: n for _, n, _, key in view.tally if n}["absent"] == 1
    assert [who.student for check in view.failed_checks for who in check.whom if check.title == "t"] == ["Ada"]


def test_without_a_gradebook_there_are_no_grades() -> None:
    assert not seen(a_result()).graded


def test_run_times_are_told_of_each_and_of_all() -> None:
    times = [
        a_result(student=str(n), ending=Ending(cause=Cause.FINISHED, message="", wall_s=60.0 * n)) for n in (1, 2, 9)
    ]
    view = seen(*times)
    assert [row.time for row in view.rows] == ["1 min", "2 min", "9 min"]
    figures = dict(view.figures)
    assert (figures["median run time"], figures["longest run"], figures["all runs together"]) == (
        "2 min",
        "9 min",
        "12 min",
    )


def test_the_strip_of_accuracies_has_a_threshold_and_a_reference_only_where_all_share_them() -> None:
    strip = seen(a_result(student="Ada"), a_result(student="Bo", accuracy=None)).accuracies
    assert [student for student, _ in strip.accuracies] == ["Ada"]
    assert strip.threshold == 0.97 and strip.reference.label.startswith("reference: 98.61")
    other = a_result(student="Bo", accuracy=an_accuracy(threshold=0.9), baseline=a_spread(mean=0.5))
    mixed = seen(a_result(student="Ada"), other).accuracies
    assert mixed.threshold is None and mixed.reference is None
    assert seen(a_result(accuracy=None)).accuracies is None


def test_every_flag_that_the_grader_raises_has_words() -> None:
    kinds = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Flag":
                kinds |= {
                    word.value.value
                    for word in node.keywords
                    if word.arg == "kind" and isinstance(word.value, ast.Constant)
                }
    assert len(kinds) > 5
    assert kinds <= set(FLAGS)
