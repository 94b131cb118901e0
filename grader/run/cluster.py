"""A batch on a Dask cluster: both ends, between which nothing but bytes travels.

The batch's end (`open_cluster`, `DaskCollector`) sends each submission as a message, and checks the answer as foreign bytes.
A worker's end (`answer_request`, `WorkerContexts`) opens course and data of its own, once for all requests with the same
setting, and compares them with what the batch has: evidence from other data or another version of a library would be kept
under a wrong name.
"""

import atexit
import secrets
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from grader.core.errors import GraderError, Infrastructure, UsageError
from grader.core.progress import Progress, Silent
from grader.course.course import Course
from grader.intake import Submission
from grader.run.collect import Collected, CollectorGone, WorkerLost, WorkerUnfit, collect
from grader.run.context import RunContext, RunOptions, open_context
from grader.run.worker_messages import (
    NoEvidence,
    RunRequest,
    differences,
    pack_answer,
    pack_request,
    pack_trouble,
    setting_of,
    unpack_answer,
    unpack_request,
)

COURSE, DATA = "course", "data"  # folders that a batch names as hints; a worker may be told of others
SAME = "Give every machine the same grader, libraries, course and data."
SCHEME = "dask://"
CONNECT_S = 20
LOOK_S = 5.0  # between two looks at which workers there are
LONGEST_WORDS = 200  # characters of what a worker says about a run
CONTEXTS = "grader_contexts"  # the attribute of a worker that holds them
PLAIN = ("msgpack", "error")  # what a task's result may be written in: nothing that is unpickled here
Answering = Callable[[bytes, str], bytes]


@contextmanager
def open_cluster(
    address: str, context: RunContext, answering: Answering, hints: Mapping[str, str], progress: Progress
) -> Iterator["DaskCollector"]:
    """A collector on the cluster whose scheduler listens at `address` (dask://HOST:PORT). Raises UsageError."""
    collector = DaskCollector(_connect(address), context, answering, hints, progress)
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


class DaskCollector:
    """Runs submissions on the workers of a cluster; made by `open_cluster`.

    `answering` is the function that a worker calls, found there by its name; it takes a message and a topic for progress.
    """

    def __init__(
        self, client: Any, context: RunContext, answering: Answering, hints: Mapping[str, str], progress: Progress
    ) -> None:  # fmt: skip
        self._client, self._executor, self._context = client, client.get_executor(), context
        self._answering, self._hints, self._progress = answering, hints, progress
        self._topic = f"grader-{secrets.token_hex(8)}"
        self._unfit: dict[str, str] = {}
        self._threads: dict[str, int] = {}
        self._looked: float | None = None
        self._waiting = False
        self._lock = threading.RLock()  # over all of the above: each submission is waited for in a thread of its own
        client.subscribe_topic(self._topic, lambda event: pass_on(event, progress))

    @property
    def slots(self) -> int:
        """Two for each thread, so that no worker waits for the batch; some where no worker has come yet."""
        with self._lock:
            self._look()
            return 2 * sum(count for address, count in self._threads.items() if address not in self._unfit) + 2

    def collect(self, submission: Submission, seed: int) -> Collected:
        """Run it on a worker that is not known to be unfit; what comes back is checked as foreign bytes are."""
        future = self.submit(submission, seed)
        while not wait([future], LOOK_S).done:
            with self._lock:
                self._look()
        answer = unpack_or_raise(received(future), submission, replace(self._context, seed=seed))
        if isinstance(answer, Collected):
            return answer
        if answer.kind == "unfit":
            with self._lock:
                self._unfit[answer.where] = f"{answer.message} {answer.remedy}".strip()
                self._looked = None
            raise WorkerUnfit(f"The worker {answer.where} can't run this batch: {answer.message}", answer.remedy)
        if answer.kind == "bug":
            raise Infrastructure(
                f"The grader itself failed at the worker {answer.where}: {answer.message}.", "Tell its developers."
            )
        raise Infrastructure(f"{answer.message} (at the worker {answer.where})", answer.remedy)

    def submit(self, submission: Submission, seed: int) -> Future[Any]:
        """Begin a run. Raises CollectorGone where all workers are unfit."""
        message = pack_request(submission, self._context, seed, self._hints)
        choice: dict[str, Any] = {}
        with self._lock:
            self._look()
            if self._unfit:
                fit = [address for address in self._threads if address not in self._unfit]
                if self._threads and not fit:
                    reasons = "; ".join(f"{address}: {reason}" for address, reason in sorted(self._unfit.items()))
                    raise CollectorGone(
                        f"No worker can run this batch. {reasons}", "Repair one; the same command goes on."
                    )
                # A wish, not a demand: what may run on certain workers alone waits for ever once they are gone.
                choice = {"workers": fit, "allow_other_workers": True} if fit else {}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # "Sending large graph": a submission has its size
                begun: Future[Any] = self._executor.submit(self._answering, message, self._topic, pure=False, **choice)
                return begun

    def _look(self) -> None:
        """See now and then which workers there are, and say so where there are none. Raises CollectorGone."""
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

    def close(self) -> None:
        """Give up what has not begun. A scheduler that is gone needs no good-bye."""
        with suppress(Exception):
            self._executor.shutdown(wait=False)
        with suppress(Exception):
            self._client.close(timeout=CONNECT_S)


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


def unpack_or_raise(data: object, submission: Submission, context: RunContext) -> Collected | NoEvidence:
    """An answer as evidence or trouble. Raises Infrastructure for bytes that are neither."""
    try:
        return unpack_answer(data, submission, context)
    except (ValueError, RecursionError) as error:
        raise Infrastructure(
            f"What a worker sent back is not evidence: {error}.", "Look at the workers' logs."
        ) from None


def _gone(error: BaseException) -> CollectorGone:
    return CollectorGone(
        f"The cluster's scheduler is gone ({type(error).__name__}).", "When it is back, the same command goes on."
    )


def pass_on(event: object, progress: Progress) -> None:
    """What a worker says about a run, to be shown: two short words, or nothing."""
    said = event[1] if isinstance(event, tuple | list) and len(event) == 2 else None
    if isinstance(said, dict) and isinstance(who := said.get("who"), str) and isinstance(what := said.get("what"), str):
        progress.step(who[:LONGEST_WORDS], what[:LONGEST_WORDS])


def answer_request(message: bytes, topic: str, places: Mapping[str, str]) -> bytes:
    """What a worker does with a message; `places`: the folders of course and data that it was told of."""
    from distributed import get_worker

    worker = get_worker()
    if CONTEXTS not in vars(worker):
        opened = vars(worker).setdefault(CONTEXTS, WorkerContexts(worker.address, places))
        atexit.register(opened.close)
    contexts: WorkerContexts = vars(worker)[CONTEXTS]

    class Told(Silent):
        """Publishes each step as an event of the cluster."""

        def step(self, who: str, what: str) -> None:
            with suppress(Exception):
                worker.log_event(topic, {"who": who, "what": what})

    return contexts.answer(message, Told())


@dataclass
class WorkerContexts:
    """The contexts of one worker, open as long as it lives.

    `where`: the worker's address; `places`: the folders of course and data that it was told of.
    """

    where: str
    places: Mapping[str, str]
    _contexts: dict[str, RunContext] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, message: bytes, progress: Progress) -> bytes:
        """Run the submission in `message`; never raises, so that nothing but bytes goes back."""
        try:
            request, submission = unpack_request(message)
            context = self._context(request)
            other = differences(setting_of(context), request.setting)
        except GraderError as error:
            return self._trouble("unfit", error.message, error.remedy)
        except (ValueError, KeyError) as error:
            return self._trouble("unfit", f"it can't read what the batch sends ({error})", SAME)
        except Exception as error:
            return self._trouble("bug", f"{type(error).__name__}: {error}")
        if other:
            return self._trouble("unfit", f"it differs from the batch: {'; '.join(other)}", SAME)
        try:
            return pack_answer(*collect(submission, replace(context, seed=request.seed), progress))
        except Infrastructure as error:
            return self._trouble("fault", error.message, error.remedy)
        except Exception as error:  # a bug of ours is a row of the batch, and must not look like a lost worker
            return self._trouble("bug", f"{type(error).__name__}: {error}")

    def _trouble(self, kind: Literal["unfit", "fault", "bug"], message: str, remedy: str = "") -> bytes:
        words = message.encode("utf-8", "replace").decode()
        return pack_trouble(NoEvidence(kind=kind, message=words, remedy=remedy, where=self.where))

    def close(self) -> None:
        """Throw the served data away."""
        self._open.close()

    def _context(self, request: RunRequest) -> RunContext:
        """The context for a request. Raises GraderError where this machine has no such data, sandbox or assignment."""
        wanted = f"{request.assignment} {request.isolation} {request.serve} {sorted(request.hints.items())}"
        with self._lock:
            if wanted not in self._contexts:
                self._contexts[wanted] = self._open.enter_context(self._opened(request))
            return self._contexts[wanted]

    def _opened(self, request: RunRequest) -> AbstractContextManager[RunContext]:
        course = Course.at(self._place(COURSE, request))
        threads = course.assignment(request.assignment).run.threads
        options = RunOptions(
            isolation=request.isolation, data=self._place(DATA, request), jobs=threads, serve=request.serve
        )  # a thread for each kernel: a worker has a core
        return open_context(course, request.assignment, options, Silent())

    def _place(self, name: str, request: RunRequest) -> Path | None:
        """A folder that this worker was told of, else the batch's own where it is here too, else the usual places."""
        if self.places.get(name):
            return Path(self.places[name])
        hinted = Path(request.hints[name]) if name in request.hints else None
        return hinted if hinted is not None and hinted.is_dir() else None
