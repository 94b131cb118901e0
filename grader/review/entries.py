"""Entries of the log as a form asks for them: one for each whose grade it is, all of them or none."""

from collections.abc import Mapping
from datetime import UTC, datetime

from grader.core.review import Kind
from grader.gradebook import Change, Superseded
from grader.review.desk import ClassState, Desk, Row
from grader.review.web import Form


def seen_of(state: ClassState, row: Row, kind: Kind, subject: str = "") -> str:
    """What was decided last, of each whose grade it is: the numbers of entries, which a form holds as `seen`."""
    found = (state.standing.get((student, kind, subject)) for student in row.students)
    return " ".join(str(entry.id if entry else 0) for entry in found)


def for_everyone(
    desk: Desk, row: Row, form: Form, *, kind: Kind, value: Mapping[str, object] | None, subject: str = ""
) -> list[Change]:
    """The same decision for everyone whose grade it is, at one time; the form's `reason` and `seen` go with it.

    Raises Superseded where the group is another one by now, and UsageError for what can't be kept.
    """
    seen, reason = _seen_in(form, row), _reason(desk, row, form, kind, subject)
    now = datetime.now(UTC)
    return [
        Change(
            kind=kind, subject=subject, student=student, author=desk.options.author, reason=reason,
            evidence=row.result.evidence, value=None if value is None else dict(value), seen=seen[place], time=now,
        )
        for place, student in enumerate(row.students)
    ]  # fmt: skip


def _reason(desk: Desk, row: Row, form: Form, kind: Kind, subject: str) -> str:
    """The form's reason; where it is that of before, without names, that of before as it was written."""
    before = desk.state().standing.get((row.students[0], kind, subject))
    return desk.names().from_field(form.words("reason"), before.reason if before else "")


def _seen_in(form: Form, row: Row) -> list[int | None]:
    """Where a form tells nothing (it is sent again, after its person was told what stands), it is taken in any case."""
    said = form.text("seen").split()
    if not said:
        return [None] * len(row.students)
    if len(said) != len(row.students) or not all(
        text.isascii() and text.isdecimal() and len(text) < 16 for text in said
    ):
        raise Superseded(None)
    return [int(text) for text in said]
