"""Similar code: the pairs of the class, one pair side by side with what it shares marked, and a person's verdict on it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import get_args

from grader.core.decision_log import LogEntry, Verdict, VerdictValue, pair_subject
from grader.core.errors import Infrastructure, UsageError
from grader.core.text import one_line, percent, visible
from grader.gradebook import Change
from grader.marking.shared_code import MOST_MARKS, Mark
from grader.marking.similarity import (
    Compared,
    EarlierCode,
    Pair,
    compared_run,
    name_lines,
    source_digest,
    source_of,
    source_parts,
)
from grader.review.class_state import ClassState, Row
from grader.review.desk import Desk, Gone
from grader.review.names import Names
from grader.review.web import Form

VERDICTS: Mapping[Verdict, str] = {
    "innocent": "Innocent: they need not be looked at again",
    "talk to them": "Talk to them first",
    "report": "Report them",
}
MOST_SHOWN = 200_000  # characters of one's code


@dataclass(frozen=True, kw_only=True)
class PairLine:
    """A pair in words; `seen` is the entry of the verdict that stands, or 0.

    `second` is None where the other one is of an earlier folder: `earlier`.
    """

    pair: Pair
    first: Row
    second: Row | None
    earlier: EarlierCode | None
    names: tuple[str, str]
    shares: tuple[str, str]
    longest: str
    href: str
    verdict: str
    author: str
    reason: str
    time: str
    seen: int


@dataclass(frozen=True, kw_only=True)
class PairsPage:
    """The pairs, those without a verdict first; `compared` tells whether the class was compared at all, `against` with what.

    `engine`: what found the pairs, where another program did.
    """

    lines: tuple[PairLine, ...]
    open: int
    compared: bool
    against: tuple[str, ...]
    engine: str
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CodeSegment:
    """Code with one number, or without any (0); `anchor` is its name in the page where a link leads to it."""

    text: str
    number: int = 0
    anchor: str = ""


@dataclass(frozen=True)
class CodePart:
    """A cell, or a file beside the notebook."""

    title: str
    segments: tuple[CodeSegment, ...]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two: the code by its parts, as it is shown; without `href` where it is of an earlier folder."""

    key: str
    name: str
    hidden: bool
    share: str
    href: str
    parts: tuple[CodePart, ...]


@dataclass(frozen=True, kw_only=True)
class PairPage:
    """Two submissions side by side; `note` says what is not marked, and why."""

    line: PairLine
    sides: tuple[Side, Side]
    stretches: int
    note: str
    before: str
    after: str
    verdicts: Mapping[Verdict, str]


def pair_lines(state: ClassState, names: Names) -> list[PairLine]:
    """The pairs of who is in the class, those without a verdict first, then the closest."""
    lines = []
    for pair, first, second in state.pairs:
        entry = state.standing.get(("", "similarity", pair_subject(pair.first, pair.second, pair.against)))
        lines.append(_line(pair, first, second, entry, names, state.compared))
    return sorted(lines, key=lambda line: bool(line.verdict))


def _line(
    pair: Pair, first: Row, second: Row | EarlierCode, entry: LogEntry | None, names: Names, compared: Compared | None
) -> PairLine:
    stands = entry if entry is not None and entry.value is not None else None
    earlier = second if isinstance(second, EarlierCode) else None
    if isinstance(second, EarlierCode):
        number = compared.earlier.index(second) if compared is not None else 0
        key, called = f"{number:016x}", f"Submission {number + 1}" if names.hidden else second.name
        other = f"{one_line(called, 120)} ({one_line(second.folder, 120)})"
    else:
        key, other = second.key, one_line(names.of(second), 120)
    return PairLine(
        pair=pair, first=first, second=None if isinstance(second, EarlierCode) else second, earlier=earlier,
        names=(one_line(names.of(first), 120), other), shares=(percent(pair.of_first, 0), percent(pair.of_second, 0)),
        longest=name_lines(pair.longest) if pair.longest else "–", href=f"/pairs/{first.key}/{key}",
        verdict=str((stands.value or {})["verdict"]) if stands else "", author=stands.author if stands else "",
        reason=names.hide(stands.reason) if stands else "", time=stands.time[:16].replace("T", " ") if stands else "",
        seen=entry.id if entry else 0,
    )  # fmt: skip


def pairs_page(state: ClassState, names: Names) -> PairsPage:
    """The list."""
    lines = pair_lines(state, names)
    rows = {row.result.student: row for row in state.rows}
    left_out = () if state.compared is None else tuple(state.compared.left_out.items())
    compared = state.compared or Compared(pairs=(), left_out={})
    return PairsPage(
        lines=tuple(lines), open=sum(not line.verdict for line in lines), compared=state.compared is not None,
        against=tuple(map(visible, compared.against)), engine=visible(compared.engine),
        left_out=tuple((one_line(names.of(rows[name]), 120), reason) for name, reason in left_out if name in rows),
    )  # fmt: skip


def compare_now(desk: Desk) -> None:
    """Compare the class, whose pairs nobody kept, or whose code is another by now. Raises Infrastructure."""
    if desk.options.compare is None:
        raise Infrastructure("This desk can't compare code.", "Run the batch again: it compares the class at its end.")
    desk.options.compare()
    desk.look_again()


def find_pair(state: ClassState, first: str, second: str, names: Names) -> tuple[PairLine, str, str]:
    """The pair of an address, and the addresses of the ones before and after it in the list. Raises Gone."""
    lines = pair_lines(state, names)
    for place, line in enumerate(lines):
        if line.href == f"/pairs/{first}/{second}":
            hrefs = ["", *(other.href for other in lines), ""]
            return line, hrefs[place], hrefs[place + 2]
    raise Gone("This pair is not in the class any more.", "Go back to the pairs.")


def pair_page(desk: Desk, first: str, second: str, names: Names) -> PairPage:
    """Two submissions side by side. Raises Gone."""
    state = desk.state()
    line, before, after = find_pair(state, first, second, names)
    digests = {} if state.compared is None else state.compared.sources
    same, codes = True, list[Sequence[tuple[str, str]]]()
    for name, row in ((line.pair.first, line.first), (line.pair.second, line.second)):
        run = compared_run(row.folder) if row is not None else None
        codes.append(() if run is None else source_parts(run))
        same &= row is None or (run is not None and source_digest(source_of(run)) == digests.get(name))
    if line.earlier is not None:
        codes[1] = line.earlier.parts
    found = line.pair.marks if same else None
    marks = ((), ()) if found is None else (found.first, found.second)
    sides = [
        Side(
            key=row.key if row is not None else "", name=line.names[place], hidden=row is not None and names.hides(row),
            share=line.shares[place], href=f"/submission/{row.key}" if row is not None else "",
            parts=tuple(_parts(codes[place], marks[place], ("first", "second")[place], names)),
        )
        for place, row in enumerate((line.first, line.second))
    ]  # fmt: skip
    return PairPage(
        line=line, sides=(sides[0], sides[1]), stretches=len({mark.number for mark in marks[0]}), before=before, after=after,
        note=_note(same, found is not None, max(map(len, marks))), verdicts=VERDICTS,
    )  # fmt: skip


def _note(same: bool, marked: bool, most: int) -> str:
    """What is not marked, and why; "" where all is."""
    if not same:
        return "The code is not the one that was compared: it was handed in again since. Compare the class again."
    if not marked:
        return "It was not looked for where the two are alike: the class has so many pairs, or their code is so long."
    return f"Only the first {MOST_MARKS:,} stretches are marked." if most >= MOST_MARKS else ""


def _parts(parts: Sequence[tuple[str, str]], marks: Sequence[Mark], side: str, names: Names) -> Iterator[CodePart]:
    """The code by its parts, cut where marks begin and end: a mark may go over several parts."""
    place, known = 0, set[int]()
    for title, text in parts:
        own = [
            Mark(mark.number, max(mark.begin - place, 0), min(mark.end - place, len(text)))
            for mark in marks
            if mark.begin < place + len(text) and mark.end > place
        ]
        shown = _segments(text, own, names)
        anchored = []
        for segment in shown:
            new = segment.number and segment.number not in known
            known |= {segment.number}
            anchored.append(CodeSegment(segment.text, segment.number, f"{side}-{segment.number}" if new else ""))
        if text.strip():
            yield CodePart(names.hide(visible(title)), tuple(anchored))
        place += len(text) + 1
        if place > MOST_SHOWN:
            yield CodePart("More of it", (CodeSegment(f"Only the first {MOST_SHOWN:,} characters are shown."),))
            return


def _segments(text: str, marks: Sequence[Mark], names: Names) -> list[CodeSegment]:
    """A part's text cut by marks; no cut goes through a name that is hidden."""
    hidden = names.places(text)
    cuts = [0, *(place for mark in marks for place in (mark.begin, mark.end)), len(text)]
    numbers = [0, *(number for mark in marks for number in (mark.number, 0))]
    moved = [next((end for begin, end, _ in hidden if begin < cut < end), cut) for cut in cuts]
    return [
        CodeSegment(names.hide(visible(text[begin:end])), number)
        for (begin, end), number in zip(pairwise(moved), numbers, strict=True)
        if begin < end
    ]


def take_verdict(desk: Desk, first: str, second: str, form: Form) -> str:
    """Keep a person's verdict on a pair; the address of the pair. Raises UsageError, Superseded, Gone."""
    line, _, _ = find_pair(desk.state(), first, second, Names())
    verdict, reason = form.text("verdict"), form.text("reason")
    if verdict not in get_args(Verdict):
        raise UsageError("A verdict is missing.", f"Choose one: {', '.join(VERDICTS)}.")
    if not reason:
        raise UsageError("A verdict needs a reason.", "Say what you saw.")
    value = VerdictValue.model_validate({"verdict": verdict}).model_dump()
    subject = pair_subject(line.pair.first, line.pair.second, line.pair.against)
    change = Change(
        kind="similarity",
        subject=subject,
        value=value,
        reason=reason,
        author=desk.options.author,
        seen=form.whole("seen"),
    )
    desk.decide([change])
    return line.href
