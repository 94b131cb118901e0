"""Which of several saved networks an exercise is about: the kernel proposes one, the files themselves decide. Pure."""

from collections.abc import Sequence

from grader.checks.architecture import ExpectedLayers
from grader.core.evidence import Candidate, Claims
from grader.judge.keras_archive import saved_kinds


def choose_network(
    saved: Sequence[tuple[str, bytes]], claims: Claims, expected: ExpectedLayers, *, units: tuple[int, ...]
) -> tuple[int, Claims]:
    """The place of the network to judge among `saved` (file name, bytes; the proposed one first), and what is told of it.

    Layers are read from the files. A network of which they can't be read is not taken in the proposed one's place, and one
    that was never trained, or whose output does not suit, does not compete.
    """
    by_file = {item.file: item for item in claims.candidates if item.file is not None}
    faults: dict[str, tuple[str, ...]] = {}
    best = 0
    for place, (file, model) in enumerate(saved):
        kinds = saved_kinds(model)
        told = by_file.get(file)
        if kinds is None or (place and (told is None or not told.fitted or told.output_units not in units)):
            continue
        faults[file] = expected.faults(kinds)
        if place and saved[best][0] in faults and len(faults[file]) < len(faults[saved[best][0]]):
            best = place
    return best, _retold(claims, saved[best][0], faults, units, changed=best > 0)


def _retold(
    claims: Claims, taken: str, faults: dict[str, tuple[str, ...]], units: tuple[int, ...], *, changed: bool
) -> Claims:
    if not any(item.file == taken for item in claims.candidates):
        return claims
    candidates = []
    for item in claims.candidates:
        if item.file == taken:
            reason = "its layers are those that this exercise asks for" if changed else item.reason
        else:
            reason = "; ".join(faults.get(item.file or "", ())) or _passed_over(item, units)
        candidates.append(item.model_copy(update={"taken": item.file == taken, "reason": reason}))
    return claims.model_copy(update={"candidates": tuple(candidates)})


def _passed_over(item: Candidate, units: tuple[int, ...]) -> str:
    if not item.fitted:
        return "never trained"
    if item.output_units not in units:
        return f"its output has {item.output_units or 'no'} units"
    return "trained earlier"
