"""The gradebook's schema from version to version, by Alembic; a version's number is its revision."""
