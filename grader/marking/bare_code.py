"""Code as it is compared with others': without what says nothing, and with the way back to the text that it was. Pure.

Comments, blank lines, indentation and long literals go first. Then names, functions, classes and strings all look alike, by
the rules of copydetect (github.com/blingenf/copydetect): `V`, `F`, `O`, `S`. Each step is a series of edits, so that a
character of what is compared leads back to where it stood (`Traced`).
"""

import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

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
