"""Opens a gradebook: a file or a server, at the schema of this grader."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from grader.errors import UsageError
from grader.gradebook.book import Gradebook
from grader.gradebook.database import Database, file_engine, prefer_write_ahead_log, server_engine
from grader.gradebook.migrating import bring_up_to_date

FILE = "gradebook.sqlite"
PATIENCE, PATIENCE_AT_OPENING = 20.0, 5.0
SERVER, SQLITE = ("postgresql", "postgres", "postgresql+psycopg"), "sqlite"
EXAMPLE = "Write a folder, a file, or postgresql://USER:PASSWORD@HOST/NAME."


def locate(where: Path | str) -> Path | URL:
    """The gradebook meant by a folder (its `gradebook.sqlite`), a file, or a URL. Raises UsageError."""
    if isinstance(where, str) and "://" in where:
        return _read_url(where)
    path = Path(where)
    try:
        return path / FILE if path.is_dir() else path
    except OSError as error:
        raise UsageError(f"{path}: can't be opened ({error.strerror}).", "Name another place.") from None


def _read_url(text: str) -> Path | URL:
    try:
        url = make_url(text)
        _ = url.port, url.database
    except (ArgumentError, ValueError):
        raise UsageError("The URL of the gradebook is not understood.", EXAMPLE) from None  # it may hold a password
    if url.drivername == SQLITE and url.database:
        return Path(url.database)
    if url.drivername not in SERVER:
        raise UsageError(f"A gradebook is SQLite or PostgreSQL, not `{url.drivername}`.", EXAMPLE)
    if not url.database:
        raise UsageError(f"{shown(url)}: names no database.", EXAMPLE)
    return url


def shown(place: Path | URL) -> str:
    """What a gradebook is called in messages: without a password."""
    if isinstance(place, Path):
        return str(place)
    bare = place.set(drivername="postgresql", query={})
    return bare.render_as_string(hide_password=True)


@contextmanager
def open_gradebook(where: Path | str, *, create: bool = True, patience: float = PATIENCE) -> Iterator[Gradebook]:
    """The gradebook at `where`: a folder, a file, or `postgresql://USER@HOST/NAME`. Raises UsageError, Infrastructure.

    What is not there is made (unless `create` is False: UsageError), an older schema is migrated, a newer one refused. For
    `patience` seconds a locked or vanished database is waited for at every call, at opening no longer than 5 seconds.
    """
    place = locate(where)
    name = shown(place)
    if isinstance(place, Path):
        _require_file(place, create=create)
        engine = file_engine(URL.create("sqlite", database=str(place.absolute())), patience)
    else:
        engine = server_engine(place, patience)
    try:
        bring_up_to_date(Database(engine, name, min(patience, PATIENCE_AT_OPENING)), place, create=create)
        if isinstance(place, Path):
            prefer_write_ahead_log(place)  # only now: what is no gradebook of ours is left as it was
        yield Gradebook(Database(engine, name, patience))
    finally:
        engine.dispose()


def _require_file(path: Path, *, create: bool) -> None:
    """Raise UsageError for a place where no gradebook can be."""
    try:
        there = path.exists()
        if there and not path.is_file():
            raise UsageError(f"{path}: is no file.", "Name a folder that a batch wrote, or a gradebook.sqlite.")
        if not there and not create:
            raise UsageError(f"{path}: there is no gradebook.", "Name the --out folder of a batch, or a URL.")
        if not there and not path.parent.is_dir():
            raise UsageError(f"{path}: its folder does not exist.", "Make the folder, or name another place.")
    except OSError as error:
        raise UsageError(f"{path}: can't be opened ({error.strerror}).", "Name another place.") from None
    if there and not os.access(path, os.R_OK | os.W_OK):
        raise UsageError(f"{path}: may not be read and written.", "Change its permissions.")
