"""The networks that a kernel left, as opaque bytes: the one that it proposes, and alternatives."""

from dataclasses import dataclass

from grader.errors import Failure
from grader.evidence import Claims
from grader.judge.archive import precheck
from grader.kernel.program import MODEL_BYTES, MODELS, ROWS, ROWS_BYTES, SEEN, SEEN_BYTES
from grader.sandbox.artefacts import read_artefact

ALTERNATIVE_BYTES = 128 << 20  # of all alternatives together


@dataclass(frozen=True, kw_only=True)
class Network:
    """A saved network; `rows` is a `.npy` file of the first rows that it was trained on, `seen` one of small copies of more.

    Nobody has looked into any of them.
    """

    file: str
    model: bytes
    rows: bytes | None = None
    seen: bytes | None = None


def read_networks(folder: int, claims: Claims) -> tuple[Network, ...]:
    """The proposed network, then the others, the last trained one first. Raises Failure for a proposed one that is none.

    Of the others only those are kept that can be networks, and no more than `ALTERNATIVE_BYTES`.
    """
    proposed = next((item.file for item in claims.candidates if item.taken and item.file in MODELS), MODELS[0])
    first = _read(folder, proposed, MODEL_BYTES)
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


def _read(folder: int, file: str, at_most: int) -> Network | None:
    try:
        model = read_artefact(folder, file, at_most=at_most)
    except FileNotFoundError:
        return None
    place = MODELS.index(file)
    rows, seen = _read_beside(folder, ROWS[place], ROWS_BYTES), _read_beside(folder, SEEN[place], SEEN_BYTES)
    return Network(file=file, model=model, rows=rows, seen=seen)


def _read_beside(folder: int, file: str, at_most: int) -> bytes | None:
    try:
        return read_artefact(folder, file, at_most=at_most)
    except (FileNotFoundError, Failure):
        return None
