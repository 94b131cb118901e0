"""Grades as values: rules, hand-ins, extensions, a student's history; and what a result with its grades says. Pure.

What follows from them is decided in `gradebook.decide_grade`. `Grade` and `Student` stand in `results`.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from grader.core.assignment import Assignment, CountedSubmission, Late
from grader.core.decision_log import Review
from grader.core.evidence import Value
from grader.core.results import (
    CheckResult,
    Flag,
    Grade,
    Outcome,
    Result,
    Status,
    Student,
    labels_of,
)


class Extension(Value):
    """More time for one student: until `due`, or `seconds` more than everybody has. Exactly one of them is given."""

    due: AwareDatetime | None = None
    seconds: float | None = None


class Enrolment(Value):
    """A student who is expected to have a grade for an assignment, whether anything is handed in or not."""

    student: Student
    extension: Extension | None = None


class HandIn(Value):
    """What one student handed in, and when.

    `digest` is the submission's SHA-256, empty where it could not be read; `name` the file's. `submitted` is what the
    learning platform says, None where it says nothing; `marked_late` is its mark without a time (Canvas' LATE), None where
    nobody could tell. `folder` is the student's folder below the batch's. What is empty or None here leaves what the
    gradebook knows as it is.
    """

    student: Student
    digest: str
    name: str
    submitted: AwareDatetime | None = None
    marked_late: bool | None = None
    folder: str = ""


class Rules(Value):
    """What an assignment says of grades beyond its checks: which submission counts, when it is due, what lateness costs."""

    assignment: str
    title: str
    out_of: float
    pass_mark: float
    submissions: CountedSubmission = "last"
    due: datetime | None = None
    late: Late = Late()

    @classmethod
    def of(cls, assignment: Assignment) -> "Rules":
        """The rules that a rubric states."""
        return cls(
            assignment=assignment.id, title=assignment.title, out_of=assignment.out_of, pass_mark=assignment.pass_mark,
            submissions=assignment.submissions, due=assignment.due, late=assignment.late,
        )  # fmt: skip


class Event(Value):
    """One line of a student's history: a result or a person's decision; `before` are the points that stood until then.

    `changed` names the checks that moved, old to new; `rubric` is the rubric's digest and `grader` the version that marked.
    `subject` is the check, the comment's number, or who is to look at it; `taken_back`: what was decided does not stand
    any more.
    """

    time: str
    assignment: str
    kind: Literal["result", "override", "excuse", "revoke", "check", "adjustment", "comment", "looked_at", "assigned"]
    points: float | None
    out_of: float
    before: float | None = None
    submission: str = ""
    status: Status | None = None
    passed: bool | None = None  # a result's own; a decision's follows from the pass mark
    changed: tuple[str, ...] = ()
    rubric: str = ""
    grader: str = ""
    author: str = ""
    reason: str = ""
    comment: str = ""
    subject: str = ""
    taken_back: bool = False


class Judged(Value):
    """The accuracy of the submission that counts for a student, on so many images; `evidence` is the digest of its run."""

    student: Student
    accuracy: float
    judged: int
    evidence: str


LATE_WITHOUT_TIME, LATER_RUN_BROKE, DECIDED_BEFORE = "late_without_time", "later_run_broke", "decided_before"
# Keys of a rubric that change no points of stored evidence.
NO_PART_OF_A_MARK = {"submissions", "due", "late", "run", "audit"}


def rubric_digest(assignment: Assignment, data_digest: str, code_digest: str = "") -> str:
    """SHA-256 of all that decides a result: the rubric's checks and pass mark, and the data it is judged on.

    `data_digest` is `Rubric.data_digest`, `code_digest` that of the course's own checks. The rules of grades (deadline,
    lateness, which submission counts) are no part, nor are the limits of a run.
    """
    plain = assignment.model_dump(mode="json", by_alias=True, exclude=NO_PART_OF_A_MARK)
    text = json.dumps([plain, data_digest, *([code_digest] if code_digest else [])], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def plain_grade(result: Result) -> Grade:
    """What a result gives where there is no gradebook: no lateness, no decision."""
    awaits = tuple(check.title for check in result.checks if check.outcome is Outcome.AWAITING)
    nothing = result.status is Status.BROKEN or result.absent
    return Grade(
        student=Student(name=result.student), assignment=result.assignment, title=result.title,
        points=None if nothing or awaits else result.points, earned=None if nothing else result.points,
        out_of=result.out_of, passed=result.passed and not awaits, awaits=() if nothing else awaits,
        status=None if result.absent else result.status, submission=result.submission,
        submissions=int(not result.absent), flags=tuple(flag.kind for flag in result.flags), evidence=result.evidence,
        source=result.model.source, audit=result.audit.outcome if result.audit is not None else None,
    )  # fmt: skip


def grades_of(result: Result) -> tuple[Grade, ...]:
    """What the student of a result gets, or each member of a group: the one value that every page, line and file shows."""
    if result.members:
        return result.members
    return (result.grade or plain_grade(result),)


def standing_checks(result: Result) -> tuple[CheckResult, ...]:
    """The checks with the points that stand: a person's, where one decided them of all whose result it is."""
    grade = shared_grade(result)
    if grade is None or grade.review is None or grade.status is Status.BROKEN:
        return result.checks
    decided = {item.check: item.points for item in grade.review.checks}
    labels = labels_of(result.checks)
    places = {label: place for place, label in enumerate(labels)}  # of two with one label the last, as in the points
    return tuple(
        _with_points(check, decided[label]) if label in decided and places[label] == place else check
        for place, (label, check) in enumerate(zip(labels, result.checks, strict=True))
    )


def _with_points(check: CheckResult, points: float) -> CheckResult:
    points = min(points, check.out_of)
    outcome = Outcome.PASSED if points >= check.out_of else Outcome.PARTIAL if points > 0 else Outcome.FAILED
    hint = "" if outcome is Outcome.PASSED else check.hint
    return check.model_copy(update={"points": points, "outcome": outcome, "rests_on": "person", "hint": hint})


def shared_grade(result: Result) -> Grade | None:
    """The grade of a result that is one student's, or the same for all of a group; None where the members' differ."""
    first, *others = grades_of(result)
    alone = {"student": first.student}
    return first if all(other.model_copy(update=alone) == first for other in others) else None


def with_grade(result: Result, grade: Grade | None) -> Result:
    """The result with the grade of its student beside it."""
    return result.model_copy(update={"grade": grade, "members": ()})


def with_members(result: Result, grades: Sequence[Grade]) -> Result:
    """The result with the grade of each member of its group beside it."""
    ordered = sorted(grades, key=lambda grade: grade.student.name.casefold())
    return result.model_copy(update={"grade": None, "members": tuple(ordered)})


def is_of(grade: Grade, result: Result) -> bool:
    """Whether a grade was made of this very result, and not of another hand-in or run of the student."""
    if grade.evidence is None:
        return True
    same = grade.evidence == result.evidence
    return same and (bool(grade.evidence) or grade.submission == result.submission)


def flags_of(result: Result) -> tuple[Flag, ...]:
    """What a person should know of a result and its grades: the rubric's flags, lateness, decisions."""
    grades = grades_of(result)
    several = len(grades) > 1
    raised = [
        flag.model_copy(update={"reason": f"{grade.student.name}: {flag.reason}"}) if several else flag
        for grade in grades
        for flag in _grade_flags(grade)
    ]
    return (*result.flags, *raised)


def _grade_flags(grade: Grade) -> Iterator[Flag]:
    if grade.override is not None:
        reason = f"{grade.override.reason} ({grade.override.author})".strip()
        yield Flag(kind="excused" if grade.excused else "override", reason=reason, audience="instructor")
    elif grade.awaits:
        yield Flag(kind="awaits_person", reason=f"a person gives the points of {', '.join(grade.awaits)}")
    if grade.review is not None and grade.review.changes_points and grade.override is None:
        yield Flag(kind="points_decided", reason=_decided_words(grade.review), audience="instructor")
    if grade.override is None and grade.penalty is not None and grade.penalty.points:
        yield Flag(kind="late", reason=grade.penalty.words)
    if LATE_WITHOUT_TIME in grade.flags:
        unclear = "the platform marks it as late and gives no time, so no points were taken off: a person decides"
        yield Flag(kind=LATE_WITHOUT_TIME, reason=unclear)
    if DECIDED_BEFORE in grade.flags and grade.override is None:
        before = (
            "points were decided on an earlier hand-in, run or rubric of this student: look whether they still stand"
        )
        yield Flag(kind=DECIDED_BEFORE, reason=before, audience="instructor")
    if LATER_RUN_BROKE in grade.flags:
        broke = "a later run broke by a fault of ours, so what was found before it stands"
        yield Flag(kind=LATER_RUN_BROKE, reason=broke)


def _decided_words(review: Review) -> str:
    """What people decided of points, and why, in one line for colleagues."""
    said = [f"{item.check}: {item.points:g} ({_who(item.author, item.reason)})" for item in review.checks]
    if (change := review.adjustment) is not None:
        said.append(f"{change.points:+g} in all ({_who(change.author, change.reason)})")
    said += [f"{item.points:+g} for “{item.text}” ({item.author})" for item in review.comments if item.points]
    return "; ".join(said)


def _who(author: str, reason: str) -> str:
    return f"{author}: {reason}" if reason else author
