"""One student's row in the table of a class. Pure."""

from dataclasses import dataclass

from grader.grades import Grade
from grader.limits import write_duration
from grader.report.phrases import Phrase, Text, joined, many, say
from grader.report.troubles import student_name
from grader.report.visible import one_line, shorten
from grader.report.words import CAUSES, STATUSES, Tone, accuracy_percent, flag_word, number, verdict
from grader.results import Result, Status


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


def write_row(result: Result, href: str | None, marked: bool, grade: Grade | None) -> Row:
    """The row of a result whose text is visible already; `grade` is what the gradebook makes of it."""
    found = verdict(result)
    detail = shorten(one_line(result.ending.message), 300)
    reason: Text = detail or found.headline
    graded = result.status is Status.GRADED
    standing = ("passed" if result.passed else "below") if graded else result.status.value
    wall = result.ending.wall_s
    shown = _grade(grade, result.points if marked else None)
    return Row(
        student=student_name(result),
        submission=shorten(one_line(result.submission), 120),
        href=href,
        why_no_report="" if href else say("no report: {reason}", reason=reason),
        standing=standing,
        tone=found.tone,
        mark=found.mark,
        status=STATUSES[result.status],
        points=number(result.points) if marked else "–",
        order_points=result.points if marked else -1.0,
        passed=(say("yes") if (grade or result).passed else say("no")) if marked or grade else "–",
        grade=shown[0],
        order_grade=shown[1],
        why_grade=shown[2],
        accuracy=accuracy_percent(result.accuracy) if result.accuracy else "–",
        order_accuracy=result.accuracy.value if result.accuracy else -1.0,
        flags=tuple(flag_word(flag.kind) for flag in result.flags),
        time=write_duration(wall) if wall > 0 else "–",
        order_time=wall,
        ending=CAUSES[result.ending.cause],
        ending_detail=detail,
    )


def ungraded_row(grade: Grade) -> Row:
    """The row of a student who is in the gradebook and has no result; give it a grade whose text is visible already."""
    shown, order, why = _grade(grade, None)
    return Row(
        student=shorten(one_line(grade.student.name), 120) or "(no name)",
        submission="",
        href=None,
        why_no_report="",
        standing="nothing",
        tone="calm",
        mark="–",
        status=say("nothing handed in"),
        points="–",
        order_points=-1.0,
        passed=say("yes") if grade.passed else say("no"),
        grade=shown,
        order_grade=order,
        why_grade=why,
        accuracy="–",
        order_accuracy=-1.0,
        flags=(),
        time="–",
        order_time=0.0,
        ending="–",
        ending_detail="",
    )


def _grade(grade: Grade | None, points: float | None) -> tuple[Text, float, Text]:
    """What stands in the gradebook, what it is sorted by, and why it is not what the rubric says."""
    if grade is None:
        return "–" if points is None else number(points), -1.0 if points is None else points, ""
    why: list[Text] = []
    if grade.penalty is not None and grade.penalty.points:
        lost = number(grade.penalty.points)
        why.append(many(grade.penalty.days, "{n} day late: -{points}", "{n} days late: -{points}", points=lost))
    if grade.override is not None:
        who = shorten(one_line(grade.override.author), 60)
        reason = shorten(one_line(grade.override.reason), 200)
        if grade.excused:
            why.append(say("excused by {who}: {reason}", who=who, reason=reason))
        else:
            why.append(say("set by {who}: {reason}", who=who, reason=reason))
    if grade.excused:
        return say("excused"), -2.0, joined(why, "; ")
    if grade.points is None:
        return "–", -1.0, joined(why, "; ")
    return number(grade.points), grade.points, joined(why, "; ")
