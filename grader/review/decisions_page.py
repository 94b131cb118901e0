"""The decision log in words: what stands of a submission or of a group's members, and the page with every decision. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.core.decision_log import Key, Kind, LogEntry
from grader.core.text import joined, number, one_line, shorten, visible
from grader.review.class_state import ClassState, Row, differ, seen_entries
from grader.review.names import Names
from grader.review.web import address, whole_number

LONG = 200  # characters of a comment
MOST = 200  # entries of one page
TITLES: Mapping[str, str] = {
    "override": "points in all", "check": "points of a check", "adjustment": "points beside the checks",
    "comment": "comment", "looked_at": "looked at", "assigned": "grader", "saved_comment": "saved comment",
    "similarity": "similar code", "revealed": "names revealed", "rubric": "rubric",
}  # fmt: skip
NEVER_UNDONE: Mapping[str, str] = {
    "rubric": "Change the numbers back on the page What if.", "revealed": "Who has seen the names has seen them.",
}  # fmt: skip


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


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One decision in words; `stands`: it can be taken back. `whose`: the members of a group that it is of."""

    entry: LogEntry
    time: str
    who: str
    whose: str
    href: str
    what: str
    before: str
    after: str
    author: str
    reason: str
    stands: bool


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """A page of the log, the newest first; `older` is the address of the next one."""

    lines: tuple[LogLine, ...]
    all: int
    older: str


def log_page(state: ClassState, query: Mapping[str, str], names: Names) -> LogPage:
    """The page that an address asks for: `student` is a submission's key, `from` how many newer entries there are."""
    wanted = state.by_key.get(query.get("student", ""))
    lines = history(state, wanted, names)
    start = whole_number(query.get("from", "")) or 0
    older = address("/log", {**query, "from": str(start + MOST)}) if len(lines) > start + MOST else ""
    return LogPage(lines=tuple(lines[start : start + MOST]), all=len(lines), older=older)


def history(state: ClassState, wanted: Row | None, names: Names) -> tuple[LogLine, ...]:
    """What was decided of one submission, or of the whole class, the newest first."""
    rows = {student: row for row in state.rows for student in row.students}
    entries = [entry for entry in state.log if wanted is None or rows.get(entry.student) is wanted]
    return tuple(_lines(entries, state, rows, names))[::-1]


def _lines(entries: Iterable[LogEntry], state: ClassState, rows: Mapping[str, Row], names: Names) -> Iterator[LogLine]:
    before: dict[Key, LogEntry] = {}
    for entry in entries:
        row, old = rows.get(entry.student), before.get(entry.key)
        before[entry.key] = entry
        about = entry.subject if entry.kind == "check" else ""
        if entry.kind == "similarity":
            about = _pair(entry.subject, names)
        stands = state.standing[entry.key] is entry and entry.kind not in NEVER_UNDONE
        yield LogLine(
            entry=entry, time=entry.time[:19].replace("T", " "), stands=stands,
            who=names.of(row) if row else names.hide(entry.student) or "the class",
            whose=_member(row, entry.student, names), href=f"/submission/{row.key}" if row else "",
            what=joined((TITLES[entry.kind], names.hide(about)), ": "),
            before=names.hide(in_words(old)) if old else "–", after=names.hide(in_words(entry)),
            author=visible(entry.author), reason=names.hide(visible(entry.reason)),
        )  # fmt: skip


def _pair(subject: str, names: Names) -> str:
    """Whom a verdict is about; an earlier student has no name where names are hidden."""
    first, second, *folder = subject.split("\n")
    other = f"{'a submission' if names.hidden else second} of {folder[0]}" if folder else second
    return visible(f"{first} and {other}")


def _member(row: Row | None, student: str, names: Names) -> str:
    """The member of a group; "" for who hands in alone."""
    if row is None or not row.result.members:
        return ""
    return one_line(names.member(row, row.students.index(student)), 120)
