"""The class as the desk shows it: results on disk, grades and decisions of the gradebook, read again where they changed.

The rubric's file is edited by hand, by a colleague's desk, or by a desk that ended before it had marked the class: each desk
looks at it too. What stands for a submission in addresses is a digest with a secret: who has the class list can name nobody.
"""

import hashlib
import hmac
import os
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from grader.core.decision_log import Key, Kind, LogEntry, pair_subject, standing
from grader.core.errors import GraderError, UsageError
from grader.core.evidence import Evidence
from grader.core.grades import Rules, grades_of
from grader.core.results import Grade, Result
from grader.core.store import EVIDENCE, RESULT, load_result
from grader.course.course import Course
from grader.course.rubric import Rubric, open_rubric, own_code_digest
from grader.gradebook import Change, Gradebook, MarkedBy, Superseded, digest_with
from grader.marking.publish import EVIDENCE_FOLDER, Grades, OutputOptions
from grader.marking.regrade import never_run, show_grades
from grader.marking.repeated_runs import counted_run, load_attempts
from grader.marking.rubric_numbers import read_rubric_file
from grader.marking.similarity import PAIRS, Compared, load_compared
from grader.marking.what_if import above_maximum
from grader.review.class_state import ClassState, MarkedOtherwise, Row, RubricToday, differ, seen_entries
from grader.review.names import Names, hidden_names

# Where a group's members have something else of these, what one of them has is replaced only where a person says so.
ASKED: frozenset[Kind] = frozenset({"check", "adjustment", "override"})

LOOK_AGAIN = 1.0  # seconds after which files are looked at again: 500 of them take some milliseconds

SECRET = ".review-key"
SECRET_SIZE = 32  # bytes of it
# Who may read the results may read it too, for it hides nothing from them: a colleague of the same group, nobody else.
SECRET_MODE = 0o640
SECRET_PATIENCE = 2.0  # seconds that another desk may take to write it


@dataclass(frozen=True, kw_only=True)
class ReviewOptions:
    """What is reviewed, and by whom. `anonymous`: names are hidden until they are revealed."""

    out: Path
    course: Course
    rubric: Rubric
    author: str
    data: Path | None = None
    anonymous: bool = False
    compare: Callable[[], object] | None = None  # compares the code of the class, and keeps the pairs in `out`


class Gone(UsageError):
    """A submission that is not in the class any more."""


class Overtaken(Superseded):
    """As Superseded, with what was decided last of everyone whose decision it is: a form that shows it names it as seen."""

    def __init__(
        self, newest: LogEntry | None, decided_last: Mapping[str, LogEntry | None], message: str = "", remedy: str = ""
    ) -> None:
        super().__init__(newest)
        self.message, self.remedy = message or self.message, remedy or self.remedy
        self.decided_last = decided_last

    @property
    def seen(self) -> str:
        """The numbers of these entries, as forms hold them."""
        return seen_entries(self.decided_last.values())

    @property
    def asked(self) -> frozenset[int]:
        """The members, by number, of whom a form asks whether what they have is to be replaced."""
        entries = tuple(self.decided_last.values())
        held = {place: entry for place, entry in enumerate(entries) if entry is not None and entry.value is not None}
        asks = differ(entries) and all(entry.kind in ASKED for entry in held.values())
        return frozenset(held) if asks else frozenset()


def read_secret(out: Path) -> bytes:
    """The random secret beside the results, which all desks over them share; the first desk makes it.

    Where it can neither be read nor made, this desk has one of its own: its addresses hold for this desk alone.
    """
    new, path = secrets.token_bytes(SECRET_SIZE), out / SECRET
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
    except FileExistsError:
        return _written_secret(path) or new
    except OSError:
        return new
    with os.fdopen(file, "wb") as opened:
        opened.write(new)
    return new


def _written_secret(path: Path) -> bytes:
    """What is in the file, once all of it is; empty where it can't be read."""
    until = time.monotonic() + SECRET_PATIENCE
    try:
        while len(found := path.read_bytes()) != SECRET_SIZE and time.monotonic() < until:
            time.sleep(0.02)
    except OSError:
        return b""
    return found if len(found) == SECRET_SIZE else b""


def key_of(secret: bytes, folder: Path) -> str:
    """The key of a submission by the name of its folder."""
    return hmac.new(secret, folder.name.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:16]


class Desk:
    """The class and its gradebook; all methods may be called from several threads."""

    def __init__(self, options: ReviewOptions, book: Gradebook) -> None:
        self.options, self.book = options, book
        self._secret = read_secret(options.out)
        self._lock = threading.Lock()
        self._files: dict[Path, tuple[int, Result | None]] = {}
        self._looked = (-LOOK_AGAIN, 0)  # when the files were looked at, and what was found
        self._known: tuple[object, ClassState] | None = None
        self._compared: Compared | None = None
        self._names: tuple[ClassState, Names] | None = None
        self._first = ""  # the digest of the first thing that was handed in
        self._pairs_changed = 0
        self._rubric_read: tuple[tuple[str, str], RubricToday] | None = None
        self._rubric_trouble = ""

    @property
    def assignment(self) -> str:
        """The assignment's id."""
        return self.options.rubric.assignment.id

    def state(self) -> ClassState:
        """The class now; made again only where a file or the gradebook changed. Raises UsageError, Infrastructure."""
        with self._lock:
            files = self._read_results()
            stamp = (files, self.options.rubric.digest, self._rubric_trouble, self.book.stamp(self.assignment))
            if self._known is None or self._known[0] != stamp:
                self._known = (stamp, self._read_state())
            return self._known[1]

    def names(self) -> Names:
        """What who looks sees of names; where the gradebook does not answer, as it was known last."""
        if not self.options.anonymous:
            return Names()
        try:
            state = self.state()
        except GraderError:
            return self._names[1] if self._names is not None else Names(hidden=True)
        if self._names is None or self._names[0] is not state:
            self._names = state, hidden_names(state, self.options.author, self._seed())
        return self._names[1]

    def _seed(self) -> str:
        """What numbers in place of names follow from: nobody guesses the first thing that was handed in from a name."""
        if not self._first:
            digests = (hand_in.digest for hand_in in self.book.hand_ins(self.assignment))
            self._first = next(filter(None, digests), "")
        return f"{self.assignment}\n{self._first}"

    def row(self, key: str) -> Row:
        """The submission of an address. Raises Gone: nothing but a key of the class leads to a file."""
        found = self.state().by_key.get(key)
        if found is None:
            raise Gone("This submission is not in the class any more.", "Go back to the class.")
        return found

    def evidence(self, row: Row) -> Evidence | None:
        """The run that counts, or None where none is stored or can be read."""
        if row.result.unread or not (row.folder / EVIDENCE_FOLDER / EVIDENCE).is_file():
            return None
        try:
            return counted_run(load_attempts(row.folder), row.result).evidence
        except UsageError:
            return None

    def decide(self, changes: Sequence[Change]) -> list[LogEntry]:
        """Write decisions down, all of them or none. Raises UsageError, Overtaken, Infrastructure."""
        try:
            return self.book.write_log_all(self.assignment, changes)
        except Superseded as error:
            raise self._overtaken(error, changes[-1]) from None

    def _overtaken(self, error: Superseded, change: Change) -> Overtaken:
        """What stands now, of all members where the decision is a group's."""
        state = self.state()
        row = next((row for row in state.rows if change.student in row.students), None)
        students = (change.student,) if row is None else row.students
        return Overtaken(error.newest, state.decided_last(students, change.kind, change.subject))

    def grades_after(self, changes: Sequence[Change]) -> list[tuple[Grade, Grade]]:
        """Every grade before and after some decisions, of which nothing is kept. Raises as `decide`."""
        return self.book.grades_after(self.assignment, changes)

    def publish(self) -> list[str]:
        """Write again every page and list that shows another grade than today's; what went wrong, in words."""
        troubles: list[str] = []
        output = OutputOptions(out=self.options.out, course=self.options.course, data=self.options.data)
        show_grades(output, self.assignment, lambda: self.options.rubric, self.book, troubles.append)
        self.look_again()
        return troubles

    def rubric_today(self) -> RubricToday:
        """The rubric by its file, by which everything is shown and published from now on. Raises GraderError."""
        with self._lock:
            return self._read_rubric()

    def _read_rubric(self) -> RubricToday:
        """Take over the rubric where its file or the code beside it changed. Raises GraderError: the one of before stays."""
        course, known = self.options.course, self.options.rubric
        file = read_rubric_file(course.assignment_file(self.assignment))
        stamp = (file.digest, own_code_digest(course, known.assignment))
        if self._rubric_read is None or self._rubric_read[0] != stamp:
            rubric = self._open_rubric()
            self._rubric_read = (file.digest, rubric.code_digest), RubricToday(file=file, rubric=rubric)
            self.options = replace(self.options, rubric=rubric)
        return self._rubric_read[1]

    def _open_rubric(self) -> Rubric:
        """The rubric of today; the known one where nothing but comments or blank lines differ: reading data takes long."""
        course, known = self.options.course, self.options.rubric
        assignment = course.assignment(self.assignment)
        if (assignment, own_code_digest(course, assignment)) == (known.assignment, known.code_digest):
            return known
        return open_rubric(course, assignment.id, self.options.data)

    def look_again(self) -> None:
        """Look at the files at the next visit: they were just written."""
        with self._lock:
            self._looked = (-LOOK_AGAIN, 0)

    def _read_results(self) -> int:
        """Read the files that changed on disk, looked for once a second at most; a number that changes with the results."""
        if time.monotonic() - self._looked[0] < LOOK_AGAIN:
            return self._looked[1]
        found: dict[Path, tuple[int, Result | None]] = {}
        for path in sorted(self.options.out.iterdir()):
            try:
                changed = (path / RESULT).stat().st_mtime_ns
            except OSError:
                continue
            known = self._files.get(path)
            found[path] = known if known is not None and known[0] == changed else (changed, load_result(path))
        self._files = found
        self._read_pairs()
        try:
            self._read_rubric()
            self._rubric_trouble = ""
        except GraderError as error:
            self._rubric_trouble = f"{error.message} {error.remedy}".strip()
        stamps = tuple((path, changed) for path, (changed, _) in found.items())
        self._looked = time.monotonic(), hash((stamps, self._pairs_changed))
        return self._looked[1]

    def _read_pairs(self) -> None:
        """Read the pairs with similar code, where their file changed."""
        try:
            changed = (self.options.out / PAIRS).stat().st_mtime_ns
        except OSError:
            changed = 0
        if changed != self._pairs_changed:
            self._pairs_changed, self._compared = changed, load_compared(self.options.out)

    def _read_state(self) -> ClassState:
        known = self.book.grades(self.assignment)
        grades = Grades(known)
        log = tuple(self.book.review_log(self.assignment))
        rubric = standing(log).get(("", "rubric", ""))
        cleared = set() if self._compared is None else _cleared(self._compared, standing(log))
        found = [
            (folder, result, grades.beside(result, folder))
            for folder, (_, result) in self._files.items()
            if result is not None and result.assignment == self.assignment
        ]
        rows = [
            Row(
                key=key_of(self._secret, folder), folder=folder, result=beside, shown=result, above=_above(beside, rubric),
                cleared=folder.name in cleared,
            )
            for folder, result, beside in found
        ]  # fmt: skip
        ordered = tuple(sorted(rows, key=lambda row: row.result.student.casefold()))
        by_key = {row.key: row for row in ordered}
        students = tuple(grade.student for grade in known)
        return ClassState(
            rows=ordered, log=log, by_key=by_key, compared=self._compared, students=students,
            otherwise=self._otherwise(ordered),
        )  # fmt: skip

    def _otherwise(self, rows: Sequence[Row]) -> MarkedOtherwise:
        path = self.options.course.assignment_file(self.assignment)
        if self._rubric_trouble:
            return MarkedOtherwise(path=path, trouble=self._rubric_trouble)
        rules, marked_by = self.book.marked_by(self.assignment)
        known: dict[str, list[MarkedBy]] = defaultdict(list)
        for item in marked_by:
            known[item.folder].append(item)
        rubric = self.options.rubric
        results = sum(
            _by_another(known[row.folder.name], row.shown, rubric.digest)
            for row in rows  # what can't be marked again is said by What if: a button would not help it
            if never_run(row.shown) or (row.folder / EVIDENCE_FOLDER / EVIDENCE).is_file()
        )
        return MarkedOtherwise(path=path, rules=rules != Rules.of(rubric.assignment), results=results)


def _by_another(known: Iterable[MarkedBy], result: Result, digest: str) -> bool:
    """Whether a result was marked by another rubric, or is not yet what the gradebook holds of this very run."""
    found = (result.points, result.out_of, result.pass_mark)
    return any(
        (item.rubric, (item.points, item.out_of, item.pass_mark)) != (digest_with(digest, result), found)
        for item in known
        if item.evidence == result.evidence and (result.evidence or item.submission == result.submission)
    )


def _above(result: Result, rubric: LogEntry | None) -> bool:
    """Whether an override is above the maximum, and older than the rubric's last change: who decided could not know."""
    return rubric is not None and any(
        above_maximum(grade) and grade.override is not None
        and datetime.fromisoformat(grade.override.time) < datetime.fromisoformat(rubric.time)
        for grade in grades_of(result)
    )  # fmt: skip


def _cleared(compared: Compared, decided: Mapping[Key, LogEntry]) -> set[str]:
    """The folders of who is in pairs, and in none that a person did not find innocent."""
    suspect, known = set(), set()
    for pair in compared.pairs:
        entry = decided.get(("", "similarity", pair_subject(pair.first, pair.second, pair.against)))
        concerned = {pair.first} if pair.against else {pair.first, pair.second}
        known |= concerned
        if entry is None or entry.value is None or entry.value["verdict"] != "innocent":
            suspect |= concerned
    return {compared.folders[student] for student in known - suspect if student in compared.folders}
