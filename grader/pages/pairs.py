"""Pairs with similar code in words, for the class page. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.core.text import one_line
from grader.pages.language import many
from grader.pages.numbers import percent

MOST_PAIRS = 100  # on the page; the review desk has all of them
LONGEST_NAME = 120


@dataclass(frozen=True, kw_only=True)
class SimilarPair:
    """Two submissions and each one's share of its own code; `folder`: of which the second is, "" where it is of the class.

    `longest`: the lines of their longest stretch, 0 where it is not known.
    """

    first: str
    second: str
    folder: str
    of_first: float
    of_second: float
    longest: int


@dataclass(frozen=True, kw_only=True)
class PairRow:
    """A pair as a row shows it: each one's name, address and share; the folder of the second, their longest stretch."""

    names: tuple[str, str]
    hrefs: tuple[str | None, str | None]
    shares: tuple[str, str]
    folder: str
    longest: str


def pair_rows(pairs: Sequence[SimilarPair], links: Mapping[str, str | None]) -> tuple[PairRow, ...]:
    """The closest pairs. `links` maps a student to the relative address of the report."""
    return tuple(
        PairRow(
            names=(one_line(pair.first, LONGEST_NAME), one_line(pair.second, LONGEST_NAME)),
            hrefs=(links.get(pair.first), None if pair.folder else links.get(pair.second)),
            shares=(percent(pair.of_first, 0), percent(pair.of_second, 0)), folder=one_line(pair.folder, LONGEST_NAME),
            longest=many(pair.longest, "{n} line", "{n} lines") if pair.longest else "–",
        )
        for pair in pairs[:MOST_PAIRS]
    )  # fmt: skip
