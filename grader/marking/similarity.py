"""Code that two submissions of a class share, beyond what everybody has: pairs for an instructor to look at. Pure.

Code is compared as `copydetect` does it (names, functions and strings all look alike; overlapping pieces of `PIECE`
characters are counted), after comments and long literals were left out, what the course hands out was taken away, and what
many of the class write as well: those who solve one exercise in Keras write much the same lines. A long run of code that
some of the class share is no such line, and counts. An index of pieces finds the pairs, so that a class takes seconds where
comparing everybody with everybody would take minutes.

With less than `FEWEST` characters of one's own there is nothing to tell: two short solutions may well be the same.

`compare_class` is what a process of its own does with a class: each one's code has a time there, since libraries that read
code were not written for those who mean them harm.
"""

import io
import json
import re
import signal
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from grader.core.evidence import Evidence
from grader.core.results import Flag, Result

KIND, NOT_COMPARED = "similar_code", "code_not_compared"
PIECE = 25  # characters of filtered code; copydetect's own noise threshold
RUN = 300  # characters of filtered code on end, which nobody writes by chance as others do
SHARE = 0.8  # of the smaller one's own code, from which on a pair is told
FEWEST = 250  # characters of filtered code that are shared
COMMON, COMMON_SHARE, MOST_COMMON = 5, 0.1, 40  # submissions, of the class: what more of them have is nobody's own
RUN_SHARE = 0.5  # of the class: what more of them have is nobody's own, however long it is
MOST_CODE = 200_000  # characters of one submission that are compared
MOST_NAMED = 5  # others in one flag
LONG_TEXT, LONG_LIST = 200, 40  # characters of a literal, parts of a list that stand for nothing anybody thought of
EACH_S = 3.0  # of processor time, for one submission

Hashes = NDArray[np.int64]
Span = tuple[tuple[int, int], tuple[int, int], str]  # begin and end (line from 1, column), what stands for it
SPACES = re.compile(r"[ \t\f]+")
LITERALS, BETWEEN = (tokenize.NUMBER, tokenize.STRING), (",", "-", "+", "[", "]", "(", ")", "\n")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two students: the characters of code that they alone share, and its shares of what is each one's own."""

    first: str
    second: str
    shared: int
    of_first: float
    of_second: float


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What came of a class: pairs, and those whose code was not compared (whole), each with the reason."""

    pairs: tuple[Pair, ...]
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class _Print:
    """The pieces and the long runs of one document: at each place the digest of what begins there."""

    pieces: Hashes
    runs: Hashes

    def covered(self, places: NDArray[np.bool_]) -> int:
        """How many characters the pieces at these places cover."""
        starts = np.flatnonzero(places)
        change = np.zeros(len(self.pieces) + PIECE, np.int32)
        change[starts] += 1
        change[starts + PIECE] -= 1
        return int((np.cumsum(change) > 0).sum())


def source_of(evidence: Evidence) -> str:
    """The code of a submission as it was run, and what lay beside it."""
    return "\n".join([*(cell.source for cell in evidence.claims.cells), *evidence.submission.modules.values()])


def compare_class(data: bytes) -> bytes:
    """`compare_code` for a process of its own: JSON with `sources` and `boilerplate`, answered by a `Compared` as JSON."""
    given = json.loads(data)
    compared = compare_code(given["sources"], given["boilerplate"], each_s=EACH_S)
    return json.dumps(asdict(compared)).encode()


def read_compared(data: bytes) -> Compared:
    """What `compare_class` answered."""
    told = json.loads(data)
    return Compared(pairs=tuple(Pair(**pair) for pair in told["pairs"]), left_out=told["left_out"])


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
    given = [_fingerprint(without_padding(code)[:MOST_CODE]).pieces for code in boilerplate]
    own = _own_places(prints, np.unique(np.concatenate([np.zeros(0, np.int64), *given])))
    return Compared(pairs=_pairs(prints, own), left_out=left_out)


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


def _own_places(prints: Mapping[str, _Print], given: Hashes) -> dict[str, NDArray[np.bool_]]:
    """Of each document the places of pieces that are nobody else's but a few students'."""
    size = len(prints)
    common = min(max(COMMON, COMMON_SHARE * size), MOST_COMMON)
    together = min(max(COMMON, RUN_SHARE * size), MOST_COMMON)
    rare = _held_by([found.pieces for found in prints.values()], common)
    shared = _held_by([found.runs for found in prints.values()], together)
    own = {}
    for (student, found), few, run in zip(prints.items(), rare, shared, strict=True):
        inside = np.zeros(len(found.pieces) + 1, np.int32)  # of a long run that is no common idiom
        starts = np.flatnonzero(run)
        inside[starts] += 1
        inside[starts + RUN - PIECE + 1] -= 1
        own[student] = (few | (np.cumsum(inside)[:-1] > 0)) & ~np.isin(found.pieces, given)
    return own


def _held_by(documents: Sequence[Hashes], most: float) -> list[NDArray[np.bool_]]:
    """For each place of each document whether so many documents, or fewer, hold what begins there."""
    every = np.concatenate([np.zeros(0, np.int64), *(np.unique(document) for document in documents)])
    known, often = np.unique(every, return_counts=True)
    return [often[np.searchsorted(known, document)] <= most for document in documents]


def _pairs(prints: Mapping[str, _Print], own: Mapping[str, NDArray[np.bool_]]) -> tuple[Pair, ...]:
    """The pairs of students who share enough of their own, the closest first."""
    kept = {student: np.unique(found.pieces[own[student]]) for student, found in prints.items()}
    whole = {student: found.covered(own[student]) for student, found in prints.items()}
    pairs = []
    for first, second in _candidates(kept):
        if np.array_equal(prints[first].pieces, prints[second].pieces):
            here, there = whole[first], whole[second]
        else:
            shared = np.intersect1d(kept[first], kept[second], assume_unique=True)
            here, there = (
                prints[student].covered(own[student] & np.isin(prints[student].pieces, shared))
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


def without_padding(code: str) -> str:
    """Code without comments, blank lines, indentation and literals that are longer than anybody writes."""
    for spans in (_comments, _long_literals):
        with suppress(
            tokenize.TokenError, SyntaxError, ValueError
        ):  # of what is no Python the lines below are left out
            code = _without(code, list(spans(tokenize.generate_tokens(io.StringIO(code).readline))))
    lines = (SPACES.sub(" ", line).strip() for line in code.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def _without(code: str, spans: Sequence[Span]) -> str:
    starts = [0]
    for line in code.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    kept, place = [], 0
    for (first, column), (last, end), instead in spans:
        kept += [code[place : starts[first - 1] + column], instead]
        place = starts[last - 1] + end
    return "".join([*kept, code[place:]])


def _comments(tokens: Iterable[tokenize.TokenInfo]) -> Iterator[Span]:
    return ((token.start, token.end, "") for token in tokens if token.type == tokenize.COMMENT)


def _long_literals(tokens: Iterable[tokenize.TokenInfo]) -> Iterator[Span]:
    """Texts that are long, and series of numbers and texts that have many parts."""
    series: list[tokenize.TokenInfo] = []
    for token in tokens:
        if token.type in LITERALS:
            series.append(token)
        elif not (series and (token.string in BETWEEN or token.type == tokenize.NL)):
            yield from _shortened(series)
            series = []
    yield from _shortened(series)


def _shortened(series: Sequence[tokenize.TokenInfo]) -> Iterator[Span]:
    if len(series) > LONG_LIST:
        yield series[0].start, series[-1].end, "0"
        return
    for token in series:
        if len(token.string) > LONG_TEXT:
            yield token.start, token.end, '""'


def _fingerprint(code: str) -> _Print:
    # Here, because copydetect brings matplotlib along.
    from copydetect.utils import filter_code, hashed_kgrams

    filtered, _ = filter_code(code, "submission.py", language="python")
    pieces, runs = (
        np.asarray(hashed_kgrams(filtered, length), np.int64) if len(filtered) >= length else np.zeros(0, np.int64)
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
    named = [f"{mine:.0%} with {name} ({theirs:.0%} of theirs)" for name, mine, theirs in partners[:MOST_NAMED]]
    more = f" and {len(partners) - MOST_NAMED} others" if len(partners) > MOST_NAMED else ""
    reason = "Of the code that is neither the course's nor common in the class this submission shares "
    reason += f"{', '.join(named)}{more}. "
    reason += f"It is one of {ring} submissions that hang together so. " if ring > 2 else ""
    reason += "It says nothing of who wrote it: pairs who work together and a common source look the same."
    return Flag(kind=KIND, reason=reason, audience="instructor")
