"""Where two submissions share code: stretches of both sources, the same number for what is the same. Pure.

What the course hands out is no stretch, and neither is what is common in the class. A stretch stands in the source as it was
written: what was left out for comparing is mapped back, and a comment inside a stretch parts it in two of one number.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grader.core.evidence import Value
from grader.marking.bare_code import Traced

MOST_PLACES = 8  # places of one piece in the other's code that are tried for the longest stretch
MOST_MARKS = 2_000  # on one side of a pair

Hashes = NDArray[np.int64]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]


class Mark(NamedTuple):
    """A stretch of a source, by characters from its beginning; the same number marks the same code on the other side."""

    number: int
    begin: int
    end: int


class Marks(Value):
    """The shared stretches of a pair, in the order of each one's source; none on one side overlaps another."""

    first: tuple[Mark, ...]
    second: tuple[Mark, ...]


def longest_stretch(marks: Sequence[Mark], source: str) -> int:
    """The lines of the longest stretch; what a comment parts is one."""
    longest = 0
    for _, group in groupby(marks, key=lambda mark: mark.number):
        parts = list(group)
        longest = max(longest, source.count("\n", parts[0].begin, parts[-1].end) + 1)
    return longest


@dataclass(frozen=True, kw_only=True)
class Document:
    """One's code with its pieces: which are the course's, which are common in the class, which a few students' own."""

    source: str
    code: Traced
    pieces: Hashes
    own: Mask
    given: Mask
    common: Mask


def covered(places: Mask, piece: int) -> Mask:
    """The characters that pieces of this length cover which begin at these places."""
    starts = np.flatnonzero(places)
    change = np.zeros(len(places) + piece, np.int32)
    change[starts] += 1
    change[starts + piece] -= 1
    return np.asarray(np.cumsum(change)[:-1] > 0)


def mark_shared(first: Document, second: Document, piece: int) -> Marks:
    """The stretches of both that are the same, beyond what others have; `piece` characters long at least."""
    both = np.intersect1d(first.pieces[first.own], second.pieces[second.own])
    mine, theirs = (document.own & np.isin(document.pieces, both) for document in (first, second))
    here, there = _numbered(first.pieces, second.pieces, mine, theirs, piece)
    here[~_shown(first, mine, piece)] = 0
    there[~_shown(second, theirs, piece)] = 0
    known = np.intersect1d(here, there)
    order: dict[int, int] = {}
    for number in here[np.isin(here, known) & (here > 0)].tolist():
        order.setdefault(number, len(order) + 1)
    return Marks(first=tuple(_marks(first, here, order)), second=tuple(_marks(second, there, order)))


def _shown(document: Document, shared: Mask, piece: int) -> Mask:
    """The characters of shared pieces, but for what the course hands out, and what is long and common in the class."""
    return covered(shared, piece) & ~covered(document.given | _in_runs(document.common, piece), piece)


def _in_runs(mask: Mask, least: int) -> Mask:
    """The places that stand in a row of so many, or more."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    kept = np.zeros(len(mask), np.bool_)
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        kept[begin:end] = end - begin >= least
    return kept


def _numbered(first: Hashes, second: Hashes, mine: Mask, theirs: Mask, piece: int) -> tuple[Numbers, Numbers]:
    """For each character of both the number of its stretch; 0 for none. What is repeated on one side keeps one number."""
    here, there = (np.zeros(len(pieces) + piece - 1, np.int64) for pieces in (first, second))
    for number, (place, other, length) in enumerate(_tiles(first, second, mine, theirs), 1):
        size = length + piece - 1
        target = there[other : other + size]
        source = here[place : place + size]
        if (target == 0).any():
            source[source == 0] = number
            target[target == 0] = number
        else:
            source[source == 0] = target[source == 0]
    for place, other, length in _tiles(second, first, theirs, mine):
        size = length + piece - 1
        target, source = there[place : place + size], here[other : other + size]
        target[target == 0] = source[target == 0]
    return here, there


def _tiles(first: Hashes, second: Hashes, mine: Mask, theirs: Mask) -> Iterator[tuple[int, int, int]]:
    """Rows of equal pieces: the place in each of the two, and how many. Each shared place of the first is in one of them."""
    places: dict[int, list[int]] = defaultdict(list)
    for place in np.flatnonzero(theirs).tolist():
        if len(known := places[int(second[place])]) < MOST_PLACES:
            known.append(place)
    reached = expected = 0
    for place in np.flatnonzero(mine).tolist():
        if place < reached:
            continue
        found = [(_equal(first, second, place, other), other) for other in places[int(first[place])]]
        length, other = max(found, key=lambda item: (item[0], item[1] == expected, -item[1]))
        yield place, other, length
        reached, expected = place + length, other + length


def _equal(first: Hashes, second: Hashes, place: int, other: int) -> int:
    """How many pieces from these places on are the same."""
    most, step, done = min(len(first) - place, len(second) - other), 64, 0
    while done < most:
        step = min(2 * step, most - done)
        differs = first[place + done : place + done + step] != second[other + done : other + done + step]
        if differs.any():
            return done + int(differs.argmax())
        done += step
    return most


def _marks(document: Document, numbers: Numbers, order: dict[int, int]) -> Iterator[Mark]:
    """The stretches in the source as it was written: what was left out for comparing parts one, unless it is space."""
    starts, ends, code = document.code.starts, document.code.ends, document.source
    edges = np.flatnonzero(np.diff(numbers, prepend=0, append=0)).tolist()
    reached = made = 0
    for begin, end in pairwise(edges):
        if (number := order.get(int(numbers[begin]))) is None:
            continue
        apart = np.flatnonzero(starts[begin + 1 : end] > ends[begin : end - 1]) + begin + 1
        cuts = [place for place in apart.tolist() if not code[ends[place - 1] : starts[place]].isspace()]
        for one, other in zip([begin, *cuts], [*cuts, end], strict=True):
            start, stop = max(int(starts[one]), reached), int(ends[other - 1])
            if start < stop and made < MOST_MARKS:
                yield Mark(number, start, stop)
                reached, made = stop, made + 1
