"""What a course's assignments add up to for one student: weights, and the best so many of a part. Pure.

It starts from grades as `grader.gradebook.decide_grade` decides them: with lateness, slip days and people's decisions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grader.core.course_rules import ROOT, CourseRules
from grader.core.results import Grade, Student


@dataclass(frozen=True)
class Total:
    """A student's total as a share of all there is (0 to 1; None: excused from everything that counts).

    `counted`: the assignments that are in it. `left_out`: those that are not, because others are better or by an excuse.
    `open`: those of which a person, or we, still owe a mark: they count as what there is so far.
    """

    share: float | None
    counted: frozenset[str]
    left_out: frozenset[str]
    open: frozenset[str]


@dataclass(frozen=True)
class CourseLine:
    """What one student has in a course: a grade for each assignment, the total, and slip days in all (None: no budget)."""

    student: Student
    grades: Mapping[str, Grade]
    total: Total | None
    spent: int | None = None
    left: int | None = None


@dataclass(frozen=True)
class CourseTable:
    """A course as a table: its assignments in order, with their titles and points, and a line for each student."""

    rules: CourseRules | None
    assignments: tuple[str, ...]
    titles: Mapping[str, str]
    out_of: Mapping[str, float]
    lines: tuple[CourseLine, ...]


def course_table(rules: CourseRules | None, grades: Iterable[Grade]) -> CourseTable:
    """The table of a course with these grades, which are those of its assignments; without rules there is no total.

    Assignments that count come first, as the course names them; then those that do not, by id.
    """
    known: dict[str, dict[str, Grade]] = {}
    for grade in grades:
        known.setdefault(grade.student.name, {})[grade.assignment] = grade
    first = {grade.assignment: grade for own in known.values() for grade in own.values()}
    counted = () if rules is None else rules.counted
    return CourseTable(
        rules=rules, assignments=(*counted, *sorted(first.keys() - set(counted))),
        titles={name: grade.title for name, grade in first.items()},
        out_of={name: grade.out_of for name, grade in first.items()},
        lines=tuple(_line(rules, known[name]) for name in sorted(known, key=lambda name: (name.casefold(), name))),
    )  # fmt: skip


def _line(rules: CourseRules | None, grades: Mapping[str, Grade]) -> CourseLine:
    newest = next(iter(grades.values())).student.model_copy(update={"participant": "", "group": ""})  # of no assignment
    total = None if rules is None else add_up(rules, grades)
    if rules is None or rules.late.slip_days is None:
        return CourseLine(newest, grades, total)
    spent = sum(grade.slip_days.spent for grade in grades.values() if grade.slip_days is not None)
    return CourseLine(newest, grades, total, spent, rules.late.slip_days - spent)


@dataclass(frozen=True)
class _Sum:
    share: float | None
    counted: frozenset[str] = frozenset()


def add_up(course: CourseRules, grades: Mapping[str, Grade]) -> Total | None:
    """The total of a student with these grades, by assignment; None where the course says nothing of a total.

    What was not handed in counts as nothing. An excused assignment is left out, and what else is in its part weighs more.
    """
    if course.total is None:
        return None
    sums: dict[str, _Sum] = {}
    for name in _inside_first(course):
        sums[name] = _part(course, name, sums, grades)
    found = sums[ROOT]
    named = {name for part in course.parts.values() for name in part.counts if name in course.assignments}
    owed = frozenset(name for name in named if (grade := grades.get(name)) is not None and _is_owed(grade))
    return Total(found.share, found.counted, frozenset(named) - found.counted, owed)


def _is_owed(grade: Grade) -> bool:
    """Whether something was handed in that has no mark yet, or none that stands."""
    return grade.provisional or (grade.points is None and not grade.excused and grade.status is not None)


def _inside_first(course: CourseRules) -> list[str]:
    """The parts, each after those that it counts."""
    order, parts = [ROOT], course.parts
    for name in order:  # which grows while it is read; no part is counted twice, so it ends
        order += [counted for counted in parts[name].counts if counted in parts]
    return order[::-1]


def _part(course: CourseRules, name: str, sums: Mapping[str, _Sum], grades: Mapping[str, Grade]) -> _Sum:
    """What a part is worth: the weighted mean of what it counts, without what nobody asks of this student."""
    part = course.parts[name]
    items = {
        counted: sums[counted] if counted in sums else _of_assignment(counted, grades.get(counted))
        for counted in part.counts
    }
    asked = {counted: item.share for counted, item in items.items() if item.share is not None}
    if part.best is not None:
        best = sorted(asked, key=lambda counted: -asked[counted])[: part.best]  # of equal ones the first that is named
        asked = {counted: asked[counted] for counted in asked if counted in best}
    weights = {counted: part.weights[counted] for counted in asked}
    whole = sum(weights.values())
    if not whole:
        return _Sum(None)
    share = sum(weights[counted] * value for counted, value in asked.items()) / whole
    return _Sum(share, frozenset().union(*(items[counted].counted for counted in asked)))


def _of_assignment(name: str, grade: Grade | None) -> _Sum:
    if grade is not None and grade.excused:
        return _Sum(None)
    points = 0.0 if grade is None or grade.points is None else grade.points
    share = points / grade.out_of if grade is not None and grade.out_of > 0 else 0.0
    return _Sum(share, frozenset({name}))
