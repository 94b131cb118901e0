"""The texts that a CI system reads: annotations, a summary, the autograding result, Classroom 50's result. Pure."""

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from grader.ci.check_repository import CiRun, results_of
from grader.core.errors import Infrastructure, UsageError
from grader.core.grades import plain_grade
from grader.core.results import Status
from grader.core.text import one_line
from grader.exports.autograding import write_autograding
from grader.exports.classroom50 import Submission, write_result
from grader.exports.github import annotate, choose, plain_markdown, stopped, write_summary
from grader.exports.what_may_leave import for_students
from grader.pages.terminal import summary

_EMPTY: dict[str, Any] = {"test_code": "", "filename": "", "line_no": 0, "execution_time": "0s"}  # keys of a test
MOST_OUTPUT = 100_000  # characters of base64: the reporter reads them from an environment variable


def fork_note(event: object) -> str:
    """What a fork's pull request can't have, by the event that GitHub describes; "" for every other event."""
    try:
        asked = event["pull_request"]  # type: ignore[index]
        head, base = asked["head"]["repo"], asked["base"]["repo"]["full_name"]
        name = "" if head is None else str(head["full_name"])  # None: the fork was deleted
    except (KeyError, TypeError):
        return ""
    if name == base:
        return ""
    return (
        f"This pull request comes from a fork ({one_line(name, 120) or 'since deleted'}), which gets no secrets: data that "
        "is fetched with one is not there, no reporter's token can write, and what was run may run again next time. "
        "All else is graded and shown as for a push."
    )


def terminal_lines(runs: Sequence[CiRun]) -> list[str]:
    """What is said about each submission."""
    lines: list[str] = []
    for run in runs:
        if run.result is None:
            lines += [f"{run.handed.assignment}: {one_line(run.handed.path)}: {run.why}.", ""]
            continue
        if run.unchanged:
            lines.append(_unchanged(run))
        lines += [*summary(for_students(run.result)), ""]
    return lines


def _unchanged(run: CiRun) -> str:
    return f"{run.handed.assignment}: unchanged since it was run; marked from stored evidence."


def github_log(runs: Sequence[CiRun], token: str, *, note: str = "") -> str:
    """Annotations, at most ten of a kind, then what is said, with commands stopped. Raises UsageError for a bad token.

    `note` stands before what is said.
    """
    found = [item for run in runs if run.result for item in annotate(run.result, run.place)]
    lines = [item.command() for item in choose(found)]
    return "\n".join([*lines, *stopped([*filter(None, [note]), *terminal_lines(runs)], token)]) + "\n"


def github_summary(runs: Sequence[CiRun], *, note: str = "") -> str:
    """The step's summary in Markdown: `note`, each submission, then what was not run, and what had not changed."""
    said = [f"{run.handed.assignment}: {run.why}" for run in runs if run.result is None]
    said += [_unchanged(run) for run in runs if run.unchanged]
    before = f"{plain_markdown(note)}\n\n" if note else ""
    return before + write_summary(results_of(runs)) + "".join(f"\n{plain_markdown(line)}\n" for line in said)


def autograding_document(runs: Sequence[CiRun]) -> dict[str, Any]:
    """The result for GitHub's autograding reporter over all submissions that give a mark.

    What there was no time for has no points. A smoke run gives no mark, and fails the whole where something is to be mended.
    """
    tests: list[dict[str, Any]] = []
    total = 0.0
    states = []
    for run in runs:
        if run.left in ("over-budget", "broken"):
            state = "fail" if run.left == "over-budget" else "error"
            states.append(state)
            total += run.out_of
            tests.append({"name": run.handed.assignment, "status": state, "message": run.why, "score": 0.0, **_EMPTY})
        if run.result is None:
            continue
        if run.result.smoke is not None:
            states.append("pass" if run.fine else "fail")
            continue
        if waits := plain_grade(run.result).awaits:
            states.append("fail")  # nobody has passed yet
            total += run.result.out_of
            words = f"a person gives the points of {', '.join(map(one_line, waits))}; until then there is no mark"
            name = f"{run.handed.assignment}: awaits a person"
            tests.append({"name": name, "status": "fail", "message": words, "score": 0.0, **_EMPTY})
            continue
        document = json.loads(write_autograding(run.result))
        states.append(document["status"])
        total += document["max_score"]
        tests += [{**test, "name": f"{run.handed.assignment}: {test['name']}"} for test in document["tests"]]
    status = "error" if "error" in states else "fail" if "fail" in states else "pass"
    if not tests:
        tests = [{"name": "nothing gives points yet", "status": status, "message": "", "score": 0.0, **_EMPTY}]
    return {"version": 1, "status": status, "max_score": round(total, 2), "tests": tests}


def autograding_output(runs: Sequence[CiRun]) -> str:
    """The same as the step's output holds it: base64 on one line, without messages where they would not fit."""
    document = autograding_document(runs)
    bare = {**document, "tests": [{**test, "message": ""} for test in document["tests"]]}
    whole, shorter = (
        base64.b64encode(json.dumps(each, ensure_ascii=False).encode()).decode() for each in (document, bare)
    )
    return whole if len(whole) <= MOST_OUTPUT else shorter


def classroom50_result(runs: Sequence[CiRun], submission: Submission, now: datetime) -> str:
    """Classroom 50's result over all submissions that give a mark. Raises UsageError, Infrastructure where there is none.

    What is optional and not there yet, and a smoke run, give no mark and are left out.
    """
    for run in runs:
        if run.left == "over-budget":
            raise UsageError(f"{run.handed.assignment}: {run.why}, so there is no mark.", "Raise `budget`.")
        if run.left == "broken":
            raise Infrastructure(f"{run.handed.assignment}: {run.why}.", "Run it again.")
    return write_result([result for result in results_of(runs) if result.smoke is None], submission, now)


def exit_status(runs: Sequence[CiRun]) -> int:
    """0: all is fine; 3: we broke; else 1."""
    broken = any(result.status is Status.BROKEN for result in results_of(runs))
    if broken or any(run.left == "broken" for run in runs):
        return 3
    return 0 if all(run.fine for run in runs) else 1
