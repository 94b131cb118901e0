"""A database that is held open: one engine, transactions that are tried again, and errors in words."""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from grader.errors import UsageError
from grader.gradebook.faults import Refused, explain_fault

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
