"""Reads grades and histories: what stands is found here, what follows from it is decided in `decide_grade`."""

import json
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from grader.core.course_rules import CourseRules
from grader.core.decision_log import LogEntry, Review, reviews_of
from grader.core.errors import UsageError
from grader.core.grades import LATER_RUN_BROKE, Event, Extension, HandIn, Judged, Rules
from grader.core.results import Grade, Override, Status, Student
from grader.core.text import available, did_you_mean, nearest
from grader.gradebook.decide_grade import GradeBasis, Marked, MarkedCheck, share_out
from grader.gradebook.stored_decisions import awaiting_results, checks_of, read_log
from grader.gradebook.tables import (
    UNREAD,
    AssignmentRow,
    AttemptRow,
    CourseRow,
    EnrolmentRow,
    LogRow,
    OverrideRow,
    ResultRow,
    StudentRow,
    SubmissionRow,
    stored_text,
)
from grader.intake.names import name_words

MOST_LISTED = 20  # nobody reads a list of a whole class
Found = tuple[str, GradeBasis]  # an assignment's id, and what a student's grade for it is decided from


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Whose grades are meant: all, or those of one assignment, one student, both."""

    assignment: str | None = None
    student_id: int | None = None


def read_grades(connection: Connection, choice: Selection) -> list[Grade]:
    """The grades that follow from what stands, by assignment, then by student's name."""
    rules = read_rules(connection)
    grades = [basis.grade(rules[assignment]) for assignment, basis in read_bases(connection, rules, choice)]
    return sorted(grades, key=_place_of)


def read_grades_beside(connection: Connection, assignment: str, folder: str, names: Collection[str]) -> list[Grade]:
    """The grades of those whose hand-in lies in `folder`, or who are called by one of the `names`, by name."""
    handed_in = select(SubmissionRow.student_id).where(
        SubmissionRow.assignment == assignment, SubmissionRow.folder == folder
    )
    called = select(StudentRow.id).where(StudentRow.name.in_([stored_text(name) for name in names]))
    enrolled = select(EnrolmentRow.student_id).where(
        EnrolmentRow.assignment == assignment,
        EnrolmentRow.student_id.in_(handed_in) | EnrolmentRow.student_id.in_(called),
    )
    grades = [
        grade
        for number in connection.scalars(enrolled).all()
        for grade in read_grades(connection, Selection(assignment=assignment, student_id=number))
    ]
    return sorted(grades, key=_place_of)


def _place_of(grade: Grade) -> tuple[str, str, str]:
    return grade.assignment, grade.student.name.casefold(), grade.student.name


def read_bases(connection: Connection, rules: Mapping[str, Rules], choice: Selection) -> Iterator[Found]:
    """What grades are decided from, with their assignments; `rules` are those of all assignments.

    Slip days are spent on several assignments: where a course has them, all that a student handed in is read.
    """
    courses = (course for course in read_courses(connection) if course.late.slip_days is not None)
    slipping = {name: course for course in courses for name in course.assignments}
    if not slipping or (choice.assignment is not None and choice.assignment not in slipping):
        yield from _read_bases(connection, rules, choice)
        return
    found = list(_read_bases(connection, rules, Selection(student_id=choice.student_id)))
    for assignment, basis in _with_slip_days(found, rules, slipping):
        if choice.assignment in (None, assignment):
            yield assignment, basis


def _with_slip_days(
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


def _read_bases(connection: Connection, assignments: Iterable[str], choice: Selection) -> Iterator[Found]:
    reviews = _read_reviews(connection, assignments, choice)
    marked = _read_marked(connection, choice, {key for key, review in reviews.items() if review.checks})
    overrides = _read_overrides(connection, choice)
    enrolled = select(
        EnrolmentRow, EnrolmentRow.group_name.label("group"), StudentRow.name, StudentRow.identity, StudentRow.login,
        StudentRow.email,
    ).join(StudentRow, StudentRow.id == EnrolmentRow.student_id)  # fmt: skip
    for row in connection.execute(_narrowed(enrolled, EnrolmentRow, choice)):
        key = (row.assignment, row.student_id)
        given, override = marked.get(key, ()), overrides.get(key)
        student, extension = Student.model_validate(row, from_attributes=True), None
        if row.extension_due is not None or row.extension_s is not None:
            extension = Extension(due=row.extension_due, seconds=row.extension_s)
        review = reviews.get((row.assignment, student.name))
        basis = GradeBasis(student=student, marked=tuple(given), extension=extension, override=override, review=review)
        yield row.assignment, basis


def _read_reviews(
    connection: Connection, assignments: Iterable[str], choice: Selection
) -> dict[tuple[str, str], Review]:
    """What people decided below an override, by assignment and student's name."""
    return {
        (assignment, student): review
        for assignment in assignments
        if choice.assignment in (None, assignment)
        for student, review in reviews_of(read_log(connection, assignment, choice.student_id)).items()
    }


def read_judged(connection: Connection, assignment: str) -> list[Judged]:
    """The accuracy of the submission that counts, of every student of an assignment who has one."""
    found = (
        select(StudentRow.name, ResultRow.evidence, ResultRow.accuracy, AttemptRow.judged)
        .join(SubmissionRow, SubmissionRow.id == ResultRow.submission_id)
        .join(StudentRow, StudentRow.id == SubmissionRow.student_id)
        .outerjoin(
            AttemptRow,
            and_(AttemptRow.submission_id == SubmissionRow.id, AttemptRow.evidence == ResultRow.evidence),
        )
        .where(SubmissionRow.assignment == assignment, ResultRow.accuracy.is_not(None))
        .order_by(ResultRow.id)
    )
    newest = {(row.name, row.evidence): row for row in connection.execute(found)}
    counted = [
        (grade.student, newest.get((grade.student.name, grade.evidence)))
        for grade in read_grades(connection, Selection(assignment=assignment))
    ]
    return [
        Judged(student=student, accuracy=row.accuracy, judged=row.judged or 0, evidence=row.evidence)
        for student, row in counted
        if row is not None
    ]


def read_hand_ins(connection: Connection, assignment: str) -> list[HandIn]:
    """Every submission for an assignment; the digest of one that could not be read is empty, as it was told."""
    chosen = (
        select(SubmissionRow, StudentRow.name.label("student"), StudentRow.identity, StudentRow.login, StudentRow.email)
        .join(StudentRow, StudentRow.id == SubmissionRow.student_id)
        .where(SubmissionRow.assignment == assignment)
        .order_by(SubmissionRow.id)
    )
    return [
        HandIn(
            student=Student(name=row.student, identity=row.identity, login=row.login, email=row.email), name=row.name,
            digest="" if row.digest.startswith(UNREAD) else row.digest, submitted=row.submitted,
            marked_late=row.marked_late, folder=row.folder,
        )
        for row in connection.execute(chosen)
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MarkedBy:
    """The newest result of one submission: where it lies, the run it is of, the digest of the rubric that it was made by."""

    folder: str
    submission: str
    evidence: str
    rubric: str
    points: float
    out_of: float
    pass_mark: float


def read_marked_by(connection: Connection, assignment: str) -> list[MarkedBy]:
    """By which rubric every submission of an assignment was marked last."""
    newest = (
        select(func.max(ResultRow.id))
        .join(SubmissionRow, SubmissionRow.id == ResultRow.submission_id)
        .where(SubmissionRow.assignment == assignment)
        .group_by(ResultRow.submission_id)
    )
    chosen = select(
        SubmissionRow.folder, SubmissionRow.name.label("submission"), ResultRow.evidence, ResultRow.rubric,
        ResultRow.points, ResultRow.out_of, ResultRow.pass_mark,
    ).join(SubmissionRow, SubmissionRow.id == ResultRow.submission_id)  # fmt: skip
    return [MarkedBy(**row._mapping) for row in connection.execute(chosen.where(ResultRow.id.in_(newest)))]


def read_stamp(connection: Connection, assignment: str) -> tuple[object, ...]:
    """The newest numbers of all that grades follow from, and the rules and enrolments that are changed in place.

    Of other assignments, too: a course's slip days are spent on all of them.
    """
    newest = [select(func.max(table.id)).scalar_subquery() for table in (ResultRow, OverrideRow, LogRow, SubmissionRow)]
    counts = connection.execute(select(*newest)).one()
    courses = tuple(connection.execute(select(CourseRow.rules).order_by(CourseRow.title)).scalars())
    rules = tuple(connection.execute(select(AssignmentRow.rules).order_by(AssignmentRow.id)).scalars())
    mine = select(
        func.count(), func.max(EnrolmentRow.extension_due), func.sum(EnrolmentRow.extension_s),
        func.count(EnrolmentRow.extension_due),
    )  # fmt: skip
    handed_in = select(func.max(SubmissionRow.submitted), func.count(SubmissionRow.submitted))
    return (assignment, *counts, courses, rules, *connection.execute(mine).one(), *connection.execute(handed_in).one())


def require_assignment(connection: Connection, assignment: str | None) -> None:
    """Raise UsageError for an assignment that the gradebook does not know."""
    known = tuple(connection.execute(select(AssignmentRow.id).order_by(AssignmentRow.id)).scalars())
    if assignment is not None and assignment not in known:
        raise UsageError(
            f"The gradebook has no assignment `{assignment}`{nearest(assignment, known)}.", available(known)
        )


def find_student(connection: Connection, word: str) -> int:
    """The student who is called so, or has this identity or e-mail address. Raises UsageError.

    At last the name is compared without accents and in any order of its words: Rossi, Niccolo is Niccolò Rossi, if nobody
    else could be meant.
    """
    word = stored_text(word)
    rows = connection.execute(select(StudentRow)).all()
    for field in ("name", "identity", "login", "email"):
        found = [row for row in rows if getattr(row, field).casefold() == word.casefold() and word]
        exact = [row for row in found if getattr(row, field) == word]
        chosen = exact if len(exact) == 1 else found
        if len(chosen) == 1:
            return int(chosen[0].id)
        if chosen:
            raise _several(chosen, f"Several students have the {field} `{word}`.")
    alike = [row for row in rows if word and name_words(row.name) == name_words(word)]
    if len(alike) == 1:
        return int(alike[0].id)
    if alike:
        raise _several(alike, f"Several students could be meant by `{word}`.")
    parts = set(name_words(word))
    partly = [row for row in rows if parts and parts <= set(name_words(row.name))]
    if partly:
        raise _several(partly, f"The gradebook has no student `{word}`.")
    near = did_you_mean(word, tuple(row.name for row in rows))
    if not near.startswith(" (") and len(rows) > MOST_LISTED:
        near = ""
    raise UsageError(f"The gradebook has no student `{word}`{near}.", "`grader gradebook show` lists them.")


def _several(rows: Sequence[Row[Any]], what: str) -> UsageError:
    """What is said where a word may mean these students; what tells them apart stands behind their names."""
    known = sorted((row.name, row.identity or row.login or row.email) for row in rows)[:MOST_LISTED]
    names = ", ".join(f"`{name}` ({told})" if told else f"`{name}`" for name, told in known)
    more = f" and {len(rows) - MOST_LISTED} more" if len(rows) > MOST_LISTED else ""
    if len(rows) == 1:
        return UsageError(f"{what} Did you mean {names}?", "Give the whole name, or the number.")
    return UsageError(f"{what} Available: {names}{more}.", "Give the name as it stands there, or the number.")


def the_assignment(connection: Connection, student_id: int, assignment: str | None) -> str:
    """The assignment that is meant; it may be left out where the student has one only. Raises UsageError."""
    mine = select(EnrolmentRow.assignment).where(EnrolmentRow.student_id == student_id)
    known = tuple(connection.execute(mine.order_by(EnrolmentRow.assignment)).scalars())
    if assignment is None and len(known) == 1:
        return known[0]
    if assignment is None:
        raise UsageError(f"The student has grades for {', '.join(known)}.", "Say which with --assignment.")
    require_assignment(connection, assignment)
    if assignment not in known:
        raise UsageError(f"The student is not enrolled for `{assignment}`, only for {', '.join(known)}.")
    return assignment


def read_rules(connection: Connection) -> dict[str, Rules]:
    """The rules of every assignment, as they were told last."""
    rows = connection.execute(select(AssignmentRow.id, AssignmentRow.rules))
    return {row.id: Rules.model_validate_json(row.rules) for row in rows}


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


def _narrowed(chosen: Any, table: Any, choice: Selection) -> Any:
    if choice.assignment is not None:
        chosen = chosen.where(table.assignment == choice.assignment)
    if choice.student_id is not None:
        chosen = chosen.where(table.student_id == choice.student_id)
    return chosen


def _read_marked(
    connection: Connection, choice: Selection, decided: Container[tuple[str, str]]
) -> dict[tuple[str, int], list[Marked]]:
    """The result that stands for every submission: the newest, but no fault of ours where there is another.

    `decided`: assignments and students of whose checks people decided points; those results come with their checks.
    """
    newest = select(func.max(ResultRow.id)).group_by(ResultRow.submission_id)
    if choice.student_id is not None:  # of one student: not all that there are
        own = _narrowed(select(SubmissionRow.id), SubmissionRow, choice)
        newest = newest.where(ResultRow.submission_id.in_(own))
    sound = newest.where(ResultRow.status != Status.BROKEN.value)
    chosen = select(
        SubmissionRow.assignment, SubmissionRow.student_id, SubmissionRow.id.label("submission"), SubmissionRow.name,
        SubmissionRow.submitted, SubmissionRow.marked_late, SubmissionRow.folder, ResultRow.status, ResultRow.points,
        ResultRow.out_of, ResultRow.pass_mark, ResultRow.passed, ResultRow.flags, ResultRow.evidence,
        ResultRow.source, ResultRow.audit,
        ResultRow.id.label("result"), SubmissionRow.digest, StudentRow.name.label("student"),
    ).join(ResultRow, ResultRow.submission_id == SubmissionRow.id)  # fmt: skip
    chosen = chosen.join(StudentRow, StudentRow.id == SubmissionRow.student_id)
    wanted = _narrowed(chosen, SubmissionRow, choice).where(ResultRow.id.in_(newest.union(sound)))
    rows = connection.execute(wanted.order_by(ResultRow.id)).all()
    awaiting = awaiting_results(connection, choice.assignment)
    shown = [row.result for row in rows if row.result in awaiting or (row.assignment, row.student) in decided]
    checks = checks_of(connection, shown)
    standing: dict[int, tuple[tuple[str, int], Marked]] = {}
    for row in rows:
        broke = row.status == Status.BROKEN.value
        if broke and row.submission in standing:  # what was found before the fault stands
            key, before = standing[row.submission]
            standing[row.submission] = key, before.model_copy(update={"flags": (*before.flags, LATER_RUN_BROKE)})
        else:
            standing[row.submission] = (row.assignment, row.student_id), _marked(row, checks.get(row.result, ()))
    grouped: dict[tuple[str, int], list[Marked]] = defaultdict(list)
    for _, (key, item) in sorted(standing.items()):
        grouped[key].append(item)
    return grouped


def _marked(row: Any, checks: Iterable[MarkedCheck]) -> Marked:
    return Marked(
        sequence=row.submission, submission=row.name, status=Status(row.status), points=row.points, out_of=row.out_of,
        pass_mark=row.pass_mark, passed=row.passed, submitted=row.submitted, marked_late=row.marked_late,
        flags=tuple(json.loads(row.flags)), folder=row.folder, evidence=row.evidence,
        checks=tuple(checks), digest="" if row.digest.startswith(UNREAD) else row.digest, source=row.source, audit=row.audit,
    )  # fmt: skip


def _read_overrides(connection: Connection, choice: Selection) -> dict[tuple[str, int], Override]:
    newest = select(func.max(OverrideRow.id)).group_by(OverrideRow.assignment, OverrideRow.student_id)
    newest = _narrowed(newest, OverrideRow, choice)
    rows = connection.execute(_narrowed(select(OverrideRow), OverrideRow, choice).where(OverrideRow.id.in_(newest)))
    return {
        (row.assignment, row.student_id): Override(
            points=row.points, excused=row.excused, author=row.author, reason=row.reason, time=row.time.isoformat(),
            comment=row.comment,
        )
        for row in rows
        if not row.revoked
    }  # fmt: skip


Dated = tuple[datetime, Event]


def read_history(connection: Connection, student_id: int, assignment: str | None) -> list[Event]:
    """Every result and every decision on a student's grades, oldest first.

    Each kind stays in the order in which it was written, whatever the clock did; times only tell how they lie together.
    """
    events = [
        *_in_order(_result_events(connection, student_id)), *_in_order(_decision_events(connection, student_id)),
    ]  # fmt: skip
    return [event for _, event in sorted(events, key=lambda item: item[0]) if assignment in (None, event.assignment)]


def _in_order(events: Iterable[Dated]) -> Iterator[Dated]:
    """Events whose times never go back."""
    latest: datetime | None = None
    for time, event in events:
        latest = time if latest is None else max(latest, time)
        yield latest, event


def _result_events(connection: Connection, student_id: int) -> list[Dated]:
    rows = connection.execute(
        select(
            ResultRow.id, ResultRow.recorded, ResultRow.submission_id, ResultRow.points, ResultRow.out_of,
            ResultRow.status, ResultRow.passed, ResultRow.rubric, ResultRow.grader, SubmissionRow.assignment,
            SubmissionRow.name,
        )
        .join(SubmissionRow, SubmissionRow.id == ResultRow.submission_id)
        .where(SubmissionRow.student_id == student_id)
        .order_by(ResultRow.id)
    ).all()  # fmt: skip
    found = checks_of(connection, [row.id for row in rows])
    checks = {number: {check.label: check.points for check in own} for number, own in found.items()}
    latest: dict[int, Any] = {}
    events = []
    for row in rows:
        old = latest.get(row.submission_id)
        event = Event(
            time=row.recorded.isoformat(), assignment=row.assignment, kind="result", points=row.points, out_of=row.out_of,
            before=None if old is None else old.points, submission=row.name, status=Status(row.status),
            passed=row.passed, rubric=row.rubric, grader=row.grader,
            changed=() if old is None else _changes(checks[old.id], checks[row.id]),
        )  # fmt: skip
        latest[row.submission_id] = row
        events.append((row.recorded, event))
    return events


def _changes(old: dict[str, float], new: dict[str, float]) -> tuple[str, ...]:
    return tuple(
        f"{name} {old[name]:g} -> {points:g}" for name, points in new.items() if old.get(name, points) != points
    )


def _decision_events(connection: Connection, student_id: int) -> list[Dated]:
    rules = read_rules(connection)
    return [
        (datetime.fromisoformat(entry.time), _decision_event(entry, rules[assignment].out_of))
        for assignment in rules
        for entry in read_log(connection, assignment, student_id)
        if entry.student and entry.kind in OF_A_STUDENT
    ]


OF_A_STUDENT = ("override", "check", "adjustment", "comment", "looked_at", "assigned")


def _decision_event(entry: LogEntry, out_of: float) -> Event:
    value = entry.value or {}
    kind: Any = entry.kind
    if kind == "override":
        kind = "revoke" if entry.value is None else "excuse" if value["excused"] else "override"
    about = entry.subject if kind in ("check", "comment") else value.get("to", "")
    return Event(
        time=entry.time, assignment=entry.assignment, kind=kind, points=value.get("points"), out_of=out_of,
        author=entry.author, reason=entry.reason, comment=value.get("comment") or value.get("text", ""),
        subject=about, taken_back=entry.value is None and kind != "revoke",
    )  # fmt: skip
