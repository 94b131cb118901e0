"""What people decided and said is told where it belongs, with its points, and never by whom or why."""

import re

import pytest

from grader.core.decision_log import Adjustment, CheckPoints, Comment, Review
from grader.core.results import CheckResult, Grade, Outcome, Override, Penalty, Result, Status, Student
from grader.pages.class_page import class_view
from grader.pages.decisions import comment_lines, comments_of, signed, with_decisions
from grader.pages.headline import write_headline
from grader.pages.html import student_page
from grader.pages.terminal import row, summary
from tests.pages.builders import TEMPLATES, a_check, a_result, some_evidence

EVIL = "<img src=x onerror=alert(1)>\u202egnp"
ACCURATE = a_check(
    Outcome.FAILED, name="accuracy", title="It is accurate", out_of=60.0, reason="too few", hint="Train."
)
PLOT = a_check(
    Outcome.AWAITING, name="manual", title="The plot is right", reason="a person gives these points", rests_on="person"
)  # fmt: skip
CHECKS = (a_check(name="executes", points=30.0, out_of=30.0), ACCURATE, PLOT)
DECIDED = CheckPoints(check="accuracy", points=45, author="kim", reason="secret")
GIVEN = CheckPoints(check="manual", points=8, author="kim")
LATE = Penalty(days=1, points=20.0, words="handed in after the deadline, on day 1: 20 points off")


def a_decided(*checks: CheckPoints, points: float | None = 83, **changes: object) -> Result:
    """Ada's result of three checks, as the gradebook would show it; `comments` and `adjustment` are the review's."""
    said = {key: changes.pop(key) for key in ("comments", "adjustment", "looked_at") if key in changes}
    review = Review.model_validate({"checks": checks, **said})
    values: dict[str, object] = {
        "student": Student(name="Ada"), "assignment": "exercise2", "title": "t", "points": points, "earned": 30.0,
        "out_of": 100.0, "passed": True, "status": Status.GRADED, "submission": "solution.ipynb", "review": review,
        "awaits": () if points is not None else (PLOT.title,),
    }  # fmt: skip
    grade = Grade.model_validate({**values, **changes})
    return a_result(CHECKS, points=30, out_of=100, passed=False, grade=grade, accuracy=None)


def page(result: Result) -> str:
    html = student_page(result, some_evidence(), templates=TEMPLATES)
    return re.sub(r"base64,[^\"]*", "", html)  # a picture may spell anything


def row_of(html: str, number: int) -> str:
    """The row of a check, as text."""
    found = re.search(rf'<tr id="check-{number}".*?</tr>', html, re.DOTALL)
    assert found is not None
    return " ".join(re.sub(r"<[^>]*>", " ", found[0]).split())


def test_a_row_shows_the_points_that_stand_and_what_the_check_gave() -> None:
    html = page(a_decided(DECIDED, GIVEN))
    assert "partly It is accurate by a person Your instructor decided: 45 of 60. The check alone gave 0." in row_of(
        html, 2
    )
    assert row_of(html, 2).endswith("45 / 60")
    assert "Your instructor gave these points." in row_of(html, 3) and row_of(html, 3).endswith("8 / 10")
    assert "a person gives these points" not in row_of(html, 3)
    assert "83 of 100 points, pass mark" in html, "the strip shows what stands"
    assert "kim" not in html and "secret" not in html


def test_points_that_a_person_still_gives_are_told_as_such_and_none_stand_in_all() -> None:
    result = a_decided(points=None, passed=False)
    html, found = page(result), write_headline(result)
    assert (found.headline, found.tone) == ("Awaits a person", "warn")
    assert found.sentence == (
        "Your instructor still gives the points of “The plot is right”: until then there are no points in all. "
        "The checks alone give 30."
    )
    assert '<p class="score"><strong>–</strong>' in html
    assert row_of(html, 3) == "… awaits a person The plot is right by a person a person gives these points – / 10"
    assert row(result).split()[:4] == ["…", "Ada", "Lovelace", "awaits"]
    assert any("–/10  The plot is right" in line for line in summary(result))


def test_the_headline_says_when_points_differ_because_a_person_decided() -> None:
    said = write_headline(a_decided(DECIDED, GIVEN)).sentence
    assert said == (
        "You have 83 of 100 points; 60 are needed. Your instructor decided some of the points; the checks alone give 30."
    )
    late = write_headline(a_decided(DECIDED, GIVEN, points=63, penalty=LATE)).sentence
    assert late.endswith(
        "the checks alone give 30. You earned 83; handed in after the deadline, on day 1: 20 points off."
    )
    same = a_decided(CheckPoints(check="executes", points=30), points=30, passed=False)
    assert "Your instructor" not in write_headline(same).sentence


def test_comments_stand_where_they_belong_with_their_points() -> None:
    cells = some_evidence().claims.cells
    line = cells[0].source.strip("\n").split("\n")[0]
    comments = (
        Comment(id="1", text="On the whole", author="kim"), Comment(id="2", text="On the plot", points=1, check="manual"),
        Comment(id="3", text="On a line", points=-2.5, cell=cells[0].number, line=1),
        Comment(id="4", text="On what is not shown", cell=999, line=3), Comment(id="5", text="On what is gone", check="x"),
    )  # fmt: skip
    html = page(a_decided(GIVEN, comments=comments, adjustment=Adjustment(points=5, author="kim", reason="secret")))
    top = html.partition('id="checks"')[0]
    assert "On the whole" in top and "Points in all, beside the checks." in top and ">+5<" in top
    assert re.search(r"Cell 999, line 3</span> On what is not shown", top) and "On what is gone" in top
    assert "From your instructor +1 On the plot" in row_of(html, 3)
    cell = html.partition(f'id="cell-{cells[0].number}"')[2].partition("</article>")[0]
    assert "Line 1" in cell and ">-2.5<" in cell and "On a line" in cell and f'<code class="quote">{line}' in cell
    assert "On a line" not in top and html.count("On the plot") == 1
    assert "kim" not in html and "secret" not in html


@pytest.mark.parametrize("where", [{}, {"check": "manual"}, {"cell": 1, "line": 1}, {"cell": 99}, {"check": EVIL}])
def test_a_comment_is_text_wherever_it_stands(where: dict[str, object]) -> None:
    comment = Comment.model_validate({"id": "1", "text": EVIL, **where})
    html = page(a_decided(GIVEN, comments=(comment,)))
    assert "<img src=x" not in html and "\u202e" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;⟨U+202E⟩gnp" in html


def test_under_an_override_comments_stay_and_their_points_count_no_more() -> None:
    override = Override(points=50, excused=False, author="kim", reason="secret", time="2026-11-23", comment="Decided.")
    comments = (Comment(id="1", text="Tidy up", points=-2),)
    result = a_decided(points=50, override=override, comments=comments, adjustment=Adjustment(points=5))
    assert result.grade is not None
    assert comment_lines(result.grade) == ["Decided.", "Tidy up"]
    html = page(result)
    assert "Tidy up" in html and ">-2<" not in html and ">+5<" not in html


def test_in_words_a_comment_names_its_place_and_its_points() -> None:
    comments = (
        Comment(id="1", text="Well done"), Comment(id="2", text="label it", check="manual", points=1),
        Comment(id="3", text="tidy up", cell=3, line=2, points=-1), Comment(id="4", text="why?", cell=4),
    )  # fmt: skip
    result = a_decided(GIVEN, comments=comments, adjustment=Adjustment(points=-3))
    said = ["-3 points in all, beside the checks", "Well done", "The plot is right: label it (+1)"]
    said += ["cell 3, line 2: tidy up (-1)", "cell 4: why?"]
    assert comments_of(result) == said
    assert [line for line in summary(result) if line.startswith("From")] == [f"From your instructor: {t}" for t in said]


def test_a_group_whose_members_differ_is_shown_the_checks_alone() -> None:
    ada = a_decided(DECIDED, GIVEN, comments=(Comment(id="1", text="To Ada"),)).grade
    assert ada is not None
    bo = ada.model_copy(update={"student": Student(name="Bo"), "review": None, "points": 30.0})
    result = a_result(CHECKS, student="team", members=(ada, bo), accuracy=None)
    assert with_decisions(result) == result
    assert "To Ada" not in page(result)


def test_what_was_told_once_is_not_told_twice() -> None:
    result = a_decided(DECIDED, GIVEN)
    once = with_decisions(result)
    assert with_decisions(once) == once
    assert once.checks[1].reason == "Your instructor decided: 45 of 60. The check alone gave 0. too few"
    assert (once.checks[2].reason, once.checks[2].points) == ("Your instructor gave these points.", 8)


def test_points_are_signed_and_none_are_not_written() -> None:
    assert [signed(value) for value in (1, -2.5, 0)] == ["+1", "-2.5", ""]


def the_row(result: Result) -> tuple[str, str, str, str]:
    (found,) = class_view([result], title="t", links={}).rows
    return found.standing, found.status, found.grade, found.why_grade


def test_a_class_page_counts_who_awaits_a_person_and_says_who_decided() -> None:
    awaiting = a_decided(points=None, passed=False)
    view = class_view([awaiting, a_decided(DECIDED, GIVEN)], title="t", links={})
    assert [(word, n) for word, n, _, _ in view.tally if n] == [("passed", 1), ("awaiting a person", 1)]
    assert [(item.title, len(item.whom)) for item in view.attention] == [("awaits a person", 1)]
    assert the_row(awaiting) == ("awaiting", "awaits a person", "–", "awaits a person: The plot is right")
    assert the_row(a_decided(DECIDED, GIVEN)) == ("passed", "graded", "83", "points decided by kim")


def test_what_somebody_looked_at_is_no_more_for_review() -> None:
    plain = a_decided(GIVEN, status=Status.NEEDS_REVIEW, points=68)
    assert the_row(plain)[:2] == ("needs_review", "needs review")
    seen = a_decided(GIVEN, status=Status.NEEDS_REVIEW, points=68, looked_at="kim")
    assert the_row(seen)[:2] == ("passed", "looked at")
    assert write_headline(seen).headline == "Passed"


def test_what_could_not_be_judged_and_a_person_gave_points_for_has_them() -> None:
    found = write_headline(a_decided(DECIDED, GIVEN, status=Status.EXPLAINED))
    assert found.headline == "Passed" and found.sentence.startswith("You have 83 of 100")
    assert the_row(a_decided(DECIDED, GIVEN, status=Status.EXPLAINED))[0] == "passed"


def test_a_check_of_which_nothing_was_decided_is_as_it_was() -> None:
    checks: tuple[CheckResult, ...] = with_decisions(a_decided(GIVEN)).checks
    assert checks[:2] == CHECKS[:2]
