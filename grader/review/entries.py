"""Entries of the log as a form asks for them: one for each whose grade it decides, all of them or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from grader.core.review import Kind, LogEntry
from grader.core.text import joined, number, one_line, shorten, visible
from grader.gradebook import Change
from grader.review.desk import ASKED, ClassState, Desk, Overtaken, Row, differ, seen_entries
from grader.review.names import Names
from grader.review.web import Form

LONG = 200  # characters of a comment


@dataclass(frozen=True, kw_only=True)
class MemberDecision:
    """What stands of one member of a group, in words; `held`: a person decided it. `number` counts from 0, as in forms."""

    number: int
    name: str
    stands: str
    held: bool


def seen_of(state: ClassState, row: Row, kind: Kind, subject: str = "") -> str:
    """What was decided last, of each whose grade it is: the numbers of entries, which a form holds as `seen`."""
    return seen_entries(state.decided_last(row.students, kind, subject).values())


def member_decisions(
    state: ClassState, row: Row, names: Names, kind: Kind, subject: str = ""
) -> tuple[MemberDecision, ...]:
    """What stands of each member of a group; none where it is the same of all of them."""
    entries = tuple(state.decided_last(row.students, kind, subject).values())
    if not differ(entries):
        return ()
    return tuple(
        MemberDecision(
            number=place, name=one_line(names.member(row, place), 200), stands=names.hide(_stands(entry)),
            held=entry is not None and entry.value is not None,
        )
        for place, entry in enumerate(entries)
    )  # fmt: skip


def _stands(entry: LogEntry | None) -> str:
    if entry is None or entry.value is None:
        return "nothing decided"
    return f"{in_words(entry)} ({visible(joined((entry.author, entry.reason), ': '))})"


def for_everyone(
    desk: Desk, row: Row, form: Form, *, kind: Kind, value: Mapping[str, object] | None, subject: str = ""
) -> list[Change]:
    """The same decision for everyone whose grade it is, at one time; the form's `reason` and `seen` go with it.

    Where members' decisions differ, what one of them has is replaced only where the form says so (`also.N`). `only` are the
    members that the form is of, by number. Raises Overtaken where the form's person had something else before them, and
    UsageError for what can't be kept.
    """
    last = desk.state().decided_last(row.students, kind, subject)
    seen = _seen_in(form, row)
    if seen is None:
        raise Overtaken(None, last)
    for number_seen, entry in zip(seen, last.values(), strict=True):
        if number_seen != (entry.id if entry else 0):
            raise Overtaken(entry if entry is not None and entry.value is not None else None, last)
    places = _places(form, kind, tuple(last.values()), takes_back=value is None)
    if not places:
        raise Overtaken(None, last, "Each member has a decision of their own.", "Tick for whom it is to be replaced.")
    reason = _reason(desk, row, form, kind, subject)
    now = datetime.now(UTC)
    return [
        Change(
            kind=kind, subject=subject, student=student, author=desk.options.author, reason=reason,
            evidence=row.result.evidence, value=None if value is None else dict(value), seen=seen[place], time=now,
        )
        for place, student in enumerate(row.students)
        if place in places
    ]  # fmt: skip


def _places(form: Form, kind: Kind, entries: Sequence[LogEntry | None], *, takes_back: bool) -> set[int]:
    """For which members a form decides. What is taken back is so for those who have it."""
    numbers = {str(place): place for place in range(len(entries))}
    chosen = {numbers[text] for text in form.text("only").split() if text in numbers} or set(numbers.values())
    held = {place for place in chosen if (entry := entries[place]) is not None and entry.value is not None}
    ticked = {place for place in held if form.text(f"also.{place}")}
    if kind in ASKED and differ(entries):
        if takes_back:
            return held if len(held) == 1 else ticked
        return (chosen - held) | ticked
    if takes_back:
        return held or chosen
    return chosen - held or chosen if kind == "looked_at" else chosen


def _reason(desk: Desk, row: Row, form: Form, kind: Kind, subject: str) -> str:
    """The form's reason; where it is that of before, without names, that of before as it was written."""
    before = desk.state().standing.get((row.students[0], kind, subject))
    return desk.names().from_field(form.words("reason"), before.reason if before else "")


def _seen_in(form: Form, row: Row) -> list[int] | None:
    """The numbers that a form holds, None where they are not those of this group."""
    said = form.text("seen").split()
    if len(said) != len(row.students) or not all(
        text.isascii() and text.isdecimal() and len(text) < 16 for text in said
    ):
        return None
    return [int(text) for text in said]


def in_words(entry: LogEntry) -> str:
    """What an entry says, in a few words."""
    return visible(_in_words(entry))


def _in_words(entry: LogEntry) -> str:
    value = entry.value
    if value is None:
        return "taken back"
    if entry.kind == "override":
        return "excused" if value["excused"] else number(value["points"])
    if entry.kind in ("check", "adjustment"):
        return number(value["points"]) if entry.kind == "check" else f"{value['points']:+g}"
    if entry.kind in ("comment", "saved_comment"):
        points = f" ({value['points']:+g})" if value["points"] else ""
        return f"“{shorten(value['text'], LONG)}”{points}"
    if entry.kind == "rubric":
        return "; ".join(value["changes"])
    said: Sequence[str] = [str(item) for item in value.values()]
    return ", ".join(said) or "yes"
