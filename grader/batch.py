"""Many submissions: each becomes a result, whatever happens to it; a batch never stops and never loses a row."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from grader.bench import Bench, evidence_key, versions
from grader.comparing import compare
from grader.errors import GraderError, SubmissionError, UsageError
from grader.evidence import Cause
from grader.findings import Row, explain_unread
from grader.grading import collect
from grader.intake import Entry, Submission, read_path
from grader.marking import mark
from grader.notebook import without_surrogates
from grader.progress import Progress
from grader.publish import EVIDENCE_FOLDER, Order, publish_class, publish_student, student_folder
from grader.results import Result
from grader.store import EVIDENCE, Stored, discard_evidence, load_evidence, save_evidence


def grade_submission(submission: Submission, bench: Bench, order: Order, progress: Progress) -> Result:
    """Collect (or take what is stored for the same key), mark, publish. Raises Infrastructure."""
    folder = student_folder(order.out, submission.student) / EVIDENCE_FOLDER
    there = reusable(folder, evidence_key(submission, bench))
    if there is None:
        discard_evidence(folder)  # of another hand-in: a regrade must not find it if this run fails
    stored = None if order.rerun else there
    if stored is None:
        stored, model = collect(submission, bench, progress)
        save_evidence(folder, stored, model)
    compared = compare(bench.rubric, student=submission.student, earlier=order.earlier, course=order.course)
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

    pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="grade")
    try:
        results = list(pool.map(grade, entries))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C: nobody waits half an hour for a network to be trained
        raise
    pool.shutdown()
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
        submission=entry.file,
        assignment=bench.rubric.assignment,
        planned=bench.rubric.planned,
        dataset=bench.rubric.dataset,
        isolation=bench.sandbox.isolation,
        judged_on=bench.rubric.judged_on,
        versions=versions(),
        seed=bench.seed,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    result = explain_unread(row, reason=without_surrogates(reason), remedy=remedy, ours=ours)
    with suppress(Exception):  # whatever it is that went wrong: the class page still has the row
        publish_student(order.out, result, None, bench.rubric, order.course)
    return result
