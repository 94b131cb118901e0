"""Version 2: by which number and in which group the learning platform knows a student, for each assignment."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Students of older gradebooks have neither until they are enrolled again."""
    op.add_column("enrolments", sa.Column("participant", sa.Text(), nullable=False, server_default=""))
    op.add_column("enrolments", sa.Column("group_name", sa.Text(), nullable=False, server_default=""))
