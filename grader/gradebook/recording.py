"""Writes rules, results and a person's decisions down: each in one transaction, none twice, and every row stays."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sqlalchemy import Connection, delete, select, update

from grader.core.assignment import Assignment
from grader.core.course_rules import CourseRules
from grader.core.decision_log import LONGEST
from grader.core.errors import UsageError
from grader.core.grades import Enrolment, HandIn, Rules
from grader.core.results import Attempt, Result, Status, Student
from grader.gradebook.persons import Person, identify
from grader.gradebook.reading import Selection, read_courses, read_grades
from grader.gradebook.stored_decisions import lock, require_points
from grader.gradebook.tables import (
    NEW_CHECK,
    NEW_OVERRIDE,
    NEW_RESULT,
    NEW_SUBMISSION,
    RESULTS_OF_SUBMISSION,
    SUBMISSIONS_OF_STUDENT,
    UNREAD,
    CourseRow,
    OverrideRow,
    SubmissionRow,
    statements,
    stored_text,
)
from grader.intake.names import name_some


def enrol(
    connection: Connection, assignment: Assignment, students: Iterable[Enrolment], course: CourseRules | None
) -> list[Person]:
    """Store the rules of today, and who is to have a grade, with today's extensions; who each of them is, in order."""
    say = statements(connection.dialect.name)
    rules = Rules.of(assignment).model_dump_json()
    connection.execute(say.rules, {"id": assignment.id, "title": assignment.title, "rules": rules})
    store_course(connection, assignment.id, course)
    known = list(students)
    persons = identify(connection, assignment.id, [item.student for item in known])
    rows = {
        person.student_id: {
            **_enrolment(item.student, assignment.id, person.student_id),
            "extension_due": item.extension and item.extension.due,
            "extension_s": item.extension and item.extension.seconds,
        }
        for person, item in zip(persons, known, strict=True)
    }
    if rows:  # in one order: two who enrol the same class don't wait for each other
        connection.execute(say.enrolment_with_extension, [rows[number] for number in sorted(rows)])
    return persons


def store_course(connection: Connection, assignment: str, course: CourseRules | None) -> None:
    """Take over what the course of an assignment says today; None: it has no `course.toml`.

    What was known of these assignments under another title goes: an assignment is of one course. Raises UsageError for
    another course's title, whose slip days and total would be lost.
    """
    told = set(course.assignments if course is not None else ()) | {assignment}
    for known in read_courses(connection):
        if known == course:
            return
        if course is not None and known.title == course.title and not told.intersection(known.assignments):
            raise UsageError(
                f"The gradebook holds another course that is called `{course.title}`, with {name_some(known.assignments)}.",
                "Give this one another `title` in its course.toml, or a gradebook of its own.",
            )
        if told.intersection(known.assignments) and (course is None or known.title != course.title):
            connection.execute(delete(CourseRow).where(CourseRow.title == known.title))
    if course is not None:
        row = {"title": course.title, "rules": course.model_dump_json(by_alias=True)}
        connection.execute(statements(connection.dialect.name).course, row)


def record(connection: Connection, result: Result, hand_in: HandIn, *, rubric: str) -> bool:
    """Add a result to the history of its submission unless it is there: whether it was not.

    The enrolment's row is locked until the end.
    """
    now = datetime.now(UTC)
    rubric = digest_with(rubric, result)
    student = _lock_student(connection, result, hand_in.student)
    submission = _find_submission(connection, result, hand_in, student, now)
    _add_attempts(connection, submission, result, now)
    known = connection.execute(RESULTS_OF_SUBMISSION, {"submission_id": submission}).all()
    finding = fingerprint(result)
    # What the standing rubric said once, of an older run, is no news; under another rubric it is: it was changed back.
    if known and known[0].rubric == rubric and (finding, rubric) in {(row.fingerprint, row.rubric) for row in known}:
        return False
    row = {"submission_id": submission, "fingerprint": finding, "rubric": rubric, "recorded": now}
    _add_result(connection, result, row)
    return True


def digest_with(rubric: str, result: Result) -> str:
    """The digest of all that decided a result: the rubric's, and what the accuracy was compared with, if it was."""
    if not result.compared:
        return rubric
    compared = json.dumps([item.model_dump(mode="json") for item in result.compared], sort_keys=True)
    return hashlib.sha256(f"{rubric}\n{compared}".encode()).hexdigest()


def fingerprint(result: Result) -> str:
    """SHA-256 of what a result says, without whom it is of, when its run began, and the grade that follows."""
    none = {"started", "student", "grade", "members"}
    return hashlib.sha256(result.model_dump_json(by_alias=True, exclude=none).encode()).hexdigest()


@cache
def grader_version() -> str:
    """The installed grader's version: reading it from disk takes longer than recording a result."""
    try:
        return version("grader")
    except PackageNotFoundError:
        return "unknown"


def _enrolment(student: Student, assignment: str, student_id: int) -> dict[str, Any]:
    return {
        "assignment": assignment, "student_id": student_id, "participant": student.participant, "group_name": student.group,
    }  # fmt: skip


def _lock_student(connection: Connection, result: Result, student: Student) -> int:
    """The student's number, with the row of their grade locked: who else writes of it waits."""
    say = statements(connection.dialect.name)
    rules = Rules(
        assignment=result.assignment, title=result.title, out_of=result.out_of, pass_mark=result.pass_mark
    ).model_dump_json()
    connection.execute(say.rules_if_new, {"id": result.assignment, "title": result.title, "rules": rules})
    (person,) = identify(connection, result.assignment, [student])
    connection.execute(say.enrolment, _enrolment(student, result.assignment, person.student_id))
    return person.student_id


def _find_submission(connection: Connection, result: Result, hand_in: HandIn, student: int, now: datetime) -> int:
    """The row of this hand-in, made where it is new; what is told of it now is taken over."""
    mine = {"assignment": result.assignment, "student_id": student}
    digest = hand_in.digest or f"{UNREAD}{hashlib.sha256(stored_text(hand_in.name).encode()).hexdigest()}"
    told = {
        "name": stored_text(hand_in.name), "folder": stored_text(hand_in.folder), "submitted": hand_in.submitted,
        "marked_late": hand_in.marked_late,
    }  # fmt: skip
    told = {key: value for key, value in told.items() if value not in ("", None)}
    there = _same_submission(connection.execute(SUBMISSIONS_OF_STUDENT, mine).all(), digest, told, result)
    if there is None:
        fresh = {"name": "", "folder": "", "submitted": None, "marked_late": False, **told}
        row = {**mine, "digest": digest, "recorded": now, **fresh}
        return int(connection.execute(NEW_SUBMISSION, row).scalar_one())
    changed = {key: value for key, value in told.items() if getattr(there, key) != value}
    if changed:
        connection.execute(update(SubmissionRow).where(SubmissionRow.id == there.id).values(**changed))
    return int(there.id)


def _same_submission(rows: Sequence[Any], digest: str, told: dict[str, Any], result: Result) -> Any | None:
    """The submission with these files; where a fault of ours hid its files, the newest of this name."""
    same = next((row for row in rows if row.digest == digest), None)
    if same is None and digest.startswith(UNREAD) and result.status is Status.BROKEN:
        same = next((row for row in rows if row.name == told.get("name")), None)
    return same


def _add_attempts(connection: Connection, submission: int, result: Result, now: datetime) -> None:
    """The runs that a result was made from, each once."""
    if not result.evidence:  # nothing was run
        return
    only = Attempt(
        seed=result.seed, accuracy=None, correct=None, judged=None, points=result.points, evidence=result.evidence,
        counted=True,
    )  # fmt: skip
    if (found := result.accuracy) is not None:
        only = only.model_copy(update={"accuracy": found.value, "correct": found.correct, "judged": found.judged})
    kept = {"evidence", "seed", "accuracy", "correct", "judged"}
    rows = [
        {"submission_id": submission, "recorded": now, **run.model_dump(include=kept)}
        for run in result.attempts or (only,)
    ]
    connection.execute(statements(connection.dialect.name).attempts, rows)


def _add_result(connection: Connection, result: Result, row: dict[str, Any]) -> None:
    said = {
        "evidence": result.evidence, "grader": grader_version(), "status": result.status.value, "points": result.points,
        "out_of": result.out_of, "pass_mark": result.pass_mark, "passed": result.passed,
        "accuracy": result.accuracy and result.accuracy.value, "isolation": result.isolation,
        "flags": json.dumps([flag.kind for flag in result.flags], ensure_ascii=True),
        "source": result.model.source, "audit": result.audit and result.audit.outcome,
    }  # fmt: skip
    number: int = connection.execute(NEW_RESULT, {**row, **said}).scalar_one()
    checks = [
        {
            "result_id": number, "position": position, "name": check.name, "title": check.title,
            "outcome": check.outcome.value, "points": check.points, "out_of": check.out_of, "reason": check.reason,
        }
        for position, check in enumerate(result.checks, 1)
    ]  # fmt: skip
    if checks:
        connection.execute(NEW_CHECK, checks)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Points, or an excuse, or neither: then what was decided before is taken back.

    `reason` is for colleagues, `comment` for the student.
    """

    author: str
    reason: str
    time: datetime
    points: float | None = None
    excused: bool = False
    comment: str = ""

    @property
    def revoked(self) -> bool:
        """Whether it takes an earlier one back."""
        return self.points is None and not self.excused

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise UsageError("A decision on a grade needs a reason.", "Give it with --reason TEXT.")
        if not self.author.strip():
            raise UsageError("A decision on a grade needs an author.", "Give one with --author NAME.")
        if self.points is not None and self.excused:
            raise UsageError("A grade is either excused or has points.", "Choose one of --points and --excuse.")
        if self.points is not None:
            if self.points < 0:
                raise UsageError(f"{self.points:g} is not a number of points.", "Give 0 or more.")
            require_points(self.points)
        for name, text in (("reason", self.reason), ("comment", self.comment)):
            if len(text) > LONGEST:
                raise UsageError(
                    f"The {name} has {len(text):,} characters; at most {LONGEST:,} are kept.",
                    "Shorten it, or tell the student in another way.",
                )


def decide(
    connection: Connection, assignment: str, student_id: int, decision: Decision, *, above_maximum: bool
) -> None:  # fmt: skip
    """Write a decision down, once even where it is repeated.

    Raises UsageError where there is nothing to take back, and for points above the maximum, unless `above_maximum`.
    """
    if decision.points is not None and not above_maximum:
        (grade,) = read_grades(connection, Selection(assignment=assignment, student_id=student_id))
        if decision.points > grade.out_of:
            raise UsageError(
                f"{decision.points:g} points are more than the {grade.out_of:g} that there are.",
                "Correct the number, or type --above-maximum if you mean it.",
            )
    lock(connection, assignment, student_id)
    mine = (OverrideRow.assignment == assignment, OverrideRow.student_id == student_id)
    newest = connection.execute(select(OverrideRow).where(*mine).order_by(OverrideRow.id.desc()).limit(1)).first()
    if newest is not None and newest.time == decision.time and newest.revoked == decision.revoked:
        return  # the answer to the first try was lost on the way
    if decision.revoked and (newest is None or newest.revoked):
        raise UsageError("There is no override to take back.", "`grader gradebook history` shows what was decided.")
    row = {"assignment": assignment, "student_id": student_id, "revoked": decision.revoked, **asdict(decision)}
    connection.execute(NEW_OVERRIDE, row)
