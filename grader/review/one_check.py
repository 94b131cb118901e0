"""One check across the class: every student's answer to it in a row, in an order that an address tells, and its points.

Graders get harsher as they go, so the order is shuffled, and the page says how one's own first and last decisions differ.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from grader.checks.base import NoParameters
from grader.checks.manual import Manual
from grader.core.decision_log import CheckPoints
from grader.core.evidence import Value
from grader.core.grades import grades_of
from grader.core.results import CheckResult, Outcome, labelled, labels_of
from grader.core.text import number, one_line, visible
from grader.course.rubric import Rubric
from grader.pages.cells import NotebookView
from grader.review.class_state import ClassState, Row
from grader.review.decisions_page import MemberDecision, member_decisions, seen_of
from grader.review.desk import Desk, Gone
from grader.review.names import Names
from grader.review.shown_work import NotebookPart, count_drawing_cells, part_of_address, part_of_check, shown_part
from grader.review.web import Form, address, whole_number

AT_ONCE = 20  # answers of one page
KEYS = 9  # levels that have a key
BINS = 10  # of the points given so far
FEWEST = 6  # decisions of which something can be said
SAMPLE = 20  # notebooks in which cells with figures are looked for
LONGEST_KEPT = 300  # characters of a reason that goes along to the next answer
KEPT = ("seed", "from", "shows", "cell", "figure", "reason")  # what an address says of the page


@dataclass(frozen=True)
class ScaleLevel:
    """A number of points that can be given with one key, and what it is called."""

    key: str
    name: str
    points: float


@dataclass(frozen=True, kw_only=True)
class ClassCheck:
    """A check of the class by its label; `scale`: levels with their points, if the rubric names any."""

    label: str
    title: str
    out_of: float
    manual: bool = False
    scale: Mapping[str, float]
    part: NotebookPart

    def levels(self, out_of: float) -> tuple[ScaleLevel, ...]:
        """The points that have a key: those of the scale, else nothing, half and all."""
        named = dict(self.scale) or {"none": 0.0, "half": out_of / 2, "full": out_of}
        return tuple(
            ScaleLevel(str(place) if place <= KEYS else "", name, points)
            for place, (name, points) in enumerate(named.items(), 1)
        )


@dataclass(frozen=True, kw_only=True)
class CheckLine:
    """A check in the list of all: how many have which share of its points, and who decided how many."""

    check: ClassCheck
    href: str
    full: int
    part: int
    none: int
    awaiting: int
    deciders: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class ChecksPage:
    """All checks, and the cells that drew figures in so many notebooks that were looked at: number, address, how many."""

    lines: tuple[CheckLine, ...]
    cells: tuple[tuple[int, str, int], ...]
    figures: str
    looked_at: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One student's answer. `points` are those that stand, None while a person is to give them; `seen` what was decided."""

    key: str
    name: str
    href: str
    points: str
    out_of: str
    given: str  # as it stands in the field
    levels: tuple[tuple[ScaleLevel, bool], ...]
    decided: CheckPoints | None
    own: tuple[MemberDecision, ...]  # where the members of a group have something else; then nothing stands of all
    found: str
    hint: str
    in_all: str
    seen: str
    needs_reason: bool
    reason: str  # as it stands in the field
    work: NotebookView | None
    nothing: str


@dataclass(frozen=True, kw_only=True)
class AcrossPage:
    """A page of answers; `check` is None where only a part of the notebooks is looked at."""

    check: ClassCheck | None
    part: NotebookPart
    answers: tuple[Answer, ...]
    all: int
    start: int
    decided: int
    kept: str
    action: str
    earlier: str
    later: str
    other_order: str
    open: str
    parts: tuple[tuple[str, str, bool], ...]
    reason: str
    bins: tuple[int, ...]
    named: tuple[tuple[ScaleLevel, int], ...]
    drift: str


def checks_of_class(rubric: Rubric, rows: Iterable[Row]) -> dict[str, ClassCheck]:
    """The checks by label: those of the rubric in its order, then what only stored results have."""
    planned = [
        CheckResult(
            name=item.check.name, title=item.title, outcome=Outcome.SKIPPED, points=0.0, out_of=item.spec.points
        )
        for item in rubric.planned
    ]
    checks = {
        label: _class_check(label, check, item.parameters)
        for label, check, item in zip(labels_of(planned), planned, rubric.planned, strict=True)
    }
    for row in rows:
        for label, check in labelled(row.result.checks).items():
            if label not in checks:
                checks[label] = _class_check(label, check, NoParameters())
    return checks


def _class_check(label: str, check: CheckResult, parameters: Value) -> ClassCheck:
    return ClassCheck(
        label=label, title=check.title, out_of=check.out_of, manual=isinstance(parameters, Manual),
        scale=parameters.scale if isinstance(parameters, Manual) else {}, part=part_of_check(parameters),
    )  # fmt: skip


def check_address(label: str, query: Mapping[str, str] | None = None, anchor: str = "") -> str:
    """The address of one check: a label may hold what has a meaning in addresses."""
    return f"/check/{quote(label, safe='')}{address('', query, anchor)}"


def checks_page(desk: Desk) -> ChecksPage:
    """The list of checks, and where figures are."""
    state = desk.state()
    checks = checks_of_class(desk.options.rubric, state.rows)
    runs = [row for row in state.rows if not row.result.unread]
    chosen = [runs[place * len(runs) // SAMPLE] for place in range(SAMPLE)] if len(runs) > SAMPLE else runs
    cells = count_drawing_cells(desk.evidence(row) for row in chosen)
    return ChecksPage(
        lines=tuple(_line(check, state) for check in checks.values()),
        cells=tuple((cell, address("/check", {"shows": f"cell:{cell}"}), n) for cell, n in cells.items()),
        figures=address("/check", {"shows": "figure"}),
        looked_at=len(chosen),
    )


def _line(check: ClassCheck, state: ClassState) -> CheckLine:
    counted: Counter[str] = Counter()
    deciders: Counter[str] = Counter()
    for row in _with_check(state, check.label):
        found, decided = labelled(row.result.checks)[check.label], _decided(row, check.label)
        points = _points(found, decided)
        share = "awaiting" if points is None else "full" if points >= found.out_of else "part" if points else "none"
        counted[share] += 1
        deciders.update([decided.author] if decided else [])
    return CheckLine(
        check=check, href=check_address(check.label), full=counted["full"], part=counted["part"], none=counted["none"],
        awaiting=counted["awaiting"], deciders=tuple(deciders.most_common()),
    )  # fmt: skip


def _with_check(state: ClassState, label: str) -> list[Row]:
    """The submissions whose result has the check."""
    return [row for row in state.rows if label in labelled(row.result.checks)]


def _decided(row: Row, label: str) -> CheckPoints | None:
    return next((item for item in row.review.checks if item.check == label), None)


def _decided_of_all(row: Row, label: str) -> bool:
    """Whether a person decided the check's points, of a group those of each member."""
    reviews = [grade.review for grade in grades_of(row.result)]
    return all(review is not None and any(item.check == label for item in review.checks) for review in reviews)


def _points(found: CheckResult, decided: CheckPoints | None) -> float | None:
    """The points that stand; None while a person is to give them."""
    if decided is not None:
        return min(decided.points, found.out_of)
    return None if found.outcome is Outcome.AWAITING else found.points


def what_stands(
    state: ClassState, row: Row, label: str, names: Names
) -> tuple[tuple[MemberDecision, ...], CheckPoints | None, float | None]:
    """What a person decided of a check, and the points; where members of a group have something else, theirs alone."""
    if own := member_decisions(state, row, names, "check", label):
        return own, None, None
    found, decided = labelled(row.result.checks).get(label), _decided(row, label)
    return (), decided, None if found is None else _points(found, decided)


def usual_seed(desk: Desk, label: str) -> str:
    """The order in which a person gets a check's answers: always the same one, and another one for everybody."""
    told = f"{desk.assignment}\n{label}\n{desk.options.author}"
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def shuffled(rows: Sequence[Row], seed: str) -> list[Row]:
    """The rows in the order of a seed: a row that comes or goes leaves the order of the others as it is."""
    return sorted(rows, key=lambda row: hashlib.sha256(f"{seed}\n{row.key}".encode("utf-8", "replace")).digest())


def find_check(desk: Desk, label: str) -> ClassCheck:
    """The check of an address. Raises Gone."""
    state = desk.state()  # which follows the rubric's file
    found = checks_of_class(desk.options.rubric, state.rows).get(label)
    if found is None:
        raise Gone("There is no such check.", "Choose one from the list of checks.")
    return found


def across_page(
    desk: Desk, check: ClassCheck | None, query: Mapping[str, str], names: Names, *, only: Row | None = None
) -> AcrossPage:
    """The page of answers that an address asks for; `only`: with this one answer."""
    state = desk.state()
    label = check.label if check else ""
    part = part_of_address(query, check.part if check else NotebookPart(kind="figure"))
    seed = query.get("seed") or usual_seed(desk, label)
    rows = _in_order(state, label, seed)
    start = _start(query, len(rows))
    kept = {**{name: query[name] for name in KEPT if query.get(name)}, "seed": seed, "from": str(start or "")}

    def path(more: Mapping[str, str]) -> str:
        told = {**kept, **more}
        return check_address(label, told) if check else address("/check", {**told, "shows": part.written})

    undecided = [place for place, row in enumerate(rows) if check and not _decided_of_all(row, label)]
    return AcrossPage(
        check=check, part=part, all=len(rows), start=start,
        answers=tuple(
            _answer(state, row, check, shown_part(desk.evidence(row), part, names) if part.kind != "nothing" else "", names)
            for row in ([only] if only else rows[start : start + AT_ONCE])
        ),
        decided=len(rows) - len(undecided) if check else 0,
        kept=address("", kept).lstrip("?"), action=check_address(label) if check else "",
        earlier=path({"from": str(max(0, start - AT_ONCE) or "")}) if start else "",
        later=path({"from": str(start + AT_ONCE)}) if start + AT_ONCE < len(rows) else "",
        other_order=path({"seed": hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()[:8], "from": ""}),
        open=_place(rows, undecided[0], label, kept) if check and undecided else "",
        parts=_parts(part, check), reason=query.get("reason", ""), bins=_bins(rows, label),
        named=_named(rows, check), drift=drift(state, label, desk.options.author),
    )  # fmt: skip


def _in_order(state: ClassState, label: str, seed: str) -> list[Row]:
    rows = _with_check(state, label) if label else [row for row in state.rows if not row.result.unread]
    return shuffled(rows, seed)


def _start(query: Mapping[str, str], count: int) -> int:
    """The first answer of the page, at the beginning of a page."""
    wanted = whole_number(query.get("from", "")) or 0
    return min(wanted, max(count - 1, 0)) // AT_ONCE * AT_ONCE


def _place(rows: Sequence[Row], place: int, label: str, kept: Mapping[str, str]) -> str:
    """The address of one answer: its page, and the place in it."""
    start = place // AT_ONCE * AT_ONCE
    return check_address(label, {**kept, "from": str(start or "")}, f"answer-{rows[place].key}")


def _parts(part: NotebookPart, check: ClassCheck | None) -> tuple[tuple[str, str, bool], ...]:
    """What a person may choose to look at: as it stands in addresses, in words, and whether it is shown."""
    known = [check.part] if check and check.part.kind == "tag" else []
    known += [NotebookPart(), *(NotebookPart(kind="figure", number=n) for n in range(4)), part]
    known += [NotebookPart(kind="cell", number=n) for n in range(1, 31)]
    return tuple((item.written, item.title, item == part) for item in dict.fromkeys(known))


def _answer(state: ClassState, row: Row, check: ClassCheck | None, work: NotebookView | str, names: Names) -> Answer:
    """One student's answer, with the part of the notebook that is looked at, or why there is none."""
    found = labelled(row.result.checks).get(check.label) if check else None
    own, decided, points = what_stands(state, row, check.label, names) if check else ((), None, None)
    awaits = found is not None and found.outcome is Outcome.AWAITING
    return Answer(
        key=row.key, name=one_line(names.of(row), 120), href=f"/submission/{row.key}",
        points="" if points is None else number(points), out_of=number(found.out_of) if found else "",
        given="" if points is None else number(points),
        levels=tuple((level, points == level.points) for level in check.levels(found.out_of)) if check and found else (),
        decided=decided, own=own, found=names.hide(visible(found.reason)) if found and not awaits else "",
        hint=names.hide(visible(found.hint)) if found else "",
        in_all=_in_all(state, row, names),
        seen=seen_of(state, row, "check", check.label) if check else "",
        needs_reason=found is not None and not awaits, reason=names.in_field(decided.reason) if decided else "",
        work=work if isinstance(work, NotebookView) else None, nothing=work if isinstance(work, str) else "",
    )  # fmt: skip


def _in_all(state: ClassState, row: Row, names: Names) -> str:
    """What a person decided over all checks, which wins; empty where nobody did. Of a group, whose it is."""
    own = member_decisions(state, row, names, "override")
    if own:
        return "; ".join(f"{item.name}: {item.stands}" for item in own if item.held) + " in all"
    override = grades_of(row.result)[0].override
    if override is None:
        return ""
    return "excused" if override.excused else f"{number(override.points or 0)} points in all"


def _bins(rows: Sequence[Row], label: str) -> tuple[int, ...]:
    """How many have which tenth of the check's points, as far as they stand."""
    shares: Counter[int] = Counter()
    for row in rows if label else ():
        found = labelled(row.result.checks)[label]
        points = _points(found, _decided(row, label))
        if points is not None and found.out_of:
            shares[min(int(BINS * points / found.out_of + 1e-9), BINS - 1)] += 1
    return tuple(shares[place] for place in range(BINS))


def _named(rows: Sequence[Row], check: ClassCheck | None) -> tuple[tuple[ScaleLevel, int], ...]:
    """How often each level of the scale was given."""
    if check is None or not check.scale:
        return ()
    given = Counter(decided.points for row in rows if (decided := _decided(row, check.label)))
    return tuple((level, given[level.points]) for level in check.levels(check.out_of))


def drift(state: ClassState, label: str, author: str) -> str:
    """What one person's first and last decisions on a check gave in the mean; empty where there are too few of them."""
    mine: list[float] = []
    counted: set[str] = set()
    groups = {student: row.key for row in state.rows for student in row.students}
    for entry in state.log:
        key = groups.get(entry.student, entry.student)
        stands = state.standing[entry.key] is entry and entry.kind == "check" and entry.subject == label
        if stands and entry.author == author and entry.value is not None and key not in counted:
            counted.add(key)
            mine.append(float(entry.value["points"]))
    if not label or len(mine) < FEWEST:
        return ""
    third = len(mine) // 3
    first, last = math.fsum(mine[:third]) / third, math.fsum(mine[-third:]) / third
    change = round(last - first, 2)
    said = "the same" if not change else f"{number(abs(change))} {'more' if change > 0 else 'fewer'}"
    means = f"{number(first)} points in the mean, your last {third} gave {number(last)}"
    return f"Your first {third} decisions gave {means}: {said}."


def kept_reason(form: Form) -> str:
    """The reason that goes along to the next answer; none where it would not fit into an address."""
    reason = form.text("reason")
    return reason if len(reason) <= LONGEST_KEPT else ""


def next_address(desk: Desk, check: ClassCheck, row: Row, kept: Mapping[str, str]) -> str:
    """Where the next answer is, in the order of the address; the same one again where it was the last."""
    known = {name: kept[name] for name in KEPT if kept.get(name)}
    seed = known.get("seed") or usual_seed(desk, check.label)
    known["seed"] = seed
    rows = _in_order(desk.state(), check.label, seed)
    place = next((place for place, other in enumerate(rows) if other.key == row.key), 0)
    return _place(rows, min(place + 1, len(rows) - 1), check.label, known)
