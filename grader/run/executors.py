"""Where a submission is run, and how many at a time.

A `Collector` runs one submission and gives back its evidence; whoever asks waits for it in a thread of its own, and all that
follows (marks, pages, the gradebook) happens in the process of the batch. Here is the collector of this machine; `cluster`
has the one of a Dask cluster.
"""

import os
from dataclasses import dataclass, replace
from typing import Protocol

from grader.core.errors import Infrastructure
from grader.core.limits import write_size
from grader.core.progress import Progress
from grader.intake import Submission
from grader.run.collect import Collected, collect
from grader.run.context import RunContext

HOST_BYTES = 256 << 20  # the grader's own part of one run: a saved network, prepared images, what the kernel printed


class WorkerLost(Infrastructure):
    """The process that ran a submission went away, with or without the submission's doing."""


class WorkerUnfit(Infrastructure):
    """A worker that can run nothing of this batch; the submission was not touched, and another worker may take it."""


class CollectorGone(Infrastructure):
    """Nobody is left to run anything: the batch ends, and goes on when somebody is."""


class Collector(Protocol):
    """Runs submissions somewhere; called from several threads."""

    @property
    def slots(self) -> int:
        """How many submissions it takes at a time, now. Raises CollectorGone."""

    def collect(self, submission: Submission, seed: int) -> Collected:
        """Run a submission and wait for its end. Raises GraderError, as WorkerLost, WorkerUnfit or CollectorGone."""


class LocalCollector:
    """Runs submissions on this machine, in the thread that asks: a sandbox ends with the thread that started it."""

    def __init__(self, context: RunContext, jobs: int, progress: Progress) -> None:
        self._context, self.slots, self._progress = context, jobs, progress

    def collect(self, submission: Submission, seed: int) -> Collected:
        """Run it here."""
        return collect(submission, replace(self._context, seed=seed), self._progress)


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
