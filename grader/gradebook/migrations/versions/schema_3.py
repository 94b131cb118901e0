"""Version 3: what a decision says to the student, and by which numbers, logins and addresses a person is known."""

import unicodedata
from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STUDENTS = sa.table("students", *map(sa.column, ("id", "name", "identity", "email")))
ENROLMENTS = sa.table(
    "enrolments",
    *map(sa.column, ("assignment", "student_id", "participant", "group_name", "extension_due", "extension_s")),
)
SUBMISSIONS = sa.table("submissions", *map(sa.column, ("id", "assignment", "student_id", "digest")))
ATTEMPTS = sa.table("attempts", *map(sa.column, ("id", "submission_id", "evidence")))
RESULTS = sa.table("results", *map(sa.column, ("id", "submission_id")))
OVERRIDES = sa.table("overrides", *map(sa.column, ("id", "assignment", "student_id")))
KEYS = sa.table("student_keys", *map(sa.column, ("scope", "kind", "value", "student_id")))


def upgrade() -> None:
    """An older gradebook knows a person by the name alone: who has two names and one number there becomes one person."""
    op.add_column("overrides", sa.Column("comment", sa.Text(), nullable=False, server_default=""))
    op.add_column("students", sa.Column("login", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "student_keys",
        sa.Column("scope", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), primary_key=True),
        sa.Column("student_id", NUMBER, sa.ForeignKey("students.id"), nullable=False),
    )
    op.create_index("keys_of_student", "student_keys", ["student_id"])
    connection = op.get_bind()
    _join(connection)
    _fill(connection)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()


def _join(connection: sa.Connection) -> None:
    """Who had another name before is one person: of one identity, whose addresses do not say otherwise."""
    same: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(sa.select(STUDENTS).order_by(STUDENTS.c.id)):
        if _folded(row.identity):
            same[_folded(row.identity)].append(row)
    for rows in same.values():
        if len({_folded(row.email) for row in rows} - {""}) <= 1:
            for older in rows[:-1]:
                _move(connection, older.id, rows[-1].id)


def _move(connection: sa.Connection, old: int, new: int) -> None:
    """All that is the older row's becomes the newer one's."""
    mine = {row.assignment for row in connection.execute(_of(ENROLMENTS, new))}
    for row in connection.execute(_of(ENROLMENTS, old)).all():
        if row.assignment not in mine:
            values = {**row._mapping, "student_id": new}
            connection.execute(sa.insert(ENROLMENTS).values(**values))
    there = {(row.assignment, row.digest): row.id for row in connection.execute(_of(SUBMISSIONS, new))}
    for row in connection.execute(_of(SUBMISSIONS, old)).all():
        twin = there.get((row.assignment, row.digest))
        if twin is None:
            connection.execute(sa.update(SUBMISSIONS).where(SUBMISSIONS.c.id == row.id).values(student_id=new))
        else:
            _merge(connection, row.id, twin)
    connection.execute(sa.update(OVERRIDES).where(OVERRIDES.c.student_id == old).values(student_id=new))
    for table, column in ((ENROLMENTS, ENROLMENTS.c.student_id), (STUDENTS, STUDENTS.c.id)):
        connection.execute(sa.delete(table).where(column == old))


def _merge(connection: sa.Connection, old: int, new: int) -> None:
    """The results and runs of the same files become those of one submission."""
    known = {row.evidence for row in connection.execute(sa.select(ATTEMPTS).where(ATTEMPTS.c.submission_id == new))}
    for row in connection.execute(sa.select(ATTEMPTS).where(ATTEMPTS.c.submission_id == old)).all():
        one = ATTEMPTS.c.id == row.id
        if row.evidence in known:
            connection.execute(sa.delete(ATTEMPTS).where(one))
        else:
            connection.execute(sa.update(ATTEMPTS).where(one).values(submission_id=new))
    connection.execute(sa.update(RESULTS).where(RESULTS.c.submission_id == old).values(submission_id=new))
    connection.execute(sa.delete(SUBMISSIONS).where(SUBMISSIONS.c.id == old))


def _of(table: Any, student_id: int) -> Any:
    return sa.select(table).where(table.c.student_id == student_id).order_by(table.c.assignment)


def _fill(connection: sa.Connection) -> None:
    """What is known of everyone. An older gradebook does not say whether an identity is a number or a login: it is both."""
    keys: dict[tuple[str, str, str], int] = {}
    for row in connection.execute(sa.select(STUDENTS).order_by(STUDENTS.c.id)):
        for kind, value in (("identity", row.identity), ("login", row.identity), ("email", row.email)):
            keys["", kind, _folded(value)] = row.id
    for row in connection.execute(sa.select(ENROLMENTS).order_by(ENROLMENTS.c.student_id)):
        keys[row.assignment, "participant", _folded(row.participant)] = row.student_id
    rows = [
        {"scope": scope, "kind": kind, "value": value, "student_id": number}
        for (scope, kind, value), number in keys.items()
        if value
    ]
    if rows:
        connection.execute(sa.insert(KEYS), rows)
