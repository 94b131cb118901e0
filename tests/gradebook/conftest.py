"""Both engines, real: a file, and a PostgreSQL that the test run starts itself."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gradebook.server import Server, find_programs, running_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One cluster for the whole run; in CI its absence is a failure, on a developer's machine a reason to skip."""
    programs = find_programs()
    if programs is None:
        words = "PostgreSQL is not on this machine (Debian: apt install postgresql)"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    with running_server(programs) as running:
        yield running


@pytest.fixture
def on_server(server: Server) -> str:
    """The URL of an empty database."""
    return server.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new gradebook may be, on each engine in turn."""
    if request.param == "sqlite":
        return str(tmp_path / "gradebook.sqlite")
    url: str = request.getfixturevalue("on_server")
    return url
