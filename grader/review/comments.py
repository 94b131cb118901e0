"""The comment bank: comments that are used often, where each is used, and who moves if one is changed."""

import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from grader.core.decision_log import CommentValue, SavedComment
from grader.core.errors import UsageError
from grader.core.results import Grade
from grader.core.text import number, one_line, visible
from grader.gradebook import Change
from grader.pages.decisions import signed
from grader.review.class_state import ClassState, Row
from grader.review.desk import Desk, Gone
from grader.review.names import Names
from grader.review.web import Form

ID = re.compile(r"[0-9a-f]{32}")  # of a comment, as pages make them
LONG = 160  # characters of a comment's heading


@dataclass(frozen=True, kw_only=True)
class SavedLine:
    """A saved comment: the entry that stands, how many students have it, and who gave it to how many."""

    id: str
    comment: SavedComment
    title: str
    shown: str
    in_field: str
    points: str
    seen: int
    used: int
    givers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class CommentsPage:
    """The saved comments that a search finds, the most used first, of so many in all."""

    lines: tuple[SavedLine, ...]
    all: int


@dataclass(frozen=True, kw_only=True)
class CommentHolder:
    """A student who has a comment, and the grade before and after it is changed, in words."""

    name: str
    href: str
    before: str
    after: str
    result_before: str
    result_after: str
    moved: bool


@dataclass(frozen=True, kw_only=True)
class CommentPreview:
    """What a change of a saved comment does; `new` is None where it is deleted."""

    line: SavedLine
    new: SavedComment | None
    movers: tuple[CommentHolder, ...]
    points_moved: int
    verdicts_moved: int
    shown: str  # the new one's text and points
    points: str


def comments_page(state: ClassState, query: Mapping[str, str], names: Names) -> CommentsPage:
    """The page that an address asks for: `search` are words that a comment holds."""
    words = query.get("search", "").casefold().split()
    lines = [line for line in saved_lines(state, names) if all(word in line.comment.text.casefold() for word in words)]
    return CommentsPage(lines=tuple(lines), all=len(state.saved))


def saved_lines(state: ClassState, names: Names) -> list[SavedLine]:
    """Every saved comment, the most used first."""
    used = _users(state)
    lines = [
        SavedLine(
            id=key, comment=comment, title=one_line(comment.text, LONG), shown=names.in_field(comment.text),
            in_field=names.hide(comment.text),
            points=signed(comment.points), seen=state.standing["", "saved_comment", key].id, used=len(used[key]),
            givers=tuple(Counter(used[key].values()).most_common()),
        )
        for key, comment in state.saved.items()
    ]  # fmt: skip
    return sorted(lines, key=lambda line: (-line.used, line.title.casefold()))


def _users(state: ClassState) -> dict[str, dict[str, str]]:
    """The students who have a saved comment, each with who gave it, by its id."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for entry in state.standing.values():
        if entry.kind == "comment" and entry.value is not None:
            found[CommentValue.model_validate(entry.value).saved][entry.student] = entry.author
    return found


def _line(state: ClassState, key: str, names: Names) -> SavedLine:
    """The saved comment of a form. Raises Gone."""
    found = next((line for line in saved_lines(state, names) if line.id == key), None)
    if found is None:
        raise Gone("This comment is not saved any more.", "Somebody deleted it: it stays where it was used.")
    return found


def comment_of(form: Form) -> SavedComment:
    """What was typed. Raises UsageError."""
    text, points = form.words("text"), form.number("points") if form.text("points") else 0.0
    if not text:
        raise UsageError("The comment is empty.", "Write what students are to read.")
    return SavedComment(text=text, points=points)


def add_comment(desk: Desk, form: Form) -> str:
    """Keep a new comment; its id. Sent twice, it is there once. Raises UsageError, Superseded, Infrastructure."""
    key = form.text("id") if ID.fullmatch(form.text("id")) else uuid.uuid4().hex
    comment = comment_of(form)
    if desk.state().saved.get(key) != comment:
        desk.decide([_change(desk, key, comment, seen=0)])
    return key


def change_comment(desk: Desk, form: Form) -> str:
    """Change a comment wherever it was used, or delete it; its id. Raises as above, and Gone."""
    state, names = desk.state(), desk.names()
    line = _line(state, form.text("id"), names)
    seen, new = form.whole("seen"), _new(form)
    if new is not None:
        told = (old.text for old in reversed(_versions(state, line.id)) if old)
        text = next((kept for kept in told if names.from_field(new.text, kept) == kept), new.text)
        new = new.model_copy(update={"text": text})
    desk.decide([_change(desk, line.id, new, seen=line.seen if seen is None else seen)])
    return line.id


def _versions(state: ClassState, key: str) -> list[SavedComment | None]:
    """What a saved comment was, one after another; None where it was deleted."""
    values = (entry.value for entry in state.log if entry.key == ("", "saved_comment", key))
    return [None if value is None else SavedComment.model_validate(value) for value in values]


def undoing(desk: Desk, form: Form, names: Names) -> Form | None:
    """The form that takes back the last change of a saved comment, for who moves is shown before; None for all else.

    A comment that was deleted stayed where it was used: nobody moves where it is saved again.
    """
    state, number = desk.state(), form.whole("seen")
    entry = next((item for item in state.log if item.id == number and item.kind == "saved_comment"), None)
    if entry is None or form.text("kind") not in ("", "saved_comment") or entry.subject not in state.saved:
        return None
    if state.standing[entry.key].id != number:
        return None
    before = [None, *_versions(state, entry.subject)][-2]
    if before is None:
        return Form({"id": entry.subject, "delete": "1"})
    return Form({"id": entry.subject, "text": names.hide(before.text), "points": f"{before.points:g}"})


def _new(form: Form) -> SavedComment | None:
    return None if form.text("delete") else comment_of(form)


def _change(desk: Desk, key: str, comment: SavedComment | None, *, seen: int) -> Change:
    value = None if comment is None else comment.model_dump()
    return Change(kind="saved_comment", subject=key, author=desk.options.author, value=value, seen=seen)


def preview_change(desk: Desk, form: Form, names: Names) -> CommentPreview:
    """Who moves if a comment is changed or deleted; nothing is kept. Raises UsageError, Superseded, Gone, Infrastructure."""
    state = desk.state()
    line, new = _line(state, form.text("id"), names), _new(form)
    users = _users(state)[line.id]
    pairs = desk.grades_after([_change(desk, line.id, new, seen=line.seen)])
    known = {student: (row, place) for row in state.rows for place, student in enumerate(row.students)}
    movers = [
        _mover(known.get(old.student.name), old, after, names) for old, after in pairs if old.student.name in users
    ]
    return CommentPreview(
        line=line, new=new, movers=tuple(sorted(movers, key=lambda mover: (not mover.moved, mover.name.casefold()))),
        points_moved=sum(mover.moved for mover in movers),
        verdicts_moved=sum(mover.result_before != mover.result_after for mover in movers),
        shown="" if new is None else visible(new.text), points="" if new is None else signed(new.points),
    )  # fmt: skip


def _mover(found: tuple[Row, int] | None, before: Grade, after: Grade, names: Names) -> CommentHolder:
    """`found`: the submission, and which of its students it is; None where it is not in the class any more."""
    row, place = found or (None, 0)
    name = names.hide(before.student.name) if row is None else names.member(row, place)
    return CommentHolder(
        name=one_line(name, 120), href=f"/submission/{row.key}" if row else "", before=_points(before), after=_points(after),
        result_before=_result(before), result_after=_result(after), moved=before.points != after.points,
    )  # fmt: skip


def _points(grade: Grade) -> str:
    if grade.excused:
        return "excused"
    return "–" if grade.points is None else number(grade.points)


def _result(grade: Grade) -> str:
    return "–" if grade.points is None else "passed" if grade.passed else "not passed"
