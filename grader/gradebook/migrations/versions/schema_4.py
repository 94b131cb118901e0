"""Version 4: what people decide beside the points in all: of single checks, comments, who looked at what."""

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """A log that only grows; an older gradebook has nothing to put into it."""
    op.create_table(
        "review_log",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("assignment", sa.Text(), sa.ForeignKey("assignments.id"), nullable=False),
        sa.Column("student_id", NUMBER, sa.ForeignKey("students.id")),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("log_of_assignment", "review_log", ["assignment", "student_id"])
