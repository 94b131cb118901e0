"""Many submissions: each becomes a result, whatever happens to it; a batch never stops and never loses a row."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grader.bench import Bench, Rubric, evidence_key, versions
from grader.comparing import exercises_compared, find_comparisons
from grader.course import Course
from grader.errors import GraderError, SubmissionError, UsageError
from grader.evidence import Cause, Evidence
from grader.findings import Row, explain_unread
from grader.grading import collect, mark
from grader.intake import Entry, Submission, read_path
from grader.progress import Progress
from grader.publish import publish_class, publish_student, student_folder
from grader.results import Comparison, Result
from grader.store import EVIDENCE, Stored, load_evidence, load_result, save_evidence

EVIDENCE_FOLDER = "evidence"


@dataclass(frozen=True, kw_only=True)
class Order:
    """Where results go, and how: `earlier` holds results of another exercise to be better than."""

    out: Path
    course: Course
    earlier: Path | None = None
    rerun: bool = False


def grade_submission(submission: Submission, bench: Bench, order: Order, progress: Progress) -> Result:
    """Collect (or take what is stored for the same key), mark, publish. Raises Infrastructure."""
    folder = student_folder(order.out, submission.student) / EVIDENCE_FOLDER
    stored = None if order.rerun else reusable(folder, evidence_key(submission, bench))
    if stored is None:
        stored, model = collect(submission, bench, progress)
        save_evidence(folder, stored, model)
    compared = _compared(bench.rubric, submission.student, order)
    result = mark(stored, bench.rubric, compared)
    publish_student(order.out, result, stored.evidence, bench.rubric, order.course)
    return result


def reusable(folder: Path, key: str) -> Stored | None:
    """Stored evidence of the very same run, unless our own machinery had failed in it."""
    if not (folder / EVIDENCE).is_file():
        return None
    try:
        stored = load_evidence(folder)
    except GraderError:
        return None
    if stored.evidence.key != key or stored.evidence.facts.ending.cause is Cause.INFRASTRUCTURE:
        return None
    return stored


def grade_class(
    entries: Sequence[Entry], bench: Bench, order: Order, *, jobs: int, progress: Progress
) -> tuple[list[Result], Path]:
    """A result for each entry, `jobs` at a time, and the path of the class page. Raises Infrastructure."""

    def grade(entry: Entry) -> Result:
        result = _grade_entry(entry, bench, order, progress)
        progress.done(entry.student, f"{result.points:g} of {result.out_of:g} points")
        return result

    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="grade") as pool:
        results = list(pool.map(grade, entries))
    return results, publish_class(order.out, results, bench.rubric, order.course)


def _grade_entry(entry: Entry, bench: Bench, order: Order, progress: Progress) -> Result:
    """Never raises: what goes wrong becomes the row's reason."""
    try:
        return grade_submission(read_path(entry.path, student=entry.student), bench, order, progress)
    except (SubmissionError, UsageError) as error:
        return _unread(entry, bench, order, error.message, error.remedy, ours=False)
    except GraderError as error:
        return _unread(entry, bench, order, error.message, error.remedy, ours=True)
    except Exception as error:  # a batch of three hundred must not stop at two in the morning for a bug of ours
        return _unread(
            entry,
            bench,
            order,
            f"The grader itself failed: {type(error).__name__}: {error}.",
            "Run it again with --debug and tell its developers.",
            ours=True,
        )


def _unread(entry: Entry, bench: Bench, order: Order, reason: str, remedy: str, *, ours: bool) -> Result:
    row = Row(
        student=entry.student,
        submission=entry.path.name,
        assignment=bench.rubric.assignment,
        planned=bench.rubric.planned,
        dataset=bench.rubric.dataset,
        isolation=bench.sandbox.isolation,
        versions=versions(),
        seed=bench.seed,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    result = explain_unread(row, reason=reason, remedy=remedy, ours=ours)
    try:
        publish_student(order.out, result, None, bench.rubric, order.course)
    except GraderError:
        return result  # the class page still has the row
    return result


def _compared(rubric: Rubric, student: str, order: Order) -> dict[str, Comparison]:
    exercises = exercises_compared(rubric.planned)
    judged_on = rubric.dataset.judged_title
    return find_comparisons(exercises, student=student, judged_on=judged_on, earlier=order.earlier, course=order.course)


@dataclass(frozen=True, kw_only=True)
class Move:
    """One student of a regrade: the old result (None: never marked) and the new one."""

    old: Result | None
    new: Result

    @property
    def moved(self) -> bool:
        """Whether points, passing or status changed."""
        if self.old is None:
            return True
        before = (self.old.points, self.old.passed, self.old.status)
        return before != (self.new.points, self.new.passed, self.new.status)

    def reasons(self) -> list[str]:
        """The checks whose points changed, old to new."""
        old = {check.name: check for check in self.old.checks} if self.old else {}
        return [
            f"{check.name} {old[check.name].points:g} -> {check.points:g}"
            for check in self.new.checks
            if check.name in old and old[check.name].points != check.points
        ]


def regrade(rubric: Rubric, order: Order, *, dry_run: bool) -> list[Move]:
    """Mark all stored evidence below `order.out` again: no sandbox, no TensorFlow. Raises UsageError."""
    moves: list[Move] = []
    kept: list[Result] = []
    for folder in sorted(path for path in order.out.iterdir() if path.is_dir()):
        old = load_result(folder)
        if not (folder / EVIDENCE_FOLDER / EVIDENCE).is_file():
            kept += [old] if old is not None else []
            continue
        stored = load_evidence(folder / EVIDENCE_FOLDER)
        if stored.evidence.assignment != rubric.assignment.id:
            raise UsageError(
                f"{folder}: is evidence for {stored.evidence.assignment}, not for {rubric.assignment.id}.",
                f"Type `grader regrade {stored.evidence.assignment} {order.out}`.",
            )
        if stored.evidence.data_digest != rubric.dataset.digest:
            raise UsageError(
                f"{folder}: was judged on other images than those of today's `{rubric.dataset.id}`.",
                "Name the data of that time with --data, or grade the submissions again.",
            )
        compared = _recompared(rubric, stored.evidence, old, order)
        new = mark(stored, rubric, compared)
        moves.append(Move(old=old, new=new))
        if not dry_run:
            publish_student(order.out, new, stored.evidence, rubric, order.course)
    if not moves and not kept:
        raise UsageError(f"{order.out} holds no stored evidence.", "Name the --out folder of an earlier batch.")
    if not dry_run:
        publish_class(order.out, [*kept, *(move.new for move in moves)], rubric, order.course)
    return moves


def _recompared(rubric: Rubric, evidence: Evidence, old: Result | None, order: Order) -> dict[str, Comparison]:
    """What the mark was compared with before, unless --earlier names something else."""
    if old is not None and order.earlier is None:
        known = {item.assignment: item for item in old.compared}
        if set(exercises_compared(rubric.planned)) <= set(known):
            return known
    return _compared(rubric, evidence.student, order)


def render_again(rubric: Rubric, order: Order) -> Path:
    """Write every page below `order.out` again from stored results and evidence. Raises UsageError."""
    results = []
    for folder in sorted(path for path in order.out.iterdir() if path.is_dir()):
        result = load_result(folder)
        if result is None:
            continue
        has_evidence = (folder / EVIDENCE_FOLDER / EVIDENCE).is_file()
        evidence = load_evidence(folder / EVIDENCE_FOLDER).evidence if has_evidence else None
        publish_student(order.out, result, evidence, rubric, order.course)
        results.append(result)
    if not results:
        raise UsageError(f"{order.out} holds no results.", "Name the --out folder of an earlier batch.")
    return publish_class(order.out, results, rubric, order.course)
