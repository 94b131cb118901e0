"""How a notebook's run ended, in words that a student understands. Pure."""

import re
from collections.abc import Iterable, Iterator

from grader.core.evidence import Cause, Cell, CellError, Ending
from grader.core.limits import Limits, write_size
from grader.sandbox.endings import classify, explain_ending
from grader.sandbox.interface import Stopped


def describe_ending(
    *,
    fault: Cause | None,
    stopped: Stopped,
    cell: int | None,
    limits: Limits,
    wall_s: float,
    what: str = "",
    cells: Iterable[Cell] = (),
    after_training: bool = False,
) -> Ending:
    """The ending of a run.

    `fault` is what the host saw, None where the kernel just died; `what`: what it sent that could not pass; `cells`: what
    they say of limits that are errors inside and not the end; `after_training`: whether `cell` comes after all training.
    """
    cause = classify(fault, stopped)
    where = f"cell {cell}" if cell else "the notebook"
    if cause is Cause.CELL_TIMEOUT and after_training:
        where += ", after the training,"
        limits = limits.model_copy(update={"cell": limits.of_cell(after_training=True)})
    message = explain_ending("notebook", cause, limits, where=where, signal=stopped.signal, what=what)
    if cause is Cause.FINISHED:
        message = "; ".join([message, *_soft_limits(cells, limits)])
    return Ending(
        cause=cause, message=message, cell=cell, wall_s=round(wall_s, 2), cpu_s=stopped.cpu_s, peak_mb=stopped.peak_mb
    )


def soft_limit(error: CellError, limits: Limits) -> str | None:
    """What a cell's error says of a limit that it met, to follow "cell 3"; None where it says nothing of one."""
    said = f"{error.name}: {error.message}"
    known = (
        (r"\w*MemoryError:|ResourceExhaustedError:", f"ran out of memory ({write_size(limits.memory)} are allowed)"),
        (r"OSError: \[Errno 28\]", f"filled the disk ({write_size(limits.disk)} are allowed)"),
        (r"OSError: \[Errno 27\]", f"wrote a file that was too big ({write_size(limits.disk)} are allowed)"),
        (
            r"RuntimeError: can't start new thread|BlockingIOError: \[Errno 11\]",
            "started too many processes or threads",
        ),
    )
    return next((words for pattern, words in known if re.match(pattern, said)), None)


def _soft_limits(cells: Iterable[Cell], limits: Limits) -> Iterator[str]:
    for cell in cells:
        if cell.error is not None and (words := soft_limit(cell.error, limits)) is not None:
            yield f"by its own account cell {cell.number} {words}"
