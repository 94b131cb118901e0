"""An older gradebook is migrated with a copy kept, a newer one refused; migrated, new and described schema are the same."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy

from grader.core.errors import UsageError
from grader.core.results import Grade, Student
from grader.gradebook import Gradebook, open_gradebook
from grader.gradebook.tables import SCHEMA, VERSION_TABLE, Table
from tests.gradebook.findings import RUBRIC, a_finding, handed_in

SQL = (Path(__file__).parent / "schema_1.sql").read_text(encoding="utf-8")


POSTGRESQL = {"COUNTED": "BIGSERIAL", "NUMBER": "BIGINT", "FRACTION": "DOUBLE PRECISION", "MOMENT": "TIMESTAMPTZ"}
SQLITE = {"COUNTED": "INTEGER NOT NULL", "NUMBER": "INTEGER", "FRACTION": "DOUBLE", "MOMENT": "DATETIME"}


def spelt(words: dict[str, str]) -> str:
    text = SQL
    for ours, theirs in words.items():
        text = text.replace(ours, theirs)
    return text


def make_old(place: str) -> None:
    """A gradebook of schema 1, by SQL alone."""
    if "://" in place:
        with psycopg.connect(place, autocommit=True, options="-c timezone=UTC") as connection:
            connection.execute(spelt(POSTGRESQL).encode())
        return
    with closing(sqlite3.connect(place)) as connection:
        connection.executescript(spelt(SQLITE))


def require_old_grades(grades: list[Grade]) -> None:
    ada, bob = grades
    assert (ada.points, ada.earned, ada.flags, ada.due) == (70, 80, ("borderline",), "2026-11-21T23:59:00+01:00")
    assert ada.penalty is not None and ada.penalty.days == 1
    assert (bob.points, bob.earned, bob.excused) == (None, 40, True)


def differences(book: Gradebook) -> list[Any]:
    """Where the database is not what `tables` says, by Alembic's comparison."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    def work(connection: sqlalchemy.Connection) -> list[Any]:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Table.metadata))

    return book._database.read(work)


def test_an_older_gradebook_is_migrated_and_says_the_same(place: str) -> None:
    make_old(place)
    with open_gradebook(place, create=False) as book:
        require_old_grades(book.grades())
        who = Student(name="ada", participant="88", group="B")
        book.record(a_finding("ada", 90), handed_in("ada", student=who), rubric_digest=RUBRIC)
        (ada,) = book.grades(student="ada")
        assert (ada.points, ada.student.participant, ada.student.group, ada.student.identity) == (80, "88", "B", "4711")
        assert [event.points for event in book.history("ada")] == [80, 90]
    with open_gradebook(place, create=False) as book:  # once
        assert book.grades(student="ada") == [ada]


@pytest.mark.parametrize("old", [True, False])
def test_a_migrated_and_a_new_gradebook_are_what_the_tables_say(place: str, old: bool) -> None:
    if old:
        make_old(place)
    with open_gradebook(place) as book:
        assert differences(book) == []


def test_a_copy_of_an_older_file_is_kept_as_it_was(tmp_path: Path) -> None:
    place = tmp_path / "gradebook.sqlite"
    make_old(str(place))
    with open_gradebook(place):
        pass
    copy = tmp_path / f"gradebook.sqlite.before-{SCHEMA}"
    assert {path.name for path in tmp_path.iterdir()} == {place.name, copy.name}
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT version_num FROM grader_schema").fetchall() == [("1",)]
        assert connection.execute("SELECT COUNT(*) FROM results").fetchone() == (2,)
    with open_gradebook(copy) as book:  # it can be put back and is migrated like any other
        require_old_grades(book.grades())


def test_a_migration_that_fails_leaves_the_older_gradebook_whole(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic.operations import Operations

    make_old(place)
    add_column = Operations.add_column
    done: list[str] = []

    def fail_at_the_second(self: Operations, table: str, column: Any, **changes: Any) -> None:
        if done:
            raise KeyboardInterrupt
        done.append(column.name)
        add_column(self, table, column, **changes)

    with monkeypatch.context() as patched:
        patched.setattr(Operations, "add_column", fail_at_the_second)
        with pytest.raises(KeyboardInterrupt), open_gradebook(place):
            pass
    assert done == ["participant"]
    with open_gradebook(place) as book:
        require_old_grades(book.grades())
        assert differences(book) == []


@pytest.mark.parametrize(
    ("version", "said"), [(str(SCHEMA + 1), "has schema 7; this grader knows"), ("x", "its schema is not known")]
)
def test_a_newer_or_unknown_schema_is_refused_and_nothing_is_changed(place: str, version: str, said: str) -> None:
    make_old(place)
    with open_gradebook(place) as book:
        statement = sqlalchemy.text(f"UPDATE {VERSION_TABLE} SET version_num = '{version}'")
        book._database.write(lambda connection: connection.execute(statement).rowcount)
    with pytest.raises(UsageError, match=said) as caught, open_gradebook(place):
        pass
    assert "Update the grader" in caught.value.remedy or version == "x"


def test_several_who_open_an_older_gradebook_at_once_migrate_it_once(place: str) -> None:
    make_old(place)
    faults: list[BaseException] = []

    def read() -> None:
        try:
            with open_gradebook(place) as book:
                require_old_grades(book.grades())
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=read) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


TWICE = """
INSERT INTO students (name, identity, email) VALUES ('Ada Berg-Stein', '4711', 'EMAIL');
INSERT INTO enrolments VALUES ('exercise2', 3, NULL, NULL);
INSERT INTO submissions (assignment, student_id, digest, name, submitted, marked_late, folder, recorded) VALUES
    ('exercise2', 3, 'first', 'ada.ipynb', '2026-11-20 12:00:00.000000', FALSE, 'new', '2026-11-24 08:00:00.000000'),
    ('exercise2', 3, 'second', 'ada2.ipynb', '2026-11-21 12:00:00.000000', FALSE, 'new', '2026-11-24 08:00:00.000000');
INSERT INTO results (submission_id, fingerprint, evidence, rubric, grader, status, points, out_of, pass_mark, passed,
    accuracy, isolation, flags, recorded) VALUES
    (3, 'f3', 'e1', 'r1', '0.1.0', 'graded', 60, 100, 60, TRUE, 0.9, 'bubblewrap', '[]', '2026-11-24 08:00:00.000000'),
    (4, 'f4', 'e4', 'r1', '0.1.0', 'graded', 70, 100, 60, TRUE, 0.9, 'bubblewrap', '[]', '2026-11-24 08:00:00.000000');
INSERT INTO attempts (submission_id, evidence, seed, accuracy, correct, judged, recorded) VALUES
    (3, 'e1', 0, 0.9, 9, 10, '2026-11-24 08:00:00.000000'), (3, 'e9', 1, 0.9, 9, 10, '2026-11-24 08:00:00.000000');
INSERT INTO overrides (assignment, student_id, points, excused, revoked, author, reason, time) VALUES
    ('exercise2', 1, 90, FALSE, FALSE, 'kim', 'x', '2026-11-23 09:00:00.000000');
"""


@pytest.mark.parametrize(
    ("email", "names"), [("", ["Ada Berg-Stein", "bob"]), ("x@y.z", ["ada", "Ada Berg-Stein", "bob"])]
)
def test_one_person_of_two_names_becomes_one_unless_their_addresses_differ(
    place: str, email: str, names: list[str]
) -> None:
    make_old(place)
    sql = TWICE.replace("EMAIL", email)
    if "://" in place:
        with psycopg.connect(place, autocommit=True, options="-c timezone=UTC") as connection:
            connection.execute(sql.encode())
    else:
        with closing(sqlite3.connect(place)) as file:
            file.executescript(sql)
    with open_gradebook(place, create=False) as book:
        assert [grade.student.name for grade in book.grades()] == names
        assert differences(book) == []
        who = Student(name="Ada Berg-Stein", identity="4711")
        book.record(
            a_finding("Ada Berg-Stein", 50), handed_in("Ada Berg-Stein", "third", student=who), rubric_digest=RUBRIC
        )
        assert len(book.grades()) == len(names), "the same person is found by the number, and nobody is added"
        if email:
            return
        (ada,) = book.grades(student="4711")
        assert (ada.points, ada.submissions, ada.override is not None) == (90, 3, True)
        assert sorted(event.points or 0 for event in book.history("4711")) == [50, 60, 70, 80, 90]
