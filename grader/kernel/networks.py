"""The networks that a kernel left, as opaque bytes: the one that it proposes, and alternatives."""

from dataclasses import dataclass

from grader.errors import Failure
from grader.evidence import Claims
from grader.kernel.program import MODEL_BYTES, MODELS, ROWS, ROWS_BYTES
from grader.sandbox.artefacts import read_artefact

ALTERNATIVE_BYTES = 128 << 20


@dataclass(frozen=True, kw_only=True)
class Network:
    """A saved network; `rows` is a `.npy` file of the first rows that it was trained on. Nobody has looked into either."""

    file: str
    model: bytes
    rows: bytes | None = None


def read_networks(folder: int, claims: Claims) -> tuple[Network, ...]:
    """The proposed network, then the others, the last trained one first. Raises Failure for a proposed one that is none."""
    proposed = next((item.file for item in claims.candidates if item.taken and item.file in MODELS), MODELS[0])
    first = _read(folder, proposed, MODEL_BYTES)
    if first is None:
        return ()
    found = [first]
    for item in reversed(claims.candidates):
        if item.file in MODELS and item.file not in [network.file for network in found]:
            try:
                other = _read(folder, item.file, ALTERNATIVE_BYTES)
            except Failure:
                continue
            found += [other] if other is not None else []
    return tuple(found)


def _read(folder: int, file: str, at_most: int) -> Network | None:
    try:
        model = read_artefact(folder, file, at_most=at_most)
    except FileNotFoundError:
        return None
    try:
        rows = read_artefact(folder, ROWS[MODELS.index(file)], at_most=ROWS_BYTES)
    except (FileNotFoundError, Failure):
        rows = None
    return Network(file=file, model=model, rows=rows)
