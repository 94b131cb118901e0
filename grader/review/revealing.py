"""Names that were hidden are shown to who asks for it, and the log says who did."""

from grader.gradebook import Change
from grader.review.desk import Desk
from grader.review.web import Form


def reveal(desk: Desk, form: Form) -> str:
    """Reveal one submission's names (`row`: its key), or all of them; where to go then. Raises UsageError, Gone.

    They are revealed to this desk's person alone. Taking the entry back hides them again.
    """
    row = desk.row(form.text("row")) if form.text("row") else None
    author = desk.options.author
    changes = [
        Change(kind="revealed", student=student, subject=author, author=author, value={})
        for student in (row.students if row else ("",))
    ]
    desk.decide(changes)
    return f"/submission/{row.key}" if row else "/"
