"""A real PostgreSQL of the test run's own: a throw-away cluster behind a socket in a temporary folder, no network."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg

PLACES = "/usr/lib/postgresql"
SETTINGS = "-c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=60"


def find_programs() -> Path | None:
    """The folder with PostgreSQL's programs; Debian keeps them out of the PATH."""
    found = sorted(Path(PLACES).glob("*/bin/initdb"), key=lambda path: [path.parts[-3].isdecimal(), path.parts[-3]])
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(on_path).resolve().parent if on_path else None


@dataclass
class Server:
    """A cluster that can be stopped and started again."""

    programs: Path
    folder: Path
    numbers: Iterator[int]

    def url(self, database: str, user: str = "grader") -> str:
        """The URL of a database."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"book{next(self.numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"{SETTINGS} -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "start", "-w", "-D", self.data, "-l", str(self.folder / "log"), "-o", options)

    def stop(self, how: str = "immediate") -> None:
        """Stop it: `immediate` is what a crash looks like."""
        self._run("pg_ctl", "stop", "-w", "-t", "30", "-D", self.data, "-m", how)

    @property
    def data(self) -> str:
        """The cluster's folder."""
        return str(self.folder / "data")

    def _run(self, program: str, *words: str) -> None:
        command = [*as_somebody(), str(self.programs / program), *words]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/"
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    def make(self) -> None:
        """Make the cluster."""
        self._run("initdb", "-D", self.data, "-U", "grader", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")


def as_somebody() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    user = unprivileged()
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def unprivileged() -> pwd.struct_passwd:
    """The user that comes with the package, else nobody."""
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("there is neither a user postgres nor a user nobody")


@contextmanager
def running_server(programs: Path) -> Iterator[Server]:
    """A server for as long as it is needed; its folder's name is short, because a socket's path may not be long."""
    folder = Path(tempfile.mkdtemp(prefix="grader-pg-", dir="/tmp"))
    if os.geteuid() == 0:
        user = unprivileged()
        os.chown(folder, user.pw_uid, user.pw_gid)
    server = Server(programs, folder, count(1))
    try:
        server.make()
        server.start()
        yield server
    finally:
        with contextlib.suppress(AssertionError):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
