"""One student's row in the table of a class. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from grader.grading_rules import flags_of, is_of, with_grade
from grader.limits import write_duration
from grader.report.phrases import Phrase, Text, joined, many, say
from grader.report.troubles import student_name
from grader.report.verdicts import grade_verdict, points_word, standing, status_word
from grader.report.visible import one_line, shorten
from grader.report.words import CAUSES, Tone, accuracy_percent, flag_word, number
from grader.results import Grade, Result


@dataclass(frozen=True, kw_only=True)
class Row:
    """One student in the class table; `order_…` are what columns are sorted by, `standing` what they are filtered by."""

    student: str
    submission: str
    href: str | None
    why_no_report: Text
    standing: str
    tone: Tone
    mark: str
    status: Phrase
    points: str
    order_points: float
    passed: Text
    grade: Text
    order_grade: float
    why_grade: Text
    accuracy: str
    order_accuracy: float
    flags: tuple[Text, ...]
    time: str
    order_time: float
    ending: Text
    ending_detail: str


def write_row(result: Result, grade: Grade, href: str | None, *, marked: bool) -> Row:
    """The row of one student: a result whose text is visible already, and what the student gets for it."""
    alone = with_grade(result, grade) if result.members else result
    found = grade_verdict(result, grade)
    detail = shorten(one_line(result.ending.message), 300)
    reason: Text = detail or found.headline
    wall = result.ending.wall_s
    order = -2.0 if grade.excused else -1.0 if grade.points is None else grade.points
    return Row(
        student=student_name(result) if not result.members else shorten(one_line(grade.student.name), 120),
        submission=shorten(one_line(result.submission), 120),
        href=href,
        why_no_report="" if href else say("no report: {reason}", reason=reason),
        standing=standing(grade),
        tone=found.tone,
        mark=found.mark,
        status=status_word(grade),
        points=number(result.points) if marked else "–",
        order_points=result.points if marked else -1.0,
        passed="–" if grade.excused or grade.points is None else say("yes") if grade.passed else say("no"),
        grade=say("excused") if grade.excused else points_word(grade),
        order_grade=order,
        why_grade=joined(_why(result, grade), "; "),
        accuracy=accuracy_percent(result.accuracy) if result.accuracy else "–",
        order_accuracy=result.accuracy.value if result.accuracy else -1.0,
        flags=tuple(flag_word(kind) for kind in dict.fromkeys(flag.kind for flag in flags_of(alone))),
        time=write_duration(wall) if wall > 0 else "–",
        order_time=wall,
        ending="–" if result.absent else CAUSES[result.ending.cause],
        ending_detail=detail,
    )


def _why(result: Result, grade: Grade) -> Iterator[Text]:
    """Why the grade is not what the rubric says of this result."""
    if grade.override is not None:
        who = shorten(one_line(grade.override.author), 60)
        reason = shorten(one_line(grade.override.reason), 200)
        if grade.excused:
            yield say("excused by {who}: {reason}", who=who, reason=reason)
        else:
            yield say("set by {who}: {reason}", who=who, reason=reason)
    elif grade.penalty is not None and grade.penalty.points:
        lost = number(grade.penalty.points)
        yield many(grade.penalty.days, "{n} day late: -{points}", "{n} days late: -{points}", points=lost)
    if grade.provisional:
        yield say("provisional")
    if not is_of(grade, result):
        yield say("of another hand-in or run: {what}", what=shorten(one_line(grade.submission), 60))
