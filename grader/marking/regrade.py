"""Marks stored evidence again and says who moved; writes pages again. No sandbox, no TensorFlow, no notebook library."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from grader.core.errors import GraderError, Infrastructure, UsageError
from grader.core.evidence import Cause, Evidence
from grader.core.grades import HandIn, grades_of
from grader.core.results import Comparison, Grade, Result, Status, labelled
from grader.core.store import EVIDENCE, RESULT, Stored, load_result, owner_of, without_names
from grader.core.text import one_line
from grader.core.workspace import require_room
from grader.course.rubric import Rubric
from grader.marking.accuracy_to_beat import Earlier, compare, compare_again, index_earlier
from grader.marking.flags import UnrunSubmission, explain_unread
from grader.marking.handed_in import SIMILAR_WEIGHTS
from grader.marking.mark import mark_attempts
from grader.marking.publish import Grades, OutputOptions, publish_again, publish_class, publish_student, remember_origin
from grader.marking.repeated_runs import EVIDENCE_FOLDER, load_attempts
from grader.marking.similarity import KIND, NOT_COMPARED

if TYPE_CHECKING:
    from grader.core.course_rules import CourseRules
    from grader.gradebook import Gradebook

MOST_SAID = 300  # characters of a reason on one line
OF_THE_CLASS = (KIND, NOT_COMPARED, SIMILAR_WEIGHTS)  # flags that comparing the class raised


@dataclass(frozen=True, kw_only=True)
class Move:
    """One student of a regrade: the old result (None: never marked), the new one, and the student's folder.

    Beside both stand the grades that the gradebook gave before and gives now (of a group: each member's); without a
    gradebook a result's own points are the grade. `submission` is the digest of what was handed in. `trouble` says why it
    could not be marked again, or shown in full: then both are what was found before, or the row that says so.
    """

    old: Result | None
    new: Result
    folder: Path
    submission: str = ""
    trouble: str = ""

    @property
    def moved(self) -> bool:
        """Whether what somebody gets changed, or the points or the status of the result."""
        if self.trouble and self.old in (None, self.new):
            return False
        if self.old is None or self.grade_moves():
            return True
        before = (self.old.points, self.old.passed, self.old.status)
        return before != (self.new.points, self.new.passed, self.new.status)

    def reasons(self) -> list[str]:
        """What changed, old to new: checks' points (with titles where a rubric uses one several times), and the status."""
        old = labelled(self.old.checks) if self.old else {}
        points = [
            f"{label} {old[label].points:g} -> {check.points:g}"
            for label, check in labelled(self.new.checks).items()
            if label in old and old[label].points != check.points
        ]
        if self.old is None or self.old.status is self.new.status:
            return points
        before, now = (result.status.value.replace("_", " ") for result in (self.old, self.new))
        return [*points, f"{before} -> {now}"]

    def grades(self) -> list[tuple[Grade | None, Grade]]:
        """What each student of the result got before and gets now."""
        before = [] if self.old is None else list(grades_of(self.old))
        known = {grade.student.name: grade for grade in before}
        alone = before[0] if len(before) == 1 and not (self.old and self.old.members) else None
        return [(known.get(grade.student.name, alone), grade) for grade in grades_of(self.new)]

    def grade_moves(self) -> list[tuple[Grade | None, Grade]]:
        """The grades that changed: also by lateness alone, where the deadline was moved."""
        return [
            (old, new)
            for old, new in self.grades()
            if old is None or (old.points, old.passed, old.awaits) != (new.points, new.passed, new.awaits)
        ]

    def words(self) -> str:
        """The move in a line of a terminal, for each member of a group that moved in one."""
        pairs = (self.grade_moves() or self.grades()) if self.new.members else self.grades()
        return "\n".join(self._line(old, new) for old, new in pairs)

    def _line(self, old: Grade | None, new: Grade) -> str:
        of_group = f" ({one_line(self.new.student)})" if self.new.members else ""
        who = one_line(new.student.name if self.new.members else self.new.student)
        before = "nothing" if old is None else describe_grade(old)
        why = "; ".join([*self.reasons(), *_reasons_beside(new)])
        return f"{who}{of_group}: {before} -> {describe_grade(new)}  {why}".rstrip()

    def plain(self) -> dict[str, object]:
        """The move for machines: what the student gets; `earned` is what the checks give, `grades` each member's grade."""
        first = self.grades()[0] if not self.new.members else None
        plain: dict[str, object] = {
            "student": self.new.student,
            "old": first[0] and first[0].points if first else _points(self.old),
            "new": first[1].points if first else self.new.points,
            "passed": first[1].passed if first else self.new.passed,
            "why": self.reasons(),
        }
        if self.trouble:
            plain["trouble"] = self.trouble
        if self.new.grade is not None or self.new.members:
            plain["earned"] = {"old": _points(self.old), "new": self.new.points}
            plain["grades"] = [
                {"student": new.student.name, "old": old and old.points, "new": new.points, "passed": new.passed}
                for old, new in self.grades()
            ]
        return plain


def _points(result: Result | None) -> float | None:
    return None if result is None else result.points


def describe_grade(grade: Grade) -> str:
    """What a student gets, in a few words."""
    if grade.excused:
        return "excused"
    if grade.awaits:
        return "awaits a person"
    if grade.points is None:
        return "no mark"
    provisional = ", provisional" if grade.provisional else ""
    return f"{grade.points:g} ({'passed' if grade.passed else 'not passed'}{provisional})"


def _reasons_beside(grade: Grade) -> list[str]:
    """What makes the grade another one than the points by the checks."""
    if grade.override is not None:
        what = "the excuse" if grade.excused else f"the override to {grade.override.points:g}"
        return [f"{what} by {one_line(grade.override.author)} stays"]
    reasons = []
    if grade.review is not None and grade.review.changes_points:
        reasons.append(f"points decided by {', '.join(map(one_line, grade.review.deciders))} stay")
    if grade.lateness and grade.earned is not None:
        reasons.append(f"earned {grade.earned:g}, {grade.lateness}")
    return reasons


class _OtherEvidence(UsageError):
    """Evidence of another assignment, or of other images."""


def regrade(rubric: Rubric, output: OutputOptions, *, dry_run: bool, book: "Gradebook | None" = None) -> list[Move]:
    """Mark all stored evidence below `output.out` again: no sandbox, no TensorFlow. Raises UsageError, Infrastructure.

    What goes wrong with one folder is that row's `trouble`, and all others stand. `book` is told of it first, in one
    transaction with a savepoint for each folder: where it does not answer, no page is written.
    """
    moves, kept = _mark_again(rubric, output, book)
    if book is not None:
        moves, kept = _record_moves(book, moves, kept, rubric, output.course.rules(), dry_run=dry_run)
    else:
        kept = {folder: explained_again(rubric, result) for folder, result in kept.items()}
    if dry_run:
        return moves
    moves = [_publish_move(move, rubric, output) for move in moves]  # only now: a class is not left half re-marked
    for folder, result in kept.items():
        if trouble := _publish_one(result, folder, rubric, output):
            moves.append(Move(old=result, new=result, folder=folder, trouble=trouble))
    _publish_all({**kept, **{move.folder: move.new for move in moves}}, rubric, output)
    remember_origin(output)
    return moves


def _publish_move(move: Move, rubric: Rubric, output: OutputOptions) -> Move:
    """Write its pages again; those of a row that can't be marked again only where its grade moved all the same."""
    if move.trouble and not move.moved:
        return move
    told = (move.trouble, _publish_one(move.new, move.folder, rubric, output))
    return replace(move, trouble="; ".join(filter(None, told)))


def _publish_one(result: Result, folder: Path, rubric: Rubric, output: OutputOptions) -> str:
    """Write a row's result and pages again; "", or why they could not be: then there is a page without the notebook."""
    try:
        publish_again(output.out, result, rubric, output.course, folder=folder)
    except Exception as error:  # a class of three hundred must not stop for one folder
        if isinstance(error, Infrastructure):
            require_room(output.out)
        with suppress(Exception):
            publish_student(output.out, result, None, rubric, output.course, folder=folder)
        return f"its page could not be written in full: {_in_words(error)}"
    return ""


def _in_words(error: Exception) -> str:
    """What went wrong with one row, on a line."""
    if isinstance(error, GraderError):
        return one_line(f"{error.message} {error.remedy}".strip())
    return one_line(f"{type(error).__name__}: {error}")[:MOST_SAID]


def _mark_again(
    rubric: Rubric, output: OutputOptions, book: "Gradebook | None"
) -> tuple[list[Move], dict[Path, Result]]:
    """Everyone who can be marked again, and the results of those of whom no evidence is stored. Raises UsageError."""
    moves: list[Move] = []
    kept: dict[Path, Result] = {}
    others: list[_OtherEvidence] = []
    earlier = index_earlier(output.earlier, book=book)
    for folder in folders_in(output.out):
        try:
            row = read_row(rubric, folder, output, earlier)
            found = row.mark(rubric) if isinstance(row, StoredRow) else row
        except Exception as error:
            others += [error] if isinstance(error, _OtherEvidence) else []
            found = unmarked(rubric, folder, error)
        if isinstance(found, Move):
            moves.append(found)
        elif found is not None:
            kept[folder] = found
    if others and len(others) == len(moves):
        raise others[0]
    if not moves and not kept:
        raise UsageError(f"{output.out} holds no stored evidence.", "Name the --out folder of an earlier batch.")
    return moves, kept


@dataclass(frozen=True, kw_only=True)
class StoredRow:
    """One submission that can be marked again: all of its runs, the result of before, what it is compared with."""

    folder: Path
    old: Result | None
    runs: tuple[Stored, ...]
    compared: Mapping[str, Comparison]

    def mark(self, rubric: Rubric, mark_run: Callable[[Stored, int | None], Result] | None = None) -> Move:
        """What becomes of it by a rubric; `mark_run` as in `mark_attempts`."""
        evidence = self.runs[0].evidence
        student = evidence.student if self.old is None else self.old.student  # the name may be another one by now
        marked = mark_attempts(self.runs, rubric, self.compared, mark_run=mark_run)
        flags = self.old.flags if self.old is not None else ()  # what was compared is still the same
        kept = (flag for kind in OF_THE_CLASS for flag in flags if flag.kind == kind)
        new = marked.model_copy(update={"student": student, "flags": (*marked.flags, *kept)})
        return Move(old=self.old, new=new, folder=self.folder, submission=evidence.submission.sha256)


def read_row(rubric: Rubric, folder: Path, output: OutputOptions, earlier: Earlier | None) -> StoredRow | Result | None:
    """What lies in a student's folder: a submission that can be marked again, a result that stays, or nothing.

    Raises GraderError for what can't be read, or is of another assignment.
    """
    old = load_result(folder)
    unread = old is not None and old.ending.cause is Cause.NOT_RUN  # what is stored is of an earlier hand-in
    if unread or not (folder / EVIDENCE_FOLDER / EVIDENCE).is_file():
        return old or _load_or_mark(rubric, folder, output)
    runs = load_attempts(folder)
    evidence = runs[0].evidence
    _require_same(rubric, evidence, folder, output)
    student = evidence.student if old is None else old.student
    # The student's own result that the mark was compared with before, unless --earlier names something else.
    before = old.compared if old is not None and output.earlier is None else ()
    who = old.grade.student if old is not None and old.grade is not None else None
    compared = compare_again(rubric, student=student, earlier=earlier, course=output.course, before=before, who=who)
    return StoredRow(folder=folder, old=old, runs=runs, compared=compared)


def never_run(result: Result) -> bool:
    """Whether there is no run that could be marked again, and none is needed: what it says follows from the rubric alone."""
    return result.unread or (result.status is Status.BROKEN and not result.evidence)


def explained_again(rubric: Rubric, result: Result) -> Result:
    """The row of a submission that was never run, with the checks, the maximum and the pass mark of today.

    Any other result stays as it is.
    """
    if not never_run(result):
        return result
    row = UnrunSubmission(
        rubric=rubric, student=result.student, submission=result.submission, isolation=result.isolation,
        versions=result.versions, seed=result.seed, started=result.started,
    )  # fmt: skip
    said = (result.checks[0].reason, result.checks[0].hint) if result.checks else (result.ending.message, "")
    again = explain_unread(row, reason=said[0], remedy=said[1], ours=result.status is Status.BROKEN)
    stays = {"flags": result.flags, "ending": result.ending, "grade": result.grade, "members": result.members}
    return again.model_copy(update=stays)


def unmarked(rubric: Rubric, folder: Path, error: Exception) -> Move:
    """The row of a folder that can't be marked again: what was found before stands."""
    old, why = load_result(folder), f"can't be marked again: {_in_words(error)}"
    return Move(
        old=old, new=old or _unreadable(rubric, folder, f"{folder.name} {why}"), folder=folder, trouble=why
    )  # fmt: skip


def run_with_other_packages(moves: Iterable[Move], course: "CourseRules | None") -> list[str]:
    """What to say of runs that had other packages of the course than it names today, a line for each kind of them."""
    today = {} if course is None else course.environment.packages
    had = [{} if move.new.environment is None else move.new.environment.pins for move in moves if not move.new.unread]
    others = Counter(tuple(pins.items()) for pins in had if pins != today)
    names = _named(today.items())
    return [
        f"{count} of {len(had)}: run with {_named(pins)}, and the course names {names} today. The next batch runs that "
        "again; till then marks are of the earlier run."
        for pins, count in others.items()
    ]


def _named(pins: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {version}" for name, version in pins) or "no packages of its own"


def folders_in(out: Path) -> list[Path]:
    """The folders below a batch's, in order."""
    return sorted(path for path in out.iterdir() if path.is_dir())


def _load_or_mark(rubric: Rubric, folder: Path, output: OutputOptions) -> Result | None:
    """The result that is stored in a folder; where it can't be read, marked again from the evidence, or a row that says so.

    None where nothing of a student is in it.
    """
    result, has_evidence = load_result(folder), (folder / EVIDENCE_FOLDER / EVIDENCE).is_file()
    if result is not None:
        return result
    if has_evidence:
        with suppress(GraderError):
            runs = load_attempts(folder)
            student = runs[0].evidence.student
            compared = compare(rubric, student=student, earlier=index_earlier(output.earlier), course=output.course)
            return mark_attempts(runs, rubric, compared)
    if not has_evidence and not (folder / RESULT).exists():
        return None
    return _unreadable(
        rubric, folder, f"{folder.name}/{RESULT} can't be read, and no evidence from which it could be made again."
    )


def _unreadable(rubric: Rubric, folder: Path, reason: str) -> Result:
    """The row of a folder in which something lies that can't be read."""
    row = UnrunSubmission(
        rubric=rubric, student=owner_of(folder) or folder.name, submission="(unknown)", isolation="none", versions={},
        seed=0, started="",
    )  # fmt: skip
    return explain_unread(row, reason=reason, remedy="Grade the submission again.", ours=True)


def _require_same(rubric: Rubric, evidence: Evidence, folder: Path, output: OutputOptions) -> None:
    """Raise UsageError for evidence of another assignment, or of other images."""
    if evidence.assignment != rubric.assignment.id:
        raise _OtherEvidence(
            f"{folder}: is evidence for {evidence.assignment}, not for {rubric.assignment.id}.",
            f"Type `grader regrade {evidence.assignment} {output.out}`.",
        )
    if rubric.dataset is not None and evidence.data_digest != rubric.dataset.digest:
        raise _OtherEvidence(
            f"{folder}: was judged on other images than those of today's `{rubric.dataset.id}`.",
            "Name the data of that time with --data, or grade the submissions again.",
        )


def _record_moves(
    book: "Gradebook",
    moves: list[Move],
    kept: dict[Path, Result],
    rubric: Rubric,
    course: "CourseRules | None",
    *,
    dry_run: bool,
) -> tuple[list[Move], dict[Path, Result]]:
    """Everyone with what the gradebook makes of it; it knows who handed in what lies in a folder: a group's members."""
    assignment = rubric.assignment
    again = {folder: explained_again(rubric, result) for folder, result in kept.items()}
    told = _told(book.hand_ins(assignment.id), moves, again)
    done = book.remark(assignment, told, rubric_digest=rubric.digest, dry_run=dry_run, course=course)
    before, after = Grades(old for old, _ in done.grades), Grades(new for _, new in done.grades)
    moves = [_unrecorded(move, done.refused.get(move.folder.name)) for move in moves]
    graded = [
        replace(
            move, old=move.old and before.beside(move.old, move.folder), new=after.beside(move.new, move.folder)
        )
        for move in moves
    ]  # fmt: skip
    shown = {folder: after.beside(result, folder) for folder, result in again.items()}
    others = [Move(old=before.beside(kept[folder], folder), new=new, folder=folder) for folder, new in shown.items()]
    moved = {move.folder: _unrecorded(move, done.refused.get(move.folder.name)) for move in others if move.moved}
    return [*graded, *moved.values()], {folder: new for folder, new in shown.items() if folder not in moved}


def _told(hand_ins: Iterable[HandIn], moves: list[Move], again: Mapping[Path, Result]) -> list[tuple[Result, HandIn]]:
    """What the gradebook is told: new marks by what was handed in, and rows of what never ran by the file's name."""
    known: dict[tuple[str, str], list[HandIn]] = defaultdict(list)
    named: dict[tuple[str, str], dict[str, HandIn]] = defaultdict(dict)
    for hand_in in hand_ins:
        known[hand_in.folder, hand_in.digest].append(hand_in)
        named[hand_in.folder, hand_in.name][hand_in.student.name] = hand_in
    told = [(move.new, one) for move in moves if not move.trouble for one in known[move.folder.name, move.submission]]
    for folder, result in again.items():
        if never_run(result):
            told += [(result, one) for one in named[folder.name, result.submission].values()]
    return [(result.model_copy(update={"student": one.student.name}), one) for result, one in told]


def _unrecorded(move: Move, error: Exception | None) -> Move:
    """A row that the gradebook did not take, `error` says why: what was found before stands."""
    if error is None or move.trouble:
        return move
    return replace(move, new=move.old or move.new, trouble=f"can't be recorded in the gradebook: {_in_words(error)}")


def not_here(book: "Gradebook | None", assignment: str, out: Path) -> list[str]:
    """The students who handed something in, as the gradebook knows, and of whom nothing lies in `out`."""
    if book is None:
        return []
    newest = {hand_in.student.name: hand_in.folder for hand_in in book.hand_ins(assignment)}
    return sorted(name for name, folder in newest.items() if not _holds(out / folder, name, newest, folder))


def _holds(place: Path, name: str, newest: Mapping[str, str], folder: str) -> bool:
    """Whether a student's results lie there, and not another's of the same folder who is in no group with them."""
    result = load_result(place) if folder else None
    owner = owner_of(place) if result is None else result.student
    if not folder or owner is None:
        return False
    return owner == name or bool(result and result.members) or newest.get(owner) != folder


def grades_of_book(book: "Gradebook | None", assignment: str) -> Grades:
    """What a gradebook gives; nothing without one, or where it does not know the assignment."""
    if book is None:
        return Grades()
    return Grades(grade for grade in book.grades() if grade.assignment == assignment)


def render_again(
    rubric: Rubric,
    output: OutputOptions,
    *,
    book: "Gradebook | None" = None,
    say: Callable[[str], None] = lambda words: None,
) -> Path:
    """Write every page below `output.out` again from stored results and evidence. Raises UsageError.

    What goes wrong with one folder is told to `say`, and all others stand.
    """
    grades = grades_of_book(book, rubric.assignment.id)
    rows: dict[Path, Result] = {}
    for folder in folders_in(output.out):
        try:
            result = _load_or_mark(rubric, folder, output)
        except Exception as error:
            say(f"{folder.name}: {_in_words(error)}")
            result = _unreadable(rubric, folder, f"{folder.name} can't be read.")
        if result is not None:
            rows[folder] = grades.beside(result, folder)
    if not rows:
        raise UsageError(f"{output.out} holds no results.", "Name the --out folder of an earlier batch.")
    _publish_each(rows, rubric, output, say)
    remember_origin(output)
    return _publish_all(rows, rubric, output)


def _publish_each(
    rows: Mapping[Path, Result], rubric: Rubric, output: OutputOptions, say: Callable[[str], None]
) -> None:
    for folder, result in rows.items():
        if trouble := _publish_one(result, folder, rubric, output):
            say(f"{one_line(result.student)}: {trouble}")


def _publish_all(rows: Mapping[Path, Result], rubric: Rubric, output: OutputOptions) -> Path:
    folders = {result.student: folder for folder, result in rows.items()}
    return publish_class(output.out, list(rows.values()), rubric, output.course, folders=folders)


def show_grades(
    output: OutputOptions, assignment: str, open_rubric: Callable[[], Rubric], book: "Gradebook",
    say: Callable[[str], None] = lambda words: None,
) -> bool:  # fmt: skip
    """Write again what shows another grade than today's, and the class' page and lists; False where no result is there.

    The rubric is opened only where something is to be written. Raises GraderError; `say` as above.
    """
    stored = {folder: result for folder in folders_in(output.out) if (result := load_result(folder)) is not None}
    results = {folder: result for folder, result in stored.items() if result.assignment == assignment}
    if not results:
        return False
    grades = grades_of_book(book, assignment)
    shown = {folder: grades.beside(result, folder) for folder, result in results.items()}
    rubric = open_rubric()
    changed = {folder: new for folder, new in shown.items() if without_names(results[folder]) != without_names(new)}
    _publish_each(changed, rubric, output, say)
    _publish_all(shown, rubric, output)
    return True
