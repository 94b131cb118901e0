"""A class from its entries to the class page: as many submissions at a time as the collector takes, a row for each entry."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path

from grader.core.errors import GraderError, Infrastructure, SubmissionError, UsageError
from grader.core.progress import Progress
from grader.core.workspace import require_room
from grader.gradebook import Gradebook
from grader.intake import Entry, read_entry
from grader.marking.accuracy_to_beat import exercises_compared, index_earlier
from grader.marking.publish import OutputOptions
from grader.run.audits import choose_audits
from grader.run.collect import Collector, CollectorGone, LocalCollector
from grader.run.context import RunContext
from grader.run.grade_one import GradedSubmission, grade_one
from grader.run.packed_results import Rows
from grader.run.result_writer import ResultWriter
from grader.run.similar_code import SimilarityOptions

WAIT_S = 30.0  # until the collector is asked again how many it takes


def grade_class(
    entries: Sequence[Entry], context: RunContext, output: OutputOptions, *, jobs: int, progress: Progress,
    collector: Collector | None = None, book: Gradebook | None = None,
    similarity: SimilarityOptions | None = None,
) -> tuple[Rows, Path]:  # fmt: skip
    """Grade every entry; a result for each, and the path of the class page. Raises Infrastructure, UsageError.

    `jobs` at a time on this machine, or as many as `collector` takes elsewhere. Each entry is graded in a thread; rows are
    written here, one at a time. Whatever ends it early, what is there by then is published.
    """
    earlier = index_earlier(output.earlier, exercises_compared(context.rubric.planned), book)
    collector = LocalCollector(context, jobs, progress) if collector is None else collector
    writer = ResultWriter(entries, context, output, book, progress, similarity or SimilarityOptions())
    entries = writer.enrol()

    assignment = context.rubric.assignment

    def grade(entry: Entry, audit: str = "") -> GradedSubmission:
        alone = assignment.run.train != "always"
        submission = read_entry(entry, assignment=assignment.id, most_network=assignment.run.model_size, alone=alone)
        return grade_one(
            submission, context, output, progress, collector=collector, earlier=earlier, who=entry.who, audit=audit
        )  # fmt: skip

    running: dict[Future[GradedSubmission], int] = {}

    def write_finished(patience: float) -> None:
        """Write the rows of those that are done; wait for the first of them, at most `patience` seconds."""
        done, _ = wait(running, patience, FIRST_COMPLETED)
        for future in sorted(done, key=lambda one: running[one]):
            _write_row(writer, running.pop(future), future, output)

    def grade_all(why: Mapping[int, str]) -> None:
        """Grade the entries with these numbers; each with why it is audited, or ""."""
        progress.begin(len(why), collector.slots)
        with _threads(len(why)) as pool:
            for place, audit in why.items():
                while len(running) >= collector.slots:
                    write_finished(WAIT_S)
                running[pool.submit(grade, entries[place], audit)] = place
            while running:
                write_finished(WAIT_S)

    with _closing_early(writer):
        grade_all(dict.fromkeys(range(len(entries)), ""))
        if assignment.run.train == "handed-in" and context.images is not None:
            audits = choose_audits(output.out, writer.judged_files(), assignment.audit)
            if audits:
                progress.say(f"Audit: {len(audits)} of {len(entries)} are trained in full now.")
                grade_all(audits)
    return writer.close()


def _write_row(writer: ResultWriter, place: int, future: Future[GradedSubmission], output: OutputOptions) -> None:
    """The row of an entry: its result, or what went wrong with it. What concerns all entries ends the batch."""
    try:
        writer.write(place, future.result())
    except CollectorGone:
        raise
    except (SubmissionError, UsageError) as error:
        writer.write_without_mark(place, error.message, error.remedy, ours=False)
    except GraderError as error:
        if isinstance(error, Infrastructure):
            require_room(output.out)
        writer.write_without_mark(place, error.message, error.remedy, ours=True)
    except Exception as error:  # a batch of three hundred must not stop at two in the morning for a bug of ours
        reason = f"The grader itself failed: {type(error).__name__}: {error}."
        writer.write_without_mark(place, reason, "Run it again with --debug and tell its developers.", ours=True)


@contextmanager
def _threads(most: int) -> Iterator[ThreadPoolExecutor]:
    """A thread for each submission that is being graded. After an error nobody waits for what still runs.

    Threads are made as they are needed, and live as long as the batch, as the sandboxes that they start must.
    """
    pool = ThreadPoolExecutor(max_workers=max(1, most), thread_name_prefix="grade")
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C: nobody waits half an hour for a network to be trained
        raise
    pool.shutdown()


@contextmanager
def _closing_early(writer: ResultWriter) -> Iterator[None]:
    """Whatever ends the batch: a class page of what is there, as far as it can be written."""
    try:
        yield
    except BaseException:
        with suppress(GraderError):
            writer.close_early()
        raise
