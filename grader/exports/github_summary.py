"""The summary of a step (`GITHUB_STEP_SUMMARY`): GitHub's Markdown, in which no student's text is markup."""

import re
from collections.abc import Iterator, Sequence

from grader.exports.shown import explanation, for_students, is_advice, overview
from grader.grading_rules import shared_grade
from grader.report.visible import one_line, shorten
from grader.report.words import MARKS, OUTCOMES, number
from grader.results import CheckResult, Result

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


def _mark(result: Result) -> str:
    grade = shared_grade(result)
    if grade is None:
        return "the members have different grades"
    if grade.excused or grade.points is None:
        return "excused" if grade.excused else "no mark"
    provisional = ", provisional" if grade.provisional else ""
    return f"{number(grade.points)} of {number(grade.out_of)} points{provisional}"


def _row(check: CheckResult) -> str:
    points = "advice" if is_advice(check) else f"{number(check.points)} / {number(check.out_of)}"
    found = "<br>".join(
        plain_markdown(line) for line in shorten(explanation(check), LONGEST_CELL).splitlines() if line.strip()
    )
    mark = f"{MARKS[check.outcome]} {OUTCOMES[check.outcome]}"
    return f"| {mark} | {plain_markdown(shorten(check.title, LONGEST_CELL))} | {points} | {found} |"
