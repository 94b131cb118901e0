"""`results.json` as Gradescope's autograder harness reads it, from one result (gradescope-autograders, "specs")."""

import json
from collections.abc import Mapping

from grader.core.errors import UsageError
from grader.core.results import CheckResult, Outcome, Result
from grader.core.text import available, nearest, one_line
from grader.exports.what_may_leave import explanation, for_students, is_advice, overview, the_grade

VISIBILITIES = ("visible", "hidden", "after_due_date", "after_published")


def write_results(result: Result, *, visibility: Mapping[str, str] | None = None, leaderboard: bool = False) -> str:
    """The JSON text. Flags are no part of it, as students see all of it.

    `visibility`: who sees a check, by its name (default: everybody). Gradescope hides the total from students as soon as one
    test is hidden from them. Raises UsageError for an unknown check and for who is excused, and Infrastructure
    where the grader broke: without a `results.json` Gradescope tells the instructor, and no zero is entered.
    """
    grade = the_grade(result)
    seen = dict(visibility or {})
    _require_known(result, seen)
    result = for_students(result)
    document: dict[str, object] = {
        "score": round(grade.points or 0.0, 2),
        "execution_time": round(result.ending.wall_s, 1),
        "output": "\n".join(overview(result)),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "extra_data": {"assignment": result.assignment, "evidence": result.evidence, "isolation": result.isolation},
        "tests": [_test(number, check, seen) for number, check in enumerate(result.checks, start=1)],
    }
    if leaderboard and result.accuracy is not None:
        document["leaderboard"] = [{"name": "Accuracy", "value": round(result.accuracy.value, 4), "order": "desc"}]
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _test(number: int, check: CheckResult, visibility: Mapping[str, str]) -> dict[str, object]:
    test: dict[str, object] = {
        "name": one_line(check.title),
        "number": str(number),
        "score": round(check.points, 2),
        "max_score": round(check.out_of, 2),
        "output": explanation(check),
        "visibility": visibility.get(check.name, "visible"),
    }
    if not is_advice(check) and check.outcome is not Outcome.AWAITING:  # advice that was not taken is no failure
        test["status"] = "passed" if check.outcome is Outcome.PASSED else "failed"
    return test


def _require_known(result: Result, visibility: Mapping[str, str]) -> None:
    """Raise UsageError for an unknown check or visibility."""
    names = tuple(dict.fromkeys(check.name for check in result.checks))
    for name, who in visibility.items():
        if who not in VISIBILITIES:
            raise UsageError(
                f"--visibility {name}={who}: is not understood{nearest(who, VISIBILITIES)}.",
                f"Write --visibility CHECK=WHO. {available(VISIBILITIES)}",
            )
        if name not in names:
            raise UsageError(f"This result has no check `{name}`{nearest(name, names)}.", available(names))
