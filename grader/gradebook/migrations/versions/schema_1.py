"""Version 1: assignments, students, submissions, runs, results, checks, overrides."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables of version 1."""
    _people()
    _work()
    op.create_table(
        "overrides",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("assignment", sa.Text(), nullable=False),
        sa.Column("student_id", NUMBER, nullable=False),
        sa.Column("points", sa.Double()),
        sa.Column("excused", sa.Boolean(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("time", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["assignment", "student_id"], ["enrolments.assignment", "enrolments.student_id"]),
    )
    op.create_index("overrides_of_grade", "overrides", ["assignment", "student_id"])


def _people() -> None:
    op.create_table(
        "assignments",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
    )
    op.create_table(
        "students",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
    )
    op.create_table(
        "enrolments",
        sa.Column("assignment", sa.Text(), sa.ForeignKey("assignments.id"), primary_key=True),
        sa.Column("student_id", NUMBER, sa.ForeignKey("students.id"), primary_key=True),
        sa.Column("extension_due", MOMENT),
        sa.Column("extension_s", sa.Double()),
    )
    op.create_index("enrolments_of_student", "enrolments", ["student_id"])


def _work() -> None:
    op.create_table(
        "submissions",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("assignment", sa.Text(), nullable=False),
        sa.Column("student_id", NUMBER, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("submitted", MOMENT),
        sa.Column("marked_late", sa.Boolean(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("recorded", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["assignment", "student_id"], ["enrolments.assignment", "enrolments.student_id"]),
        sa.UniqueConstraint("assignment", "student_id", "digest"),
    )
    op.create_table(
        "attempts",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("submission_id", NUMBER, sa.ForeignKey("submissions.id"), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("seed", NUMBER, nullable=False),
        sa.Column("accuracy", sa.Double()),
        sa.Column("correct", NUMBER),
        sa.Column("judged", NUMBER),
        sa.Column("recorded", MOMENT, nullable=False),
        sa.UniqueConstraint("submission_id", "evidence"),
    )
    _results()


def _results() -> None:
    op.create_table(
        "results",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("submission_id", NUMBER, sa.ForeignKey("submissions.id"), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("rubric", sa.Text(), nullable=False),
        sa.Column("grader", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("points", sa.Double(), nullable=False),
        sa.Column("out_of", sa.Double(), nullable=False),
        sa.Column("pass_mark", sa.Double(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("accuracy", sa.Double()),
        sa.Column("isolation", sa.Text(), nullable=False),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.Column("recorded", MOMENT, nullable=False),
    )
    op.create_index("results_of_submission", "results", ["submission_id"])
    op.create_table(
        "checks",
        sa.Column("result_id", NUMBER, sa.ForeignKey("results.id"), primary_key=True),
        sa.Column("position", NUMBER, primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("points", sa.Double(), nullable=False),
        sa.Column("out_of", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
