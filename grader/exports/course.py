"""A course as a table of our own: a row for each student, a column for each assignment, slip days, the total."""

from grader.core.totals import CourseLine, CourseTable
from grader.exports.release import Cell, write_table

FIRST = ("student", "identity", "login", "email")
LAST = ("slip_days", "slip_days_left", "total", "left_out", "excused", "open")


def write_course(table: CourseTable) -> str:
    """The CSV's text, UTF-8 to be. An assignment's column is called after its id; beside it, what its points are out of."""
    of_assignments = [column for name in table.assignments for column in (name, f"{name} out_of")]
    return write_table((*FIRST, *of_assignments, *LAST), (_row(table, line) for line in table.lines))


def _row(table: CourseTable, line: CourseLine) -> list[Cell]:
    student, total = line.student, line.total
    cells: list[Cell] = [student.name, student.identity, student.login, student.email]
    for name in table.assignments:
        grade = line.grades.get(name)
        cells += [grade.points, grade.out_of] if grade is not None else [None, table.out_of.get(name)]
    excused = [name for name in table.assignments if name in line.grades and line.grades[name].excused]
    share = None if total is None or total.share is None else 100 * total.share
    left_out, owed = ((), ()) if total is None else (sorted(total.left_out), sorted(total.open))
    return [*cells, line.spent, line.left, share, " ".join(left_out), " ".join(excused), " ".join(owed)]
