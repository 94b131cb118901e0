"""What a database says went wrong, in words with a next step; and whether waiting may mend it.

A database that is held open: one engine, transactions that are tried again, and errors in words.

Brings a gradebook to the schema of this grader: made afresh, migrated with a copy kept, or refused.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, column, create_engine, event, inspect, select, table, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from grader.core.errors import GraderError, Infrastructure, UsageError
from grader.gradebook.tables import SCHEMA, VERSION_TABLE, Table

# https://www.postgresql.org/docs/current/errcodes-appendix.html; a connection that failed has no code.
REFUSED_CLASSES = ("22", "23", "54", "P0")  # data, constraints, what is too large, a trigger: of the values alone
PASSING_STATES = {
    "40001", "40P01",  # two writers in each other's way
    "55P03",  # a lock that was waited for
    "57P01", "57P02", "57P03",  # the server goes away, or is on its way back
    "53300",  # too many connections
    "08000", "08003", "08006", "57014",
}  # fmt: skip
REFUSED_WORDS = ("authentication", "password", "role ", "pg_hba", "does not exist", "no such", "could not translate")
SQLITE_REMEDIES = {
    "SQLITE_BUSY": ("is locked by another program", "Close what holds it open, and type the command again."),
    "SQLITE_LOCKED": ("is locked by another program", "Close what holds it open, and type the command again."),
    "SQLITE_FULL": (
        "can't be written: the disk is full",
        "Make room, and type the command again: it goes on from here.",
    ),
    "SQLITE_IOERR": ("can't be read or written", "Look at the disk, and type the command again."),
    "SQLITE_CORRUPT": ("is damaged", "Put a copy of it back, or move it away and type `grader batch` again."),
}
SQLITE_WRONG_USE = {
    "SQLITE_NOTADB": ("is no SQLite database", "Name the gradebook.sqlite of a batch, or move the file away."),
    "SQLITE_READONLY": ("may not be written to", "Change its permissions, or those of its folder."),
    "SQLITE_CANTOPEN": ("can't be opened", "Check the path and the permissions of its folder."),
    "SQLITE_PERM": ("may not be opened", "Change its permissions."),
}


class Refused(Infrastructure):
    """The database works, and does not take the values of one step: what else is written stands."""


@dataclass(frozen=True)
class Fault:
    """A database's error, translated; `passing` says that the same may succeed a moment later."""

    error: GraderError
    passing: bool


def explain_fault(error: SQLAlchemyError, where: str) -> Fault:
    """The words for what SQLAlchemy raised while it worked on the gradebook `where`."""
    if isinstance(error, PoolTimeout):
        return Fault(Infrastructure(f"{where}: too many wait for it.", "Run fewer jobs."), passing=True)
    if not isinstance(error, DBAPIError) or error.orig is None:
        values = isinstance(error, StatementError)  # which no driver was handed
        return Fault(_refused(where, error) if values else _unexpected(where, error), passing=False)
    if isinstance(error.orig, sqlite3.Error):
        return _explain_sqlite(error.orig, where)
    return _explain_server(error, where)


def _explain_sqlite(error: sqlite3.Error, where: str) -> Fault:
    name = str(getattr(error, "sqlite_errorname", ""))
    for known, (what, remedy) in SQLITE_REMEDIES.items():
        if name.startswith(known):
            return Fault(Infrastructure(f"{where}: {what}.", remedy), passing=known in ("SQLITE_BUSY", "SQLITE_LOCKED"))
    for known, (what, remedy) in SQLITE_WRONG_USE.items():
        if name.startswith(known):
            return Fault(UsageError(f"{where}: {what}.", remedy), passing=False)
    values = isinstance(error, sqlite3.IntegrityError | sqlite3.DataError)
    return Fault(_refused(where, error) if values else _unexpected(where, error), passing=False)


def _explain_server(error: DBAPIError, where: str) -> Fault:
    said = " ".join(str(error.orig).split()).rstrip(".")
    state = getattr(error.orig, "sqlstate", None)
    if state == "53100":
        return Fault(
            Infrastructure(f"{where}: the server's disk is full.", "Make room there, and go on."), passing=False
        )
    if str(state).startswith(REFUSED_CLASSES):
        return Fault(_refused(where, error), passing=False)
    if state in ("42501", "25006", "3F000"):
        return Fault(UsageError(f"{where}: the user may not do this ({said}).", "Grant it the right."), passing=False)
    if state in PASSING_STATES or error.connection_invalidated or _is_connection_failure(error, said):
        remedy = "Nothing was half written. Look at the server, and type the command again: it goes on from here."
        return Fault(Infrastructure(f"{where}: the database is gone or busy ({said}).", remedy), passing=True)
    if state is None or str(state).startswith(("28", "3D")):
        return Fault(
            UsageError(f"{where}: can't be opened ({said}).", "Check the URL, the user and the server."), False
        )
    return Fault(_unexpected(where, error), passing=False)


def _is_connection_failure(error: DBAPIError, said: str) -> bool:
    """A server that can't be reached may come back; one that refuses this user or name will not."""
    no_state = getattr(error.orig, "sqlstate", None) is None
    return isinstance(error, OperationalError) and no_state and not any(word in said for word in REFUSED_WORDS)


def _unexpected(where: str, error: Exception) -> Infrastructure:
    return Infrastructure(f"{where}: the database refused a step ({_said(error)}).", "Run it again with --debug.")


def _refused(where: str, error: Exception) -> Refused:
    return Refused(f"{where}: the database refused a step ({_said(error)}).", "Run it again with --debug.")


def _said(error: Exception) -> str:
    return " ".join(str(error).split("\n[SQL")[0].split())


FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
WRITING = "grader_writing"
T = TypeVar("T")


@dataclass(frozen=True)
class Database:
    """An engine and how long it is waited for; `where` is what it is called in messages, without a password."""

    engine: Engine
    where: str
    patience: float

    @property
    def is_file(self) -> bool:
        """Whether it is SQLite."""
        return self.engine.dialect.name == "sqlite"

    def write(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns; all that it wrote is there, or nothing. It may be called again after a fault."""
        return self._attempt(work, {WRITING: True})

    def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, from one state of the database."""
        return self._attempt(work, {} if self.is_file else {"isolation_level": "REPEATABLE READ"})

    def refused(self, error: Exception) -> Exception:
        """What was wrong with the values of one step, in words. Raises `error` again where it concerns more than them."""
        if not isinstance(error, SQLAlchemyError):
            return error
        fault = explain_fault(error, self.where)
        if not isinstance(fault.error, Refused):
            raise error
        return fault.error

    def _attempt(self, work: Callable[[Connection], T], options: dict[str, Any]) -> T:
        """Raises UsageError or Infrastructure, in words, once patience is at an end or waiting is of no use."""
        end, pause = time.monotonic() + self.patience, FIRST_PAUSE
        while True:
            try:
                with self.engine.connect().execution_options(**options) as connection, connection.begin():
                    return work(connection)
            except SQLAlchemyError as error:
                fault = explain_fault(error, self.where)
                if not fault.passing or time.monotonic() + pause > end:
                    raise fault.error from error
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def file_engine(url: URL, patience: float) -> Engine:
    """An engine for an SQLite file: foreign keys held, writers one after another, each waiting for `patience` seconds."""
    engine = create_engine(url, connect_args={"timeout": patience, "check_same_thread": False}, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")  # in WAL mode a power cut takes the last rows, never the file

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A reader that turns writer may find the file changed under it: who writes takes the lock first.
        writing = connection.get_execution_options().get(WRITING)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def prefer_write_ahead_log(path: Path) -> None:
    """Let readers and a writer work at the same time. Kept in the file; where it can't be set, they take turns."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path, timeout=0)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def server_engine(url: URL, patience: float) -> Engine:
    """An engine for PostgreSQL by way of psycopg 3, which notices within seconds that a server is gone. UsageError."""
    milliseconds = max(1, round(1000 * patience))
    waits = {
        "connect_timeout": "5", "keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3",
        "tcp_user_timeout": "10000", "application_name": "grader", "options": f"-c lock_timeout={milliseconds}",
    }  # fmt: skip
    try:
        return create_engine(
            url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, max_overflow=20,
            connect_args={key: value for key, value in waits.items() if key not in url.query},
        )  # fmt: skip
    except ModuleNotFoundError:
        raise UsageError(
            "A gradebook on PostgreSQL needs the package psycopg.", "Type `pip install 'grader[postgres]'`."
        ) from None


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
