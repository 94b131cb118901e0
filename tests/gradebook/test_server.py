"""PostgreSQL that goes away, refuses or is not there: a clear line without the password, and nothing half written."""

import sys
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from grader.core.errors import GraderError, Infrastructure, UsageError
from grader.gradebook import Gradebook, open_gradebook
from tests.gradebook.findings import RUBRIC, a_finding, handed_in
from tests.gradebook.server import Server
from tests.gradebook.test_writers import require_whole


@pytest.fixture
def restarted(server: Server) -> Iterator[Server]:
    """The server, which runs again afterwards whatever a test did."""
    yield server
    try:
        psycopg.connect(server.url("postgres")).close()
    except psycopg.OperationalError:
        server.start()


def record(book: Gradebook, name: str) -> None:
    book.record(a_finding(name, 80), handed_in(name), rubric_digest=RUBRIC)


def test_a_server_that_crashes_in_the_middle_and_comes_back_costs_a_pause(restarted: Server, on_server: str) -> None:
    with open_gradebook(on_server, patience=60) as book:
        record(book, "first")

        def crash() -> None:
            time.sleep(0.3)
            restarted.stop("immediate")
            time.sleep(0.5)
            restarted.start()

        fault = threading.Thread(target=crash)
        fault.start()
        written = 0
        while fault.is_alive():
            record(book, f"student{written}")
            written += 1
        fault.join()
        assert len(book.grades()) == written + 1
        require_whole(book)


@pytest.mark.parametrize("how", ["immediate", "fast"])
def test_a_server_that_stays_away_is_told_and_the_same_call_succeeds_later(
    restarted: Server, on_server: str, how: str
) -> None:
    with open_gradebook(on_server, patience=0.5) as book:
        record(book, "first")
        restarted.stop(how)
        for action in (lambda: record(book, "second"), book.grades):
            with pytest.raises(Infrastructure, match="the database is gone or busy") as caught:
                action()
            assert "type the command again" in caught.value.remedy
        with pytest.raises(Infrastructure), open_gradebook(on_server, patience=0.2):
            pass
        restarted.start()
        record(book, "second")
        assert [grade.student.name for grade in book.grades()] == ["first", "second"]


def test_a_grade_that_somebody_else_holds_is_waited_for_then_told(on_server: str) -> None:
    with open_gradebook(on_server, patience=0.3) as book, psycopg.connect(on_server) as other:
        record(book, "ada")
        other.execute("SELECT * FROM enrolments FOR UPDATE")
        with pytest.raises(Infrastructure, match="gone or busy"):
            book.override("ada", points=1, author="kim", reason="x")
        record(book, "bob")  # nobody else waits
        other.rollback()
        assert book.override("ada", points=1, author="kim", reason="x").points == 1


def test_a_backend_that_is_ended_in_a_transaction_leaves_nothing(on_server: str) -> None:
    with open_gradebook(on_server, patience=5) as book, psycopg.connect(on_server, autocommit=True) as other:
        ended: list[str] = []

        def end_it(connection: object, cursor: object, statement: str, *rest: object) -> None:
            if "INSERT INTO checks" in statement and not ended:
                ended.append(statement)
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

        from sqlalchemy import event

        event.listen(book._database.engine, "before_cursor_execute", end_it)
        record(book, "ada")
        assert ended
        require_whole(book)
        assert len(book.history("ada")) == 1


def refusal(url: str, kind: type[GraderError]) -> str:
    with pytest.raises(kind) as caught, open_gradebook(url, patience=0.2):
        pass
    assert type(caught.value) is kind
    assert caught.value.remedy
    return str(caught.value)


def test_a_database_or_a_user_that_does_not_exist_is_wrong_use(server: Server) -> None:
    assert "does not exist" in refusal(server.url("nowhere"), UsageError)
    assert "does not exist" in refusal(server.url("postgres", user="nobody_known"), UsageError)


def test_a_server_that_can_not_be_reached_is_told_without_the_password() -> None:
    words = refusal("postgresql://ada:secret@127.0.0.1:1/grades", Infrastructure)
    assert "postgresql://ada:***@127.0.0.1:1/grades" in words
    assert "secret" not in words


def test_a_user_without_rights_is_told(server: Server, on_server: str) -> None:
    with psycopg.connect(on_server, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS reader")
        admin.execute("CREATE ROLE reader LOGIN")
        admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        assert "may not do this" in refusal(on_server.replace("grader@", "reader@"), UsageError)


def test_a_database_that_holds_another_programs_tables_is_shared_unless_their_names_are_ours(server: Server) -> None:
    for table, refused in (("lectures", False), ("students", True)):
        url = server.new_database()
        with psycopg.connect(url, autocommit=True) as other:
            other.execute(f"CREATE TABLE {table} (id int)".encode())
        if refused:
            assert "tables of another program" in refusal(url, UsageError)
        else:
            with open_gradebook(url) as book:
                assert book.grades() == []


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'grader[postgres]'" in refusal("postgresql://localhost/grades", UsageError)
