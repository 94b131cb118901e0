"""The class: its table, filtered, sorted and searched; the queues of what needs a person; how far the marking is. Pure."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.core.grades import grades_of
from grader.core.text import one_line, visible
from grader.pages.class_page import ClassRow, class_row
from grader.pages.wording import STATUSES, flag_word
from grader.review.class_state import ClassState, Row
from grader.review.names import Names
from grader.review.web import address

QUEUES: Mapping[str, str] = {
    "needs_review": STATUSES["needs_review"], "broken": STATUSES["broken"], "explained": STATUSES["explained"],  # type: ignore[index]
    "borderline": "borderline", "awaiting": "manual points missing",
}  # fmt: skip
WITHOUT_STROKES = str.maketrans("łøđ", "lod")  # letters that Unicode does not take apart
ANY, SETTLED, OPEN = "any", "settled", "open"
COLUMNS: Mapping[str, str] = {
    "student": "Student", "status": "Status", "points": "Earned", "grade": "Grade", "accuracy": "Accuracy",
    "assigned": "Grader",
}  # fmt: skip
FILTERS = ("queue", "search", "sort", "order", "grader")  # what an address says of a list


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One line of the table: a student's, or a group member's."""

    row: Row
    href: str
    shown: ClassRow
    name: str
    queues: tuple[str, ...]
    decided_by: str
    assigned: str


@dataclass(frozen=True, kw_only=True)
class ClassPage:
    """Everything the page says."""

    lines: tuple[Listed, ...]
    all: int
    queues: tuple[tuple[str, str, int, bool], ...]  # its name in addresses, its title, how many, whether it is shown
    looked_at: int
    waiting: int
    graders: tuple[str, ...]
    unpublished: int
    columns: tuple[tuple[str, str, str, str], ...]  # name, title, address that sorts by it, aria-sort


def queue_title(name: str) -> str:
    """A queue in words."""
    return (
        QUEUES.get(name)
        or {ANY: "needs a person", SETTLED: "looked at", OPEN: "not looked at"}.get(name)
        or flag_word(name)
    )


def in_queue(row: Row, queue: str) -> bool:
    """Whether a submission is in a queue; every one is in the queue without a name."""
    if queue == ANY:
        return bool(row.queues)
    if queue in (SETTLED, OPEN):
        return bool(row.deciders) == (queue == SETTLED)
    return not queue or queue in row.queues


def selected(state: ClassState, query: Mapping[str, str], names: Names) -> list[Row]:
    """The submissions that an address asks for, in its order: what a table shows, and next and previous go through."""
    words = _plain(query.get("search", "")).split()
    grader = query.get("grader", "")
    found = [
        row
        for row in state.rows
        if in_queue(row, query.get("queue", ""))
        and (not grader or state.assigned(row) == grader)
        and all(word in _searched(row, names) for word in words)
    ]
    by = query.get("sort", "")
    if by in COLUMNS:
        found.sort(key=lambda row: _order(row, by, state, names), reverse=query.get("order") == "down")
    elif names.hidden:
        found.sort(key=names.order)
    return found


def _searched(row: Row, names: Names) -> str:
    known = [names.of(row), row.result.status.value, *(queue_title(name) for name in row.queues)]
    told = names.hide(" ".join([*known, *(() if names.hidden else (*row.students, row.result.submission))]))
    return _plain(told)


def _plain(text: str) -> str:
    """A text without case and accents, as it is searched."""
    apart = unicodedata.normalize("NFKD", text.casefold()).translate(WITHOUT_STROKES)
    return "".join(char for char in apart if not unicodedata.combining(char))


def _order(row: Row, by: str, state: ClassState, names: Names) -> tuple[float, str]:
    grade = grades_of(row.result)[0]
    numbers = {
        "points": row.result.points, "grade": -1.0 if grade.points is None else grade.points,
        "accuracy": row.result.accuracy.value if row.result.accuracy else -1.0,
    }  # fmt: skip
    texts = {"status": row.result.status.value, "assigned": state.assigned(row).casefold()}
    return numbers.get(by, 0.0), texts.get(by, "") + names.order(row)


def class_page(state: ClassState, query: Mapping[str, str], names: Names) -> ClassPage:
    """The page that an address asks for."""
    rows = selected(state, query, names)
    kept = {name: query[name] for name in FILTERS if query.get(name)}
    counts = Counter(name for row in state.rows for name in row.queues)
    wanted = [ANY, *QUEUES, *sorted(set(counts) - set(QUEUES)), OPEN, SETTLED]
    numbers = {
        **counts, ANY: sum(bool(row.queues) for row in state.rows), SETTLED: sum(bool(row.deciders) for row in state.rows),
        OPEN: sum(not row.deciders for row in state.rows),
    }  # fmt: skip
    chosen = query.get("queue", "")
    return ClassPage(
        lines=tuple(line for row in rows for line in _lines(row, state, kept, names)),
        all=len(state.rows),
        queues=tuple(
            (name, queue_title(name), numbers.get(name, 0), name == chosen)
            for name in wanted
            if numbers.get(name) or name == chosen
        ),
        looked_at=numbers[SETTLED],
        waiting=numbers[ANY],
        graders=tuple(sorted({state.assigned(row) for row in state.rows} - {""})),
        unpublished=len(state.unpublished),
        columns=_columns(kept),
    )


def _columns(kept: Mapping[str, str]) -> tuple[tuple[str, str, str, str], ...]:
    found = []
    for name, title in COLUMNS.items():
        sorted_by = kept.get("sort") == name
        down = sorted_by and kept.get("order") == "down"
        query = {**kept, "sort": name, "order": "" if not sorted_by or down else "down"}
        found.append(
            (name, title, address("/", query), ("descending" if down else "ascending") if sorted_by else "none")
        )
    return tuple(found)


def _lines(row: Row, state: ClassState, kept: Mapping[str, str], names: Names) -> Sequence[Listed]:
    href = address(f"/submission/{row.key}", kept)
    queues = tuple(queue_title(name) for name in row.queues)
    lines = []
    for number, grade in enumerate(grades_of(row.result)):
        listed = Listed(
            row=row, href=href, shown=class_row(row.result, grade, href), name=one_line(names.member(row, number), 120),
            queues=tuple(map(names.hide, queues)), decided_by=", ".join(map(visible, row.deciders)),
            assigned=state.assigned(row),
        )  # fmt: skip
        lines.append(listed)
    return lines
