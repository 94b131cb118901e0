"""A student's history: what every result said, what a person decided, in the order of time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from grader.gradebook.reading import read_rules
from grader.gradebook.tables import CheckRow, OverrideRow, ResultRow, SubmissionRow
from grader.grades import Event
from grader.results import Status

Dated = tuple[datetime, Event]


def read_history(connection: Connection, student_id: int, assignment: str | None) -> list[Event]:
    """Every result and every decision on a student's grades, oldest first.

    Each kind stays in the order in which it was written, whatever the clock did; times only tell how they lie together.
    """
    events = [
        *_in_order(_result_events(connection, student_id)), *_in_order(_override_events(connection, student_id)),
    ]  # fmt: skip
    return [event for _, event in sorted(events, key=lambda item: item[0]) if assignment in (None, event.assignment)]


def _in_order(events: Iterable[Dated]) -> Iterator[Dated]:
    """Events whose times never go back."""
    latest: datetime | None = None
    for time, event in events:
        latest = time if latest is None else max(latest, time)
        yield latest, event


def _result_events(connection: Connection, student_id: int) -> list[Dated]:
    rows = connection.execute(
        select(
            ResultRow.id, ResultRow.recorded, ResultRow.submission_id, ResultRow.points, ResultRow.out_of,
            ResultRow.status, ResultRow.passed, ResultRow.rubric, ResultRow.grader, SubmissionRow.assignment,
            SubmissionRow.name,
        )
        .join(SubmissionRow, SubmissionRow.id == ResultRow.submission_id)
        .where(SubmissionRow.student_id == student_id)
        .order_by(ResultRow.id)
    ).all()  # fmt: skip
    checks = _read_checks(connection, [row.id for row in rows])
    latest: dict[int, Any] = {}
    events = []
    for row in rows:
        old = latest.get(row.submission_id)
        event = Event(
            time=row.recorded.isoformat(), assignment=row.assignment, kind="result", points=row.points, out_of=row.out_of,
            before=None if old is None else old.points, submission=row.name, status=Status(row.status),
            passed=row.passed, rubric=row.rubric, grader=row.grader,
            changed=() if old is None else _changes(checks[old.id], checks[row.id]),
        )  # fmt: skip
        latest[row.submission_id] = row
        events.append((row.recorded, event))
    return events


def _read_checks(connection: Connection, results: list[int]) -> dict[int, dict[str, float]]:
    """Points by check for each result; by title too where a rubric uses a check several times."""
    found: dict[int, list[Any]] = defaultdict(list)
    for row in connection.execute(
        select(CheckRow).where(CheckRow.result_id.in_(results)).order_by(CheckRow.result_id, CheckRow.position)
    ):
        found[row.result_id].append(row)
    labelled: dict[int, dict[str, float]] = defaultdict(dict)
    for number, rows in found.items():
        names = [row.name for row in rows]
        for row in rows:
            label = row.name if names.count(row.name) == 1 else f"{row.name} ({row.title})"
            labelled[number][label] = row.points
    return labelled


def _changes(old: dict[str, float], new: dict[str, float]) -> tuple[str, ...]:
    return tuple(
        f"{name} {old[name]:g} -> {points:g}" for name, points in new.items() if old.get(name, points) != points
    )


def _override_events(connection: Connection, student_id: int) -> list[Dated]:
    rows = connection.execute(select(OverrideRow).where(OverrideRow.student_id == student_id).order_by(OverrideRow.id))
    rules = read_rules(connection)
    events = []
    for row in rows:
        kind = "revoke" if row.revoked else "excuse" if row.excused else "override"
        event = Event.model_validate(
            {
                "time": row.time.isoformat(), "assignment": row.assignment, "kind": kind, "points": row.points,
                "out_of": rules[row.assignment].out_of, "author": row.author, "reason": row.reason,
                "comment": row.comment,
            }
        )  # fmt: skip
        events.append((row.time, event))
    return events
