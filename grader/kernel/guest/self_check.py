"""`grader.check` in a notebook that is graded: nothing. Whoever forgot to take it out loses no point by it."""

import sys
from typing import Any

from grader.kernel.guest.notes import Notes


def pass_over_self_checks(notes: Notes) -> None:
    """Give the package `grader`, as far as it is here, a `check` that only leaves a note."""

    def check(*arguments: object, **options: object) -> None:
        notes.note("`grader.check` was passed over: it is for one's own desk")

    package: Any = sys.modules["grader"]
    package.check = check
    package.load_ipython_extension = lambda shell: None
