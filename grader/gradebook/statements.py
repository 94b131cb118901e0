"""The statements that are sent for every result, built once for each engine: building one takes longer than running it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Executable, bindparam, case, select
from sqlalchemy.dialects import postgresql, sqlite

from grader.gradebook.tables import (
    AssignmentRow,
    AttemptRow,
    CheckRow,
    EnrolmentRow,
    KeyRow,
    OverrideRow,
    ResultRow,
    StudentRow,
    SubmissionRow,
)

Insert = sqlite.Insert | postgresql.Insert


@dataclass(frozen=True, kw_only=True)
class Statements:
    """What is sent; parameters are called after the columns they fill.

    `enrolment` adds a row or changes the one that is there, and locks it. Empty text changes nothing.
    """

    rules_if_new: Insert
    rules: Insert
    enrolment: Insert
    enrolment_with_extension: Insert
    new_submission: Executable
    attempts: Insert
    new_result: Executable
    checks: Insert
    override: Insert
    new_student: Executable
    keys: Insert
    submissions: Executable
    results: Executable


@cache
def statements(engine: str) -> Statements:
    """Those for `sqlite` or `postgresql`: the words are the same, but each has its own ON CONFLICT."""
    insert = sqlite.insert if engine == "sqlite" else postgresql.insert
    rules = insert(AssignmentRow)
    return Statements(
        rules_if_new=insert(AssignmentRow).on_conflict_do_nothing(),
        rules=rules.on_conflict_do_update(
            index_elements=["id"], set_={name: rules.excluded[name] for name in ("title", "rules")}
        ),
        enrolment=_upsert_enrolment(insert(EnrolmentRow), ()),
        enrolment_with_extension=_upsert_enrolment(insert(EnrolmentRow), ("extension_due", "extension_s")),
        new_submission=insert(SubmissionRow).returning(SubmissionRow.id),
        attempts=insert(AttemptRow).on_conflict_do_nothing(),
        new_result=insert(ResultRow).returning(ResultRow.id),
        checks=insert(CheckRow),
        override=insert(OverrideRow),
        new_student=insert(StudentRow).returning(StudentRow.id),
        keys=insert(KeyRow).on_conflict_do_nothing(),
        submissions=_submissions(),
        results=_results(),
    )


def _upsert_enrolment(wanted: Insert, replaced: tuple[str, ...]) -> Insert:
    """By assignment and student; what is `replaced` is taken as it comes, even None."""
    kept = ("participant", "group_name")
    changes: dict[str, Any] = {name: wanted.excluded[name] for name in replaced}
    for name in kept:
        changes[name] = case((wanted.excluded[name] != "", wanted.excluded[name]), else_=getattr(EnrolmentRow, name))
    return wanted.on_conflict_do_update(index_elements=["assignment", "student_id"], set_=changes)


def _submissions() -> Executable:
    mine = (SubmissionRow.assignment == bindparam("assignment"), SubmissionRow.student_id == bindparam("student_id"))
    columns = (SubmissionRow.submitted, SubmissionRow.marked_late, SubmissionRow.folder)
    chosen = select(SubmissionRow.id, SubmissionRow.digest, SubmissionRow.name, *columns)
    return chosen.where(*mine).order_by(SubmissionRow.id.desc())


def _results() -> Executable:
    chosen = select(ResultRow.id, ResultRow.fingerprint, ResultRow.rubric)
    return chosen.where(ResultRow.submission_id == bindparam("submission_id")).order_by(ResultRow.id.desc())
