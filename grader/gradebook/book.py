"""The gradebook as its users see it: `open_gradebook` finds a file or a server, `Gradebook` reads and writes it."""

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, Connection, make_url, update
from sqlalchemy.exc import ArgumentError

from grader.core.assignment import Assignment
from grader.core.course_rules import CourseRules
from grader.core.decision_log import LogEntry, OverrideValue
from grader.core.errors import UsageError
from grader.core.grades import Enrolment, Event, HandIn, Judged, Rules
from grader.core.results import Grade, Result
from grader.gradebook.database import Database, bring_up_to_date, file_engine, prefer_write_ahead_log, server_engine
from grader.gradebook.decide_grade import GradeBasis
from grader.gradebook.persons import Person
from grader.gradebook.reading import (
    MarkedBy,
    Selection,
    find_student,
    read_bases,
    read_courses,
    read_grades,
    read_grades_beside,
    read_hand_ins,
    read_history,
    read_judged,
    read_marked_by,
    read_rules,
    read_stamp,
    require_assignment,
    the_assignment,
    the_course,
)
from grader.gradebook.recording import Decision, decide, enrol, record
from grader.gradebook.stored_decisions import Change, add_entry, lock, read_log, require_unchanged
from grader.gradebook.tables import SubmissionRow


@dataclass(frozen=True, kw_only=True)
class Remarked:
    """What became of a class that was marked again: every student's grade before and after.

    `refused`: the folders whose new results are not recorded, and why.
    """

    grades: Sequence[tuple[Grade, Grade]]
    refused: Mapping[str, Exception]


class Gradebook:
    """An open gradebook. All methods may be called from several threads, and several gradebooks may write at a time.

    Each raises Infrastructure where the database is locked, full or gone for longer than the patience it was opened with;
    then nothing is half written, and the same call may be repeated.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def enrol(
        self, assignment: Assignment, students: Iterable[Enrolment] = (), *, course: CourseRules | None = None
    ) -> list[Person]:
        """Store an assignment's rules, and students with their extensions: once at the start of a batch or a regrade.

        `course` is what its course says of all assignments; None where it says nothing.
        A student who is named again gets today's extension, or none; nobody is ever removed.
        Returns who each of them is: known by a number, a login, an address or the name, or new.
        """
        known = list(students)
        return self._database.write(lambda connection: enrol(connection, assignment, known, course))

    def record(self, result: Result, hand_in: HandIn, *, rubric_digest: str) -> bool:
        """Add a result to the history of a submission, in one transaction; the newest stands. Whether it was added.

        It is not where the same submission has this very finding under this rubric already. `result.assignment` need
        not have been enrolled.
        """
        return self._database.write(lambda connection: record(connection, result, hand_in, rubric=rubric_digest))

    def remark(
        self,
        assignment: Assignment,
        results: Sequence[tuple[Result, HandIn]],
        *,
        rubric_digest: str,
        dry_run: bool = False,
        course: CourseRules | None = None,
    ) -> Remarked:
        """Take over today's rules and new results of known submissions, folder by folder.

        All of it is one transaction, which a `dry_run` takes back at its end. What the database refuses of one folder costs
        that folder alone. Nobody who is not in the gradebook is added.
        """

        def work(connection: Connection) -> Remarked:
            choice = Selection(assignment=assignment.id)
            before = {grade.student.name: grade for grade in read_grades(connection, choice)}
            enrol(connection, assignment, (), course)
            refused: dict[str, Exception] = {}
            for folder, own in _by_folder(results).items():
                try:
                    with connection.begin_nested():  # a savepoint: a group is marked again as a whole, or not
                        for result, hand_in in own:
                            record(connection, result, hand_in, rubric=rubric_digest)
                except Exception as error:
                    refused[folder] = self._database.refused(error)
            after = read_grades(connection, choice)
            if dry_run:
                connection.rollback()
            return Remarked(
                grades=[(before.get(grade.student.name, grade), grade) for grade in after], refused=refused
            )  # fmt: skip

        return self._database.write(work)

    def grade(self, assignment: str, student_id: int) -> Grade:
        """The grade of a student who is enrolled."""
        choice = Selection(assignment=assignment, student_id=student_id)
        return self._database.read(lambda connection: read_grades(connection, choice))[0]

    def moved(self, assignment: str, before: str, folder: str) -> None:
        """Take over that what lay in the folder `before` of an assignment's results lies in `folder` now."""
        mine = (SubmissionRow.assignment == assignment, SubmissionRow.folder == before)
        self._database.write(
            lambda connection: connection.execute(update(SubmissionRow).where(*mine).values(folder=folder)).rowcount
        )

    def hand_ins(self, assignment: str) -> list[HandIn]:
        """Every submission for an assignment, in the order in which they were first recorded."""
        return self._database.read(lambda connection: read_hand_ins(connection, assignment))

    def judged(self, assignment: str) -> list[Judged]:
        """The accuracy of the submission that counts, of every student of an assignment who has one."""
        return self._database.read(lambda connection: read_judged(connection, assignment))

    def grades(self, assignment: str | None = None, *, student: str | None = None) -> list[Grade]:
        """The grades by assignment, then by student's name; every enrolled student has one. Raises UsageError.

        `assignment` and `student` (a name, an identity or an e-mail address) must be known, where they are given.
        """

        def work(connection: Connection) -> list[Grade]:
            require_assignment(connection, assignment)
            number = None if student is None else find_student(connection, student)
            return read_grades(connection, Selection(assignment=assignment, student_id=number))

        return self._database.read(work)

    def grades_beside(self, assignment: str, folder: str, names: Collection[str]) -> list[Grade]:
        """The grades that a page in `folder` can show: of those whose hand-in lies there, or who are called so."""
        return self._database.read(lambda connection: read_grades_beside(connection, assignment, folder, names))

    def course(self, assignment: str | None = None) -> tuple[CourseRules | None, list[Grade]]:
        """What the course says of all its assignments, None where nothing was told, and every grade in it.

        `assignment` names one of the course's, where the gradebook holds several courses. Raises UsageError.
        """

        def work(connection: Connection) -> tuple[CourseRules | None, list[Grade]]:
            require_assignment(connection, assignment)
            course = the_course(read_courses(connection), assignment)
            grades = read_grades(connection, Selection())
            return course, [grade for grade in grades if course is None or grade.assignment in course.assignments]

        return self._database.read(work)

    def bases(self, assignment: str) -> tuple[Rules, list[GradeBasis]]:
        """What the grades of an assignment are decided from: its rules, and each enrolled student. Raises UsageError."""

        def work(connection: Connection) -> tuple[Rules, list[GradeBasis]]:
            require_assignment(connection, assignment)
            rules = read_rules(connection)
            found = read_bases(connection, rules, Selection(assignment=assignment))
            return rules[assignment], [basis for _, basis in found]

        return self._database.read(work)

    def marked_by(self, assignment: str) -> tuple[Rules, list[MarkedBy]]:
        """The rules of an assignment as they were told last, and by which rubric each submission was marked. UsageError."""

        def work(connection: Connection) -> tuple[Rules, list[MarkedBy]]:
            require_assignment(connection, assignment)
            return read_rules(connection)[assignment], read_marked_by(connection, assignment)

        return self._database.read(work)

    def history(self, student: str, assignment: str | None = None) -> list[Event]:
        """Every result and every decision on a student's grades, oldest first. Raises UsageError."""

        def work(connection: Connection) -> list[Event]:
            require_assignment(connection, assignment)
            return read_history(connection, find_student(connection, student), assignment)

        return self._database.read(work)

    def override(
        self, student: str, *, author: str, reason: str, points: float | None = None, excused: bool = False,
        assignment: str | None = None, time: datetime | None = None, comment: str = "", above_maximum: bool = False,
    ) -> Grade:  # fmt: skip
        """A person's decision on one grade: points, or an excuse; the grade that follows. Raises UsageError.

        `assignment` may be left out where the student has one only. An empty reason or author is refused, and more points
        than there are, unless `above_maximum`. `reason` is for colleagues, `comment` for the student.
        """
        if points is None and not excused:
            raise UsageError(
                "An override gives points or an excuse.", "Use --points N or --excuse; --revoke takes it back."
            )
        decision = Decision(
            author=author,
            reason=reason,
            time=time or datetime.now(UTC),
            points=points,
            excused=excused,
            comment=comment,
        )
        return self._decide(student, assignment, decision, above_maximum=above_maximum)

    def revoke(
        self, student: str, *, author: str, reason: str, assignment: str | None = None, time: datetime | None = None,
        comment: str = "",
    ) -> Grade:  # fmt: skip
        """Take an override back; the grade by the rules that follows. Raises UsageError where there is none."""
        decision = Decision(author=author, reason=reason, time=time or datetime.now(UTC), comment=comment)
        return self._decide(student, assignment, decision)

    def review_log(self, assignment: str) -> list[LogEntry]:
        """Every decision of an assignment, of single students and of the class, overrides among them; oldest first."""
        return self._database.read(lambda connection: read_log(connection, assignment))

    def stamp(self, assignment: str) -> tuple[object, ...]:
        """What changes with every result, decision, rule or enrolment of an assignment."""
        return self._database.read(lambda connection: read_stamp(connection, assignment))

    def write_log(self, assignment: str, change: Change) -> LogEntry:
        """Write a person's decision down; the entry that stands then. Raises UsageError, Superseded."""
        return self.write_log_all(assignment, [change])[0]

    def write_log_of(self, assignment: str, change: Change, deed: Callable[[], object]) -> LogEntry:
        """As `write_log` of something that is done meanwhile: where `deed` raises or never ends, no entry says it was done.

        Of two who write the same key at once the second is refused before its deed. What went wrong with the database after
        the deed is raised: then it is done, and no entry says so.
        """
        done = False

        def work(connection: Connection) -> LogEntry:
            nonlocal done
            require_assignment(connection, assignment)
            entry = self._write(connection, assignment, change)
            if not done:
                deed()
                done = True
            return entry

        return self._database.write(work)

    def write_log_all(self, assignment: str, changes: Sequence[Change]) -> list[LogEntry]:
        """As `write_log` for several decisions, all of them or none: those of a group's members, or of one form."""
        order = sorted(range(len(changes)), key=lambda place: changes[place].student)  # against deadlocks

        def work(connection: Connection) -> list[LogEntry]:
            require_assignment(connection, assignment)
            done = {place: self._write(connection, assignment, changes[place]) for place in order}
            return [done[place] for place in range(len(changes))]

        return self._database.write(work)

    def grades_after(self, assignment: str, changes: Sequence[Change]) -> list[tuple[Grade, Grade]]:
        """Every grade of an assignment before and after some decisions, of which nothing is kept.

        Raises UsageError, Superseded, as writing them would.
        """

        def work(connection: Connection) -> list[tuple[Grade, Grade]]:
            require_assignment(connection, assignment)
            choice = Selection(assignment=assignment)
            before = read_grades(connection, choice)
            for change in changes:
                self._write(connection, assignment, change)
            after = read_grades(connection, choice)
            connection.rollback()
            return list(zip(before, after, strict=True))

        return self._database.write(work)

    def _write(self, connection: Connection, assignment: str, change: Change) -> LogEntry:
        number = find_student(connection, change.student) if change.student else None
        if number is not None:
            the_assignment(connection, number, assignment)
        if change.kind != "override" or number is None:
            return add_entry(connection, assignment, number, change)
        lock(connection, assignment, number)
        mine = [entry for entry in read_log(connection, assignment, number) if entry.kind == "override"]
        require_unchanged(mine[-1] if mine else None, change.seen)
        value = OverrideValue.model_validate(change.value or {})
        decision = Decision(
            author=change.author, reason=change.reason, time=change.time, points=value.points, excused=value.excused,
            comment=value.comment,
        )  # fmt: skip
        decide(connection, assignment, number, decision, above_maximum=change.restores)
        return [entry for entry in read_log(connection, assignment, number) if entry.kind == "override"][-1]

    def _decide(
        self, student: str, assignment: str | None, decision: Decision, *, above_maximum: bool = False
    ) -> Grade:
        def work(connection: Connection) -> Grade:
            number = find_student(connection, student)
            which = the_assignment(connection, number, assignment)
            decide(connection, which, number, decision, above_maximum=above_maximum)
            return read_grades(connection, Selection(assignment=which, student_id=number))[0]

        return self._database.write(work)


def _by_folder(results: Iterable[tuple[Result, HandIn]]) -> dict[str, list[tuple[Result, HandIn]]]:
    """By the folder of the hand-ins; in the order of names, so that two who write of one class don't wait for each other."""
    folders: dict[str, list[tuple[Result, HandIn]]] = defaultdict(list)
    for result, hand_in in sorted(results, key=lambda item: item[1].student.name):
        folders[hand_in.folder].append((result, hand_in))
    return folders


FILE = "gradebook.sqlite"
PATIENCE, PATIENCE_AT_OPENING = 20.0, 5.0
SERVER, SQLITE = ("postgresql", "postgres", "postgresql+psycopg"), "sqlite"
EXAMPLE = "Write a folder, a file, or postgresql://USER:PASSWORD@HOST/NAME."


def _locate(where: Path | str) -> Path | URL:
    """The gradebook meant by a folder (its `gradebook.sqlite`), a file, or a URL. Raises UsageError."""
    if isinstance(where, Path) or "://" not in where:
        path = Path(where)
        try:
            return path / FILE if path.is_dir() else path
        except OSError as error:
            raise UsageError(f"{path}: can't be opened ({error.strerror}).", "Name another place.") from None
    try:
        url = make_url(where)
        _ = url.port, url.database
    except (ArgumentError, ValueError):
        raise UsageError("The URL of the gradebook is not understood.", EXAMPLE) from None  # it may hold a password
    if url.drivername == SQLITE and url.database:
        return Path(url.database)
    if url.drivername not in SERVER:
        raise UsageError(f"A gradebook is SQLite or PostgreSQL, not `{url.drivername}`.", EXAMPLE)
    if not url.database:
        raise UsageError(f"{_shown(url)}: names no database.", EXAMPLE)
    return url


def _shown(place: Path | URL) -> str:
    """What a gradebook is called in messages: without a password."""
    if isinstance(place, Path):
        return str(place)
    return place.set(drivername="postgresql", query={}).render_as_string(hide_password=True)


@contextmanager
def open_gradebook(where: Path | str, *, create: bool = True, patience: float = PATIENCE) -> Iterator[Gradebook]:
    """The gradebook at `where`: a folder, a file, or `postgresql://USER@HOST/NAME`. Raises UsageError, Infrastructure.

    What is not there is made (unless `create` is False: UsageError), an older schema is migrated, a newer one refused. For
    `patience` seconds a locked or vanished database is waited for at every call, at opening no longer than 5 seconds.
    """
    place = _locate(where)
    name = _shown(place)
    if isinstance(place, Path):
        _require_file(place, create=create)
        engine = file_engine(URL.create("sqlite", database=str(place.absolute())), patience)
    else:
        engine = server_engine(place, patience)
    try:
        bring_up_to_date(Database(engine, name, min(patience, PATIENCE_AT_OPENING)), place, create=create)
        if isinstance(place, Path):
            prefer_write_ahead_log(place)  # only now: another program's file is left as it was
        yield Gradebook(Database(engine, name, patience))
    finally:
        engine.dispose()


def _require_file(path: Path, *, create: bool) -> None:
    """Raise UsageError for a place where no gradebook can be."""
    try:
        there = path.exists()
        if there and not path.is_file():
            raise UsageError(f"{path}: is not a file.", "Name a folder that a batch wrote, or a gradebook.sqlite.")
        if not there and not create:
            raise UsageError(f"{path}: there is no gradebook.", "Name the --out folder of a batch, or a URL.")
        if not there and not path.parent.is_dir():
            raise UsageError(f"{path}: its folder does not exist.", "Make the folder, or name another place.")
    except OSError as error:
        raise UsageError(f"{path}: can't be opened ({error.strerror}).", "Name another place.") from None
    if there and not os.access(path, os.R_OK | os.W_OK):
        raise UsageError(f"{path}: may not be read and written.", "Change its permissions.")
