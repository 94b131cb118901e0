"""Brings a gradebook to the schema of this grader: made afresh, migrated with a copy kept, or refused."""

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Connection, column, inspect, select, table, text

from grader.errors import Infrastructure, UsageError
from grader.gradebook.database import Database
from grader.gradebook.tables import SCHEMA, VERSION_TABLE, Table

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATING = 0x67726164  # the number of PostgreSQL's advisory lock: "grad"
ONE_AT_A_TIME = threading.Lock()  # Alembic's `op` belongs to the process, whatever the database


def bring_up_to_date(database: Database, place: Path | URL, *, create: bool) -> None:
    """Leave the database at the newest schema. Raises UsageError for a newer one, and for what is no gradebook."""
    standing = database.read(lambda connection: _standing(connection, database.where))
    if standing == SCHEMA:
        return
    if standing == 0 and not create:
        raise UsageError(f"{database.where}: there is no gradebook.", "Name the --out folder of a batch, or a URL.")
    with ONE_AT_A_TIME:
        database.write(lambda connection: _migrate(connection, database.where, place))


def _migrate(connection: Connection, where: str, place: Path | URL) -> None:
    """In one transaction, which nobody else's migration can overlap."""
    if not isinstance(place, Path):
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATING})"))
    standing = _standing(connection, where)
    if standing == SCHEMA:  # another process was quicker
        return
    if standing and isinstance(place, Path):
        _keep_copy(place)
    _upgrade(connection)


def _standing(connection: Connection, where: str) -> int:
    """The schema that is there: 0 for an empty database. Raises UsageError for a newer one, or another program's."""
    there = set(inspect(connection).get_table_names())
    if VERSION_TABLE not in there:
        if there & set(Table.metadata.tables) or (there and connection.dialect.name == "sqlite"):
            raise UsageError(f"{where}: holds tables of another program.", "Name another gradebook.")
        return 0
    found = connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar()
    if not (isinstance(found, str) and found.isdecimal()):
        raise UsageError(f"{where}: its schema can't be told.", "Put a copy of it back, or name another gradebook.")
    if int(found) > SCHEMA:
        words = f"{where}: has schema {found}; this grader knows those up to {SCHEMA}."
        raise UsageError(words, "Update the grader.")
    return int(found)


def _upgrade(connection: Connection) -> None:
    """Run the versions that lie between, in the connection's own transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _keep_copy(path: Path) -> None:
    """Copy a file that is about to be migrated, whole, with what its log holds. Raises Infrastructure."""
    copy = path.with_name(f"{path.name}.before-{SCHEMA}")
    partial = path.with_name(f".{copy.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as target:
            source.backup(target)
        os.replace(partial, copy)  # noqa: PTH105 - the word that says it
    except (OSError, sqlite3.Error) as error:
        raise Infrastructure(f"{copy}: the copy could not be written ({error}).", "Make room, and try again.") from None
