"""A batch in a process of its own: `python -m tests.gradebook.writer WHERE PREFIX COUNT`."""

import sys

from grader.gradebook import open_gradebook
from tests.gradebook.findings import RUBRIC, a_finding, handed_in


def main(where: str, prefix: str, count: int) -> None:
    """Record `count` results, every other one of a student whom others write of too."""
    with open_gradebook(where, patience=60) as book:
        tell("ready")
        sys.stdin.readline()
        for number in range(count):
            student = f"shared{number}" if number % 2 else f"{prefix}{number}"
            result = a_finding(student, 70, evidence=f"{prefix}{number}", seed=number)
            book.record(result, handed_in(student, prefix), rubric_digest=RUBRIC)
            tell(student)


def tell(word: str) -> None:
    """One line for the test that waits for it."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
