"""A person's decisions: overrides, excuses, and what takes them back. Every one is a row that stays."""

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from grader.errors import UsageError
from grader.gradebook.statements import statements
from grader.gradebook.tables import EnrolmentRow, OverrideRow

LONGEST = 4_000  # characters of a reason or a comment: what a page and a platform's comment hold


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
        if self.points is not None and not (math.isfinite(self.points) and 0 <= self.points <= 1e6):
            raise UsageError(f"{self.points:g} are no points.", "Give a number from 0 on.")
        for name, text in (("reason", self.reason), ("comment", self.comment)):
            if len(text) > LONGEST:
                raise UsageError(
                    f"The {name} has {len(text):,} characters; at most {LONGEST:,} are kept.",
                    "Shorten it, or tell the student in another way.",
                )


def decide(connection: Connection, assignment: str, student_id: int, decision: Decision) -> None:
    """Write a decision down, once even where it is repeated. Raises UsageError where there is nothing to take back."""
    _lock(connection, assignment, student_id)
    mine = (OverrideRow.assignment == assignment, OverrideRow.student_id == student_id)
    newest = connection.execute(select(OverrideRow).where(*mine).order_by(OverrideRow.id.desc()).limit(1)).first()
    row = {
        "points": decision.points, "excused": decision.excused, "revoked": decision.revoked, "author": decision.author,
        "reason": decision.reason, "time": decision.time, "comment": decision.comment,
    }  # fmt: skip
    if newest is not None and newest.time == decision.time and newest.revoked == decision.revoked:
        return  # the answer to the first try was lost on the way
    if decision.revoked and (newest is None or newest.revoked):
        raise UsageError("There is no override to take back.", "`grader gradebook history` shows what was decided.")
    which = {"assignment": assignment, "student_id": student_id}
    connection.execute(statements(connection.dialect.name).override, {**which, **row})


def require_possible(points: float | None, out_of: float) -> None:
    """Raise UsageError for points above the maximum."""
    if points is not None and points > out_of:
        raise UsageError(
            f"{points:g} points are more than the {out_of:g} that there are.",
            "Mend the number, or type --above-maximum if you mean it.",
        )


def _lock(connection: Connection, assignment: str, student_id: int) -> None:
    """Who else writes of this grade waits: changing a row to what it is locks it on both engines."""
    mine = (EnrolmentRow.assignment == assignment, EnrolmentRow.student_id == student_id)
    connection.execute(update(EnrolmentRow).where(*mine).values(assignment=assignment))
