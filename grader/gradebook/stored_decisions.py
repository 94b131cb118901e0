"""Reads and writes the log of what people decide; what follows from it is decided in `grader.core.decision_log`."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, or_, select, update

from grader.core.decision_log import LONGEST, OF_THE_CLASS, VALUES, CheckValue, Kind, LogEntry, OverrideValue
from grader.core.errors import Infrastructure, UsageError
from grader.core.results import Outcome, write_labels
from grader.core.text import available, nearest
from grader.core.toml import explain_validation
from grader.gradebook.decide_grade import MarkedCheck
from grader.gradebook.tables import (
    NEW_LOG,
    AssignmentRow,
    CheckRow,
    EnrolmentRow,
    LogRow,
    OverrideRow,
    ResultRow,
    StudentRow,
    SubmissionRow,
)


class Superseded(UsageError):
    """Somebody else decided the same thing meanwhile; `newest` is what stands now (None: it was taken back or never was)."""

    def __init__(self, newest: LogEntry | None) -> None:
        self.newest = newest
        by = f" by {newest.author}" if newest is not None else ""
        super().__init__(f"This was changed{by} meanwhile.", "Look at what stands now, and decide again.")


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a person decides: `value` fits the kind (`grader.core.decision_log.VALUES`), None takes back what stands.

    `student` is a name, or empty for what is of the whole class. `seen` is the entry that the person had before them (0:
    none); where another stands by now, the change is refused. None writes in any case. `restores`: it is what stood before,
    written again, whatever the rubric gives by now.
    """

    kind: Kind
    author: str
    value: dict[str, Any] | None
    subject: str = ""
    student: str = ""
    reason: str = ""
    evidence: str = ""
    seen: int | None = None
    restores: bool = False
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        if not self.author.strip():
            raise UsageError("A decision needs an author.", "Say who decides.")
        if bool(self.student) == (self.kind in OF_THE_CLASS) and self.kind != "revealed":
            raise UsageError(
                f"A decision of the kind `{self.kind}` does not fit `{self.student or 'the whole class'}`."
            )
        for name, text in (("reason", self.reason), ("subject", self.subject), ("name of the author", self.author)):
            if len(text) > LONGEST:
                raise UsageError(
                    f"The {name} has {len(text):,} characters; at most {LONGEST:,} are kept.", "Shorten it."
                )
        if self.value is None:
            return
        try:
            found = VALUES[self.kind].model_validate(self.value)
        except ValidationError as error:
            raise UsageError(
                f"The decision is not understood: {explain_validation(error, VALUES[self.kind])}"
            ) from None
        points = getattr(found, "points", None)
        if points is not None:
            require_points(points)


def require_points(points: float) -> None:
    """Raise UsageError for what is not a number of points, or is finer than pages show it."""
    if not (math.isfinite(points) and abs(points) <= 1e6):
        raise UsageError(f"{points:.10g} is not a number of points.", "Give a number up to a million.")
    if round(points, 2) != points:
        raise UsageError(f"{points:.10g} points are too fine.", "Give at most two digits after the point.")


def read_log(connection: Connection, assignment: str, student_id: int | None = None) -> list[LogEntry]:
    """Every decision of an assignment, oldest first, overrides among them; of one student also those of the class."""
    rows: list[tuple[datetime, int, LogEntry]] = []
    tables: tuple[Any, ...] = (LogRow, OverrideRow)
    for table in tables:
        chosen = select(table, StudentRow.name.label("student")).select_from(table)
        chosen = chosen.outerjoin(StudentRow, StudentRow.id == table.student_id)
        chosen = chosen.where(table.assignment == assignment).order_by(table.id)
        if student_id is not None:
            chosen = chosen.where(or_(table.student_id == student_id, table.student_id.is_(None)))
        latest = datetime.min.replace(tzinfo=UTC)
        for found in connection.execute(chosen):
            latest = max(latest, found.time)  # each table stays in the order of writing, whatever the clock did
            rows.append((latest, len(rows), _entry(found, found.student or "", override=table is OverrideRow)))
    return [entry for _, _, entry in sorted(rows, key=lambda item: item[:2])]


def _entry(row: Any, student: str, *, override: bool = False) -> LogEntry:
    """The row as a value. Raises Infrastructure for one that was edited by hand and says nothing any more."""
    said = {"id": row.id, "assignment": row.assignment, "student": student, "author": row.author, "reason": row.reason}
    if override:
        decided = OverrideValue(points=row.points, excused=row.excused, comment=row.comment).model_dump()
        return LogEntry(**said, kind="override", value=None if row.revoked else decided, time=row.time.isoformat())
    try:
        value = VALUES[row.kind].model_validate_json(row.value).model_dump(mode="json") if row.value else None
    except (KeyError, ValidationError):
        raise Infrastructure(
            f"Decision {row.id} in the gradebook's `review_log` ({row.kind}) is not one that the grader wrote.",
            "Put a copy of the gradebook back.",
        ) from None
    return LogEntry(
        **said, kind=row.kind, subject=row.subject, value=value, evidence=row.evidence, time=row.time.isoformat()
    )


def lock(connection: Connection, assignment: str, student_id: int | None) -> None:
    """Lock a student's grade, or the whole assignment: who else decides of it waits. Both engines lock a changed row."""
    if student_id is None:
        connection.execute(update(AssignmentRow).where(AssignmentRow.id == assignment).values(id=assignment))
        return
    mine = (EnrolmentRow.assignment == assignment, EnrolmentRow.student_id == student_id)
    connection.execute(update(EnrolmentRow).where(*mine).values(assignment=assignment))


def require_unchanged(newest: LogEntry | None, seen: int | None) -> None:
    """Raise Superseded where another entry stands than the one that the person had seen."""
    if seen is not None and seen != (0 if newest is None else newest.id):
        raise Superseded(None if newest is None or newest.value is None else newest)


def add_entry(connection: Connection, assignment: str, student_id: int | None, change: Change) -> LogEntry:
    """Write a decision down, once even where it is repeated; not an override, which has its own table.

    Raises Superseded, and UsageError for what can't be: a check that no result has, more points than a check gives.
    """
    lock(connection, assignment, student_id)
    newest = _newest(connection, assignment, student_id, change)
    if newest is not None and newest.time == change.time.isoformat() and newest.author == change.author:
        return newest  # the answer to the first try was lost on the way
    require_unchanged(newest, change.seen)
    if change.value is None and (newest is None or newest.value is None):
        raise UsageError("There is nothing to take back.", "The log shows what was decided.")
    if change.kind == "adjustment" and change.value is not None and not change.reason.strip():
        raise UsageError("Points that are given or taken need a reason.", "Say why.")
    value = None if change.value is None else VALUES[change.kind].model_validate(change.value)
    if isinstance(value, CheckValue) and student_id is not None and not change.restores:
        check = _require_check(connection, assignment, student_id, change, value.points)
        value = value.model_copy(update={"title": value.title or check.title})
    row = {
        "assignment": assignment, "student_id": student_id, "kind": change.kind, "subject": change.subject,
        "value": "" if value is None else value.model_dump_json(), "evidence": change.evidence, "author": change.author,
        "reason": change.reason, "time": change.time,
    }  # fmt: skip
    number = int(connection.execute(NEW_LOG, row).scalar_one())
    return LogEntry(
        id=number, assignment=assignment, student=change.student, kind=change.kind, subject=change.subject,
        value=None if value is None else value.model_dump(mode="json"), evidence=change.evidence, author=change.author,
        reason=change.reason, time=change.time.isoformat(),
    )  # fmt: skip


def _newest(connection: Connection, assignment: str, student_id: int | None, change: Change) -> LogEntry | None:
    mine = LogRow.student_id.is_(None) if student_id is None else LogRow.student_id == student_id
    chosen = select(LogRow).where(
        LogRow.assignment == assignment, mine, LogRow.kind == change.kind, LogRow.subject == change.subject
    )
    row = connection.execute(chosen.order_by(LogRow.id.desc()).limit(1)).one_or_none()
    return None if row is None else _entry(row, change.student)


def _require_check(
    connection: Connection, assignment: str, student_id: int, change: Change, points: float
) -> MarkedCheck:
    """The check as it is in the student's newest result. Raises UsageError where it is not there or gives fewer points."""
    newest = (
        select(ResultRow.id)
        .join(SubmissionRow, SubmissionRow.id == ResultRow.submission_id)
        .where(SubmissionRow.assignment == assignment, SubmissionRow.student_id == student_id)
        .order_by(ResultRow.id.desc())
        .limit(1)
    )
    number = connection.execute(newest).scalar_one_or_none()
    checks = {} if number is None else {check.label: check for check in checks_of(connection, [number])[number]}
    if change.subject not in checks:
        near = nearest(change.subject, tuple(checks))
        raise UsageError(f"The student's result has no check `{change.subject}`{near}.", available(checks))
    check = checks[change.subject]
    if not 0 <= points <= check.out_of:
        raise UsageError(f"{points:.10g} points are not between 0 and the {check.out_of:g} of `{change.subject}`.")
    if not (check.awaiting or change.reason.strip()):
        raise UsageError("Other points than a check gave need a reason.", "Say why.")
    return check


def checks_of(connection: Connection, results: Sequence[int]) -> dict[int, list[MarkedCheck]]:
    """What results give for each of their checks, by the result's number, in the rubric's order."""
    rows: dict[int, list[Any]] = {number: [] for number in results}
    chosen = select(CheckRow).where(CheckRow.result_id.in_(results)).order_by(CheckRow.result_id, CheckRow.position)
    for row in connection.execute(chosen) if results else ():
        rows[row.result_id].append(row)
    return {number: list(_labelled(found)) for number, found in rows.items()}


def awaiting_results(connection: Connection, assignment: str | None) -> set[int]:
    """The numbers of results with a check of which a person gives the points."""
    chosen = select(CheckRow.result_id).where(CheckRow.outcome == Outcome.AWAITING.value)
    if assignment is not None:
        chosen = (
            chosen.join(ResultRow, ResultRow.id == CheckRow.result_id)
            .join(SubmissionRow, SubmissionRow.id == ResultRow.submission_id)
            .where(SubmissionRow.assignment == assignment)
        )
    return set(connection.execute(chosen).scalars())


def _labelled(rows: Sequence[Any]) -> Iterable[MarkedCheck]:
    for row, label in zip(rows, write_labels((row.name, row.title) for row in rows), strict=True):
        yield MarkedCheck(
            label=label, title=row.title, points=row.points, out_of=row.out_of,
            awaiting=row.outcome == Outcome.AWAITING.value,
        )  # fmt: skip
