"""Several writers at a time, and writers that die: no row is lost, doubled or half written."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from grader.gradebook import Gradebook, open_gradebook
from tests.gradebook.findings import RUBRIC, a_finding, handed_in

ROOT = Path(__file__).parents[2]
COUNT = 100


def start_writer(place: str, prefix: str, count: int = COUNT) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.gradebook.writer", place, prefix, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def go(*writers: subprocess.Popen[str]) -> None:
    """Wait until all are ready, then let them run at the same time."""
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()


def finish(writer: subprocess.Popen[str]) -> None:
    _, _ = writer.communicate(timeout=120)
    assert writer.returncode == 0


def ask(book: Gradebook, question: str) -> list[tuple[Any, ...]]:
    def work(connection: sqlalchemy.Connection) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in connection.execute(sqlalchemy.text(question))]

    return book._database.read(work)


def require_whole(book: Gradebook) -> None:
    """Every result has its submission, its run and both of its checks, and none is there twice."""
    assert ask(book, "SELECT result_id FROM checks GROUP BY result_id HAVING COUNT(*) <> 2") == []
    for table in ("attempts", "results"):
        assert ask(book, f"SELECT submission_id FROM {table} GROUP BY submission_id HAVING COUNT(*) <> 1") == []
    counts = {ask(book, f"SELECT COUNT(*) FROM {table}")[0][0] for table in ("attempts", "results", "submissions")}
    assert len(counts) == 1
    assert ask(book, "SELECT COUNT(DISTINCT result_id) FROM checks")[0][0] in counts


def test_two_processes_open_a_new_gradebook_and_write_a_hundred_results_each_at_once(place: str) -> None:
    writers = [start_writer(place, prefix) for prefix in "ab"]
    go(*writers)
    for writer in writers:
        finish(writer)
    with open_gradebook(place, create=False) as book:
        grades = book.grades()
        require_whole(book)
    assert len(grades) == 3 * COUNT // 2
    assert {grade.student.name[0]: grade.submissions for grade in grades} == {"a": 1, "b": 1, "s": 2}


def test_a_writer_that_is_killed_leaves_whole_results_and_the_next_one_goes_on(place: str) -> None:
    told: list[str] = []
    for lines in (7, 23):
        writer = start_writer(place, "a")
        go(writer)
        assert writer.stdout is not None
        told += [writer.stdout.readline().strip() for _ in range(lines)]
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        with open_gradebook(place, create=False) as book:
            require_whole(book)
            assert set(told) <= {grade.student.name for grade in book.grades()}, "what it said it wrote is there"
    writer = start_writer(place, "a")
    go(writer)
    finish(writer)
    with open_gradebook(place, create=False) as book:
        assert len(book.grades()) == COUNT
        require_whole(book)


def test_threads_share_one_gradebook(place: str) -> None:
    faults: list[BaseException] = []
    with open_gradebook(place) as book:

        def write(prefix: str) -> None:
            try:
                for number in range(20):
                    result = a_finding("x", 70, evidence=f"{prefix}{number}")
                    book.record(result, handed_in(f"student{number}", prefix), rubric_digest=RUBRIC)
            except BaseException as error:
                faults.append(error)

        threads = [threading.Thread(target=write, args=(prefix,)) for prefix in "abcdef"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        assert [grade.submissions for grade in book.grades()] == [6] * 20
        require_whole(book)


def test_writers_of_the_same_grade_take_turns_and_both_rows_stay(place: str) -> None:
    with open_gradebook(place) as one, open_gradebook(place) as other:
        for number, book in enumerate((one, other) * 5):
            book.record(a_finding("ada", number), handed_in("ada"), rubric_digest=f"rubric-{number}")
        assert [event.before for event in one.history("ada")] == [None, *range(9)]
        assert one.grades() == other.grades()


def test_a_result_that_can_not_be_written_leaves_nothing_of_itself(place: str) -> None:
    broken = handed_in("zoe").model_copy(update={"submitted": "no moment"})
    with open_gradebook(place) as book:
        with pytest.raises(Exception, match=r".+"):
            book.record(a_finding("zoe", 70), broken, rubric_digest=RUBRIC)
        assert book.grades() == []
        assert book.record(a_finding("zoe", 70), handed_in("zoe"), rubric_digest=RUBRIC)
        assert len(book.grades()) == 1
