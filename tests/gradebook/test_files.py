"""A gradebook in a file that is locked, foreign, forbidden, damaged or full: a clear line, and nothing half written."""

import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event

from grader.core.errors import GraderError, Infrastructure, UsageError
from grader.gradebook import FILE, open_gradebook
from grader.gradebook.stored_decisions import Change
from tests.gradebook.findings import RUBRIC, a_finding, handed_in


def refusal(where: Path | str, kind: type[GraderError], *, create: bool = True, patience: float = 0.2) -> str:
    with pytest.raises(kind) as caught, open_gradebook(where, create=create, patience=patience) as book:
        book.record(a_finding("ada", 80), handed_in("ada"), rubric_digest=RUBRIC)
    assert type(caught.value) is kind
    assert caught.value.remedy, "what to do next is said"
    return str(caught.value)


@pytest.fixture
def book_file(tmp_path: Path) -> Path:
    with open_gradebook(tmp_path) as book:
        book.record(a_finding("ada", 80), handed_in("ada"), rubric_digest=RUBRIC)
    return tmp_path / FILE


def points(where: Path | str) -> list[float | None]:
    with open_gradebook(where, create=False) as book:
        return [grade.points for grade in book.grades()]


def test_a_folder_means_the_file_in_it_and_a_url_of_sqlite_the_same(book_file: Path) -> None:
    assert points(book_file) == points(book_file.parent) == [80]
    assert points(f"sqlite:///{book_file}") == [80]


def test_a_closed_gradebook_is_one_file(book_file: Path) -> None:
    assert [path.name for path in book_file.parent.iterdir()] == [FILE]


def test_readers_do_not_wait_for_a_writer(book_file: Path) -> None:
    with closing(sqlite3.connect(book_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert points(book_file) == [80]


def test_a_locked_gradebook_is_waited_for(book_file: Path) -> None:
    with closing(sqlite3.connect(book_file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        release = threading.Timer(0.4, lambda: other.execute("COMMIT"))
        release.start()
        with open_gradebook(book_file, patience=30) as book:
            assert book.record(a_finding("bob", 70), handed_in("bob"), rubric_digest=RUBRIC)
        release.join()
    assert points(book_file) == [80, 70]


def test_a_gradebook_that_stays_locked_is_told_and_left_as_it_was(book_file: Path) -> None:
    with closing(sqlite3.connect(book_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with open_gradebook(book_file, patience=0.2) as book:
            with pytest.raises(Infrastructure, match="is locked by another program"):
                book.record(a_finding("bob", 70), handed_in("bob"), rubric_digest=RUBRIC)
            assert time.monotonic() - started < 60
            other.execute("ROLLBACK")
            assert book.record(a_finding("bob", 70), handed_in("bob"), rubric_digest=RUBRIC), "the same call again"


def test_there_must_be_a_gradebook_where_one_is_read(tmp_path: Path) -> None:
    assert "there is no gradebook" in refusal(tmp_path, UsageError, create=False)
    (tmp_path / "empty.sqlite").touch()
    assert "there is no gradebook" in refusal(tmp_path / "empty.sqlite", UsageError, create=False)
    assert not (tmp_path / FILE).exists(), "looking makes none"


@pytest.mark.parametrize("text", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_what_is_no_database_is_refused_and_left_as_it_was(tmp_path: Path, text: bytes) -> None:
    (tmp_path / FILE).write_bytes(text)
    assert str(tmp_path / FILE) in refusal(tmp_path, UsageError)
    assert (tmp_path / FILE).read_bytes() == text


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "gradebook.db")) as other:
        other.execute("CREATE TABLE student (id VARCHAR)")
    before = (tmp_path / "gradebook.db").read_bytes()
    assert "tables of another program" in refusal(tmp_path / "gradebook.db", UsageError)
    assert (tmp_path / "gradebook.db").read_bytes() == before


def test_a_damaged_file_is_told(book_file: Path) -> None:
    whole = book_file.read_bytes()
    book_file.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    assert "is damaged" in refusal(book_file, Infrastructure)


@pytest.mark.parametrize("value", ["no json", '{"points": "many"}', "[]"])
def test_a_decision_that_was_edited_by_hand_is_told(book_file: Path, value: str) -> None:
    with open_gradebook(book_file) as book:
        book.write_log(
            "exercise2", Change(student="ada", kind="adjustment", value={"points": -5}, author="kim", reason="late")
        )
    with closing(sqlite3.connect(book_file)) as other:
        other.execute("UPDATE review_log SET value = ?", (value,))
        other.commit()
    with pytest.raises(Infrastructure, match=r"Decision 1 .* is not one that the grader wrote"):
        points(book_file)


@pytest.mark.parametrize("where", ["missing/gradebook.sqlite", "/proc/gradebook.sqlite", "a-pipe", "x" * 300])
def test_a_place_where_none_can_be_is_refused(tmp_path: Path, where: str) -> None:
    os.mkfifo(tmp_path / "a-pipe")
    assert where in refusal(tmp_path / where, UsageError)


@pytest.fixture
def somebody_elses(book_file: Path) -> Iterator[Path]:
    """A gradebook in a folder of root's, while this process has another user's rights."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    shutil.copy(book_file, folder / FILE)
    (folder / FILE).chmod(0o644)
    os.seteuid(65534)
    yield folder / FILE
    os.seteuid(0)
    shutil.rmtree(folder)


def test_a_gradebook_that_may_not_be_written_is_told(somebody_elses: Path) -> None:
    assert "may not be" in refusal(somebody_elses, UsageError) or "can't be opened" in refusal(
        somebody_elses, UsageError
    )


def test_a_full_disk_is_told_and_what_was_there_stays(book_file: Path) -> None:
    with open_gradebook(book_file, patience=1) as book:
        engine = book._database.engine
        engine.dispose()

        @event.listens_for(engine, "connect")
        def fill_up(connection: sqlite3.Connection, record: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {book_file.stat().st_size // 4096 + 1}")

        told = []
        with pytest.raises(Infrastructure, match="the disk is full"):
            for number in range(1000):
                book.record(a_finding(f"s{number:03}", 80), handed_in(f"s{number:03}"), rubric_digest=RUBRIC)
                told.append(f"s{number:03}")
        engine.dispose()
    with open_gradebook(book_file) as book:
        assert [grade.student.name for grade in book.grades()] == ["ada", *told]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://localhost/x", "SQLite or PostgreSQL, not `mysql`"),
        ("postgresql://localhost", "names no database"),
        ("postgresql://ada:secret@localhost:x/y", "not understood"),
        ("://", "not understood"),
        ("sqlite://", "not `sqlite`"),
    ],
)
def test_a_url_that_names_no_gradebook_is_refused(url: str, said: str) -> None:
    words = refusal(url, UsageError)
    assert said in words
    assert "secret" not in words


def test_a_file_that_is_taken_away_while_it_is_open_is_noticed(book_file: Path) -> None:
    aside = book_file.with_name("aside")
    with open_gradebook(book_file, patience=0.5) as book:
        book.grades()  # a connection that would go on with the file under its other name
        book_file.rename(aside)
        for _ in range(2):
            with pytest.raises(Infrastructure, match="is gone; nothing was written"):
                book.override("ada", points=1, author="kim", reason="x")
        assert not book_file.exists(), "no empty one is made in its place"
        aside.rename(book_file)
        book.override("ada", points=75, author="kim", reason="x")
    assert points(book_file) == [75]
