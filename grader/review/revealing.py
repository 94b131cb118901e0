"""Names that were hidden are shown to who asks for it, and the log says who did."""

import re

from grader.core.errors import UsageError
from grader.gradebook import Change
from grader.review.desk import Desk
from grader.review.web import Form

BACK = re.compile(r"/(submission|pairs/[0-9a-f]{16})/[0-9a-f]{16}")


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
