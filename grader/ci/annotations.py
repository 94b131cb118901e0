"""The texts that a CI system reads of a repository's visits. Pure."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from grader.ci.run import Visit, results_of
from grader.core.results import Status
from grader.core.text import one_line
from grader.exports.github import annotate, choose, plain_markdown, stopped, write_classroom, write_summary
from grader.exports.release import for_students
from grader.pages.terminal import summary

MOST_OUTPUT = 100_000  # characters of base64: the reporter reads them from an environment variable


def terminal_lines(visits: Sequence[Visit]) -> list[str]:
    """What is said about each submission."""
    lines: list[str] = []
    for visit in visits:
        if visit.result is None:
            lines += [f"{visit.handed.assignment}: {one_line(visit.handed.path)}: {visit.why}.", ""]
            continue
        if visit.unchanged:
            lines.append(f"{visit.handed.assignment}: unchanged since it was run; marked from stored evidence.")
        lines += [*summary(for_students(visit.result)), ""]
    return lines


def github_log(visits: Sequence[Visit], token: str) -> str:
    """Annotations, at most ten of a kind, then what is said, with commands stopped. Raises UsageError for a bad token."""
    found = [item for visit in visits if visit.result for item in annotate(visit.result, visit.place)]
    lines = [item.command() for item in choose(found)]
    return "\n".join([*lines, *stopped(terminal_lines(visits), token)]) + "\n"


def github_summary(visits: Sequence[Visit]) -> str:
    """The step's summary in Markdown, with those that were not run."""
    left = [f"{visit.handed.assignment}: {visit.why}" for visit in visits if visit.result is None]
    return write_summary(results_of(visits)) + "".join(f"\n{plain_markdown(line)}\n" for line in left)


def classroom_document(visits: Sequence[Visit]) -> dict[str, Any]:
    """GitHub Classroom's result over all submissions that give a mark; what there was no time for has no points.

    A smoke run gives none, and fails the whole where something in it is to be mended.
    """
    tests: list[dict[str, Any]] = []
    total = 0.0
    states = []
    for visit in visits:
        if visit.left in ("over-budget", "broken"):
            state = "fail" if visit.left == "over-budget" else "error"
            states.append(state)
            total += visit.out_of
            tests.append(
                {"name": visit.handed.assignment, "status": state, "message": visit.why, "score": 0.0, **_EMPTY}
            )
        if visit.result is None:
            continue
        if visit.result.smoke is not None:
            states.append("pass" if visit.fine else "fail")
            continue
        document = json.loads(write_classroom(visit.result))
        states.append(document["status"])
        total += document["max_score"]
        tests += [{**test, "name": f"{visit.handed.assignment}: {test['name']}"} for test in document["tests"]]
    status = "error" if "error" in states else "fail" if "fail" in states else "pass"
    if not tests:
        tests = [{"name": "nothing gives points yet", "status": status, "message": "", "score": 0.0, **_EMPTY}]
    return {"version": 1, "status": status, "max_score": round(total, 2), "tests": tests}


_EMPTY: dict[str, Any] = {"test_code": "", "filename": "", "line_no": 0, "execution_time": "0s"}


def classroom_output(visits: Sequence[Visit]) -> str:
    """The same as the step's output holds it: base64 on one line, without messages where they would not fit."""
    document = classroom_document(visits)
    packed = _packed(document)
    if len(packed) > MOST_OUTPUT:
        bare = [{**test, "message": ""} for test in document["tests"]]
        packed = _packed({**document, "tests": bare})
    return packed


def _packed(document: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(document, ensure_ascii=False).encode("utf-8")).decode("ascii")


def exit_status(visits: Sequence[Visit]) -> int:
    """0: all is fine; 3: we broke; else 1."""
    broken = any(result.status is Status.BROKEN for result in results_of(visits))
    if broken or any(visit.left == "broken" for visit in visits):
        return 3
    return 0 if all(visit.fine for visit in visits) else 1
