"""`%load_ext grader`, then `%grader exercise1` or `%grader exercise1 model`: the self-check as one line of a cell."""

import os
from pathlib import Path
from typing import Any

from grader.course import Course
from grader.desk.card import Card
from grader.desk.live import check_network
from grader.errors import GraderError, UsageError

DATA, COURSE = "GRADER_DATA", "GRADER_COURSE"


def check(
    assignment: str, network: object = None, *, data: str | Path | None = None, course: str | Path | None = None
) -> Card:
    """Look at a network as it is now, on public data: a card with every finding, in seconds, and no mark.

    Without `network` the one of the notebook that suits the exercise is taken. `data` and `course` are folders, as for
    `--data` and `--course` of the command line. Raises a GraderError, whose words say what to do.
    """
    found = check_network(assignment, network, data=_folder(data, DATA), course=_folder(course, COURSE))
    return Card(found)


def register(shell: Any) -> None:
    """Make `%grader` known to an IPython shell."""

    def grader(line: str) -> Card | None:
        """`%grader ASSIGNMENT [NETWORK]`."""
        try:
            return _answer(line.split(), shell.user_ns)
        except GraderError as error:
            print(f"grader: {error}")  # noqa: T201 - a line of the cell's output; an error would show a traceback
            return None

    shell.register_magic_function(grader, "line", "grader")


def _answer(words: list[str], names: dict[str, Any]) -> Card:
    if not 1 <= len(words) <= 2:
        known = ", ".join(Course.at(_folder(None, COURSE)).assignment_ids())
        raise UsageError("Write `%grader ASSIGNMENT`, or `%grader ASSIGNMENT NETWORK`.", f"There is: {known}.")
    if len(words) == 2 and words[1] not in names:
        raise UsageError(f"There is nothing called `{words[1]}` in this notebook.", "Run the cell that makes it.")
    return check(words[0], names[words[1]] if len(words) == 2 else None)


def _folder(given: str | Path | None, variable: str) -> Path | None:
    """A folder that was named, by the call or by the environment."""
    named = given if given is not None else os.environ.get(variable) or None
    return Path(named) if named is not None else None
