"""What a person decides of one submission: forms become entries of the log, written for each whose grade it is."""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from grader.core.errors import UsageError
from grader.core.grades import grades_of
from grader.core.results import labelled
from grader.core.review import LONGEST, CommentValue, Kind, LogEntry, SavedComment
from grader.core.text import one_line, shorten
from grader.gradebook import Change
from grader.review.desk import ClassState, Desk, Gone, Overtaken, Row
from grader.review.entries import for_everyone
from grader.review.names import Names
from grader.review.one_check import check_points, find_check
from grader.review.shown_work import shown_notebook
from grader.review.web import Form

ID = re.compile(r"[0-9a-f]{32}")  # of a comment, as pages make them
TITLE = 120  # characters of a saved comment where it is chosen
# The reason of an entry that takes another one back, and what stands behind a reason that holds again by it.
UNDO, UNDONE = "undo", " (undo)"
NEVER_UNDONE: Mapping[str, str] = {
    "rubric": "Change the numbers back on the page What if.", "revealed": "Who has seen the names has seen them.",
}  # fmt: skip


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
    return check_points(desk, row, find_check(desk, form.text("check")), form)


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
    entry = next((item for item in state.log if item.id == number and _same_kind(item.kind, kind)), None)
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


def _same_kind(kind: Kind, said: str) -> bool:
    """Overrides are counted apart from all else, so that a number alone names two entries."""
    return kind == said if said else kind != "override"


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
