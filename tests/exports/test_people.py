"""What awaits a person is left out of every file and told; what people said goes along in words."""

import csv
import html
import io
import json
from xml.etree import ElementTree

import pytest

from grader.core.decision_log import CheckPoints, Comment, Review
from grader.core.errors import UsageError
from grader.core.grades import with_grade
from grader.core.results import CheckResult, Grade, Outcome, Result, Status
from grader.exports.autograding import write_autograding
from grader.exports.csv_files import write_gradebook, write_grades, write_scores
from grader.exports.github import Place, annotate, write_summary
from grader.exports.gradescope import write_results
from grader.exports.junit import write_junit
from grader.exports.moodle import write_comment
from grader.exports.what_may_leave import sort_grades
from tests.exports.builders import a_grade, decided
from tests.fakes import a_result
from tests.pages.builders import a_check

PLOT = a_check(
    Outcome.AWAITING, name="manual", title="The plot is right", reason="a person gives these points", rests_on="person"
)  # fmt: skip
CHECKS: tuple[CheckResult, ...] = (a_check(name="executes", out_of=10.0), PLOT)
AWAITING = a_grade(points=None, earned=10.0, passed=False, awaits=("The plot is right",))
COMMENTS = (
    Comment(id="1", text="Well <b>done</b>", author="kim"), Comment(id="2", text="tidy up", cell=3, line=2, points=-1),
)  # fmt: skip
REVIEW = Review(checks=(CheckPoints(check="manual", points=7, author="kim", reason="secret"),), comments=COMMENTS)
GIVEN = a_grade(points=16.0, earned=10.0, review=REVIEW)


def beside(grade: Grade, status: Status = Status.GRADED) -> Result:
    return with_grade(a_result(CHECKS, points=10, out_of=20, pass_mark=12, status=status), grade)


def test_who_awaits_a_person_is_held_back_with_the_reason_whatever_is_typed() -> None:
    for provisional in (False, True):
        released = sort_grades([AWAITING], provisional=provisional)
        assert released.marks == released.excused == ()
        assert released.held == ("Ada Lovelace: a person has not given the points of The plot is right yet",)
    assert write_scores([AWAITING]).unplaced == released.held
    assert sort_grades([AWAITING.model_copy(update={"override": decided(50), "points": 50.0})], provisional=False).marks


def test_who_was_looked_at_is_no_more_provisional() -> None:
    doubtful = a_grade(status=Status.NEEDS_REVIEW)
    assert sort_grades([doubtful], provisional=False).marks == ()
    seen = doubtful.model_copy(update={"review": Review(looked_at="kim")})
    assert sort_grades([seen], provisional=False).marks == (seen,)


def test_tables_leave_the_cell_empty_and_say_what_is_missing() -> None:
    (row,) = csv.DictReader(io.StringIO(write_gradebook([beside(AWAITING)])))
    assert (row["points"], row["awaits"], row["passed"], row["flags"]) == (
        "",
        "The plot is right",
        "no",
        "awaits_person",
    )
    (row,) = csv.DictReader(io.StringIO(write_grades([AWAITING])))
    assert (row["points"], row["earned"], row["awaits"], row["decided_by"]) == ("", "10", "The plot is right", "")
    (row,) = csv.DictReader(io.StringIO(write_grades([GIVEN])))
    assert (row["points"], row["earned"], row["awaits"], row["decided_by"]) == ("16", "10", "", "kim")
    assert row["comment"] == "Well <b>done</b>\ncell 3, line 2: tidy up (-1)"


def test_formats_of_one_mark_refuse_what_awaits_a_person() -> None:
    for write in (write_results, write_autograding):
        with pytest.raises(
            UsageError, match="a person has not given the points of The plot is right yet, so there is no"
        ):
            write(beside(AWAITING))


def test_comments_go_along_in_words_and_as_text() -> None:
    assert html.unescape(write_comment(GIVEN)).startswith(
        "<p>Graded automatically and by your instructor: 16 of 100 points. Well <b>done</b>"
    )
    assert "&lt;b&gt;done&lt;/b&gt;<br>cell 3, line 2: tidy up (-1)</p>" in write_comment(GIVEN)
    for told in (
        json.loads(write_results(beside(GIVEN)))["output"],
        html.unescape(write_summary([beside(GIVEN)])),
        ElementTree.fromstring(write_junit([beside(GIVEN)])).findtext(".//system-out") or "",
    ):
        assert "From your instructor: Well <b>done</b>" in told
        assert "From your instructor: cell 3, line 2: tidy up (-1)" in told
        assert "kim" not in told and "secret" not in told


def test_decided_checks_have_their_points_and_the_sum_is_the_mark() -> None:
    scores = [(test["name"], test["score"]) for test in json.loads(write_results(beside(GIVEN)))["tests"]]
    assert scores == [(CHECKS[0].title, 10), ("The plot is right", 7)]
    tests = json.loads(write_autograding(beside(GIVEN)))["tests"]
    assert [(test["name"], test["score"]) for test in tests][1:] == [
        ("The plot is right", 7), ("Decided by the instructor", -1),
    ]  # fmt: skip


def test_junit_and_github_say_that_a_person_is_awaited() -> None:
    suite = ElementTree.fromstring(write_junit([beside(AWAITING)])).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("skipped"), suite.get("failures")) == ("3", "2", "0")
    properties = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert (properties["points"], properties["awaits"]) == ("", "The plot is right")
    text = html.unescape(write_summary([beside(AWAITING)]))
    assert (
        text.splitlines()[0].endswith(": awaits a person")
        and "| … awaits a person | The plot is right | – / 10 |" in text
    )
    assert [item.level for item in annotate(beside(AWAITING), Place())] == ["notice", "notice"]
