"""Entries of the log as a form asks for them: one for each whose grade it is, all of them or none."""

from collections.abc import Mapping
from datetime import UTC, datetime

from grader.core.review import Kind
from grader.gradebook import Change
from grader.review.desk import ClassState, Desk, Overtaken, Row, seen_entries
from grader.review.web import Form


def seen_of(state: ClassState, row: Row, kind: Kind, subject: str = "") -> str:
    """What was decided last, of each whose grade it is: the numbers of entries, which a form holds as `seen`."""
    return seen_entries(state.decided_last(row.students, kind, subject).values())


def for_everyone(
    desk: Desk, row: Row, form: Form, *, kind: Kind, value: Mapping[str, object] | None, subject: str = ""
) -> list[Change]:
    """The same decision for everyone whose grade it is, at one time; the form's `reason` and `seen` go with it.

    Raises Overtaken where the group is another one by now, and UsageError for what can't be kept.
    """
    seen = _seen_in(form, row)
    if seen is None:
        raise Overtaken(None, desk.state().decided_last(row.students, kind, subject))
    now = datetime.now(UTC)
    return [
        Change(
            kind=kind, subject=subject, student=student, author=desk.options.author, reason=form.words("reason"),
            evidence=row.result.evidence, value=None if value is None else dict(value), seen=seen[place], time=now,
        )
        for place, student in enumerate(row.students)
    ]  # fmt: skip


def _seen_in(form: Form, row: Row) -> list[int | None] | None:
    """The numbers that a form holds, None where they are not those of this group; without any it is taken in any case."""
    said = form.text("seen").split()
    if not said:
        return [None] * len(row.students)
    if len(said) != len(row.students) or not all(
        text.isascii() and text.isdecimal() and len(text) < 16 for text in said
    ):
        return None
    return [int(text) for text in said]
