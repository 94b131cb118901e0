"""What a course says of all its assignments, in the gradebook: told with an assignment's rules, read with its grades."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, delete, select

from grader.core.course_rules import CourseRules
from grader.core.errors import UsageError
from grader.core.grades import GradeBasis, Rules, share_out
from grader.gradebook.tables import CourseRow, statements
from grader.intake.names import name_some

Found = tuple[str, GradeBasis]  # an assignment's id, and what a student's grade for it is decided from


def store_course(connection: Connection, assignment: str, course: CourseRules | None) -> None:
    """Take over what the course of an assignment says today; None: it has no `course.toml`.

    What was known of these assignments under another title goes: an assignment is of one course. Raises UsageError for
    another course's title, whose slip days and total would be lost.
    """
    told = set(course.assignments if course is not None else ()) | {assignment}
    for known in read_courses(connection):
        if known == course:
            return
        if course is not None and known.title == course.title and not told.intersection(known.assignments):
            raise UsageError(
                f"The gradebook holds another course that is called `{course.title}`, with {name_some(known.assignments)}.",
                "Give this one another `title` in its course.toml, or a gradebook of its own.",
            )
        if told.intersection(known.assignments) and (course is None or known.title != course.title):
            connection.execute(delete(CourseRow).where(CourseRow.title == known.title))
    if course is not None:
        row = {"title": course.title, "rules": course.model_dump_json(by_alias=True)}
        connection.execute(statements(connection.dialect.name).course, row)


def read_courses(connection: Connection) -> list[CourseRules]:
    """Every course that was told of, by title."""
    rows = connection.execute(select(CourseRow.rules).order_by(CourseRow.title)).scalars()
    return [CourseRules.model_validate_json(rules) for rules in rows]


def the_course(courses: Sequence[CourseRules], assignment: str | None) -> CourseRules | None:
    """The course that is meant, by one of its assignments where there are several; None where there is none. UsageError."""
    meant = [course for course in courses if assignment is None or assignment in course.assignments]
    if len(meant) > 1:
        raise UsageError(
            f"The gradebook holds several courses: {', '.join(f'`{course.title}`' for course in meant)}.",
            "Name an assignment of the one that you mean with --assignment ID.",
        )
    return meant[0] if meant else None


def budgets(courses: list[CourseRules]) -> dict[str, CourseRules]:
    """The courses with slip days, by the assignments on which they are spent."""
    return {name: course for course in courses if course.late.slip_days is not None for name in course.assignments}


def with_slip_days(
    found: list[Found], rules: Mapping[str, Rules], courses: Mapping[str, CourseRules]
) -> Iterator[Found]:
    """Every basis with the slip days that are left when its turn comes; `found` holds all that its student has."""
    works: dict[tuple[str, str], dict[str, tuple[Rules, GradeBasis]]] = {}
    for assignment, basis in found:
        if (course := courses.get(assignment)) is not None:
            works.setdefault((course.title, basis.student.name), {})[assignment] = rules[assignment], basis
    left = {
        (student, assignment): days
        for (_, student), own in works.items()
        for assignment, days in share_out(courses[next(iter(own))].late.slip_days or 0, own).items()
    }
    for assignment, basis in found:
        days = left.get((basis.student.name, assignment))
        yield assignment, basis if days is None else basis.model_copy(update={"slip_days": days})
