"""The log: every decision with its author, time, reason, what stood before and what it made of it. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from grader.core.review import Key, LogEntry
from grader.core.text import joined, one_line, visible
from grader.review.decisions import NEVER_UNDONE
from grader.review.desk import ClassState, Row
from grader.review.entries import in_words
from grader.review.names import Names
from grader.review.web import address

MOST = 200  # entries of one page
TITLES: Mapping[str, str] = {
    "override": "points in all", "check": "points of a check", "adjustment": "points beside the checks",
    "comment": "comment", "looked_at": "looked at", "assigned": "grader", "saved_comment": "saved comment",
    "similarity": "similar code", "revealed": "names revealed", "rubric": "rubric",
}  # fmt: skip


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
    start = int(query.get("from", "0")) if query.get("from", "0").isdecimal() else 0
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
