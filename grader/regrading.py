"""Marks stored evidence again and says who moved; writes pages again. No sandbox, no TensorFlow, no notebook library."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from grader.attempts import EVIDENCE_FOLDER, counted_run, load_attempts
from grader.comparing import Earlier, compare, exercises_compared, index_earlier
from grader.errors import UsageError
from grader.evidence import Cause, Evidence
from grader.marking import mark_attempts
from grader.publish import Order, publish_class, publish_student
from grader.report.visible import one_line
from grader.results import CheckResult, Comparison, Result
from grader.rubric import Rubric
from grader.store import EVIDENCE, load_result


@dataclass(frozen=True, kw_only=True)
class Move:
    """One student of a regrade: the old result (None: never marked), the new one, and the student's folder."""

    old: Result | None
    new: Result
    folder: Path

    @property
    def moved(self) -> bool:
        """Whether points, passing or status changed."""
        if self.old is None:
            return True
        before = (self.old.points, self.old.passed, self.old.status)
        return before != (self.new.points, self.new.passed, self.new.status)

    def reasons(self) -> list[str]:
        """The checks whose points changed, old to new; with their titles where a rubric uses one several times."""
        old = _by_label(self.old) if self.old else {}
        return [
            f"{label} {old[label].points:g} -> {check.points:g}"
            for label, check in _by_label(self.new).items()
            if label in old and old[label].points != check.points
        ]

    def words(self) -> str:
        """The move in one line of a terminal."""
        before = f"{self.old.points:g} ({_passed(self.old)})" if self.old else "nothing"
        return (
            f"{one_line(self.new.student)}: {before} -> {self.new.points:g} ({_passed(self.new)})  "
            f"{'; '.join(self.reasons())}"
        ).rstrip()

    def plain(self) -> dict[str, object]:
        """The move for machines."""
        return {
            "student": self.new.student, "old": self.old.points if self.old else None, "new": self.new.points,
            "passed": self.new.passed, "why": self.reasons(),
        }  # fmt: skip


def _by_label(result: Result) -> dict[str, CheckResult]:
    often = Counter(check.name for check in result.checks)
    return {check.name if often[check.name] == 1 else f"{check.name} ({check.title})": check for check in result.checks}


def _passed(result: Result) -> str:
    return "passed" if result.passed else "not passed"


def regrade(rubric: Rubric, order: Order, *, dry_run: bool) -> list[Move]:
    """Mark all stored evidence below `order.out` again: no sandbox, no TensorFlow. Raises UsageError."""
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
        stored = runs[0]
        if stored.evidence.assignment != rubric.assignment.id:
            raise UsageError(
                f"{folder}: is evidence for {stored.evidence.assignment}, not for {rubric.assignment.id}.",
                f"Type `grader regrade {stored.evidence.assignment} {order.out}`.",
            )
        if rubric.dataset is not None and stored.evidence.data_digest != rubric.dataset.digest:
            raise UsageError(
                f"{folder}: was judged on other images than those of today's `{rubric.dataset.id}`.",
                "Name the data of that time with --data, or grade the submissions again.",
            )
        compared = _recompared(rubric, stored.evidence, old, order, earlier)
        moves.append(Move(old=old, new=mark_attempts(runs, rubric, compared), folder=folder))
    if not moves and not kept:
        raise UsageError(f"{order.out} holds no stored evidence.", "Name the --out folder of an earlier batch.")
    if not dry_run:  # only now, when nothing was refused: a class is not left half re-marked
        for move in moves:
            evidence = counted_run(load_attempts(move.folder), move.new).evidence
            publish_student(order.out, move.new, evidence, rubric, order.course)
        publish_class(order.out, [*kept, *(move.new for move in moves)], rubric, order.course)
    return moves


def _recompared(
    rubric: Rubric, evidence: Evidence, old: Result | None, order: Order, earlier: Earlier | None
) -> dict[str, Comparison]:
    """What the mark was compared with before, unless --earlier names something else."""
    if old is not None and order.earlier is None:
        known = {item.assignment: item for item in old.compared}
        if set(exercises_compared(rubric.planned)) <= set(known):
            return known
    return compare(rubric, student=evidence.student, earlier=earlier, course=order.course)


def render_again(rubric: Rubric, order: Order) -> Path:
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
    return publish_class(order.out, results, rubric, order.course)
