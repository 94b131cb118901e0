"""The database of a gradebook: a file or a server, tried again while waiting may help, its errors in words, its schema.

Every error of a database is translated in one place, `explain_fault`, by the table `FAULTS`.
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
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from grader.core.errors import GraderError, Infrastructure, UsageError
from grader.gradebook.tables import SCHEMA, VERSION_TABLE, Table


class Refused(Infrastructure):
    """The database works, and does not take the values of one step: what else is written stands."""


@dataclass(frozen=True)
class Fault:
    """A database's error, translated; `passing` says that the same may succeed a moment later."""

    error: GraderError
    passing: bool


NO_ANSWER = "no answer"  # our own code for a server that could not be reached
GO_ON = "type the command again: it goes on from here."
FAULTS: tuple[tuple[tuple[str, ...], type[GraderError], str, str, bool], ...] = (
    # How codes begin (SQLite's names; https://www.postgresql.org/docs/current/errcodes-appendix.html), what it is, the
    # words with what the database said, the next step, and whether it may pass.
    (("SQLITE_BUSY", "SQLITE_LOCKED"), Infrastructure, "is locked by another program",
     "Close what holds it open, and type the command again.", True),
    (("SQLITE_FULL",), Infrastructure, "can't be written: the disk is full", f"Make room, and {GO_ON}", False),
    (("SQLITE_IOERR",), Infrastructure, "can't be read or written", "Look at the disk, and type the command again.", False),
    (("SQLITE_CORRUPT",), Infrastructure, "is damaged",
     "Put a copy of it back, or move it away and type `grader batch` again.", False),
    (("SQLITE_NOTADB",), UsageError, "is not an SQLite database",
     "Name the gradebook.sqlite of a batch, or move the file away.", False),
    (("SQLITE_READONLY",), UsageError, "may not be written to", "Change its permissions, or those of its folder.", False),
    (("SQLITE_CANTOPEN",), UsageError, "can't be opened", "Check the path and the permissions of its folder.", False),
    (("SQLITE_PERM",), UsageError, "may not be opened", "Change its permissions.", False),
    (("53100",), Infrastructure, "the server's disk is full", "Make room there, and go on.", False),
    (("42501", "25006", "3F000"), UsageError, "the user may not do this ({said})", "Grant it the right.", False),
    # Two writers in each other's way, a lock that was waited for, a server that goes or comes back, too many connections.
    (("40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300", "08000", "08003", "08006", "57014", NO_ANSWER),
     Infrastructure, "the database is gone or busy ({said})",
     f"Nothing was half written. Look at the server, and {GO_ON}", True),
    (("28", "3D"), UsageError, "can't be opened ({said})", "Check the URL, the user and the server.", False),
    # Data, constraints, what is too large, a trigger: of the values alone.
    (("SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_TOOBIG", "22", "23", "54", "P0"), Refused,
     "the database refused a step ({said})", "Run it again with --debug.", False),
)  # fmt: skip
NOT_ADMITTED = ("authentication", "password", "role ", "pg_hba", "does not exist", "no such", "could not translate")


def explain_fault(error: SQLAlchemyError, where: str) -> Fault:
    """The words for what SQLAlchemy raised while it worked on the gradebook `where`."""
    if isinstance(error, PoolTimeout):
        return Fault(Infrastructure(f"{where}: too many wait for it.", "Run fewer jobs."), passing=True)
    orig = getattr(error, "orig", None)
    said = " ".join(str(orig or error).split("\n[SQL")[0].split()).rstrip(".")
    for code in _codes_of(error):
        for known, kind, words, remedy, passing in FAULTS:
            if code.startswith(known):
                return Fault(kind(f"{where}: {words.format(said=said)}.", remedy), passing)
    return Fault(Infrastructure(f"{where}: the database refused a step ({said}).", "Run it again with --debug."), False)


def _codes_of(error: SQLAlchemyError) -> list[str]:
    """The database's code for an error, and what stands for one where it gave none; the more telling first."""
    if not isinstance(error, DBAPIError) or error.orig is None:
        return ["22"] if isinstance(error, StatementError) else []  # values that no driver was handed
    if isinstance(error.orig, sqlite3.Error):
        values = isinstance(error.orig, sqlite3.IntegrityError | sqlite3.DataError)
        return [str(getattr(error.orig, "sqlite_errorname", "")), *(["SQLITE_CONSTRAINT"] if values else [])]
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return [str(state), *([NO_ANSWER] if error.connection_invalidated else [])]
    # A server that can't be reached may come back; one that refuses this user or name will not.
    refused = not isinstance(error, OperationalError) or any(word in str(error.orig) for word in NOT_ADMITTED)
    return ["28" if refused and not error.connection_invalidated else NO_ANSWER]


FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
WRITING = "grader_writing"
T = TypeVar("T")


@dataclass(frozen=True)
class Database:
    """An engine and how long it is waited for; `where` is what it is called in messages, without a password."""

    engine: Engine
    where: str
    patience: float

    def write(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns; all that it wrote is there, or nothing. It may be called again after a fault."""
        return self._attempt(work, {WRITING: True})

    def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, from one state of the database."""
        is_file = self.engine.dialect.name == "sqlite"
        return self._attempt(work, {} if is_file else {"isolation_level": "REPEATABLE READ"})

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


@dataclass
class _File:
    """The file of an engine: a connection goes on writing into one that was removed, and all of it would be lost."""

    path: Path
    known: bool = False

    @property
    def number(self) -> int | None:
        """What tells it from another file of its name; None where there is none."""
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return None

    def require(self) -> None:
        """Raise Infrastructure where the file was there and is not any more, lest an empty one is made in its place."""
        if self.known and self.number is None:
            raise Infrastructure(f"{self.path}: is gone; nothing was written.", "Put it back, and try again.")


def file_engine(url: URL, patience: float) -> Engine:
    """An engine for an SQLite file: foreign keys held, writers one after another, each waiting for `patience` seconds."""
    engine = create_engine(url, connect_args={"timeout": patience, "check_same_thread": False}, max_overflow=-1)
    file = _File(Path(str(url.database)))

    @event.listens_for(engine, "do_connect")
    def look(*_: object) -> None:
        file.require()

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")  # in WAL mode a power cut takes the last rows, never the file
        file.known, record.info["number"] = True, file.number

    @event.listens_for(engine, "checkout")
    def look_again(connection: sqlite3.Connection, record: ConnectionPoolEntry, proxy: object) -> None:
        file.require()
        if record.info["number"] != file.number:
            raise DisconnectionError("another file lies in its place")  # connects again

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
    if standing == 0 and not create:
        raise UsageError(f"{database.where}: there is no gradebook.", "Name the --out folder of a batch, or a URL.")
    if standing != SCHEMA:
        with ONE_AT_A_TIME:
            database.write(lambda connection: _migrate(connection, database.where, place))


def _migrate(connection: Connection, where: str, place: Path | URL) -> None:
    """In one transaction, which nobody else's migration can overlap."""
    from alembic import command
    from alembic.config import Config

    if not isinstance(place, Path):
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATING})"))
    standing = _standing(connection, where)
    if standing == SCHEMA:  # another process was quicker
        return
    if standing and isinstance(place, Path):
        _keep_copy(place)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _standing(connection: Connection, where: str) -> int:
    """The schema that is there: 0 for an empty database. Raises UsageError for a newer one, or another program's."""
    there = set(inspect(connection).get_table_names())
    if VERSION_TABLE not in there:
        if there & set(Table.metadata.tables) or (there and connection.dialect.name == "sqlite"):
            raise UsageError(f"{where}: holds tables of another program.", "Name another gradebook.")
        return 0
    found = connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar()
    if not (isinstance(found, str) and found.isdecimal()):
        raise UsageError(f"{where}: its schema is not known.", "Put a copy of it back, or name another gradebook.")
    if int(found) > SCHEMA:
        words = f"{where}: has schema {found}; this grader knows those up to {SCHEMA}."
        raise UsageError(words, "Update the grader.")
    return int(found)


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
