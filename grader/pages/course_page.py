"""The page of a course in words: a row for each student, a column for each assignment, and the total. Pure."""

from dataclasses import dataclass

from grader.core.course_rules import CourseRules
from grader.core.results import Grade
from grader.core.text import joined, one_line
from grader.core.totals import CourseLine, CourseTable
from grader.pages.headline import points_word, status_word
from grader.pages.language import many, number, percent, say
from grader.pages.wording import Tone, points


@dataclass(frozen=True, kw_only=True)
class CourseCell:
    """What a student has for an assignment; `order` is what a column is sorted by."""

    points: str
    notes: str
    order: float
    tone: Tone = "calm"
    left_out: bool = False


@dataclass(frozen=True, kw_only=True)
class CourseRow:
    """A student's row; `total` and `slip_days` are empty where the course has none."""

    student: str
    identity: str
    cells: tuple[CourseCell, ...]
    slip_days: str
    total: str
    total_notes: str
    order: float


@dataclass(frozen=True, kw_only=True)
class CourseView:
    """A course as its page shows it."""

    title: str
    columns: tuple[tuple[str, str], ...]  # an assignment's title, and what it is out of and weighs
    rows: tuple[CourseRow, ...]
    has_total: bool
    has_slip_days: bool
    missing: str


def course_view(table: CourseTable) -> CourseView:
    """The page of a course."""
    rules = table.rules
    absent = [name for name in table.assignments if name not in table.titles]
    return CourseView(
        title=say("All assignments") if rules is None else one_line(rules.title, 200),
        columns=tuple(_column(table, name) for name in table.assignments),
        rows=tuple(_row(table, line) for line in table.lines),
        has_total=rules is not None and rules.total is not None,
        has_slip_days=rules is not None and rules.late.slip_days is not None,
        missing=joined(absent, ", "),
    )


def _column(table: CourseTable, name: str) -> tuple[str, str]:
    out_of = table.out_of.get(name)
    about = [] if out_of is None else [say("of {points}", points=points(out_of))]
    about += [] if table.rules is None else [_weight(table.rules, name)]
    return one_line(table.titles.get(name, name), 80), joined(about, ", ")


def _weight(rules: CourseRules, name: str) -> str:
    """What an assignment weighs; of a part in which only the best count, what the part is."""
    if name not in rules.counted:
        return say("does not count")
    weight = 1.0
    while True:
        above, part = next((above, part) for above, part in rules.parts.items() if name in part.counts)
        if part.best is not None:
            return say("the best {n} of {all} count", n=part.best, all=len(part.counts))
        weight *= part.weights[name]
        if part is rules.total:
            return say("weighs {share}", share=percent(weight, 1))
        name = above


def _row(table: CourseTable, line: CourseLine) -> CourseRow:
    total = line.total
    share = None if total is None else total.share
    owed = "" if total is None or not total.open else many(len(total.open), "{n} mark is open", "{n} marks are open")
    return CourseRow(
        student=one_line(line.student.name, 200), identity=one_line(line.student.identity, 60),
        cells=tuple(_cell(line, name) for name in table.assignments),
        slip_days="" if line.left is None else number(line.left),
        total="" if total is None else say("excused") if share is None else percent(share, 2), total_notes=owed,
        order=-1.0 if share is None else share,
    )  # fmt: skip


def _cell(line: CourseLine, name: str) -> CourseCell:
    grade = line.grades.get(name)
    left_out = line.total is not None and name in line.total.left_out
    if grade is None or (grade.status is None and grade.override is None):
        return CourseCell(points="–", notes=say("nothing handed in"), order=-1.0, left_out=left_out)
    if grade.excused:
        return CourseCell(points="–", notes=say("excused"), order=-1.0, left_out=left_out)
    shown = -1.0 if grade.points is None else grade.points
    tone: Tone = "warn" if grade.points is None or grade.provisional else "calm"
    return CourseCell(
        points=points_word(grade), notes=joined(_notes(grade), ", "), order=shown, tone=tone, left_out=left_out
    )


def _notes(grade: Grade) -> list[str]:
    """What stands below the points."""
    said = [status_word(grade)] if grade.points is None else []
    said += [say("set by a person")] if grade.decided else []
    said += [say("provisional")] if grade.provisional else []
    if grade.slip_days is not None and grade.slip_days.spent:
        said.append(many(grade.slip_days.spent, "{n} slip day spent", "{n} slip days spent"))
    if grade.penalty is not None and grade.penalty.points and not grade.decided:
        said.append(say("late: -{points}", points=number(grade.penalty.points)))
    return said
