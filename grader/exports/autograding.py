"""The autograding result in version 1: what GitHub's autograding reporter reads, from one result.

The reporter is an action that any workflow can run. GitHub Classroom, for which it was written, ended on 2026-08-28.

It sums the scores of tests. It prints their names and messages into its own step's log, so they are single lines without
commands, and reads the whole from one environment variable, which Linux limits to 128 KiB
(github-education-resources/autograding-grading-reporter, notify-classroom.js, console-results.js).
"""

import base64
import json
from collections.abc import Sequence
from decimal import Decimal

from grader.core.grades import grades_of
from grader.core.results import CheckResult, Grade, Outcome, Result, Status
from grader.core.text import defused, one_line, shorten
from grader.exports.what_may_leave import for_students, is_advice, overview, the_grade

VERSION = 1
MOST_ENCODED = 100_000  # characters of base64
LENGTHS = (500, 200, 60, 0)  # of a message: the first that fits into the whole
LONGEST_NAME = 100


def write_autograding(result: Result) -> str:
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


def encode_autograding(result: Result) -> str:
    """The same as the step's output `result` holds it: base64 on one line."""
    return base64.b64encode(write_autograding(result).encode("utf-8")).decode("ascii")


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
        _test(check.title, _status(check), message_of(check, length), score)
        for check, score in zip(checks, shares([check.points for check in checks]), strict=True)
    ]
    changed = round(points - sum(check.points for check in checks), 2)
    if not tests:
        message = "" if status == "pass" else single_line(" ".join(overview(result)), length)
        tests = [_test("The submission is graded", status, message, round(points, 2))]
    elif grade is not None and changed:
        what = what_changed(grade)
        tests.append(_test(what, "pass" if changed > 0 else "fail", single_line(overview(result)[0], length), changed))
    return {
        "version": VERSION, "status": status, "max_score": round(result.out_of, 2),
        "message": single_line(overview(result)[0], length), "tests": tests,
    }  # fmt: skip


def what_changed(grade: Grade) -> str:
    """What makes the points in all others than the sum of the checks."""
    late = grade.penalty is not None and grade.penalty.points
    if grade.decided or (grade.changed_by_person and not late):
        return "Decided by the instructor"
    if grade.changed_by_person:
        return "Lateness, and what the instructor decided"
    return "Lateness" if grade.penalty else "Another hand-in counts"


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
        "name": single_line(name, LONGEST_NAME) or "A check", "status": status, "score": score, "message": message,
        "test_code": "", "filename": "", "line_no": 0, "execution_time": "0s",
    }  # fmt: skip


def _status(check: CheckResult) -> str:
    if check.outcome is Outcome.BROKEN:
        return "error"
    return "pass" if check.outcome is Outcome.PASSED else "fail"


def message_of(check: CheckResult, length: int) -> str:
    """What was found and what to do, on one line; "" where the check passed."""
    if check.outcome is Outcome.PASSED:
        return ""
    return single_line(" ".join(part for part in (check.reason, check.hint and f"→ {check.hint}") if part), length)


def single_line(text: str, most: int) -> str:
    """The text on one line that no runner takes for a command, at most `most` characters."""
    return defused(shorten(one_line(text), most))
