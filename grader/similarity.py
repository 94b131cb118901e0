"""Code that two submissions of a class share, beyond what everybody has: pairs for an instructor to look at. Pure.

Code is compared as `copydetect` does it (names, functions and strings all look alike; overlapping pieces of `PIECE`
characters are counted), after what the course hands out was taken away and what many of the class write as well: those
who solve one exercise in Keras write much the same lines. An index of pieces finds the pairs, so that a class takes seconds
where comparing everybody with everybody would take minutes.

With less than `FEWEST` characters of one's own there is nothing to tell: two short solutions may well be the same.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from grader.evidence import Evidence
from grader.results import Flag, Result

KIND = "similar_code"
PIECE = 25  # characters of filtered code; copydetect's own noise threshold
SHARE = 0.8  # of the smaller one's own code, from which on a pair is told
FEWEST = 250  # characters of filtered code that are shared
COMMON, COMMON_SHARE, MOST_COMMON = 5, 0.1, 40  # submissions, of the class: what more of them have is nobody's own
MOST_CODE = 200_000  # characters of one submission that are looked at
MOST_NAMED = 5  # others in one flag


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two students: the characters of code that they alone share, and its shares of what is each one's own."""

    first: str
    second: str
    shared: int
    of_first: float
    of_second: float


@dataclass(frozen=True)
class _Print:
    """The pieces of one document, each with its places."""

    places: Mapping[int, Sequence[int]]
    length: int

    def covered(self, pieces: Iterable[int]) -> int:
        """How many characters these pieces cover."""
        mask = np.zeros(self.length, np.bool_)
        for piece in pieces:
            for place in self.places[piece]:
                mask[place : place + PIECE] = True
        return int(mask.sum())


def source_of(evidence: Evidence) -> str:
    """The code of a submission as it was run."""
    return "\n".join(cell.source for cell in evidence.claims.cells)


def similar_pairs(sources: Mapping[str, str], boilerplate: Sequence[str] = ()) -> tuple[Pair, ...]:
    """The pairs of students (name to Python code) who share most of what is their own, the closest first.

    `boilerplate` is code that everybody may have: the starter, examples of the course.
    """
    given = {piece for code in boilerplate for piece in _fingerprint(code).places}
    prints = {student: _fingerprint(code) for student, code in sources.items()}
    often = Counter(piece for found in prints.values() for piece in found.places if piece not in given)
    common = min(max(COMMON, COMMON_SHARE * len(sources)), MOST_COMMON)
    own = {
        student: frozenset(piece for piece in found.places if piece not in given and often[piece] <= common)
        for student, found in prints.items()
    }
    pairs = []
    for first, second in _candidates(own):
        shared = own[first] & own[second]
        here, there = prints[first].covered(shared), prints[second].covered(shared)
        pair = Pair(
            first=first, second=second, shared=min(here, there),
            of_first=here / prints[first].covered(own[first]), of_second=there / prints[second].covered(own[second]),
        )  # fmt: skip
        if pair.shared >= FEWEST and max(pair.of_first, pair.of_second) >= SHARE:
            pairs.append(pair)
    return tuple(sorted(pairs, key=lambda pair: (-max(pair.of_first, pair.of_second), pair.first, pair.second)))


def _candidates(own: Mapping[str, frozenset[int]]) -> list[tuple[str, str]]:
    """The pairs with so many pieces in common that they may be similar."""
    holders: dict[int, list[str]] = defaultdict(list)
    for student in sorted(own):
        for piece in own[student]:
            holders[piece].append(student)
    together = Counter(pair for students in holders.values() for pair in combinations(students, 2))
    return [
        (first, second)
        for (first, second), count in together.items()
        if count >= SHARE / 2 * min(len(own[first]), len(own[second]))
    ]


def _fingerprint(code: str) -> _Print:
    # Here, because copydetect brings matplotlib along.
    from copydetect.utils import filter_code, get_document_fingerprints

    filtered, _ = filter_code(code[:MOST_CODE], "submission.py", language="python")
    if len(filtered) < PIECE:
        return _Print({}, len(filtered))
    # Boilerplate is taken away by us: copydetect takes pieces that occur twice for boilerplate as well.
    _, places = get_document_fingerprints(filtered, PIECE, 1)
    return _Print({int(piece): [int(place) for place in found] for piece, found in places.items()}, len(filtered))


def with_similar(results: Sequence[Result], pairs: Sequence[Pair]) -> tuple[Result, ...]:
    """The results, each with a flag for instructors where its code is like another's; flags of an earlier time go."""
    partners: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for pair in pairs:
        partners[pair.first].append((pair.second, pair.of_first, pair.of_second))
        partners[pair.second].append((pair.first, pair.of_second, pair.of_first))
    told = []
    for result in results:
        flags = tuple(flag for flag in result.flags if flag.kind != KIND)
        if partners[result.student]:
            flags = (*flags, _flag(partners[result.student]))
        told.append(result if flags == result.flags else result.model_copy(update={"flags": flags}))
    return tuple(told)


def keep_similar(new: Result, old: Result | None) -> Result:
    """A result that was marked again, with what was found by comparing the class: the code is still the same."""
    found = tuple(flag for flag in old.flags if flag.kind == KIND) if old is not None else ()
    return new.model_copy(update={"flags": (*new.flags, *found)}) if found else new


def _flag(partners: Sequence[tuple[str, float, float]]) -> Flag:
    named = [f"{mine:.0%} with {name} ({theirs:.0%} of theirs)" for name, mine, theirs in partners[:MOST_NAMED]]
    more = f" and {len(partners) - MOST_NAMED} others" if len(partners) > MOST_NAMED else ""
    reason = (
        f"Of the code that is neither the course's nor common in the class this submission shares {', '.join(named)}{more}. "
        "It says nothing of who wrote it: pairs who work together and a common source look the same."
    )
    return Flag(kind=KIND, reason=reason, audience="instructor")
