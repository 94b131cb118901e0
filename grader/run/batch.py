"""Leads a class through: as many runs on the way as the collector takes, every entry a row."""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.core.errors import GraderError, Infrastructure, SubmissionError, UsageError
from grader.core.progress import Progress
from grader.core.workspace import require_room
from grader.gradebook import Gradebook
from grader.intake import Entry, Submission, read_entry
from grader.marking.compare import Earlier, exercises_compared, index_earlier
from grader.marking.publish import OutputOptions
from grader.run.context import RunContext
from grader.run.executors import Collector, CollectorGone, WorkerLost, WorkerUnfit, open_local
from grader.run.grade_one import Attending, GradedSubmission, attend
from grader.run.result_writer import ResultWriter, Rows

WAIT_S = 30.0  # until the collector is asked again whether all is well
MOST_LOST = 2  # new starts of one submission whose worker went away
MOST_REFUSED = 20  # workers, or new addresses of one, that could not run anything of this batch when it came to them


def grade_class(
    entries: Sequence[Entry], bench: RunContext, order: OutputOptions, *, jobs: int, progress: Progress,
    collector: Collector | None = None, book: Gradebook | None = None,
) -> tuple[Rows, Path]:  # fmt: skip
    """A result for each entry, and the path of the class page. Raises Infrastructure, UsageError.

    `jobs` at a time on this machine, or as many as `collector` takes elsewhere. Whatever ends it early, what is there by
    then is published.
    """
    earlier = index_earlier(order.earlier, exercises_compared(bench.rubric.planned), book)
    registrar = ResultWriter(entries, bench, order, book, progress)
    entries = registrar.enrol()
    with _closing_early(registrar):
        if collector is not None:
            progress.begin(len(entries), collector.slots)
            _Class(registrar, entries, bench, order, earlier, progress, collector).lead()
        else:
            progress.begin(len(entries), jobs)
            with open_local(bench, jobs, progress) as local:
                _Class(registrar, entries, bench, order, earlier, progress, local).lead()
    return registrar.close()


@contextmanager
def _closing_early(registrar: ResultWriter) -> Iterator[None]:
    """Whatever ends the batch: a class page of what is there, as far as it can be written."""
    try:
        yield
    except BaseException:
        with suppress(GraderError):
            registrar.close_early()
        raise


@dataclass
class _OnTheWay:
    """An entry whose run goes on."""

    place: int
    submission: Submission
    attending: Attending
    seed: int
    lost: int = 0
    refused: int = 0


class _Class:
    """The state of one batch: whose run is on the way."""

    def __init__(
        self, registrar: ResultWriter, entries: Sequence[Entry], bench: RunContext, order: OutputOptions,
        earlier: Earlier | None, progress: Progress, collector: Collector,
    ) -> None:  # fmt: skip
        self._registrar, self._entries, self._bench, self._order = registrar, entries, bench, order
        self._earlier, self._progress, self._collector = earlier, progress, collector
        self._running: dict[Future[Any], _OnTheWay] = {}

    def lead(self) -> None:
        """Every entry to its row. Raises Infrastructure where nothing can be run or written any more."""
        for place, entry in enumerate(self._entries):
            while len(self._running) >= self._collector.slots:
                self._receive(WAIT_S)
            self._receive(0.0)
            with self._row(place):
                submission = read_entry(entry, assignment=self._bench.rubric.assignment.id)
                attending = attend(
                    submission, self._bench, self._order, self._progress, earlier=self._earlier, who=entry.who
                )
                self._advance(_OnTheWay(place=place, submission=submission, attending=attending, seed=0), None)
        while self._running:
            self._receive(WAIT_S)

    def _receive(self, patience: float) -> None:
        """Take up the runs that have ended; wait for the first one, at most `patience` seconds."""
        if not self._running:
            return
        self._collector.look()
        done, _ = wait(self._running, patience, FIRST_COMPLETED)
        for future in done:
            way = self._running.pop(future)
            with self._row(way.place):
                self._advance(way, future)

    def _advance(self, way: _OnTheWay, future: Future[Any] | None) -> None:
        """To the next run that is due, or to the row. `future`: the run that has ended; None at the start."""
        try:
            way.seed = next(way.attending) if future is None else self._send(way, future)
        except StopIteration as end:
            marked: GradedSubmission = end.value
            self._registrar.marked(way.place, way.submission, marked)
        except _Again:
            self._submit(way)
        else:
            way.lost = way.refused = 0
            self._submit(way)

    def _send(self, way: _OnTheWay, future: Future[Any]) -> int:
        """The seed of the next run that is due."""
        try:
            collected = self._collector.take(future, way.submission, way.seed)
        except CollectorGone:
            raise
        except WorkerUnfit as error:
            way.refused += 1
            if way.refused <= MOST_REFUSED:
                raise _Again from None
            return way.attending.throw(Infrastructure(error.message, error.remedy))
        except WorkerLost as error:
            way.lost += 1
            if way.lost <= MOST_LOST:
                self._progress.step(way.submission.student, "its worker went away: run again")
                raise _Again from None
            return way.attending.throw(error)
        except GraderError as error:
            return way.attending.throw(error)
        return way.attending.send(collected)

    def _submit(self, way: _OnTheWay) -> None:
        self._running[self._collector.submit(way.submission, way.seed)] = way

    @contextmanager
    def _row(self, place: int) -> Iterator[None]:
        """What goes wrong with one entry becomes its row's reason; what concerns them all ends the batch."""
        try:
            yield
        except CollectorGone:
            raise
        except (SubmissionError, UsageError) as error:
            self._registrar.unread(place, error.message, error.remedy, ours=False)
        except GraderError as error:
            if isinstance(error, Infrastructure):
                require_room(self._order.out)
            self._registrar.unread(place, error.message, error.remedy, ours=True)
        except Exception as error:  # a batch of three hundred must not stop at two in the morning for a bug of ours
            reason = f"The grader itself failed: {type(error).__name__}: {error}."
            self._registrar.unread(place, reason, "Run it again with --debug and tell its developers.", ours=True)


class _Again(Exception):
    """The same run once more."""
