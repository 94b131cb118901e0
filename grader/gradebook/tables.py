"""The tables of a gradebook, at the schema of this grader. Machines may read them: docs/reference/gradebook.md.

Rows of `results`, `checks`, `attempts` and `overrides` are written once and never changed. A number (`id`) grows in the
order of writing within one student's grade: the newest row has the highest.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

UNREAD = "unread:"  # what stands before the digest of a submission whose files could not be read: its name's
SCHEMA = 3  # the newest file in migrations/versions
VERSION_TABLE = "grader_schema"  # not Alembic's own name: a database may be shared with another program


class Words(TypeDecorator[str]):
    """Text from anywhere: what no database takes (NUL, halves of characters) becomes a question mark."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """As it is stored, and looked for."""
        return value if value is None else stored_text(value)


class Moment(TypeDecorator[datetime]):
    """A moment, stored in UTC; SQLite keeps it as text without an offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """In UTC."""
        if value is None:
            return None
        try:
            return value.astimezone(UTC)
        except OverflowError:  # a platform's year 1 or 9999
            return value.replace(tzinfo=UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """With its offset again."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def stored_text(text: str) -> str:
    """`text` as a gradebook holds it."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode("utf-8")


class Table(DeclarativeBase):
    """What all tables share."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own attribute
        str: Words(),
        datetime: Moment(),
        float: Double(),
        # SQLite counts by itself only in a column that is called INTEGER.
        int: BigInteger().with_variant(Integer, "sqlite"),
    }


class AssignmentRow(Table):
    """An assignment with its rules of today (`Rules` as JSON)."""

    __tablename__ = "assignments"
    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    rules: Mapped[str]


class StudentRow(Table):
    """A student of any assignment; `name` is what a batch called them last. Who they are is what `student_keys` say."""

    __tablename__ = "students"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    identity: Mapped[str]
    email: Mapped[str]
    login: Mapped[str]


class KeyRow(Table):
    """What a person is known by: a number, a login, an address, or (`scope`: the assignment) the platform's number."""

    __tablename__ = "student_keys"
    scope: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"))
    __table_args__ = (Index("keys_of_student", "student_id"),)


class EnrolmentRow(Table):
    """That a student is to have a grade for an assignment. Who writes of the two holds this row's lock."""

    __tablename__ = "enrolments"
    assignment: Mapped[str] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("students.id"), primary_key=True)
    participant: Mapped[str]
    group_name: Mapped[str]
    extension_due: Mapped[datetime | None]
    extension_s: Mapped[float | None]
    __table_args__ = (Index("enrolments_of_student", "student_id"),)


class SubmissionRow(Table):
    """A hand-in: files with their digest."""

    __tablename__ = "submissions"
    id: Mapped[int] = mapped_column(primary_key=True)
    assignment: Mapped[str]
    student_id: Mapped[int]
    digest: Mapped[str]
    name: Mapped[str]
    submitted: Mapped[datetime | None]
    marked_late: Mapped[bool]
    folder: Mapped[str]
    recorded: Mapped[datetime]
    __table_args__ = (
        ForeignKeyConstraint(["assignment", "student_id"], ["enrolments.assignment", "enrolments.student_id"]),
        UniqueConstraint("assignment", "student_id", "digest"),
    )


class AttemptRow(Table):
    """A run of a submission."""

    __tablename__ = "attempts"
    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"))
    evidence: Mapped[str]
    seed: Mapped[int]
    accuracy: Mapped[float | None]
    correct: Mapped[int | None]
    judged: Mapped[int | None]
    recorded: Mapped[datetime]
    __table_args__ = (UniqueConstraint("submission_id", "evidence"),)


class ResultRow(Table):
    """What a rubric said of a submission; the newest of a submission stands."""

    __tablename__ = "results"
    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"))
    fingerprint: Mapped[str]
    evidence: Mapped[str]
    rubric: Mapped[str]
    grader: Mapped[str]
    status: Mapped[str]
    points: Mapped[float]
    out_of: Mapped[float]
    pass_mark: Mapped[float]
    passed: Mapped[bool]
    accuracy: Mapped[float | None]
    isolation: Mapped[str]
    flags: Mapped[str]
    recorded: Mapped[datetime]
    __table_args__ = (Index("results_of_submission", "submission_id"),)


class CheckRow(Table):
    """One check's finding in a result, by its place in the rubric."""

    __tablename__ = "checks"
    result_id: Mapped[int] = mapped_column(ForeignKey("results.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    title: Mapped[str]
    outcome: Mapped[str]
    points: Mapped[float]
    out_of: Mapped[float]
    reason: Mapped[str]


class OverrideRow(Table):
    """A person's decision on a grade; the newest holds, and one that is `revoked` says that none holds any more."""

    __tablename__ = "overrides"
    id: Mapped[int] = mapped_column(primary_key=True)
    assignment: Mapped[str]
    student_id: Mapped[int]
    points: Mapped[float | None]
    excused: Mapped[bool]
    revoked: Mapped[bool]
    author: Mapped[str]
    reason: Mapped[str]
    time: Mapped[datetime]
    comment: Mapped[str]
    __table_args__ = (
        ForeignKeyConstraint(["assignment", "student_id"], ["enrolments.assignment", "enrolments.student_id"]),
        Index("overrides_of_grade", "assignment", "student_id"),
    )
