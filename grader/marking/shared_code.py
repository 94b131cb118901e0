"""Code as it is compared with others', and where two submissions share it. Pure.

Comments, blank lines, indentation and long literals go first. Then names, functions, classes and strings all look alike, by
the rules of copydetect (github.com/blingenf/copydetect): `V`, `F`, `O`, `S`. Each step is a series of edits, so that a
character of what is compared leads back to where it stood (`Traced`).

What two share are stretches of both sources, the same number for what is the same. What the course hands out is no stretch,
and neither is what is common in the class. A stretch stands in the source as it was written: what was left out for comparing
is mapped back, and a comment inside a stretch parts it in two of one number.
"""

import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grader.core.evidence import Value

LONG_TEXT, LONG_LIST = 200, 40  # characters of a literal, parts of a list that stand for nothing anybody thought of
SPACES = re.compile(r"[ \t\f]{2,}|[\t\f]")
LITERALS, BETWEEN = (tokenize.NUMBER, tokenize.STRING), (",", "-", "+", "[", "]", "(", ")", "\n")

Places = NDArray[np.int64]
Edit = tuple[int, int, str]  # begin and end in a text, what stands there instead; in order, and none overlaps another
Span = tuple[tuple[int, int], tuple[int, int], str]  # the same by line (from 1) and column


@dataclass(frozen=True)
class Traced:
    """What is compared, and for each of its characters where in the code that one begins and ends."""

    text: str
    starts: Places
    ends: Places


def without_padding(code: str) -> str:
    """Code without comments, blank lines, indentation and literals that are longer than anybody writes."""
    *_, (_, bare) = _padding(code)
    return bare


def filtered(bare: str) -> str:
    """Code without padding in which all names look alike, and so do all functions, all classes and all strings."""
    return _edited(bare + "\n", _alike(bare))


def traced(code: str, most: int) -> Traced:
    """`filtered` of the first `most` characters of what `without_padding` leaves, with the way back to `code`."""
    starts, ends, bare = np.arange(len(code)), np.arange(1, len(code) + 1), code
    for edits, edited in _padding(code):
        starts, ends, bare = *_followed(starts, ends, edits), edited
    bare, starts, ends = bare[:most], starts[:most], ends[:most]
    last = ends[-1:] if bare else np.zeros(1, np.int64)  # where the line break stands that a lexer adds
    edits = list(_alike(bare))
    return Traced(
        _edited(bare + "\n", edits), *_followed(np.concatenate([starts, last]), np.concatenate([ends, last]), edits)
    )


def _edited(text: str, edits: Iterable[Edit]) -> str:
    kept, place = [], 0
    for begin, end, instead in edits:
        kept += [text[place:begin], instead]
        place = end
    return "".join([*kept, text[place:]])


def _followed(starts: Places, ends: Places, edits: Iterable[Edit]) -> tuple[Places, Places]:
    """Where the characters of an edited text begin and end, by where those of the text before do."""
    first, last, place = [], [], 0
    for begin, end, instead in edits:
        first += [starts[place:begin], np.repeat(starts[begin : begin + 1], len(instead))]
        last += [ends[place:begin], np.repeat(ends[end - 1 : end], len(instead))]
        place = end
    return np.concatenate([*first, starts[place:]]), np.concatenate([*last, ends[place:]])


def _padding(code: str) -> Iterator[tuple[Sequence[Edit], str]]:
    """The steps that leave the padding out: each its edits, and the text that they leave to the next."""
    for spans in (_comments, _long_literals):
        edits: list[Edit] = []
        with suppress(tokenize.TokenError, SyntaxError, ValueError):  # of what is no Python, lines alone are left out
            edits = _by_place(code, list(spans(tokenize.generate_tokens(io.StringIO(code).readline))))
        code = _edited(code, edits)
        yield edits, code
    edits = list(_lines(code))
    yield edits, _edited(code, edits)


def _by_place(code: str, spans: Sequence[Span]) -> list[Edit]:
    starts = [0]
    for line in code.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return [
        (starts[first - 1] + column, starts[last - 1] + end, instead)
        for (first, column), (last, end), instead in spans
    ]  # fmt: skip


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


def _lines(code: str) -> Iterator[Edit]:
    """Nothing between two lines that say something but one line break, and within a line single spaces."""
    place, end, instead = 0, 0, ""
    for line in code.splitlines(keepends=True):
        said = line.strip()
        if said and not said.startswith("#"):
            begin = place + line.index(said)
            yield end, begin, instead
            for found in SPACES.finditer(said):
                yield begin + found.start(), begin + found.end(), " "
            end, instead = begin + len(said), "\n"
        place += len(line)
    yield end, len(code), ""


def _alike(bare: str) -> Iterator[Edit]:
    """One letter for each name, function, class and string; nothing for spaces and comments."""
    from pygments.lexers.python import PythonLexer  # here, because those who only read results compare nothing
    from pygments.token import Token

    names = (Token.Name, Token.Name.Variable, Token.Name.Attribute)
    kinds = (
        (Token.Name.Function, "F"), (Token.Name.Class, "O"), (Token.Comment.Preproc, "P"), (Token.Comment.Hashbang, "P"),
        (Token.Text, ""), (Token.Comment, ""), (Token.Literal.String, "S"),
    )  # fmt: skip

    @cache
    def letter(kind: object) -> str | None:
        return "V" if kind in names else next((said for above, said in kinds if kind in above), None)

    for place, kind, text in PythonLexer().get_tokens_unprocessed(bare + "\n"):
        instead = letter(kind)
        if instead == "S" and text in ("'", '"'):
            instead = '"'
        if instead is not None and instead != text:
            yield place, place + len(text), instead


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
