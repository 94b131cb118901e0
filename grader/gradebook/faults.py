"""What a database says went wrong, in words with a next step; and whether waiting may mend it."""

import sqlite3
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from grader.errors import GraderError, Infrastructure, UsageError

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
