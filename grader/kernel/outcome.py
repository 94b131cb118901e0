"""What is left of a run when its kernel is dead: how it ended, in a student's words; what the kernel claims; its networks.

Claims and networks are the kernel's own word, and it may have written anything in their place: the record is checked, and
cut to what the recorder writes; the networks stay opaque bytes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from grader.core.errors import Failure
from grader.core.evidence import Cause, Cell, CellError, Claims, Ending, Value
from grader.core.limits import Limits, write_size
from grader.judge.keras_archive import precheck
from grader.sandbox.artefacts import read_artefact
from grader.sandbox.endings import classify, explain_ending
from grader.sandbox.interface import Stopped

# What is read of the artefacts: networks, the first rows that each was trained on, small copies of more, the record.
MODELS = ("model.keras", "model-2.keras", "model-3.keras", "model-4.keras")
ROWS = ("rows.npy", "rows-2.npy", "rows-3.npy", "rows-4.npy")
SEEN = ("seen.npy", "seen-2.npy", "seen-3.npy", "seen-4.npy")
RECORD = "record.json"
MOST_BYTES = {  # of each of these files
    **dict.fromkeys(MODELS, 512 << 20), **dict.fromkeys(ROWS, 16 << 20), **dict.fromkeys(SEEN, 2 << 20), RECORD: 4 << 20,
}  # fmt: skip
# What is kept of each list of a record: the first ones, or the last ones where the number is negative.
KEPT = {
    "fits": -500, "evaluations": -500, "candidates": -300, "shims": 150, "notes": 150, "undrawn": 150, "metrics": 50,
    "history": 50, "labels": 256, "kinds": 200,
}  # fmt: skip
LONGEST = {"shims": 300, "notes": 300, "problem": 1000}  # characters of a text
LONGEST_NAME = 250  # of any other text
ALTERNATIVE_BYTES = 128 << 20  # of all alternatives together


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
    module: bool = False,
) -> Ending:
    """The ending of a run.

    `fault` is what the host saw, None where the kernel just died; `what`: what it sent that could not pass; `cells`: what
    they say of limits that are errors inside and not the end; `after_training`: whether `cell` comes after all training;
    `module`: whether it is a file whose author knows no cells.
    """
    cause = classify(fault, stopped)
    where = "the module" if module else f"cell {cell}" if cell else "the notebook"
    if cause is Cause.CELL_TIMEOUT and after_training:
        where += ", after the training,"
        limits = limits.model_copy(update={"cell": limits.of_cell(after_training=True)})
    message = explain_ending("notebook", cause, limits, where=where, signal=stopped.signal, what=what)
    if cause is Cause.FINISHED:
        message = "; ".join([message, *_soft_limits(cells, limits, module)])
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


def _soft_limits(cells: Iterable[Cell], limits: Limits, module: bool) -> Iterator[str]:
    for cell in cells:
        if cell.error is not None and (words := soft_limit(cell.error, limits)) is not None:
            yield (
                f"by its own account the module {words}" if module else f"by its own account cell {cell.number} {words}"
            )


def read_claims(record: bytes | None, cells: tuple[Cell, ...], notes: list[str]) -> Claims:
    """The recorder's JSON, bounded and checked: a kernel may have written anything. Cells are numbered as ours."""
    try:
        claims = bounded(Claims.model_validate_json(record)) if record is not None else Claims()
    except ValidationError:
        claims = Claims()
        notes.append("the recorder's record was damaged")
    known = range(1, len(cells) + 1)
    fits = tuple(fit if fit.cell in known else fit.model_copy(update={"cell": None}) for fit in claims.fits)
    problem = "; ".join([*([claims.problem] if claims.problem else []), *notes]) or None
    return claims.model_copy(update={"cells": cells, "fits": fits, "problem": problem})


def bounded(claims: Claims) -> Claims:
    """The claims with no more of each, and no longer texts, than an honest record has; the network that was taken stays."""
    taken = [item for item in claims.candidates[: KEPT["candidates"]] if item.taken][:1]
    cut: Claims = _cut(claims)
    return cut.model_copy(update={"candidates": (*map(_cut, taken), *cut.candidates)})


def _cut(value: Any, field: str = "") -> Any:
    """A value of a record, of this field, with everything that is in it."""
    most = KEPT.get(field)
    if isinstance(value, Value):
        return value.model_copy(update={name: _cut(part, name) for name, part in value})
    if isinstance(value, str):
        return value[: LONGEST.get(field, LONGEST_NAME)]
    if isinstance(value, dict):
        return {name[:LONGEST_NAME]: part for name, part in list(value.items())[:most]}
    if isinstance(value, tuple):
        return tuple(_cut(part, field) for part in (value[most:] if most is not None and most < 0 else value[:most]))
    return value


@dataclass(frozen=True, kw_only=True)
class SavedNetwork:
    """A saved network; `rows` is a `.npy` file of the first rows that it was trained on, `seen` one of small copies of more.

    Nobody has looked into any of them.
    """

    file: str
    model: bytes
    rows: bytes | None = None
    seen: bytes | None = None


def read_networks(folder: int, claims: Claims) -> tuple[SavedNetwork, ...]:
    """The proposed network, then the others, the last trained one first. Raises Failure for an unreadable proposed one.

    Of the others only those are kept that can be networks, and no more than `ALTERNATIVE_BYTES`.
    """
    proposed = next((item.file for item in claims.candidates if item.taken and item.file in MODELS), MODELS[0])
    first = _read(folder, proposed, MOST_BYTES[proposed])
    if first is None:
        return ()
    found, left = [first], ALTERNATIVE_BYTES
    for file in dict.fromkeys(item.file for item in reversed(claims.candidates) if item.file in MODELS):
        if file is None or file == proposed:
            continue
        try:
            other = _read(folder, file, left)
        except Failure:
            continue
        if other is not None and precheck(other.model) is None:
            found.append(other)
            left -= len(other.model)
    return tuple(found)


def _read(folder: int, file: str, at_most: int) -> SavedNetwork | None:
    """The network in this file with what was saved beside it; None where there is no file. Raises Failure."""
    try:
        model = read_artefact(folder, file, at_most=at_most)
    except FileNotFoundError:
        return None
    beside: list[bytes | None] = []
    for names in (ROWS, SEEN):
        name = names[MODELS.index(file)]
        try:
            beside.append(read_artefact(folder, name, at_most=MOST_BYTES[name]))
        except (FileNotFoundError, Failure):
            beside.append(None)
    return SavedNetwork(file=file, model=model, rows=beside[0], seen=beside[1])
