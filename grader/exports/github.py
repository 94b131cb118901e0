"""What GitHub reads: annotations in a step's log, and the step's summary.

A runner obeys every line of a log that begins with `::` or holds `##[`. So what a student wrote stands in a command's
data, escaped, or between `::stop-commands::TOKEN` and `::TOKEN::` with a token that nobody can guess
(actions/runner, ActionCommand.cs and ActionCommandManager.cs). In the summary no student's text is markup.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from grader.core.errors import UsageError
from grader.core.grades import grades_of, shared_grade
from grader.core.results import CheckResult, FunctionFinding, Outcome, Result, Status
from grader.core.text import defused, number, one_line, shorten, visible
from grader.exports.what_may_leave import explanation, for_students, is_advice, overview
from grader.pages.terminal import summary
from grader.pages.wording import MARKS, OUTCOMES

Level = Literal["error", "warning", "notice"]
MOST_OF_A_KIND = 10  # for each step; GitHub drops more without a word
LONGEST_MESSAGE, LONGEST_TITLE = 4_000, 200
TOKEN = re.compile("[0-9A-Za-z-]{16,200}")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a submission lies below the repository's root, and on which line each of its code cells begins.

    `lines[0]` is the line of the first code cell; empty where nobody knows, and for a module.
    """

    file: str = ""
    lines: tuple[int, ...] = ()

    def line_of(self, finding: FunctionFinding) -> int:
        """The line to show a function's fault at: its definition's in a module, its cell's in a notebook; 0: unknown."""
        if finding.cell is not None:
            return self.lines[finding.cell - 1] if 0 < finding.cell <= len(self.lines) else 0
        return finding.line or 0 if self.file.lower().endswith(".py") else 0


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
    grades = grades_of(result)
    decided = all(grade.override is not None or grade.changed_by_person for grade in grades)
    waits = any(grade.awaits for grade in grades)
    if result.status is not Status.GRADED or decided or waits:
        level: Level = "error" if result.status in (Status.EXPLAINED, Status.BROKEN) else "warning"
        level = "notice" if decided or waits or result.absent else level
        found.append(_annotation(level, result.assignment, "\n".join(overview(result)), place.file, line))
    for check in result.checks:
        said = _level(check)
        if said is not None:
            where = (line or _line_told(check.reason, place)) if check.name == "executes" else 0
            message, wrong = explanation(check), _wrong_function(result, check)
            if wrong is not None:
                where, message = place.line_of(wrong[0]), f"{message}\n{wrong[1]}"
            found.append(_annotation(said, check.title, message, place.file, where))
    return found


def _line_told(reason: str, place: Place) -> int:
    """The line of a module that failed, as the reason begins; 0 for a notebook, or where none is told."""
    found = re.match(r"line (\d{1,7}) of ", reason)
    return int(found[1]) if found and place.file.lower().endswith(".py") else 0


def _wrong_function(result: Result, check: CheckResult) -> tuple[FunctionFinding, str] | None:
    """The function that a check found wrong, and its small case in lines; None where the check says nothing of one."""
    if check.name != "computes":
        return None
    found = [
        (finding, group.shown)
        for finding in result.functions
        for group in finding.groups
        if group.shown and f"`{group.title}`: it {group.fault}" in check.reason
    ]
    named = [each for each in found if re.search(rf"\b{re.escape(each[0].name)}\b", check.title)]
    return next(iter(named or found), None)


def _annotation(level: Level, title: str, message: str, file: str, line: int) -> Annotation:
    return Annotation(
        level=level, title=shorten(one_line(title), LONGEST_TITLE), file=visible(file), line=line,
        message=shorten(message, LONGEST_MESSAGE) or "See the summary of this step.",
    )  # fmt: skip


def _level(check: CheckResult) -> Level | None:
    """None for what passed, or was not looked at because something else failed, which has an annotation."""
    if check.outcome in (Outcome.PASSED, Outcome.SKIPPED):
        return None
    if is_advice(check) or check.outcome is Outcome.AWAITING:
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


MOST_BYTES = 1_000_000  # GitHub drops a summary above 1 MiB
LONGEST_CELL = 2_000  # characters


def write_summary(results: Sequence[Result], *, most: int = MOST_BYTES) -> str:
    """The Markdown text, at most `most` bytes of UTF-8: whole submissions, and a line that says how many were left out."""
    parts: list[str] = []
    used, room = 0, most - 200  # of bytes, for the line about what was left out
    for index, result in enumerate(results):
        part = "\n".join(_submission(for_students(result))) + "\n\n"
        size = len(part.encode("utf-8"))
        if used + size > room:
            parts.append(f"The summary is full; submissions left out: {len(results) - index}.\n")
            break
        parts.append(part)
        used += size
    return "".join(parts)


def plain_markdown(text: str) -> str:
    """A text as Markdown that shows it as it is: every sign is written as its number, so none is markup or a link."""
    return re.sub(r"[!-/:-@\[-`{-~]", lambda found: f"&#{ord(found[0])};", one_line(text))


def _submission(result: Result) -> Iterator[str]:
    yield f"## {plain_markdown(result.title)}: {_mark(result)}"
    yield ""
    yield f"{plain_markdown(result.student)} · {plain_markdown(result.submission)}"
    yield ""
    for line in overview(result):
        yield f"{plain_markdown(shorten(line, LONGEST_CELL))}<br>"
    if result.absent:
        return
    yield ""
    yield "| | check | points | what was found |"
    yield "|---|---|---:|---|"
    for check in result.checks:
        yield _row(check)
    for check in result.checks:
        wrong = _wrong_function(result, check)
        if wrong is not None:
            shown = shorten(wrong[1].replace("\u00a0", " "), LONGEST_CELL)
            yield ""
            yield f"A small case with which {plain_markdown(wrong[0].name)} goes wrong:"
            yield ""
            for line in shown.splitlines():
                yield f"{'&#160;' * (len(line) - len(line.lstrip(' ')))}{plain_markdown(line)}<br>"


def _mark(result: Result) -> str:
    grade = shared_grade(result)
    if grade is None:
        return "the members have different grades"
    if grade.awaits:
        return "awaits a person"
    if grade.excused or grade.points is None:
        return "excused" if grade.excused else "no mark"
    provisional = ", provisional" if grade.provisional else ""
    return f"{number(grade.points)} of {number(grade.out_of)} points{provisional}"


def _row(check: CheckResult) -> str:
    given = "–" if check.outcome is Outcome.AWAITING else number(check.points)
    points = "advice" if is_advice(check) else f"{given} / {number(check.out_of)}"
    found = "<br>".join(
        plain_markdown(line) for line in shorten(explanation(check), LONGEST_CELL).splitlines() if line.strip()
    )
    mark = f"{MARKS[check.outcome]} {OUTCOMES[check.outcome]}"
    return f"| {mark} | {plain_markdown(shorten(check.title, LONGEST_CELL))} | {points} | {found} |"
