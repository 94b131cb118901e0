"""Marks stored evidence again and says who moved; writes pages again. No sandbox, no TensorFlow, no notebook library."""

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from grader.attempts import EVIDENCE_FOLDER, counted_run, load_attempts
from grader.comparing import Earlier, compare_again, index_earlier
from grader.errors import UsageError
from grader.evidence import Cause, Evidence
from grader.grades import Grade, HandIn
from grader.marking import mark_attempts
from grader.publish import Order, publish_class, publish_student
from grader.report.visible import one_line
from grader.results import CheckResult, Comparison, Result
from grader.rubric import Rubric
from grader.similarity import keep_similar
from grader.store import EVIDENCE, load_result

if TYPE_CHECKING:
    from grader.gradebook import Gradebook


@dataclass(frozen=True, kw_only=True)
class Move:
    """One student of a regrade: the old result (None: never marked), the new one, and the student's folder.

    `submission` is the digest of what was handed in. `grades`: where there is a gradebook, what it gave before and gives
    now (to each member, if the student is a group).
    """

    old: Result | None
    new: Result
    folder: Path
    submission: str = ""
    grades: tuple[tuple[Grade, Grade], ...] = ()

    @property
    def moved(self) -> bool:
        """Whether points, passing or status changed, or what the student gets in the end."""
        if self.old is None or self.grade_moves():
            return True
        before = (self.old.points, self.old.passed, self.old.status)
        return before != (self.new.points, self.new.passed, self.new.status)

    def reasons(self) -> list[str]:
        """What changed, old to new: checks' points (with titles where a rubric uses one several times), and the status."""
        old = _by_label(self.old) if self.old else {}
        points = [
            f"{label} {old[label].points:g} -> {check.points:g}"
            for label, check in _by_label(self.new).items()
            if label in old and old[label].points != check.points
        ]
        if self.old is None or self.old.status is self.new.status:
            return points
        before, now = (result.status.value.replace("_", " ") for result in (self.old, self.new))
        return [*points, f"{before} -> {now}"]

    def grade_moves(self) -> list[tuple[Grade, Grade]]:
        """The grades that changed: also by lateness alone, where the deadline was moved."""
        return [(old, new) for old, new in self.grades if (old.points, old.passed) != (new.points, new.passed)]

    def grade_words(self) -> list[str]:
        """What the gradebook makes of it, where that is not the result itself."""
        said = []
        for old, new in self.grades:
            who = f"{one_line(new.student.name)}: " if new.student.name != self.new.student else ""
            if new.override is not None:
                said.append(f"{who}{_decided(new)} by {one_line(new.override.author)} stays")
            elif new.points != self.new.points or (old.points != new.points and old.points != _points(self.old)):
                why = f" ({new.penalty.words})" if new.penalty is not None and new.penalty.points else ""
                said.append(f"{who}grade {_written(old.points)} -> {_written(new.points)}{why}")
        return said

    def words(self) -> str:
        """The move in one line of a terminal."""
        before = f"{self.old.points:g} ({_passed(self.old)})" if self.old else "nothing"
        return (
            f"{one_line(self.new.student)}: {before} -> {self.new.points:g} ({_passed(self.new)})  "
            f"{'; '.join([*self.reasons(), *self.grade_words()])}"
        ).rstrip()

    def plain(self) -> dict[str, object]:
        """The move for machines; `grades` only where there is a gradebook."""
        plain: dict[str, object] = {
            "student": self.new.student, "old": _points(self.old), "new": self.new.points,
            "passed": self.new.passed, "why": self.reasons(),
        }  # fmt: skip
        if self.grades:
            plain["grades"] = [
                {"student": new.student.name, "old": old.points, "new": new.points, "passed": new.passed}
                for old, new in self.grades
            ]
        return plain


def _by_label(result: Result) -> dict[str, CheckResult]:
    often = Counter(check.name for check in result.checks)
    return {check.name if often[check.name] == 1 else f"{check.name} ({check.title})": check for check in result.checks}


def _points(result: Result | None) -> float | None:
    return None if result is None else result.points


def _written(points: float | None) -> str:
    return "none" if points is None else f"{points:g}"


def _decided(grade: Grade) -> str:
    return "the excuse" if grade.excused else f"the override to {_written(grade.points)}"


def _passed(result: Result) -> str:
    return "passed" if result.passed else "not passed"


def regrade(rubric: Rubric, order: Order, *, dry_run: bool, book: "Gradebook | None" = None) -> list[Move]:
    """Mark all stored evidence below `order.out` again: no sandbox, no TensorFlow. Raises UsageError, Infrastructure.

    `book` is told of it first, in one transaction: where it does not answer, no page is written.
    """
    moves, kept = _mark_again(rubric, order)
    if book is not None:
        moves = _remark(book, moves, rubric, dry_run=dry_run)
    if dry_run:
        return moves
    for move in moves:  # only now, when nothing was refused: a class is not left half re-marked
        evidence = counted_run(load_attempts(move.folder), move.new).evidence
        publish_student(order.out, move.new, evidence, rubric, order.course)
    results = [*kept, *(move.new for move in moves)]
    publish_class(order.out, results, rubric, order.course, grades=grades_by_name(book, rubric))
    return moves


def _mark_again(rubric: Rubric, order: Order) -> tuple[list[Move], list[Result]]:
    """Everyone who can be marked again, and the results of those of whom no evidence is stored. Raises UsageError."""
    moves: list[Move] = []
    kept: list[Result] = []
    earlier = index_earlier(order.earlier)
    for folder in sorted(path for path in order.out.iterdir() if path.is_dir()):
        old = load_result(folder)
        unread = old is not None and old.ending.cause is Cause.NOT_RUN  # what is stored is of an earlier hand-in
        if unread or not (folder / EVIDENCE_FOLDER / EVIDENCE).is_file():
            kept += [old] if old is not None else []
            continue
        runs = load_attempts(folder)
        evidence = runs[0].evidence
        _require_same(rubric, evidence, folder, order)
        compared = _recompared(rubric, evidence, old, order, earlier)
        new = keep_similar(mark_attempts(runs, rubric, compared), old)
        moves.append(Move(old=old, new=new, folder=folder, submission=evidence.submission.sha256))
    if not moves and not kept:
        raise UsageError(f"{order.out} holds no stored evidence.", "Name the --out folder of an earlier batch.")
    return moves, kept


def _require_same(rubric: Rubric, evidence: Evidence, folder: Path, order: Order) -> None:
    """Raise UsageError for evidence of another assignment, or of other images."""
    if evidence.assignment != rubric.assignment.id:
        raise UsageError(
            f"{folder}: is evidence for {evidence.assignment}, not for {rubric.assignment.id}.",
            f"Type `grader regrade {evidence.assignment} {order.out}`.",
        )
    if rubric.dataset is not None and evidence.data_digest != rubric.dataset.digest:
        raise UsageError(
            f"{folder}: was judged on other images than those of today's `{rubric.dataset.id}`.",
            "Name the data of that time with --data, or grade the submissions again.",
        )


def _remark(book: "Gradebook", moves: list[Move], rubric: Rubric, *, dry_run: bool) -> list[Move]:
    """The moves with what the gradebook makes of them; it knows who handed in what lies in a folder: a group's members."""
    assignment = rubric.assignment
    known: dict[tuple[str, str], list[HandIn]] = defaultdict(list)
    for hand_in in book.hand_ins(assignment.id):
        known[hand_in.folder, hand_in.digest].append(hand_in)
    mine = [known[move.folder.name, move.submission] for move in moves]
    told = [
        (move.new.model_copy(update={"student": hand_in.student.name}), hand_in)
        for move, hand_ins in zip(moves, mine, strict=True)
        for hand_in in hand_ins
    ]
    digest = rubric.digest
    grades = book.remark(assignment, told, rubric_digest=digest, dry_run=dry_run)
    by_name = {new.student.name: (old, new) for old, new in grades}
    return [
        replace(move, grades=tuple(by_name[item.student.name] for item in hand_ins))
        for move, hand_ins in zip(moves, mine, strict=True)
    ]


def grades_by_name(book: "Gradebook | None", rubric: Rubric) -> dict[str, Grade]:
    """What a gradebook gives each student; nothing without one, or where it does not know the assignment."""
    if book is None:
        return {}
    return {grade.student.name: grade for grade in book.grades() if grade.assignment == rubric.assignment.id}


def _recompared(
    rubric: Rubric, evidence: Evidence, old: Result | None, order: Order, earlier: Earlier | None
) -> dict[str, Comparison]:
    """The student's own result that the mark was compared with before, unless --earlier names something else."""
    before = old.compared if old is not None and order.earlier is None else ()
    return compare_again(rubric, student=evidence.student, earlier=earlier, course=order.course, before=before)


def render_again(rubric: Rubric, order: Order, *, book: "Gradebook | None" = None) -> Path:
    """Write every page below `order.out` again from stored results and evidence. Raises UsageError."""
    results = []
    for folder in sorted(path for path in order.out.iterdir() if path.is_dir()):
        result = load_result(folder)
        if result is None:
            continue
        has_evidence = (folder / EVIDENCE_FOLDER / EVIDENCE).is_file()
        evidence = counted_run(load_attempts(folder), result).evidence if has_evidence else None
        publish_student(order.out, result, evidence, rubric, order.course)
        results.append(result)
    if not results:
        raise UsageError(f"{order.out} holds no results.", "Name the --out folder of an earlier batch.")
    return publish_class(order.out, results, rubric, order.course, grades=grades_by_name(book, rubric))
