"""What the grader's own work on bytes of a student costs: inputs that were made to be dear, and others of twice the size.

A cell of this group says how such an input is made (`make`, with `SIZE` for the first one). It runs in this process: it is
the grader's own, and so is the work. What is dear grows faster than what was handed in; a most of everything ends that.
"""

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from timeit import timeit
from typing import Any

from grader.attacks.corpus import Attack, AttackTrial, Seen
from grader.checks.base import Case
from grader.checks.cell_and_line import Places
from grader.checks.execution import Executes, executes
from grader.checks.hints import why_no_training
from grader.core.errors import Failure, SubmissionError
from grader.core.evidence import Cause, Cell, CellError, Claims, Ending, Evidence, Facts, Judgement, Source
from grader.core.notebook import plain_outputs, read_submission
from grader.kernel.outcome import bounded
from grader.kernel.run_notebook import first_after_training
from grader.marking.similarity import compare_code
from grader.pages.cells import read_png
from grader.run.leaked_images import copies_in_files

TIMES_TIME, TIMES_MEMORY = 3.0, 2.0  # as much for an input of twice the size
LITTLE_S = 0.015  # whose growth says nothing
STEPS_BYTES = 256 << 10  # beyond it: the interpreter's tables grow by steps, which came to 110 KiB at the most
MOST_S, MOST_BYTES = 2.0, 256 << 20  # for the larger one
TRIES, ROUNDS = 3, 3  # the quickest counts: what else the machine does is not meant, so what grew is tried again


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Seconds of processor time and bytes of memory, for an input and for one of twice its size."""

    seconds: tuple[float, float]
    memory: tuple[int, int]

    @property
    def grows(self) -> str:
        """What is too much of it, in words; "" where nothing is."""
        if self.seconds[1] > max(LITTLE_S, TIMES_TIME * self.seconds[0]):
            return f"twice as much takes {self.seconds[1] / self.seconds[0]:.1f} times as long"
        if self.memory[1] > TIMES_MEMORY * self.memory[0] + STEPS_BYTES:
            return f"twice as much takes {self.memory[1] / self.memory[0]:.1f} times the memory"
        if self.seconds[1] > MOST_S:
            return f"it takes {self.seconds[1]:.1f} s"
        return f"it takes {self.memory[1] >> 20} MiB" if self.memory[1] > MOST_BYTES else ""

    @property
    def words(self) -> str:
        """Both costs, on one line."""
        (first, second), (less, more) = self.seconds, self.memory
        return f"{first:.3f} s and {less / 2**20:.1f} MiB; of twice the size {second:.3f} s and {more / 2**20:.1f} MiB"


def try_host(attacks: Sequence[Attack]) -> Iterator[AttackTrial]:
    """What each input costs."""
    for attack in attacks:
        cost = measure(attack)
        seen = Seen(host=(f"{cost.grows} ({cost.words})",)) if cost.grows else Seen(output=f"HELD {cost.words}")
        yield AttackTrial(attack=attack, seen=seen)


def measure(attack: Attack) -> Cost:
    """What the work on an attack's input costs, and on one of twice its size.

    What seems to grow too fast has to do so at the next doubling too: where a processor's cache ends there is one step.
    """
    made: dict[str, Any] = {}
    exec(compile(attack.code, attack.name, "exec"), made)
    work, make, size = WORK[attack.name], made["make"], made["SIZE"]
    cost = _measure_with(work, make, (size, 2 * size))
    return _measure_with(work, make, (2 * size, 4 * size)) if cost.grows and cost.seconds[1] <= MOST_S else cost


def _measure_with(work: Callable[[Any], object], make: Callable[[int], Any], sizes: tuple[int, int]) -> Cost:
    times: list[list[float]] = []
    for _ in range(ROUNDS):
        for _ in range(TRIES):
            times.append([processor_seconds(work, make(size + len(times))) for size in sizes])
        seconds = [min(found) for found in zip(*times, strict=True)]
        if not Cost(seconds=(seconds[0], seconds[1]), memory=(0, 0)).grows:
            break
    memory = [_memory(work, make(size + len(times))) for size in sizes]
    return Cost(seconds=(seconds[0], seconds[1]), memory=(memory[0], memory[1]))


def processor_seconds(work: Callable[[Any], object], given: object) -> float:
    """Seconds of this process that one call takes, without collections of garbage, which go through the whole process."""
    return timeit(lambda: work(given), timer=time.process_time, number=1)


def _memory(work: Callable[[Any], object], given: object) -> int:
    tracemalloc.start()
    try:
        work(given)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _cells(sources: Sequence[str], *, fail: bool = False) -> tuple[Cell, ...]:
    return tuple(
        Cell(
            number=number, source=source, executed=True,
            error=CellError(name="NameError", message=f"name 'missing_{number}' is not defined") if fail else None,
        )
        for number, source in enumerate(sources, 1)
    )  # fmt: skip


def _execute_check(sources: Sequence[str]) -> None:
    facts = Facts(
        ending=Ending(cause=Cause.FINISHED, message="the run finished"), judgement=Judgement(outcome="no-model")
    )
    submission = Source(name="work.ipynb", sha256="0" * 64)
    evidence = Evidence.model_construct(
        submission=submission, facts=facts, claims=Claims(cells=_cells(sources, fail=True))
    )
    with suppress(Failure):
        executes.run(Case(evidence=evidence, outputs=None, labels=None, classes=()), Executes())


def _read(name: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        with suppress(SubmissionError):
            read_submission(name, data)

    return read


def _open_arrays(data: bytes) -> None:
    copies_in_files(json.dumps([["x.npz", len(data)]]).encode() + b"\n" + data)


WORK: Mapping[str, Callable[[Any], object]] = {
    "chained-cells": first_after_training,
    "many-cells": _read("work.py"),
    "many-values": _read("work.ipynb"),
    "saved-outputs": _read("work.ipynb"),
    "fits-in-functions": lambda sources: why_no_training(Places(_cells(sources))),
    "dense-code": lambda sources: why_no_training(Places(_cells(sources))),
    "failing-cells": _execute_check,
    "white-space": lambda code: compare_code({"ada": code, "ben": code}),
    "wide-picture": _open_arrays,
    "endless-record": lambda record: bounded(Claims.model_validate_json(record)),
    "chunks-of-a-figure": lambda encoded: read_png(encoded, ""),
    "printed-in-pieces": plain_outputs,
}
