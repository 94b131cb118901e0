"""What a person decides: forms become entries of the log, one for each whose grade it is, all of them or none."""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from grader.core.decision_log import LONGEST, CommentValue, Kind, LogEntry, SavedComment
from grader.core.errors import UsageError
from grader.core.grades import grades_of
from grader.core.results import labelled
from grader.core.text import one_line, shorten
from grader.gradebook import Change
from grader.review.class_state import ClassState, Row, differ
from grader.review.comments import ID
from grader.review.decisions_page import NEVER_UNDONE
from grader.review.desk import ASKED, Desk, Gone, Overtaken
from grader.review.names import Names
from grader.review.one_check import ClassCheck, ScaleLevel, find_check
from grader.review.shown_work import shown_notebook
from grader.review.web import Form, whole_number

BACK = re.compile(r"/(submission|pairs/[0-9a-f]{16})/[0-9a-f]{16}")  # where a page that asked for names is
TITLE = 120  # characters of a saved comment where it is chosen
# The reason of an entry that takes another one back, and what stands behind a reason that holds again by it.
UNDO, UNDONE = "undo", " (undo)"


def decide(desk: Desk, row: Row, form: Form) -> str:
    """Write a form's decision down; the place on the page where it stands then.

    Raises UsageError for what can't be, Superseded, Gone, Infrastructure: then nothing is written.
    """
    kind = form.text("kind")
    if kind not in DECISIONS:
        raise UsageError(f"`{one_line(kind, 40)}` is no kind of decision.", f"Available: {', '.join(DECISIONS)}.")
    make, place = DECISIONS[kind]
    desk.decide(make(desk, row, form))
    return place(row, form)


def saved_titles(saved: Mapping[str, SavedComment], names: Names) -> dict[str, str]:
    """The saved comments by what they are called where one is chosen: each title once, and without hidden names."""
    titles: dict[str, str] = {}
    for key, comment in saved.items():
        called = names.hide(one_line(comment.text, TITLE))
        title, copies = called, 1
        while title in titles:
            copies += 1
            title = f"{called} ({copies})"
        titles[title] = key
    return titles


def _check(desk: Desk, row: Row, form: Form) -> list[Change]:
    return _check_points(desk, row, find_check(desk, form.text("check")), form)


def decide_check(desk: Desk, check: ClassCheck, form: Form) -> Row:
    """Write down what a person decided of one answer. Raises UsageError, Superseded, Gone, Infrastructure."""
    row = desk.row(form.text("row"))
    desk.decide(_check_points(desk, row, check, form))
    return row


def _check_points(desk: Desk, row: Row, check: ClassCheck, form: Form) -> list[Change]:
    """A person's points for one check of one submission. Raises UsageError, Superseded, Gone."""
    found = labelled(row.result.checks).get(check.label)
    if found is None:
        raise Gone("This submission has no such check any more.", "Go back to the check.")
    taken_back = bool(form.text("take_back"))
    value = None if taken_back else {"points": _points_of(form, check.levels(found.out_of))}
    return for_everyone(desk, row, form, kind="check", subject=check.label, value=value)


def _points_of(form: Form, levels: Sequence[ScaleLevel]) -> float:
    """The points of a form: a level by its place from 1, or what stands in the field. Raises UsageError."""
    place = form.whole("level")
    if place is None:
        if not form.text("points"):
            raise UsageError("No points are given.", "Choose a level, or write a number.")
        return form.number("points")
    if not 1 <= place <= len(levels):
        raise UsageError(f"There is no level {place}.", "Choose one of those that the check has.")
    return levels[place - 1].points


def _adjustment(desk: Desk, row: Row, form: Form) -> list[Change]:
    value = None if form.text("take_back") else {"points": form.number("points")}
    return for_everyone(desk, row, form, kind="adjustment", value=value)


def _override(desk: Desk, row: Row, form: Form) -> list[Change]:
    """Points in all, or an excuse: the one whose button was pressed."""
    before = grades_of(row.result)[0].override
    comment = desk.names().from_field(form.words("comment"), before.comment if before else "")
    value: dict[str, object] | None = {"excused": True, "comment": comment}
    if form.text("take_back"):
        value = None
    elif not form.text("excuse"):
        points = form.number("points")
        if not 0 <= points <= row.result.out_of:
            raise UsageError(f"{points:g} points are not between 0 and the {row.result.out_of:g} that there are.")
        value = {"points": points, "comment": comment}
    if not form.text("reason"):
        raise UsageError("A decision on all points needs a reason.", "Say why: colleagues alone read it.")
    return for_everyone(desk, row, form, kind="override", value=value)


def _looked_at(desk: Desk, row: Row, form: Form) -> list[Change]:
    return for_everyone(desk, row, form, kind="looked_at", value=None if form.text("take_back") else {})


def _assigned(desk: Desk, row: Row, form: Form) -> list[Change]:
    to = form.words("to")
    if len(to) > 200:
        raise UsageError(f"The name of the grader has {len(to):,} characters; at most 200 are kept.")
    return for_everyone(desk, row, form, kind="assigned", value={"to": to} if to else None)


def _comment(desk: Desk, row: Row, form: Form) -> list[Change]:
    """Words on the whole, a check, a cell or a line: typed here, or a saved comment; `keep` saves them for others."""
    subject = form.text("id")
    if not ID.fullmatch(subject):
        raise UsageError("This comment is not known.", "Open the page again, and write it there.")
    if form.text("take_back"):
        return for_everyone(desk, row, form, kind="comment", subject=subject, value=None)
    saved, said = _chosen(desk.state(), form, desk.names())
    before = next((item.text for item in row.review.comments if item.id == subject), "")
    if not saved:
        said = said.model_copy(update={"text": desk.names().from_field(said.text, before)})
    extra = []
    if form.text("keep") and not saved:
        saved = uuid.uuid4().hex
        extra = [
            Change(kind="saved_comment", subject=saved, author=desk.options.author, value=said.model_dump(), seen=0)
        ]
    value = CommentValue.model_validate({**said.model_dump(), "saved": saved, **_where(desk, row, form)})
    return [*extra, *for_everyone(desk, row, form, kind="comment", subject=subject, value=value.model_dump())]


def _chosen(state: ClassState, form: Form, names: Names) -> tuple[str, SavedComment]:
    """The saved comment that was chosen and its id, or what was typed and "". Raises UsageError for both, or neither."""
    title, text = form.text("saved"), form.words("text")
    points = form.number("points") if form.text("points") else 0.0
    if not title:
        if not text:
            raise UsageError("The comment is empty.", "Write what the student is to read.")
        return "", SavedComment(text=text, points=points)
    key = saved_titles(state.saved, names).get(title)
    if key is None:
        raise UsageError(
            f"There is no saved comment “{shorten(title, TITLE)}”.", "Choose one of the list, or write it."
        )
    kept = state.saved[key]
    if text not in ("", kept.text) or (form.text("points") and points != kept.points):
        raise UsageError(
            "A saved comment was chosen, and another text or other points were written.",
            "Leave one of them empty. The saved comment itself is changed on the page Saved comments.",
        )
    return key, kept


def _where(desk: Desk, row: Row, form: Form) -> dict[str, object]:
    """The check, the cell, the line that a comment is on. Raises Gone, UsageError for a place that is not there."""
    label, cell, line = form.text("check"), form.whole("cell"), form.whole("line")
    if label:
        if label not in labelled(row.result.checks):
            raise Gone("This submission has no such check any more.", "Open the page again.")
        return {"check": label}
    if cell is None:
        if line is not None:
            raise UsageError("A line without its cell is nowhere.", "Write the comment at the cell.")
        return {}
    shown = shown_notebook(desk.evidence(row), Names())
    found = next((item for item in shown.cells if item.number == cell), None) if shown else None
    if found is None:
        raise UsageError(f"The notebook has no cell {cell}.", "Write the comment at a cell that is there.")
    lines = found.source.count("\n") + 1
    if line is not None and not 1 <= line <= lines:
        raise UsageError(f"Cell {cell} has no line {line}.", f"It has the lines 1 to {lines}.")
    return {"cell": cell, "line": line}


def _place_of_comment(row: Row, form: Form) -> str:
    if form.text("check"):
        return _place_of_check(row, form)
    return f"cell-{form.text('cell')}" if form.text("cell") else "comments"


def _place_of_check(row: Row, form: Form) -> str:
    labels = list(labelled(row.result.checks))
    label = form.text("check")
    return f"check-{labels.index(label) + 1}" if label in labels else "checks"


Decision = Callable[[Desk, Row, Form], list[Change]]
Place = Callable[[Row, Form], str]
DECISIONS: Mapping[str, tuple[Decision, Place]] = {
    "check": (_check, _place_of_check), "adjustment": (_adjustment, lambda row, form: "points"),
    "override": (_override, lambda row, form: "points"), "comment": (_comment, _place_of_comment),
    "looked_at": (_looked_at, lambda row, form: ""), "assigned": (_assigned, lambda row, form: "assigned"),
}  # fmt: skip


def undo(desk: Desk, form: Form) -> None:
    """Write again what stood before an entry; of a group, for all for whom it was decided together.

    Raises Overtaken where it does not stand any more, UsageError, Infrastructure.
    """
    state = desk.state()
    number, kind = form.whole("seen"), form.text("kind")
    # Overrides are counted apart from all else, so that a number alone names two entries.
    numbered = [item for item in state.log if item.id == number]
    entry = next((item for item in numbered if (item.kind == kind if kind else item.kind != "override")), None)
    if entry is None:
        raise UsageError("This decision is not in the log.", "Open the log again.")
    if entry.kind in NEVER_UNDONE:
        raise UsageError("This can't be undone.", NEVER_UNDONE[entry.kind])
    newest = state.standing[entry.key]
    if newest.id != entry.id:
        stands = None if newest.value is None else newest
        raise Overtaken(stands, state.decided_last((entry.student,), entry.kind, entry.subject))
    now = datetime.now(UTC)
    desk.decide(
        [_undoing(item, _before(state, item), desk.options.author, now) for item in decided_together(state, entry)]
    )


def _undoing(entry: LogEntry, before: LogEntry | None, author: str, now: datetime) -> Change:
    """What stood before an entry, with its reason and the run that it was decided on; without one it is taken back."""
    stood = before if before is not None and before.value is not None else None
    said = stood.reason.removesuffix(UNDONE)[: LONGEST - len(UNDONE)] if stood is not None else ""
    reason = f"{said}{UNDONE}" if said else UNDO
    return Change(
        kind=entry.kind, subject=entry.subject, student=entry.student, author=author, reason=reason,
        evidence=(stood or entry).evidence, value=stood.value if stood else None, seen=entry.id, restores=True, time=now,
    )  # fmt: skip


def undoes(entry: LogEntry) -> bool:
    """Whether an entry was written by undoing another one."""
    return entry.reason == UNDO or entry.reason.endswith(UNDONE)


def decided_together(state: ClassState, entry: LogEntry) -> Iterator[LogEntry]:
    """The entry, and what the same form decided of the other members of the group, as far as it stands."""
    row = next((row for row in state.rows if entry.student in row.students), None)
    students = row.students if row is not None and entry.student else (entry.student,)
    for student in students:
        item = state.standing.get((student, entry.kind, entry.subject))
        if item is not None and (item.time, item.author) == (entry.time, entry.author):
            yield item


def _before(state: ClassState, entry: LogEntry) -> LogEntry | None:
    """The entry of the same key before an entry."""
    before: LogEntry | None = None
    for item in state.log:
        if item.key == entry.key:
            if item.id == entry.id:
                break
            before = item
    return before


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
    numbers = [number for text in said if (number := whole_number(text)) is not None]
    return numbers if len(numbers) == len(said) == len(row.students) else None


def reveal(desk: Desk, form: Form) -> str:
    """Reveal one submission's names (`row`: its key), or all of them; where to go then. Raises UsageError, Gone.

    They are revealed to this desk's person alone. `back`: the page of a submission or a pair that asked.
    """
    if not desk.options.anonymous:
        raise UsageError("No names are hidden.", "Start the desk with --anonymous to hide them.")
    row = desk.row(form.text("row")) if form.text("row") else None
    author = desk.options.author
    changes = [
        Change(kind="revealed", student=student, subject=author, author=author, value={})
        for student in (row.students if row else ("",))
    ]
    desk.decide(changes)
    return form.text("back") if BACK.fullmatch(form.text("back")) else "/"
