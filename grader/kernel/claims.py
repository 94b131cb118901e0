"""What a kernel left, which is its own word: its record, cut to what the recorder writes, and the networks as opaque bytes.

A kernel may have written anything in the place of either.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from grader.core.errors import Failure
from grader.core.evidence import Candidate, Claims, Fit
from grader.judge.archive import precheck
from grader.kernel.program import MODEL_BYTES, MODELS, ROWS, ROWS_BYTES, SEEN, SEEN_BYTES
from grader.sandbox.artefacts import read_artefact

MOST_FITS, MOST_EVALUATIONS, MOST_CANDIDATES = 500, 500, 300  # the last ones are kept
MOST_TOLD, LONGEST_TOLD = 150, 300  # shims, notes and cells that drew nothing; characters of one
ALTERNATIVE_BYTES = 128 << 20  # of all alternatives together
LONGEST_NAME, LONGEST_PROBLEM = 250, 1_000  # characters
MOST_CURVES, MOST_LABELS, MOST_KINDS = 50, 256, 200  # of one fit, of one network


def bounded(claims: Claims) -> Claims:
    """The claims with no more of each, and no longer texts, than an honest record has."""
    taken = [item for item in claims.candidates[:-MOST_CANDIDATES] if item.taken][:1]
    return claims.model_copy(
        update={
            "fits": tuple(_fit(fit) for fit in claims.fits[-MOST_FITS:]),
            "evaluations": tuple(
                item.model_copy(update={"model": item.model[:LONGEST_NAME]})
                for item in claims.evaluations[-MOST_EVALUATIONS:]
            ),
            "candidates": tuple(_candidate(item) for item in (*taken, *claims.candidates[-MOST_CANDIDATES:])),
            "shims": _cut_all(claims.shims[:MOST_TOLD], LONGEST_TOLD),
            "notes": _cut_all(claims.notes[:MOST_TOLD], LONGEST_TOLD),
            "undrawn": claims.undrawn[:MOST_TOLD],
            "problem": _cut(claims.problem, LONGEST_PROBLEM),
        }
    )


def _fit(fit: Fit) -> Fit:
    history = {name[:LONGEST_NAME]: curve for name, curve in list(fit.history.items())[:MOST_CURVES]}
    return fit.model_copy(
        update={
            "model": fit.model[:LONGEST_NAME], "optimizer": _cut(fit.optimizer), "loss": _cut(fit.loss),
            "metrics": _cut_all(fit.metrics[:MOST_CURVES], LONGEST_NAME), "history": history,
            "error": _cut(fit.error), "labels": fit.labels[:MOST_LABELS],
        }
    )  # fmt: skip


def _candidate(item: Candidate) -> Candidate:
    return item.model_copy(
        update={
            "name": item.name[:LONGEST_NAME], "reason": item.reason[:LONGEST_NAME],
            "kinds": _cut_all(item.kinds[:MOST_KINDS], LONGEST_NAME),
        }
    )  # fmt: skip


def _cut(text: str | None, most: int = LONGEST_NAME) -> str | None:
    return None if text is None else text[:most]


def _cut_all(texts: Iterable[str], most: int) -> tuple[str, ...]:
    return tuple(text[:most] for text in texts)


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


def _read(folder: int, file: str, at_most: int) -> SavedNetwork | None:
    """The network in this file with what was saved beside it; None where there is no file. Raises Failure."""
    try:
        model = read_artefact(folder, file, at_most=at_most)
    except FileNotFoundError:
        return None
    beside: list[bytes | None] = []
    for names, most in ((ROWS, ROWS_BYTES), (SEEN, SEEN_BYTES)):
        try:
            beside.append(read_artefact(folder, names[MODELS.index(file)], at_most=most))
        except (FileNotFoundError, Failure):
            beside.append(None)
    return SavedNetwork(file=file, model=model, rows=beside[0], seen=beside[1])
