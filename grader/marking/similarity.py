"""Code that two submissions share, beyond what everybody has: pairs for an instructor to look at. Pure.

The two are of one class, or one is of the class and the other of an earlier one, or a public solution. A person of two years
is known by a number, a login or an address, whichever of them both tell; by the name only where none of these speaks against
it. Who hands in together, or is of one group, is one team.

Code is compared as copydetect does it (`shared_code`: names, functions and strings all look alike; overlapping pieces of
`PIECE` characters are counted), after what the course hands out was taken away, and what many of the class write as well:
those who solve one exercise in Keras write much the same lines. What many of an earlier class write is nobody's own either.
A long run of code that some of a class share is no such line, and counts. An index of pieces finds the pairs, so that a
class takes seconds where comparing everybody with everybody would take minutes; the order of cells makes no difference to
it. Of each pair it is told where the shared code stands.

With less than `FEWEST` characters of one's own there is nothing to tell: two short solutions may well be the same.

`compare_class` is what a process of its own does with a class: each one's code has a time there, since libraries that read
code were not written for those who mean them harm.
"""

import hashlib
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import Field, ValidationError

from grader.core.evidence import Evidence, Value
from grader.core.results import Flag, Result, Student
from grader.core.store import EVIDENCE
from grader.core.workspace import write_whole
from grader.intake.names import fold
from grader.marking.repeated_runs import attempt_folder
from grader.marking.shared_code import (
    Document,
    Hashes,
    Marks,
    Mask,
    Traced,
    covered,
    filtered,
    longest_stretch,
    mark_shared,
    traced,
    without_padding,
)

KIND, NOT_COMPARED = "similar_code", "code_not_compared"
PIECE = 25  # characters of filtered code; copydetect's own noise threshold
RUN = 300  # characters of filtered code on end, which nobody writes by chance as others do
SHARE = 0.8  # of the smaller one's own code, from which on a pair is told
FEWEST = 250  # characters of filtered code that are shared
COMMON, COMMON_SHARE, MOST_COMMON = 5, 0.1, 40  # submissions, of the class: what more of them have is nobody's own
RUN_SHARE = 0.5  # of the class: what more of them have is nobody's own, however long it is
MOST_CODE = 200_000  # characters of one submission that are compared
MOST_NAMED = 5  # others in one flag
SAME_TEXT = 0.95  # of an earlier one's pieces: with so much of a reference solution it is that solution
EACH_S = 3.0  # of processor time, for one submission
MOST_MARKED = 500  # pairs of which it is told where they are alike, the closest first
MARKING_S = 20.0  # of processor time for that
PAIRS = "similar.json"  # beside the results of a class
PROOFS = ("identity", "login", "email")  # of who somebody is


class Pair(Value):
    """Two submissions: the characters of code that they alone share, and its shares of what is each one's own.

    `against`: the folder of which the second is; "" where both are of the class. `longest`: the lines of their longest
    stretch in the first one's code, and `marks`: where both sources are alike; 0 and None where that was not looked for,
    since there are so many pairs.
    """

    first: str
    second: str
    shared: int
    of_first: float
    of_second: float
    marks: Marks | None = None
    against: str = ""
    longest: int = 0


class EarlierCode(Value):
    """The code of one submission of a folder that a class is compared with, by its parts; `people` are whose it is."""

    name: str
    folder: str
    people: tuple[Student, ...]
    parts: tuple[tuple[str, str], ...]

    @property
    def source(self) -> str:
        """The code as it is compared: its parts, one after the other."""
        return "\n".join(text for _, text in self.parts)


class Compared(Value):
    """What came of a class: pairs, and those whose code was not compared (whole), each with the reason.

    Of each student of a pair: `sources` holds the digest of the code as it was compared (`source_digest`), `folders` the
    name of the folder with the results. `against`: the folders that the class was compared with; `earlier`: the code of
    those in them who are in pairs. `engine`: what found the pairs, as it was named; "" for this file.
    """

    pairs: tuple[Pair, ...]
    left_out: dict[str, str]
    sources: dict[str, str] = Field(default_factory=dict)
    folders: dict[str, str] = Field(default_factory=dict)
    against: tuple[str, ...] = ()
    earlier: tuple[EarlierCode, ...] = ()
    engine: str = ""


class Found(NamedTuple):
    """A pair that another engine found, by places: the class comes first, behind it those that it is compared with."""

    first: int
    second: int
    of_first: float
    of_second: float


class Question(Value):
    """What is to be compared: the class (student to code), and those of earlier folders, with the folder of each.

    `boilerplate` is code that everybody may have: the starter, examples of the course. Of a `references` text nobody is
    accused. `same`: places (as in `Found`) of two who are one person or a team. `found`: what another engine found; None:
    nobody looked yet.
    """

    sources: dict[str, str]
    boilerplate: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    earlier: tuple[tuple[str, str], ...] = ()
    same: tuple[tuple[int, int], ...] = ()
    found: tuple[Found, ...] | None = None


class Answer(Value):
    """What came of a question: `pairs` with their places, and who was left out."""

    pairs: tuple[tuple[int, int, Pair], ...]
    left_out: dict[str, str]


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


def teams_of(people: Sequence[Sequence[Student]]) -> list[tuple[Student, ...]]:
    """For each submission of one class everybody whose work it may be: its students, and all others of their groups."""
    groups: dict[str, list[Student]] = defaultdict(list)
    for students in people:
        for student in students:
            if student.group:
                groups[fold(student.group)].append(student)
    return [
        (*students, *(mate for student in students if student.group for mate in groups[fold(student.group)]))
        for students in people
    ]  # fmt: skip


def same_people(people: Sequence[Sequence[Student]], size: int) -> tuple[tuple[int, int], ...]:
    """The places of two submissions that one person had a part in; the first of the two is below `size`."""
    holders: dict[str, list[tuple[int, Student]]] = defaultdict(list)
    for place, students in enumerate(people):
        for student in set(students):
            for word in {*_proofs(student), fold(student.name)}:
                holders[word].append((place, student))
    found: set[tuple[int, int]] = set()
    for known in holders.values():
        own = [item for item in known if item[0] < size]
        found |= {
            (min(here, there), max(here, there))
            for here, one in own for there, other in known if here != there and is_same(one, other)
        }  # fmt: skip
    return tuple(sorted(found))


def is_same(one: Student, other: Student) -> bool:
    """Whether two students of different years are one person."""
    if set(_proofs(one)) & set(_proofs(other)):
        return True
    apart = any(getattr(one, kind) and getattr(other, kind) for kind in PROOFS)
    return not apart and fold(one.name) == fold(other.name) != ""


def _proofs(student: Student) -> Iterator[str]:
    """What tells who it is; a login may stand in place of a number."""
    return (fold(word) for kind in PROOFS if (word := getattr(student, kind)))


def source_digest(source: str) -> str:
    """What tells whether code is still the one that was compared."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def compare_class(data: bytes) -> bytes:
    """`answer` for a process of its own: a `Question` as JSON, answered by an `Answer` as JSON."""
    return answer(Question.model_validate_json(data), each_s=EACH_S).model_dump_json().encode("utf-8", "surrogatepass")


def save_compared(out: Path, compared: Compared) -> None:
    """Keep the pairs of a class beside its results. Raises Infrastructure."""
    write_whole(out / PAIRS, compared.model_dump_json() + "\n")


def load_compared(out: Path) -> Compared | None:
    """The pairs that are kept in `out`; None where there are none that can be read: the class was not compared."""
    try:
        return Compared.model_validate_json((out / PAIRS).read_bytes())
    except (OSError, ValidationError):
        return None


def compare_code(sources: Mapping[str, str], boilerplate: Sequence[str] = ()) -> Compared:
    """The pairs of students (name to Python code) of one class who share most of what is their own, the closest first."""
    told = answer(Question(sources=dict(sources), boilerplate=tuple(boilerplate)))
    return compared_of(told, sources, ())


def compared_of(told: Answer, sources: Mapping[str, str], earlier: Sequence[EarlierCode]) -> Compared:
    """What is kept of an answer: names instead of places, digests of who is in pairs, the code of earlier ones."""
    pairs, students = [], list(sources)
    for first, second, pair in told.pairs:
        other = earlier[second - len(students)] if second >= len(students) else None
        names = {"first": students[first], "second": students[second] if other is None else other.name}
        pairs.append(pair.model_copy(update={**names, "against": other.folder if other else ""}))
    known = [place for found in told.pairs for place in found[:2]]
    digests = {students[place]: source_digest(sources[students[place]]) for place in known if place < len(students)}
    found = sorted({place - len(students) for place in known if place >= len(students)})
    return Compared(
        pairs=tuple(pairs), left_out=told.left_out, sources=digests, earlier=tuple(earlier[place] for place in found)
    )


def answer(question: Question, *, each_s: float | None = None) -> Answer:
    """The pairs who share most of what is their own, the closest first; of each at least one is of the class.

    `each_s`: seconds for one submission, in the main thread of a process alone.
    """
    students, codes = list(question.sources), [*question.sources.values(), *(code for _, code in question.earlier)]
    left_out: dict[str, str] = {}
    prints: dict[int, _Print] = {}
    for place, code in enumerate(codes):
        try:
            with _at_most(each_s):
                bare = without_padding(code)
                prints[place] = _fingerprint(bare[:MOST_CODE])
            reason = (
                f"only the first {MOST_CODE:,} characters of the code were compared with others'"
                if len(bare) > MOST_CODE
                else ""
            )
        except Exception as error:  # of whatever reads code
            reason = f"the code could not be compared with others' ({type(error).__name__})"
        if reason and place < len(students):
            left_out[students[place]] = reason
    given = _pieces_of(question.boilerplate)
    classes: dict[str, list[_Print]] = defaultdict(list)
    for place, found in prints.items():
        classes[question.earlier[place - len(students)][0] if place >= len(students) else ""].append(found)
    own, common = _own_places(prints, list(classes.values()), given)
    references = [_pieces_of([text]) for text in question.references]
    compared = [place for place in prints if place < len(students) or not _is_one_of(prints[place].pieces, references)]
    pairs = _pairs(prints, own, _candidates_of(question, compared, prints, own))

    def read(place: int) -> Document | None:
        code = _traced(codes[place], each_s)
        if code is None:
            return None
        return Document(
            source=codes[place], code=code, pieces=prints[place].pieces, own=own[place],
            given=np.isin(prints[place].pieces, given), common=common[place],
        )  # fmt: skip

    return Answer(pairs=tuple(_with_marks(pairs, read)), left_out=left_out)


def _pieces_of(texts: Sequence[str]) -> Hashes:
    every = [_fingerprint(without_padding(code)[:MOST_CODE]).pieces for code in texts]
    return np.unique(np.concatenate([np.zeros(0, np.int64), *every]))


def _is_one_of(pieces: Hashes, references: Sequence[Hashes]) -> bool:
    return any(len(pieces) and np.isin(pieces, reference).mean() >= SAME_TEXT for reference in references)


def _traced(source: str, each_s: float | None) -> Traced | None:
    """Code as it was compared, with the way back; None where reading it once more took too long."""
    try:
        with _at_most(each_s):
            return traced(source, MOST_CODE)
    except TimeoutError:
        return None


def _with_marks(
    pairs: Sequence[tuple[int, int, Pair]], read: Callable[[int], Document | None]
) -> Iterator[tuple[int, int, Pair]]:
    """The pairs, as many of them as there is time for with what they share."""
    end, read = time.process_time() + MARKING_S, cache(read)
    for number, (first, second, pair) in enumerate(pairs):
        both = (read(first), read(second)) if number < MOST_MARKED and time.process_time() < end else None
        if both is None or both[0] is None or both[1] is None:
            yield first, second, pair
        else:
            marks = mark_shared(both[0], both[1], PIECE)
            more = {"marks": marks, "longest": longest_stretch(marks.first, both[0].source)}
            yield first, second, pair.model_copy(update=more)


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


def _own_places(
    prints: Mapping[int, _Print], classes: Sequence[Sequence[_Print]], given: Hashes
) -> tuple[dict[int, Mask], dict[int, Mask]]:
    """Of each document the places of pieces that are nobody else's but a few students', and of those that are common.

    Common is what is common in one of the `classes`: this year's, and each earlier folder.
    """
    rare, known, shared = ([np.zeros(0, np.int64)] for _ in range(3))
    for found in classes:
        alone = list({one.pieces.tobytes(): one for one in found}.values()) if found is not classes[0] else found
        few_hold = min(max(COMMON, COMMON_SHARE * len(alone)), MOST_COMMON)
        some_hold = min(max(COMMON, RUN_SHARE * len(alone)), MOST_COMMON)
        rare.append(_held_by_more([one.pieces for one in alone], few_hold))
        known.append(_held_by_more([one.pieces for one in alone], some_hold))
        shared.append(_held_by_more([one.runs for one in alone], some_hold))
    of_many, of_half, long = (np.unique(np.concatenate(hashes)) for hashes in (rare, known, shared))
    own, common = {}, {}
    for place, document in prints.items():
        inside = np.zeros(len(document.pieces) + 1, np.int32)  # of a long run that is no common idiom
        starts = np.flatnonzero(~_among(document.runs, long))
        inside[starts] += 1
        inside[starts + RUN - PIECE + 1] -= 1
        few = ~_among(document.pieces, of_many)
        own[place] = (few | (np.cumsum(inside)[:-1] > 0)) & ~_among(document.pieces, given)
        common[place] = ~own[place] | _among(document.pieces, of_half)
    return own, common


def _held_by_more(documents: Sequence[Hashes], most: float) -> Hashes:
    """What more than so many of the documents hold."""
    every = np.concatenate([np.zeros(0, np.int64), *(np.unique(document) for document in documents)])
    known, often = np.unique(every, return_counts=True)
    return known[often > most]


def _among(hashes: Hashes, known: Hashes) -> Mask:
    """Which of the hashes are among those, which are in order."""
    if not len(known):
        return np.zeros(len(hashes), np.bool_)
    return np.asarray(known[np.minimum(np.searchsorted(known, hashes), len(known) - 1)] == hashes)


def _pairs(
    prints: Mapping[int, _Print], own: Mapping[int, Mask], candidates: Iterable[tuple[int, int, Found | None]]
) -> list[tuple[int, int, Pair]]:
    """The pairs that share enough of their own, the closest first; what another engine found is a pair as it says."""
    whole = {place: int(covered(places, PIECE).sum()) for place, places in own.items()}
    pairs = []
    for first, second, told in candidates:
        here, there = _shared(prints, own, whole, first, second)
        shares = (told.of_first, told.of_second) if told else (here / (whole[first] or 1), there / (whole[second] or 1))
        pair = Pair(first="", second="", shared=min(here, there), of_first=shares[0], of_second=shares[1])
        if max(shares) >= SHARE and (told or pair.shared >= FEWEST):
            pairs.append((first, second, pair))
    return sorted(pairs, key=lambda item: (-max(item[2].of_first, item[2].of_second), item[:2]))


def _shared(
    prints: Mapping[int, _Print], own: Mapping[int, Mask], whole: Mapping[int, int], first: int, second: int
) -> tuple[int, int]:
    """How many characters of each one's own code are in the other's, too."""
    if np.array_equal(prints[first].pieces, prints[second].pieces):
        return whole[first], whole[second]
    both = np.intersect1d(prints[first].pieces[own[first]], prints[second].pieces[own[second]])
    here, there = (
        int(covered(own[place] & _among(prints[place].pieces, both), PIECE).sum()) for place in (first, second)
    )
    return here, there


def _candidates_of(
    question: Question, compared: Sequence[int], prints: Mapping[int, _Print], own: Mapping[int, Mask]
) -> Iterator[tuple[int, int, Found | None]]:
    """The pairs that are looked at: of two persons, of whom at least one is of the class."""
    apart, size = {frozenset(pair) for pair in question.same}, len(question.sources)
    kept = {place: np.unique(prints[place].pieces[own[place]]) for place in compared}
    told = {found[:2]: found for found in question.found or ()}
    for first, second in _candidates(kept, size) if question.found is None else told:
        if first in kept and second in kept and first < size and {first, second} not in apart:
            yield first, second, told.get((first, second))


def _candidates(own: Mapping[int, Hashes], size: int) -> list[tuple[int, int]]:
    """The pairs with so many pieces in common that they may be similar; the first is below `size`."""
    places = sorted(own)
    pieces = np.concatenate([np.zeros(0, np.int64), *(own[place] for place in places)])
    holders = np.repeat(np.array(places, np.int64), [len(own[place]) for place in places])
    order = np.argsort(pieces, kind="stable")
    holders, starts = holders[order], np.flatnonzero(np.diff(pieces[order], prepend=pieces[order][:1] - 1))
    groups = Counter(tuple(part.tolist()) for part in np.split(holders, starts[1:]) if len(part) > 1)
    together: dict[tuple[int, int], int] = defaultdict(int)
    for group, count in groups.items():  # mostly the same few
        for first, second in combinations(group, 2):
            if first >= size:  # the rest of them are no class' either
                break
            together[first, second] += count
    return [
        pair for pair, count in together.items() if count >= SHARE / 2 * min(len(own[pair[0]]), len(own[pair[1]]))
    ]  # fmt: skip


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
    partners: dict[str, list[_Partner]] = defaultdict(list)
    for pair in compared.pairs:
        partners[pair.first].append(_Partner(pair.second, pair.against, pair.of_first, pair.of_second, pair.longest))
        if not pair.against:
            partners[pair.second].append(_Partner(pair.first, "", pair.of_second, pair.of_first, pair.longest))
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


@dataclass(frozen=True)
class _Partner:
    """The other one of a pair, and how much of whose code is shared."""

    name: str
    folder: str
    mine: float
    theirs: float
    longest: int

    @property
    def words(self) -> str:
        """With whom, where and how much."""
        where = f" of {self.folder}" if self.folder else ""
        longest = f"; the longest stretch has {name_lines(self.longest)}" if self.longest else ""
        return f"{self.mine:.0%} with {self.name}{where} ({self.theirs:.0%} of theirs{longest})"


def name_lines(lines: int) -> str:
    """How long a stretch is."""
    return "1 line" if lines == 1 else f"{lines} lines"


def _ring(student: str, partners: Mapping[str, Sequence[_Partner]]) -> int:
    """How many submissions of the class hang together by pairs with this one, itself among them."""
    ring, waiting = {student}, [student]
    while waiting:
        more = {partner.name for partner in partners.get(waiting.pop(), ()) if not partner.folder} - ring
        ring |= more
        waiting += more
    return len(ring)


def _flag(partners: Sequence[_Partner], ring: int) -> Flag:
    named = [partner.words for partner in partners[:MOST_NAMED]]
    more = f" and {len(partners) - MOST_NAMED} others" if len(partners) > MOST_NAMED else ""
    told = [
        f"Of the code that is neither the course's nor common in the class this submission shares {', '.join(named)}{more}."
    ]
    if ring > 2:
        told.append(f"It is one of {ring} submissions that hang together so.")
    told.append("It says nothing of who wrote it: pairs who work together and a common source look the same.")
    return Flag(kind=KIND, reason=" ".join(told), audience="instructor")
