"""Version 5: what a course says of all its assignments: slip days, and how assignments add up."""

import sqlalchemy as sa
from alembic import op

revision = "5"
down_revision = "4"


def upgrade() -> None:
    """An older gradebook knows of no course: the next batch or regrade tells it."""
    op.create_table(
        "courses",
        sa.Column("title", sa.Text(), primary_key=True),
        sa.Column("rules", sa.Text(), nullable=False),
    )
