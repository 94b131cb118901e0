"""Many submissions: each becomes a result, whatever happens to it; a batch never stops and never loses a row."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from grader.attempts import attempt_folder, counted_run, seed_of
from grader.bench import Bench, evidence_key, versions
from grader.comparing import Earlier, compare, index_earlier
from grader.errors import GraderError, Infrastructure, SubmissionError, UsageError
from grader.evidence import Cause
from grader.findings import Row, explain_unread
from grader.grading import collect
from grader.intake import Entry, Submission, read_path
from grader.marking import another_is_due, mark_attempts
from grader.notebook import without_surrogates
from grader.progress import Progress
from grader.publish import Order, publish_class, publish_student, student_folder
from grader.report.visible import one_line
from grader.results import Result
from grader.store import EVIDENCE, Stored, discard_evidence, load_evidence, save_evidence


def grade_submission(
    submission: Submission, bench: Bench, order: Order, progress: Progress, *, earlier: Earlier | None = None
) -> Result:
    """Collect (or take what is stored for the same key), mark, repeat a borderline run, publish. Raises GraderError.

    `earlier`: the index of `order.earlier`, where it was made once for a class.
    """
    index = index_earlier(order.earlier) if earlier is None else earlier
    compared = compare(bench.rubric, student=submission.student, earlier=index, course=order.course)
    folder = student_folder(order.out, submission.student)
    runs = [_obtain_run(submission, bench, attempt_folder(folder, 1), order, progress)]
    while another_is_due(runs, bench.rubric, compared):
        run = _repeat_run(submission, bench, folder, len(runs) + 1, order, progress)
        if run is None:
            break
        runs.append(run)
    runs += _stored_runs(submission, bench, folder, len(runs) + 1)
    result = mark_attempts(runs, bench.rubric, compared)
    publish_student(order.out, result, counted_run(runs, result).evidence, bench.rubric, order.course)
    return result


def _obtain_run(submission: Submission, bench: Bench, folder: Path, order: Order, progress: Progress) -> Stored:
    """One run with the seed of `bench`: the stored one of the same key, else a new one, which is stored."""
    there = reusable(folder, evidence_key(submission, bench))
    if there is None:
        discard_evidence(folder)  # of another hand-in: a regrade must not find it if this run fails
    if there is not None and not order.rerun:
        return there
    stored, model = collect(submission, bench, progress)
    save_evidence(folder, stored, model)
    return stored


def _repeat_run(
    submission: Submission, bench: Bench, folder: Path, number: int, order: Order, progress: Progress
) -> Stored | None:
    """Run `number` of a borderline submission; None where our own machinery fails: what was found before stands."""
    again = _with_seed(bench, number)
    place = attempt_folder(folder, number)
    progress.step(submission.student, f"borderline: run again with seed {again.seed}")
    try:
        return _obtain_run(submission, again, place, order, progress)
    except Infrastructure as error:
        progress.step(submission.student, f"could not be run again: {one_line(error.message)}")
        return reusable(place, evidence_key(submission, again))


def _stored_runs(submission: Submission, bench: Bench, folder: Path, number: int) -> list[Stored]:
    """Runs from `number` on that an earlier policy asked for; what is there of another hand-in is discarded."""
    runs: list[Stored] = []
    while (attempt_folder(folder, number) / EVIDENCE).exists():
        place = attempt_folder(folder, number)
        stored = reusable(place, evidence_key(submission, _with_seed(bench, number)))
        if stored is None:
            discard_evidence(place)
        else:
            runs.append(stored)
        number += 1
    return runs


def _with_seed(bench: Bench, number: int) -> Bench:
    return replace(bench, seed=seed_of(bench.seed, number))


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
    """A result for each entry, `jobs` at a time, and the path of the class page. Raises Infrastructure, UsageError."""
    earlier = index_earlier(order.earlier)

    def grade(entry: Entry) -> Result:
        result = _grade_entry(entry, bench, order, progress, earlier)
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


def _grade_entry(entry: Entry, bench: Bench, order: Order, progress: Progress, earlier: Earlier | None) -> Result:
    """Never raises: what goes wrong becomes the row's reason."""
    try:
        submission = read_path(entry.path, student=entry.student)
        return grade_submission(submission, bench, order, progress, earlier=earlier)
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
