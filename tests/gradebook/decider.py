"""People who decide at once, in a process of its own: `python -m tests.gradebook.decider WHERE PREFIX THREADS COUNT`.

Each thread adds comments of its own, and counts one number up that all others count up too.
"""

import sys
import threading

from grader.core.decision_log import standing
from grader.gradebook import Change, Gradebook, Superseded, open_gradebook

ASSIGNMENT = "exercise2"


def count_up(book: Gradebook, author: str) -> None:
    """One more than what stands, by who looked at what stood before deciding; again where another was faster."""
    while True:
        newest = standing(book.review_log(ASSIGNMENT)).get(("ada", "adjustment", ""))
        before = newest.value["points"] if newest is not None and newest.value is not None else 0.0
        change = Change(
            kind="adjustment", student="ada", author=author, reason="one more", value={"points": before + 1},
            seen=newest.id if newest is not None else 0,
        )  # fmt: skip
        try:
            book.write_log(ASSIGNMENT, change)
        except Superseded:
            continue
        return


def decide(book: Gradebook, author: str, count: int) -> None:
    """Comments and counts in turn; a line for each that was written."""
    for number in range(count):
        comment = Change(
            kind="comment", student="ada", subject=f"{author}-{number}", author=author, value={"text": f"{author} {number}"}
        )  # fmt: skip
        book.write_log(ASSIGNMENT, comment)
        tell(f"comment {author}-{number}")
        count_up(book, author)
        tell(f"count {author}-{number}")


LOCK = threading.Lock()


def tell(words: str) -> None:
    """One line for the test that waits for it."""
    with LOCK:
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()


def main(where: str, prefix: str, threads: int, count: int) -> None:
    """Wait for the word to begin, then decide with all threads at once."""
    with open_gradebook(where, patience=90) as book:
        tell("ready")
        sys.stdin.readline()
        people = [
            threading.Thread(target=decide, args=(book, f"{prefix}{number}", count), daemon=True)
            for number in range(threads)
        ]
        for person in people:
            person.start()
        for person in people:
            person.join()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
