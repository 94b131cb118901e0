"""Twenty people decide at once, some of them are cut off: nothing is lost, nothing half written, nobody overwritten."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from grader.core.decision_log import reviews_of
from grader.gradebook import open_gradebook
from tests.gradebook.decider import ASSIGNMENT
from tests.gradebook.findings import RUBRIC, a_finding, handed_in

ROOT = Path(__file__).parents[2]
PROCESSES, THREADS, COUNT = 4, 5, 4


def start(place: str, prefix: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.gradebook.decider", place, prefix, str(THREADS), str(COUNT)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_twenty_who_decide_at_once_lose_nothing_even_where_some_are_killed(place: str) -> None:
    with open_gradebook(place) as book:
        book.record(a_finding("ada", 10), handed_in("ada"), rubric_digest=RUBRIC)
    people = [start(place, prefix) for prefix in "abcd"[:PROCESSES]]
    for process in people:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in people:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    killed = people[0]
    assert killed.stdout is not None
    told = [killed.stdout.readline().strip() for _ in range(THREADS)]
    os.kill(killed.pid, signal.SIGKILL)
    rest, _ = killed.communicate()
    told += rest.splitlines()
    for process in people[1:]:
        said, _ = process.communicate(timeout=240)
        assert process.returncode == 0
        told += said.splitlines()
    with open_gradebook(place, create=False) as book:
        log = book.review_log(ASSIGNMENT)
        review = reviews_of(log)["ada"]
    counts = [entry for entry in log if entry.kind == "adjustment"]
    assert [entry.value and entry.value["points"] for entry in counts] == [n + 1.0 for n in range(len(counts))]
    assert review.adjustment is not None and review.adjustment.points == len(counts)
    kinds = Counter(words.split(" ")[0] for words in told)
    assert len(counts) >= kinds["count"] >= (PROCESSES - 1) * THREADS * COUNT
    written = {comment.id: comment.text for comment in review.comments}
    said_written = {words.split(" ")[1] for words in told if words.startswith("comment ")}
    assert said_written <= set(written), "what was said to be written is there"
    assert all(text == identity.replace("-", " ") for identity, text in written.items())
