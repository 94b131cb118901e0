"""GitHub Classroom's autograding result: what a runner hands to the public reporter, which sums the tests' scores.

The reporter prints names and messages into its own step's log, where a line that looks like a workflow command is one:
so they are single lines without commands. It reads the whole from one environment variable, which Linux bounds at
128 KiB (github-education-resources/autograding-grading-reporter, notify-classroom.js, console-results.js).
"""

import base64
import json
from collections.abc import Sequence
from decimal import Decimal

from grader.exports.handing import the_grade
from grader.exports.shown import for_students, is_advice, overview
from grader.grading_rules import grades_of
from grader.report.visible import defused, one_line, shorten
from grader.results import CheckResult, Grade, Outcome, Result, Status

VERSION = 1
MOST_ENCODED = 100_000  # characters of base64
LENGTHS = (500, 200, 60, 0)  # of a message: the first that fits into the whole
LONGEST_NAME = 100


def write_classroom(result: Result) -> str:
    """The JSON text: a test for each check that gives points, whose scores add up to the mark.

    What lateness or a person changed is a test of its own. Where the grader broke the status is `error`; where no check
    gives points, the submission itself is the one test. Raises UsageError for a smoke run, and for who is excused.
    """
    shown = for_students(result)
    grade = None if _broke(result) else the_grade(result)
    for length in LENGTHS:
        text = json.dumps(_document(shown, grade, length), ensure_ascii=False)
        if len(text.encode("utf-8")) * 4 // 3 <= MOST_ENCODED:
            break
    return text


def encode_classroom(result: Result) -> str:
    """The same as the step's output `result` holds it: base64 on one line."""
    return base64.b64encode(write_classroom(result).encode("utf-8")).decode("ascii")


def _broke(result: Result) -> bool:
    """Whether the grader broke and nothing was decided."""
    return result.smoke is None and all(
        grade.status is Status.BROKEN and grade.points is None and not grade.excused for grade in grades_of(result)
    )


def _document(result: Result, grade: Grade | None, length: int) -> dict[str, object]:
    checks = [check for check in result.checks if not is_advice(check)]
    status = "error" if grade is None else "pass" if grade.passed else "fail"
    points = result.points if grade is None or grade.points is None else grade.points
    tests = [
        _test(check.title, _status(check), _message(check, length), score)
        for check, score in zip(checks, shares([check.points for check in checks]), strict=True)
    ]
    changed = round(points - sum(check.points for check in checks), 2)
    if not tests:
        message = "" if status == "pass" else _line(" ".join(overview(result)), length)
        tests = [_test("The submission is graded", status, message, round(points, 2))]
    elif grade is not None and changed:
        what = (
            "Decided by the instructor" if grade.decided else "Lateness" if grade.penalty else "Another hand-in counts"
        )
        tests.append(_test(what, "pass" if changed > 0 else "fail", _line(overview(result)[0], length), changed))
    return {
        "version": VERSION, "status": status, "max_score": round(result.out_of, 2),
        "message": _line(overview(result)[0], length), "tests": tests,
    }  # fmt: skip


def shares(points: Sequence[float]) -> list[float]:
    """Each check's points in hundredths, such that they add up to the rounded sum of all."""
    rounded: list[float] = []
    given, total = Decimal(0), 0.0
    for value in points:
        total += value
        share = Decimal(f"{total:.2f}") - given
        given += share
        rounded.append(float(share))
    return rounded


def _test(name: str, status: str, message: str, score: float) -> dict[str, object]:
    return {
        "name": _line(name, LONGEST_NAME) or "A check", "status": status, "score": score, "message": message,
        "test_code": "", "filename": "", "line_no": 0, "execution_time": "0s",
    }  # fmt: skip


def _status(check: CheckResult) -> str:
    if check.outcome is Outcome.BROKEN:
        return "error"
    return "pass" if check.outcome is Outcome.PASSED else "fail"


def _message(check: CheckResult, length: int) -> str:
    if check.outcome is Outcome.PASSED:
        return ""
    return _line(" ".join(part for part in (check.reason, check.hint and f"→ {check.hint}") if part), length)


def _line(text: str, most: int) -> str:
    return defused(shorten(one_line(text), most))
