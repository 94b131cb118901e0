"""Version 6: which way a mark was reached, trained here or judged as it was handed in, and what an audit gave."""

import sqlalchemy as sa
from alembic import op

revision = "6"
down_revision = "5"


def upgrade() -> None:
    """Of older results nobody knows it here: what marks them again tells it."""
    op.add_column("results", sa.Column("source", sa.Text()))
    op.add_column("results", sa.Column("audit", sa.Text()))
