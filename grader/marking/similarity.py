"""Code that two submissions of a class share, beyond what everybody has: pairs for an instructor to look at. Pure.

Code is compared as copydetect does it (`bare_code`: names, functions and strings all look alike; overlapping pieces of
`PIECE` characters are counted), after what the course hands out was taken away, and what many of the class write as well:
those who solve one exercise in Keras write much the same lines. A long run of code that some of the class share is no such
line, and counts. An index of pieces finds the pairs, so that a class takes seconds where comparing everybody with everybody
would take minutes. Of each pair it is told where the shared code stands (`shared_code`).

With less than `FEWEST` characters of one's own there is nothing to tell: two short solutions may well be the same.

`compare_class` is what a process of its own does with a class: each one's code has a time there, since libraries that read
code were not written for those who mean them harm.
"""

import hashlib
import json
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from grader.core.evidence import Evidence, Value
from grader.core.results import Flag, Result
from grader.core.store import EVIDENCE
from grader.core.workspace import write_whole
from grader.marking.bare_code import Traced, filtered, traced, without_padding
from grader.marking.repeated_runs import attempt_folder
from grader.marking.shared_code import Document, Hashes, Marks, Mask, covered, mark_shared

KIND, NOT_COMPARED = "similar_code", "code_not_compared"
PIECE = 25  # characters of filtered code; copydetect's own noise threshold
RUN = 300  # characters of filtered code on end, which nobody writes by chance as others do
SHARE = 0.8  # of the smaller one's own code, from which on a pair is told
FEWEST = 250  # characters of filtered code that are shared
COMMON, COMMON_SHARE, MOST_COMMON = 5, 0.1, 40  # submissions, of the class: what more of them have is nobody's own
RUN_SHARE = 0.5  # of the class: what more of them have is nobody's own, however long it is
MOST_CODE = 200_000  # characters of one submission that are compared
MOST_NAMED = 5  # others in one flag
EACH_S = 3.0  # of processor time, for one submission
MOST_MARKED, MARKING_S = (
    500,
    20.0,
)  # pairs of which it is told where they are alike, the closest first; seconds for that
PAIRS = "similar.json"  # beside the results of a class


class Pair(Value):
    """Two students: the characters of code that they alone share, and its shares of what is each one's own.

    `marks`: where both sources are alike; None where that was not looked for, since there are so many pairs.
    """

    first: str
    second: str
    shared: int
    of_first: float
    of_second: float
    marks: Marks | None = None


class Compared(Value):
    """What came of a class: pairs, and those whose code was not compared (whole), each with the reason.

    Of each student of a pair: `sources` holds the digest of the code as it was compared (`source_digest`), `folders` the
    name of the folder with the results.
    """

    pairs: tuple[Pair, ...]
    left_out: dict[str, str]
    sources: dict[str, str] = Field(default_factory=dict)
    folders: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class _Print:
    """The pieces and the long runs of one document: at each place the digest of what begins there."""

    pieces: Hashes
    runs: Hashes


def source_parts(evidence: Evidence) -> list[tuple[str, str]]:
    """The code of a submission by its parts: each cell as it was run, and each file that lay beside it."""
    cells = [(f"Cell {cell.number}", cell.source) for cell in evidence.claims.cells]
    return [*cells, *evidence.submission.modules.items()]


def source_of(evidence: Evidence) -> str:
    """The code of a submission as it is compared: its parts, one after the other."""
    return "\n".join(text for _, text in source_parts(evidence))


def compared_run(folder: Path) -> Evidence | None:
    """The run in a student's folder whose code is compared with others'; None where none can be read."""
    try:
        return Evidence.model_validate_json((attempt_folder(folder, 1) / EVIDENCE).read_bytes())
    except (OSError, ValidationError):
        return None


def source_digest(source: str) -> str:
    """What tells whether code is still the one that was compared."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def compare_class(data: bytes) -> bytes:
    """`compare_code` for a process of its own: JSON with `sources` and `boilerplate`, answered by a `Compared` as JSON."""
    given = json.loads(data)
    compared = compare_code(given["sources"], given["boilerplate"], each_s=EACH_S)
    return compared.model_dump_json().encode("utf-8", "surrogatepass")


def read_compared(data: bytes) -> Compared:
    """What `compare_class` answered. Raises ValidationError."""
    return Compared.model_validate_json(data)


def save_compared(out: Path, compared: Compared) -> None:
    """Keep the pairs of a class beside its results. Raises Infrastructure."""
    write_whole(out / PAIRS, compared.model_dump_json() + "\n")


def load_compared(out: Path) -> Compared | None:
    """The pairs that are kept in `out`; None where there are none that can be read: the class was not compared."""
    try:
        return read_compared((out / PAIRS).read_bytes())
    except (OSError, ValidationError):
        return None


def compare_code(
    sources: Mapping[str, str], boilerplate: Sequence[str] = (), *, each_s: float | None = None
) -> Compared:
    """The pairs of students (name to Python code) who share most of what is their own, the closest first.

    `boilerplate` is code that everybody may have: the starter, examples of the course. `each_s`: seconds for one
    submission, in the main thread of a process alone.
    """
    left_out: dict[str, str] = {}
    prints: dict[str, _Print] = {}
    for student, code in sources.items():
        try:
            with _at_most(each_s):
                bare = without_padding(code)
                prints[student] = _fingerprint(bare[:MOST_CODE])
            if len(bare) > MOST_CODE:
                left_out[student] = f"only the first {MOST_CODE:,} characters of the code were compared with others'"
        except Exception as error:  # of whatever reads code
            left_out[student] = f"the code could not be compared with others' ({type(error).__name__})"
    every = [_fingerprint(without_padding(code)[:MOST_CODE]).pieces for code in boilerplate]
    given = np.unique(np.concatenate([np.zeros(0, np.int64), *every]))
    own, common = _own_places(prints, given)
    found = _pairs(prints, own)
    told = {student: source_digest(sources[student]) for pair in found for student in (pair.first, pair.second)}

    def read(student: str) -> Document | None:
        code = _traced(sources[student], each_s)
        if code is None:
            return None
        return Document(
            source=sources[student], code=code, pieces=prints[student].pieces, own=own[student],
            given=np.isin(prints[student].pieces, given), common=common[student],
        )  # fmt: skip

    return Compared(pairs=tuple(_with_marks(found, read)), left_out=left_out, sources=told)


def _traced(source: str, each_s: float | None) -> Traced | None:
    """Code as it was compared, with the way back; None where reading it once more took too long."""
    try:
        with _at_most(each_s):
            return traced(source, MOST_CODE)
    except TimeoutError:
        return None


def _with_marks(pairs: Sequence[Pair], read: Callable[[str], Document | None]) -> Iterator[Pair]:
    """The pairs, as many of them as there is time for with what they share."""
    end, read = time.process_time() + MARKING_S, cache(read)
    for place, pair in enumerate(pairs):
        both = (read(pair.first), read(pair.second)) if place < MOST_MARKED and time.process_time() < end else None
        if both is None or both[0] is None or both[1] is None:
            yield pair
        else:
            yield pair.model_copy(update={"marks": mark_shared(both[0], both[1], PIECE)})


@contextmanager
def _at_most(seconds: float | None) -> Iterator[None]:
    """Raise TimeoutError once so much processor time was used; None: as long as it takes."""

    def end(*_: object) -> None:
        raise TimeoutError

    if seconds is None:
        yield
        return
    signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _own_places(prints: Mapping[str, _Print], given: Hashes) -> tuple[dict[str, Mask], dict[str, Mask]]:
    """Of each document the places of pieces that are nobody else's but a few students', and of those that are common."""
    size = len(prints)
    few_hold = min(max(COMMON, COMMON_SHARE * size), MOST_COMMON)
    some_hold = min(max(COMMON, RUN_SHARE * size), MOST_COMMON)
    pieces = [found.pieces for found in prints.values()]
    rare, known = _held_by(pieces, few_hold), _held_by(pieces, some_hold)
    shared = _held_by([found.runs for found in prints.values()], some_hold)
    own, common = {}, {}
    for (student, found), few, some, run in zip(prints.items(), rare, known, shared, strict=True):
        inside = np.zeros(len(found.pieces) + 1, np.int32)  # of a long run that is no common idiom
        starts = np.flatnonzero(run)
        inside[starts] += 1
        inside[starts + RUN - PIECE + 1] -= 1
        own[student] = (few | (np.cumsum(inside)[:-1] > 0)) & ~np.isin(found.pieces, given)
        common[student] = ~own[student] | ~some
    return own, common


def _held_by(documents: Sequence[Hashes], most: float) -> list[Mask]:
    """For each place of each document whether so many documents, or fewer, hold what begins there."""
    every = np.concatenate([np.zeros(0, np.int64), *(np.unique(document) for document in documents)])
    known, often = np.unique(every, return_counts=True)
    return [often[np.searchsorted(known, document)] <= most for document in documents]


def _pairs(prints: Mapping[str, _Print], own: Mapping[str, Mask]) -> tuple[Pair, ...]:
    """The pairs of students who share enough of their own, the closest first."""
    kept = {student: np.unique(found.pieces[own[student]]) for student, found in prints.items()}
    whole = {student: int(covered(places, PIECE).sum()) for student, places in own.items()}
    pairs = []
    for first, second in _candidates(kept):
        if np.array_equal(prints[first].pieces, prints[second].pieces):
            here, there = whole[first], whole[second]
        else:
            shared = np.intersect1d(kept[first], kept[second], assume_unique=True)
            here, there = (
                int(covered(own[student] & np.isin(prints[student].pieces, shared), PIECE).sum())
                for student in (first, second)
            )
        pair = Pair(
            first=first, second=second, shared=min(here, there),
            of_first=here / whole[first], of_second=there / whole[second],
        )  # fmt: skip
        if pair.shared >= FEWEST and max(pair.of_first, pair.of_second) >= SHARE:
            pairs.append(pair)
    return tuple(sorted(pairs, key=lambda pair: (-max(pair.of_first, pair.of_second), pair.first, pair.second)))


def _candidates(own: Mapping[str, Hashes]) -> list[tuple[str, str]]:
    """The pairs with so many pieces in common that they may be similar."""
    students = sorted(own)
    pieces = np.concatenate([np.zeros(0, np.int64), *(own[student] for student in students)])
    holders = np.repeat(np.arange(len(students)), [len(own[student]) for student in students])
    order = np.argsort(pieces, kind="stable")
    holders, starts = holders[order], np.flatnonzero(np.diff(pieces[order], prepend=pieces[order][:1] - 1))
    groups = Counter(tuple(part) for part in np.split(holders, starts[1:]) if len(part) > 1)  # mostly the same few
    together: dict[tuple[int, int], int] = defaultdict(int)
    for group, count in groups.items():
        for pair in combinations(group, 2):
            together[pair] += count
    return [
        (students[first], students[second])
        for (first, second), count in together.items()
        if count >= SHARE / 2 * min(len(own[students[first]]), len(own[students[second]]))
    ]


def _fingerprint(code: str) -> _Print:
    compared = filtered(code)
    pieces, runs = (
        np.fromiter((hash(compared[n : n + length]) for n in range(len(compared) - length + 1)), np.int64)
        for length in (PIECE, RUN)
    )
    return _Print(pieces, runs)


def with_similar(results: Sequence[Result], compared: Compared) -> tuple[Result, ...]:
    """The results, each with a flag for instructors where its code is like others'; flags of an earlier time go.

    Another flag tells whose code was not compared, or not all of it.
    """
    partners: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for pair in compared.pairs:
        partners[pair.first].append((pair.second, pair.of_first, pair.of_second))
        partners[pair.second].append((pair.first, pair.of_second, pair.of_first))
    told = []
    for result in results:
        flags = tuple(flag for flag in result.flags if flag.kind not in (KIND, NOT_COMPARED))
        if partners[result.student]:
            flags = (*flags, _flag(partners[result.student], _ring(result.student, partners)))
        if reason := compared.left_out.get(result.student):
            sentence = f"{reason[0].upper()}{reason[1:]}: look at it yourself."
            flags = (*flags, Flag(kind=NOT_COMPARED, reason=sentence, audience="instructor"))
        told.append(result if flags == result.flags else result.model_copy(update={"flags": flags}))
    return tuple(told)


def keep_similar(new: Result, old: Result | None) -> Result:
    """A result that was marked again, with what was found by comparing the class: the code is still the same."""
    found = tuple(flag for flag in old.flags if flag.kind in (KIND, NOT_COMPARED)) if old is not None else ()
    return new.model_copy(update={"flags": (*new.flags, *found)}) if found else new


def _ring(student: str, partners: Mapping[str, Sequence[tuple[str, float, float]]]) -> int:
    """How many submissions hang together by pairs with this one, itself among them."""
    ring, waiting = {student}, [student]
    while waiting:
        more = {name for name, _, _ in partners.get(waiting.pop(), ())} - ring
        ring |= more
        waiting += more
    return len(ring)


def _flag(partners: Sequence[tuple[str, float, float]], ring: int) -> Flag:
    named = [f"{mine:.0%} with {student} ({theirs:.0%} of theirs)" for student, mine, theirs in partners[:MOST_NAMED]]
    more = f" and {len(partners) - MOST_NAMED} others" if len(partners) > MOST_NAMED else ""
    told = [
        f"Of the code that is neither the course's nor common in the class this submission shares {', '.join(named)}{more}."
    ]
    if ring > 2:
        told.append(f"It is one of {ring} submissions that hang together so.")
    told.append("It says nothing of who wrote it: pairs who work together and a common source look the same.")
    return Flag(kind=KIND, reason=" ".join(told), audience="instructor")
