"""Where submissions are run: `concurrent.futures` is the only seam between a batch and whatever collects evidence.

A `Collector` takes a submission and a seed and answers with a future. The batch waits for futures, and everything that
follows (marks, pages, the gradebook) happens in its own process, whoever collected. Here are the collector of this
machine and what it may use; `cluster` has the one of a Dask cluster.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from grader.core.errors import Infrastructure
from grader.core.limits import write_size
from grader.core.progress import Progress
from grader.core.store import Stored
from grader.intake import Submission
from grader.run.collect import collect
from grader.run.context import RunContext

HOST_BYTES = 256 << 20  # the grader's own part of one run: a saved network, prepared images, what the kernel printed


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What one run left: evidence, and the network's file as opaque bytes."""

    stored: Stored
    model: bytes | None


class WorkerLost(Infrastructure):
    """The process that ran a submission went away, with or without the submission's doing."""


class WorkerUnfit(Infrastructure):
    """A worker that can run nothing of this batch; the submission was not touched, and another worker may take it."""


class CollectorGone(Infrastructure):
    """Nobody is left to run anything: the batch ends, and goes on when somebody is."""


class Collector(Protocol):
    """Runs submissions somewhere."""

    @property
    def slots(self) -> int:
        """How many submissions it wants to hold at a time."""

    def look(self) -> None:
        """See whether runs still go on somewhere; called now and then. Raises CollectorGone."""

    def submit(self, submission: Submission, seed: int) -> Future[Any]:
        """Begin a run. Raises CollectorGone."""

    def take(self, future: Future[Any], submission: Submission, seed: int) -> Collected:
        """What a finished run left. Raises GraderError, among them WorkerLost and WorkerUnfit, or what a bug raised."""


class LocalCollector:
    """Runs submissions on this machine.

    Each runs in a thread that lives as long as the batch: the sandbox' life is tied to it.
    """

    def __init__(self, bench: RunContext, pool: ThreadPoolExecutor, jobs: int, progress: Progress) -> None:
        self._bench, self._pool, self._jobs, self._progress = bench, pool, jobs, progress

    @property
    def slots(self) -> int:
        """As many as run at a time."""
        return self._jobs

    def look(self) -> None:
        """All is well as long as this process lives."""

    def submit(self, submission: Submission, seed: int) -> Future[Any]:
        """Begin a run."""
        return self._pool.submit(collect, submission, replace(self._bench, seed=seed), self._progress)

    def take(self, future: Future[Any], submission: Submission, seed: int) -> Collected:
        """What a finished run left, or what it raised."""
        stored, model = future.result()
        return Collected(stored=stored, model=model)


@contextmanager
def open_local(bench: RunContext, jobs: int, progress: Progress) -> Iterator[LocalCollector]:
    """A collector of `jobs` threads. After an error nobody waits for what still runs: it dies with this process."""
    pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="grade")
    try:
        yield LocalCollector(bench, pool, jobs, progress)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C: nobody waits half an hour for a network to be trained
        raise
    pool.shutdown()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many submissions run at a time, and why there are fewer than asked for, if there are."""

    jobs: int
    words: str = ""


def plan_jobs(wanted: int | None, *, memory: int, available: int | None, cores: int) -> Plan:
    """`wanted` kernels (else one a core), but no more than may all use `memory` bytes at once; one in any case.

    `available`: bytes that may be used; None where nobody knows.
    """
    asked = wanted or cores
    if available is None:
        return Plan(jobs=asked)
    fitting = available // (memory + HOST_BYTES)
    if fitting >= asked:
        return Plan(jobs=asked)
    why = (
        f"a submission may use {write_size(memory)}, the grader {write_size(HOST_BYTES)} for each, and "
        f"{write_size(available)} of memory are available"
    )
    if not fitting:
        return Plan(jobs=1, words=f"One submission at a time, and memory may not even suffice for that: {why}.")
    return Plan(jobs=fitting, words=f"{fitting} at a time instead of {asked}: {why}.")


def usable_cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
