"""Workflow commands of GitHub Actions: annotations in the files of a repository, and a log that gives no orders.

A runner obeys every line of a log that begins with `::` or holds `##[`. So what a student wrote stands in a command's
data, escaped, or between `::stop-commands::TOKEN` and `::TOKEN::` with a token that nobody can guess
(actions/runner, ActionCommand.cs and ActionCommandManager.cs).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from grader.errors import UsageError
from grader.exports.shown import explanation, for_students, is_advice, overview
from grader.grading_rules import grades_of
from grader.report.text import summary
from grader.report.visible import defused, one_line, shorten, visible
from grader.results import CheckResult, Outcome, Result, Status

Level = Literal["error", "warning", "notice"]
MOST_OF_A_KIND = 10  # for each step; GitHub drops more without a word
LONGEST_MESSAGE, LONGEST_TITLE = 4_000, 200
TOKEN = re.compile("[0-9A-Za-z-]{16,200}")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a submission lies below the repository's root, and on which line each of its code cells begins.

    `lines[0]` is the line of the first code cell; empty where nobody knows.
    """

    file: str = ""
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """What stands beside a file in a pull request; `line` 0: the file as a whole."""

    level: Level
    title: str
    message: str
    file: str = ""
    line: int = 0

    def command(self) -> str:
        """The workflow command: one line, whatever the texts hold."""
        properties = {
            "file": self.file,
            "line": str(self.line) if self.line > 0 and self.file else "",
            "title": self.title,
        }
        said = ",".join(f"{key}={escape_property(value)}" for key, value in properties.items() if value)
        return f"::{self.level}{' ' if said else ''}{said}::{escape_data(self.message)}"


def escape_data(text: str) -> str:
    """A command's data: percent signs and line ends are written as codes."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """A command's property: colons and commas as well."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def write_log(results: Sequence[Result], *, token: str, places: Mapping[str, Place] | None = None) -> str:
    """What a step prints: at most ten annotations of a kind, then each submission's summary with commands stopped.

    `places` by student. `token` must be unguessable, and new for each run. Raises UsageError for one that is not.
    """
    known = places or {}
    found = [item for result in results for item in annotate(result, known.get(result.student, Place()))]
    lines = [item.command() for item in choose(found)]
    said = [line for result in results for line in [*summary(for_students(result)), ""]]
    return "\n".join([*lines, *stopped(said, token)]) + "\n"


def annotate(result: Result, place: Place) -> list[Annotation]:
    """An annotation for the submission where it was not simply graded, and for each check that did not pass."""
    result = for_students(result)
    cell = result.ending.cell or 0
    line = place.lines[cell - 1] if 0 < cell <= len(place.lines) else 0
    found = []
    decided = all(grade.override is not None for grade in grades_of(result))
    if result.status is not Status.GRADED or decided:
        level: Level = "error" if result.status in (Status.EXPLAINED, Status.BROKEN) else "warning"
        level = "notice" if decided or result.absent else level
        found.append(_annotation(level, result.assignment, "\n".join(overview(result)), place.file, line))
    for check in result.checks:
        said = _level(check)
        if said is not None:
            where = line if check.name == "executes" else 0  # the one check whose place is known
            found.append(_annotation(said, check.title, explanation(check), place.file, where))
    return found


def _annotation(level: Level, title: str, message: str, file: str, line: int) -> Annotation:
    return Annotation(
        level=level, title=shorten(one_line(title), LONGEST_TITLE), file=visible(file), line=line,
        message=shorten(message, LONGEST_MESSAGE) or "See the summary of this step.",
    )  # fmt: skip


def _level(check: CheckResult) -> Level | None:
    """None for what passed, or was not looked at because something else failed, which has an annotation."""
    if check.outcome in (Outcome.PASSED, Outcome.SKIPPED):
        return None
    if is_advice(check):
        return "notice"
    return "error" if check.outcome is Outcome.FAILED else "warning"


def cell_lines(notebook: str) -> tuple[int, ...]:
    """The line on which each code cell of a notebook's JSON begins; nothing where that can't be told.

    A cell's own text can't pass for one, being escaped; an output's data could, and then the numbers don't agree.
    """
    try:
        cells = json.loads(notebook)["cells"]
        code = sum(cell["cell_type"] == "code" for cell in cells)
    except (ValueError, RecursionError, KeyError, TypeError):
        return ()
    starts = [found.start() for found in re.finditer(r'"cell_type"\s*:\s*"code"', notebook)]
    return tuple(notebook.count("\n", 0, start) + 1 for start in starts) if len(starts) == code else ()


def choose(annotations: Iterable[Annotation]) -> list[Annotation]:
    """The first ten of each kind; the rest stands in the step's summary."""
    seen: Counter[str] = Counter()
    chosen = []
    for annotation in annotations:
        seen[annotation.level] += 1
        if seen[annotation.level] <= MOST_OF_A_KIND:
            chosen.append(annotation)
    return chosen


def stopped(lines: Iterable[str], token: str) -> list[str]:
    """Lines of a log between markers: no runner obeys them. Raises UsageError for a token that could be guessed."""
    if not TOKEN.fullmatch(token):
        raise UsageError(
            "The token of stop-commands must be 16 to 200 letters, digits or hyphens.", "Draw one at random."
        )
    flat = [defused(part) for line in lines for part in visible(line).splitlines() or [""]]
    if any(token.casefold() in line.casefold() for line in flat):
        raise UsageError("The token of stop-commands stands in the text that it protects.", "Draw another one.")
    return [f"::stop-commands::{token}", *flat, f"::{token}::"]
