"""The tables of a gradebook, at the schema of this grader, and the statements that are sent for every result.

Machines may read the tables: docs/reference/gradebook.md.
Rows of `results`, `checks`, `attempts`, `overrides` and `review_log` are written once and never changed. A number (`id`)
grows in the order of writing within one student's grade: the newest row has the highest.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
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
    bindparam,
    case,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

UNREAD = "unread:"  # what stands before the digest of a submission whose files could not be read: its name's
SCHEMA = 6  # the newest file in migrations/versions
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


class CourseRow(Table):
    """What a course says of all its assignments (`CourseRules` as JSON), as it was told last."""

    __tablename__ = "courses"
    title: Mapped[str] = mapped_column(primary_key=True)
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
    source: Mapped[str | None]
    audit: Mapped[str | None]
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


class LogRow(Table):
    """What else a person decided (`grader.core.decision_log`): of one student's submission, or else of the class.

    The newest row of a student, kind and subject stands; `value` is JSON, empty where it takes back what stood.
    """

    __tablename__ = "review_log"
    id: Mapped[int] = mapped_column(primary_key=True)
    assignment: Mapped[str] = mapped_column(ForeignKey("assignments.id"))
    student_id: Mapped[int | None] = mapped_column(ForeignKey("students.id"))
    kind: Mapped[str]
    subject: Mapped[str]
    value: Mapped[str]
    evidence: Mapped[str]
    author: Mapped[str]
    reason: Mapped[str]
    time: Mapped[datetime]
    __table_args__ = (Index("log_of_assignment", "assignment", "student_id"),)


# Built once, because building a statement takes longer than running it. Parameters are called after the columns they fill.
NEW_STUDENT = insert(StudentRow).returning(StudentRow.id)
NEW_SUBMISSION = insert(SubmissionRow).returning(SubmissionRow.id)
NEW_RESULT = insert(ResultRow).returning(ResultRow.id)
NEW_CHECK, NEW_OVERRIDE, NEW_LOG = insert(CheckRow), insert(OverrideRow), insert(LogRow).returning(LogRow.id)
SUBMISSIONS_OF_STUDENT = (
    select(
        SubmissionRow.id, SubmissionRow.digest, SubmissionRow.name, SubmissionRow.submitted, SubmissionRow.marked_late,
        SubmissionRow.folder,
    )
    .where(SubmissionRow.assignment == bindparam("assignment"), SubmissionRow.student_id == bindparam("student_id"))
    .order_by(SubmissionRow.id.desc())
)  # fmt: skip
RESULTS_OF_SUBMISSION = (
    select(ResultRow.id, ResultRow.fingerprint, ResultRow.rubric)
    .where(ResultRow.submission_id == bindparam("submission_id"))
    .order_by(ResultRow.id.desc())
)
Insert = sqlite.Insert | postgresql.Insert


@dataclass(frozen=True, kw_only=True)
class Statements:
    """What is sent to one engine: each has its own ON CONFLICT.

    `enrolment` adds a row or changes the one that is there, and locks it. Empty text changes nothing.
    """

    rules_if_new: Insert
    rules: Insert
    enrolment: Insert
    enrolment_with_extension: Insert
    attempts: Insert
    keys: Insert
    course: Insert


@cache
def statements(engine: str) -> Statements:
    """Those for `sqlite` or `postgresql`."""
    to = sqlite.insert if engine == "sqlite" else postgresql.insert
    rules, enrolment, course = to(AssignmentRow), to(EnrolmentRow), to(CourseRow)
    told: dict[str, Any] = {
        name: case((enrolment.excluded[name] != "", enrolment.excluded[name]), else_=getattr(EnrolmentRow, name))
        for name in ("participant", "group_name")
    }
    extension = {name: enrolment.excluded[name] for name in ("extension_due", "extension_s")}  # as it comes, even None
    key = ["assignment", "student_id"]
    return Statements(
        rules_if_new=rules.on_conflict_do_nothing(),
        rules=rules.on_conflict_do_update(
            index_elements=["id"], set_={name: rules.excluded[name] for name in ("title", "rules")}
        ),
        enrolment=enrolment.on_conflict_do_update(index_elements=key, set_=told),
        enrolment_with_extension=enrolment.on_conflict_do_update(index_elements=key, set_=told | extension),
        attempts=to(AttemptRow).on_conflict_do_nothing(),
        keys=to(KeyRow).on_conflict_do_nothing(),
        course=course.on_conflict_do_update(index_elements=["title"], set_={"rules": course.excluded.rules}),
    )
