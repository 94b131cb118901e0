"""One submission on one screen: its notebook with comments, its checks and points, and what is decided of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

from grader.core.decision_log import Comment
from grader.core.grades import flags_of, grades_of
from grader.core.results import Grade, Outcome, labelled
from grader.core.text import joined, number, one_line, visible
from grader.pages.cells import CellView, ProseView
from grader.pages.decisions import signed
from grader.pages.headline import Headline, points_word
from grader.pages.markup import Markup
from grader.pages.view import CheckView, student_view
from grader.pages.wording import flag_word
from grader.review.class_page import FILTERS, queue_title, selected
from grader.review.class_state import ClassState, Row
from grader.review.decisions import saved_titles, undoes
from grader.review.decisions_page import LogLine, MemberDecision, history, member_decisions, seen_of
from grader.review.desk import Desk
from grader.review.names import Names
from grader.review.one_check import ClassCheck, ScaleLevel, check_address, checks_of_class, what_stands
from grader.review.shown_work import shown_notebook
from grader.review.web import address

BESIDE = ("next", "previous")  # what forms remember of a list: a decision may move its submission to another place


@dataclass(frozen=True, kw_only=True)
class GivenComment:
    """A comment that stands; `shared`: it is a saved one, which is changed wherever it was used.

    `where` names its place in words, `whose` the members of a group who have it (empty: all of them); `fields` are both as
    a form holds them.
    """

    id: str
    text: str
    points: str
    author: str
    shared: bool
    where: str
    whose: str
    fields: Mapping[str, str]
    seen: str


@dataclass(frozen=True, kw_only=True)
class CheckToDecide:
    """A check with the points that stand and what a person can make of them."""

    label: str
    shown: CheckView
    stands: str
    out_of: str
    found: str  # the points that the check gave; empty where a person is to give them
    decided_by: str
    reason: str
    levels: tuple[tuple[ScaleLevel, bool], ...]
    manual: bool
    needs_reason: bool
    seen: str
    own: tuple[MemberDecision, ...]  # where the members of a group have something else
    taken_back: bool  # whether there is something to take back
    comments: tuple[GivenComment, ...]
    across: str


@dataclass(frozen=True, kw_only=True)
class SourcePart:
    """Lines of a cell, each with its number, and the comments on the last of them."""

    lines: tuple[tuple[int, Markup], ...]
    comments: tuple[GivenComment, ...]


@dataclass(frozen=True, kw_only=True)
class CommentedCell:
    """A code cell as it is shown, its source in parts between which comments stand, and those on all of it."""

    shown: CellView
    parts: tuple[SourcePart, ...]
    comments: tuple[GivenComment, ...]


@dataclass(frozen=True, kw_only=True)
class QueuePlace:
    """Where a submission stands in the list that the address names: addresses are empty at the ends."""

    title: str
    number: int
    count: int
    left: bool  # it was in the list, and a decision took it out
    previous: str
    next: str
    back: str  # the list's part of the address, for forms
    to_class: str


@dataclass(frozen=True, kw_only=True)
class MemberLine:
    """What one student gets: the points, out of all, and a word on who decided them."""

    name: str
    points: str
    why: str


@dataclass(frozen=True, kw_only=True)
class SubmissionPage:
    """Everything the page says; `hidden`: whether the name is."""

    key: str
    name: str
    hidden: bool
    file: str
    verdict: Headline
    out_of: str
    pass_mark: str
    earned: str
    members: tuple[MemberLine, ...]
    flags: tuple[tuple[str, str], ...]
    ending: str
    checks: tuple[CheckToDecide, ...]
    comments: tuple[GivenComment, ...]  # on the whole, and on what is not there any more
    cells: tuple[CommentedCell, ...]
    after: tuple[ProseView, ...]  # the notebook's Markdown below its last cell
    notes: tuple[str, ...]
    nothing: str  # why there is no notebook
    own: Mapping[str, tuple[MemberDecision, ...]]  # by kind, where the members of a group have something else
    adjustment: str
    adjustment_reason: str
    override: str  # the points in all that a person decided, "excused", or nothing
    override_reason: str
    override_comment: str
    looked_at: str
    assigned: str
    graders: tuple[str, ...]
    saved: tuple[tuple[str, str, str], ...]  # title, text, points
    seen: Mapping[str, str]
    place: QueuePlace
    history: tuple[LogLine, ...]
    undo: int | None  # the entry that the key takes back: one's own last decision


def submission_page(desk: Desk, row: Row, query: Mapping[str, str], names: Names) -> SubmissionPage:
    """The page of one submission, in the list that the address names."""
    state = desk.state()
    view, grade = student_view(row.result, None), grades_of(row.result)[0]
    given = _given(state, row, names)
    notebook = shown_notebook(desk.evidence(row), names)
    cells = tuple(_cell(cell, given) for cell in notebook.cells) if notebook else ()
    known = checks_of_class(desk.options.rubric, (row,))
    checks = _checks(state, row, known, view.checks, given, names)
    commented: list[CheckToDecide | CommentedCell | SourcePart] = [*checks, *cells]
    commented += [part for cell in cells for part in cell.parts]
    placed = {item.id for each in commented for item in each.comments}
    own = {kind: member_decisions(state, row, names, kind) for kind in ("override", "adjustment")}
    override, adjustment = (
        None if own["override"] else grade.override,
        None if own["adjustment"] else row.review.adjustment,
    )
    lines = _told_once(history(state, row, names), row)
    return SubmissionPage(
        key=row.key, name=one_line(names.of(row), 200), hidden=names.hides(row), file=names.hide(view.submission),
        verdict=replace(view.verdict, sentence=names.hide(view.verdict.sentence)),
        out_of=view.out_of, pass_mark=view.pass_mark, earned=view.earned, members=_members(row, names),
        flags=tuple((flag_word(flag.kind), names.hide(visible(flag.reason))) for flag in flags_of(row.result)),
        ending=names.hide(f"{view.ending}: {view.ending_message}" if view.ending_message else view.ending),
        checks=checks, comments=tuple(item for item, _ in given if item.id not in placed),
        cells=cells, after=notebook.after if notebook else (), notes=notebook.notes if notebook else (),
        nothing="" if notebook else _why_nothing(row),
        own=own, adjustment=f"{adjustment.points:+g}" if adjustment else "",
        adjustment_reason=names.in_field(adjustment.reason) if adjustment else "",
        override="" if override is None else "excused" if override.excused else number(override.points or 0.0),
        override_reason=names.in_field(override.reason) if override else "",
        override_comment=names.in_field(override.comment) if override else "",
        looked_at=_looked_at(row), assigned=visible(state.assigned(row)), graders=_graders(desk, state),
        saved=tuple(
            (title, names.hide(state.saved[key].text), signed(state.saved[key].points))
            for title, key in saved_titles(state.saved, names).items()
        ),
        seen={kind: seen_of(state, row, kind) for kind in ("override", "adjustment", "looked_at", "assigned")},
        place=queue_place(state, row, query, names), history=lines, undo=_last_own(lines, desk.options.author),
    )  # fmt: skip


def _looked_at(row: Row) -> str:
    """Who looked at it; of a group, at it for each of its members."""
    by = [grade.review.looked_at if grade.review else "" for grade in grades_of(row.result)]
    return visible(joined(dict.fromkeys(by), ", ")) if all(by) else ""


def _why_nothing(row: Row) -> str:
    if row.result.absent:
        return "Nothing was handed in."
    return "It was not run: there is no notebook to show." if row.result.unread else "No run of it is stored."


def _graders(desk: Desk, state: ClassState) -> tuple[str, ...]:
    """Whom it can be handed to: who decided anything so far, and who has anything to look at."""
    known = {entry.author for entry in state.log} | {state.assigned(row) for row in state.rows}
    return tuple(sorted(map(visible, (known | {desk.options.author}) - {""}), key=str.casefold))


def _told_once(lines: Iterable[LogLine], row: Row) -> tuple[LogLine, ...]:
    """What was decided of a group at once is told once; of some of its members, it says of whom."""
    together: dict[tuple[str, ...], list[LogLine]] = {}
    for line in lines:
        together.setdefault(_told(line), []).append(line)
    return tuple(
        replace(same[0], whose="" if len(same) == len(row.students) else ", ".join(line.whose for line in same[::-1]))
        for same in together.values()
    )


def _told(line: LogLine) -> tuple[str, ...]:
    """What lines that are told as one have in common."""
    return line.entry.time, line.entry.author, line.entry.kind, line.entry.subject, line.before, line.after


def _last_own(lines: Iterable[LogLine], author: str) -> int | None:
    """The newest decision of this person that stands and takes nothing back: undoing twice goes on with the one before."""
    own = (line.entry.id for line in lines if line.stands and line.entry.author == author and not undoes(line.entry))
    return next(own, None)


def _members(row: Row, names: Names) -> tuple[MemberLine, ...]:
    """What each member of a group gets; nothing for a single student."""
    if not row.result.members:
        return ()
    return tuple(
        MemberLine(name=one_line(names.member(row, place), 200), points=points_word(grade), why=_why(grade))
        for place, grade in enumerate(grades_of(row.result))
    )


def _why(grade: Grade) -> str:
    if grade.override is not None:
        return "excused" if grade.excused else f"decided by {visible(grade.override.author)}"
    return grade.lateness


def _given(state: ClassState, row: Row, names: Names) -> tuple[tuple[GivenComment, Comment], ...]:
    """The comments that stand, each with its value; of a group, those of every member."""
    holders: dict[Comment, list[int]] = {}
    for place, grade in enumerate(grades_of(row.result)):
        for item in grade.review.comments if grade.review else ():
            holders.setdefault(item, []).append(place)
    return tuple((_shown(state, row, item, names, places), item) for item, places in holders.items())


def _shown(state: ClassState, row: Row, item: Comment, names: Names, places: Sequence[int]) -> GivenComment:
    value = state.standing[row.students[places[0]], "comment", item.id].value or {}
    some = len(places) < len(row.students)
    return GivenComment(
        id=item.id, text=names.in_field(item.text), points=signed(item.points), author=visible(item.author),
        shared=value.get("saved") in state.saved, where=visible(item.where),
        whose=", ".join(one_line(names.member(row, place), 200) for place in places) if some else "",
        fields={**_fields(item), **({"only": " ".join(map(str, places))} if some else {})},
        seen=seen_of(state, row, "comment", item.id),
    )  # fmt: skip


def _fields(comment: Comment) -> dict[str, str]:
    """The place of a comment as a form holds it."""
    found = {"check": comment.check, "cell": comment.cell, "line": comment.line}
    return {name: str(value) for name, value in found.items() if value}


def _checks(
    state: ClassState,
    row: Row,
    known: Mapping[str, ClassCheck],
    views: Sequence[CheckView],
    given: Sequence[tuple[GivenComment, Comment]],
    names: Names,
) -> tuple[CheckToDecide, ...]:
    checks = []
    for (label, check), view in zip(labelled(row.result.checks).items(), views, strict=False):
        own, mine, points = what_stands(state, row, label, names)
        waits = check.outcome is Outcome.AWAITING
        checks.append(
            CheckToDecide(
                label=label, shown=replace(view, reason=names.hide(view.reason), hint=names.hide(view.hint)),
                stands="" if points is None else number(points), out_of=number(check.out_of),
                found="" if waits else number(check.points),
                decided_by=visible(mine.author) if mine else "", reason=names.in_field(mine.reason) if mine else "",
                levels=tuple((level, points == level.points) for level in known[label].levels(check.out_of)),
                manual=known[label].manual, needs_reason=not waits, seen=seen_of(state, row, "check", label),
                own=own, taken_back=bool(mine or own),
                comments=tuple(item for item, comment in given if comment.check == label),
                across=check_address(label, anchor=f"answer-{row.key}"),
            )
        )  # fmt: skip
    return tuple(checks)


def _cell(cell: CellView, given: Sequence[tuple[GivenComment, Comment]]) -> CommentedCell:
    """The source in parts: one ends where a line has comments."""
    lines = cell.lines
    on_line: dict[int, list[GivenComment]] = {}
    whole: list[GivenComment] = []
    for item, comment in given:
        if comment.cell == cell.number:
            here = comment.line is not None and comment.line <= len(lines)
            (on_line.setdefault(comment.line or 0, []) if here else whole).append(item)
    ends = sorted({*on_line, len(lines)})
    starts = [0, *ends[:-1]]
    parts = tuple(
        SourcePart(
            lines=tuple(enumerate(lines[start:end], start + 1)), comments=tuple(on_line.get(end, ())),
        )
        for start, end in zip(starts, ends, strict=True)
    )  # fmt: skip
    return CommentedCell(shown=cell, parts=parts, comments=tuple(whole))


def queue_place(state: ClassState, row: Row, query: Mapping[str, str], names: Names) -> QueuePlace:
    """Where a submission stands in the list of an address, and its neighbours.

    One that a decision took out of the list keeps the place that it had. Where forms tell the neighbours of before the
    decision, these are kept: a list that is sorted by points would lead elsewhere.
    """
    kept = {name: query[name] for name in FILTERS if query.get(name)}
    rows = selected(state, kept, names)
    left = all(item.key != row.key for item in rows)
    if left:
        wanted = {*(item.key for item in rows), row.key}
        rows = [
            item
            for item in selected(state, {**kept, "queue": "", "search": "", "grader": ""}, names)
            if item.key in wanted
        ]
    place = next(at for at, item in enumerate(rows) if item.key == row.key)
    there = {item.key for item in rows} - {row.key}
    beside = {
        "previous": rows[place - 1].key if place else "",
        "next": rows[place + 1].key if place + 1 < len(rows) else "",
    }
    beside = {name: query[name] if query.get(name) in there else key for name, key in beside.items()}
    links = {name: address(f"/submission/{key}", kept) if key else "" for name, key in beside.items()}
    return QueuePlace(
        title=queue_title(kept["queue"]) if kept.get("queue") else "the class", number=place + 1, count=len(rows), left=left,
        back=urlencode({**kept, **{name: key for name, key in beside.items() if key}}), to_class=address("/", kept), **links,
    )  # fmt: skip


def after_decision(desk: Desk, row: Row, back: str, place: str, names: Names, *, go_on: bool) -> str:
    """Where a person is led after a decision: the same screen and place, or (`go_on`) the next submission."""
    query = dict(parse_qsl(back))
    if go_on:
        found = queue_place(desk.state(), row, query, names)
        return found.next or found.to_class
    kept = {name: query[name] for name in (*FILTERS, *BESIDE) if query.get(name)}
    return address(f"/submission/{row.key}", kept, place)
