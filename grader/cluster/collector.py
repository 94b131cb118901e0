"""The batch's end: a client of the scheduler, and the function that each worker calls."""

import atexit
import secrets
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from grader.bench import Bench
from grader.cluster.parcels import Trouble, pack_order, unpack_answer
from grader.cluster.worker import Workroom
from grader.errors import Infrastructure, UsageError
from grader.executors import Collected, CollectorGone, WorkerLost, WorkerUnfit
from grader.intake import Submission
from grader.progress import Progress, Silent

SCHEME = "dask://"
CONNECT_S = 20
LOOK_S = 5.0  # between two looks at which workers there are
LONGEST_WORDS = 200  # characters of what a worker says about a run
ROOM = "grader_workroom"
PLAIN = ("msgpack", "error")  # what a task's result may be written in: nothing that is unpickled here
Answering = Callable[[bytes, str], bytes]


class DaskCollector:
    """Runs submissions on the workers of a cluster; made by `open_cluster`.

    `answering` is the function that a worker calls, found there by its name; it takes a parcel and a topic for progress.
    """

    def __init__(
        self, client: Any, bench: Bench, answering: Answering, hints: Mapping[str, str], progress: Progress
    ) -> None:  # fmt: skip
        self._client, self._executor, self._bench = client, client.get_executor(), bench
        self._answering, self._hints, self._progress = answering, hints, progress
        self._topic = f"grader-{secrets.token_hex(8)}"
        self._unfit: dict[str, str] = {}
        self._threads: dict[str, int] = {}
        self._looked: float | None = None
        self._waiting = False
        client.subscribe_topic(self._topic, lambda event: pass_on(event, progress))

    @property
    def slots(self) -> int:
        """Two for each thread, so that no worker waits for the batch; some where no worker has come yet."""
        self.look()
        return 2 * sum(count for address, count in self._threads.items() if address not in self._unfit) + 2

    def look(self) -> None:
        """See which workers there are, and say so where there are none. Raises CollectorGone."""
        now = time.monotonic()
        if self._looked is not None and now - self._looked < LOOK_S:
            return
        try:
            self._threads = dict(self._client.nthreads())
        except Exception as error:  # whatever Dask raises when its scheduler is gone
            raise _gone(error) from None
        self._looked = now
        if not self._threads and not self._waiting:
            self._progress.say("The cluster has no worker now; the batch waits for one.")
        self._waiting = not self._threads

    def submit(self, submission: Submission, seed: int) -> Future[Any]:
        """Begin a run on a worker that is not known to be unfit. Raises CollectorGone where all of them are."""
        self.look()
        parcel = pack_order(submission, self._bench, seed, self._hints)
        choice: dict[str, Any] = {}
        if self._unfit:
            fit = [address for address in self._threads if address not in self._unfit]
            if self._threads and not fit:
                reasons = "; ".join(f"{address}: {reason}" for address, reason in sorted(self._unfit.items()))
                raise CollectorGone(f"No worker can run this batch. {reasons}", "Mend one; the same command goes on.")
            # A wish, not a demand: what may run on certain workers alone waits for ever once they are gone.
            choice = {"workers": fit, "allow_other_workers": True} if fit else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "Sending large graph": a submission has its size
            begun: Future[Any] = self._executor.submit(self._answering, parcel, self._topic, pure=False, **choice)
            return begun

    def close(self) -> None:
        """Give up what has not begun. A scheduler that is gone needs no good-bye."""
        with suppress(Exception):
            self._executor.shutdown(wait=False)
        with suppress(Exception):
            self._client.close(timeout=CONNECT_S)

    def take(self, future: Future[Any], submission: Submission, seed: int) -> Collected:
        """What came back, checked as foreign bytes are."""
        answer = unpack_or_raise(received(future), submission, replace(self._bench, seed=seed))
        if isinstance(answer, Collected):
            return answer
        if answer.kind == "unfit":
            self._unfit[answer.where] = f"{answer.message} {answer.remedy}".strip()
            self._looked = None
            raise WorkerUnfit(f"The worker {answer.where} can't run this batch: {answer.message}", answer.remedy)
        if answer.kind == "bug":
            raise Infrastructure(
                f"The grader itself failed at the worker {answer.where}: {answer.message}.", "Tell its developers."
            )
        raise Infrastructure(f"{answer.message} (at the worker {answer.where})", answer.remedy)


def received(future: Future[Any]) -> object:
    """What a task gave. Raises WorkerLost, CollectorGone, Infrastructure."""
    try:
        return future.result()
    except CancelledError as error:
        raise _gone(error) from None
    except Exception as error:
        if type(error).__name__ == "KilledWorker":
            words = "the worker that ran it went away, several times: it may be what makes them go."
            raise WorkerLost(f"The cluster lost the submission: {words}", "Look at the workers' logs.") from None
        raise Infrastructure(
            f"The cluster could not run it: {type(error).__name__}: {error}.",
            "Scheduler and workers need the same grader and the same versions of Dask as the batch.",
        ) from None


def unpack_or_raise(data: object, submission: Submission, bench: Bench) -> Collected | Trouble:
    """An answer as evidence or trouble. Raises Infrastructure for bytes that are neither."""
    try:
        answer = unpack_answer(data, submission, bench)
    except (ValueError, RecursionError) as error:
        raise Infrastructure(
            f"What a worker sent back is no evidence: {error}.", "Look at the workers' logs."
        ) from None
    if answer.trouble is not None:
        return answer.trouble
    assert answer.stored is not None
    return Collected(stored=answer.stored, model=answer.model)


def _gone(error: BaseException) -> CollectorGone:
    return CollectorGone(
        f"The cluster's scheduler is gone ({type(error).__name__}).", "When it is back, the same command goes on."
    )


@contextmanager
def open_cluster(
    address: str, bench: Bench, answering: Answering, hints: Mapping[str, str], progress: Progress
) -> Iterator[DaskCollector]:
    """A collector on the cluster whose scheduler listens at `address` (dask://HOST:PORT). Raises UsageError."""
    collector = DaskCollector(_connect(address), bench, answering, hints, progress)
    try:
        yield collector
    finally:
        collector.close()


def _connect(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            "--executor dask:// needs Dask, which is not installed.", "pip install 'grader[cluster]'"
        ) from None
    place = address.removeprefix(SCHEME)
    try:
        connect: Any = Client
        return connect(f"tcp://{place}", timeout=CONNECT_S, set_as_default=False, deserializers=list(PLAIN))
    except (OSError, ValueError, TimeoutError) as error:
        raise UsageError(
            f"{address}: no Dask scheduler answers there ({type(error).__name__}).",
            "Start one (`dask scheduler`) and name its address: dask://HOST:8786.",
        ) from None


def pass_on(event: object, progress: Progress) -> None:
    """What a worker says about a run, to be shown: two short words, or nothing."""
    said = event[1] if isinstance(event, tuple | list) and len(event) == 2 else None
    if isinstance(said, dict) and isinstance(who := said.get("who"), str) and isinstance(what := said.get("what"), str):
        progress.step(who[:LONGEST_WORDS], what[:LONGEST_WORDS])


def answer_order(parcel: bytes, topic: str, places: Mapping[str, str]) -> bytes:
    """What a worker does with a parcel; `places`: the folders of course and data that it was told of."""
    from distributed import get_worker

    worker = get_worker()
    if ROOM not in vars(worker):
        opened = vars(worker).setdefault(ROOM, Workroom(worker.address, places))
        atexit.register(opened.close)
    room: Workroom = vars(worker)[ROOM]

    class Told(Silent):
        """Says each step on the cluster's board."""

        def step(self, who: str, what: str) -> None:
            with suppress(Exception):
                worker.log_event(topic, {"who": who, "what": what})

    return room.answer(parcel, Told())
