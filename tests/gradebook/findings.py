"""Results and hand-ins for the gradebook's tests."""

from datetime import datetime
from pathlib import Path

from grader.core.assignment import Assignment, read_assignment
from grader.core.evidence import Cause, Ending
from grader.core.grades import HandIn
from grader.core.results import Accuracy, CheckResult, ModelSummary, Outcome, Result, Status, Student

DUE = datetime.fromisoformat("2026-11-20T23:59:00+01:00")
RUBRIC = "rubric-1"
LATE = """\
due = 2026-11-20T23:59:00+01:00
submissions = "last"
[late]
grace = "10m"
per_day = 0.1
most = 0.5
"""


def an_assignment(folder: Path, rules: str = "", name: str = "exercise2") -> Assignment:
    """An assignment of 100 points that is passed with 60, with rules of grades."""
    path = folder / name / "assignment.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'schema = 1\ntitle = "Exercise {name[-1]}"\ndataset = "mnist"\npass_mark = 60\n{rules}\n'
        '[[check]]\nuse = "accuracy"\npoints = 100\nat_least = 0.97\n',
        encoding="utf-8",
    )
    return read_assignment(path)


def a_finding(student: str, points: float, **changes: object) -> Result:
    """A graded result of two checks: the second has what `points` says beyond 20 of them."""
    parts = (min(points, 20.0), max(points - 20.0, 0.0))
    checks = tuple(
        CheckResult(name=name, title=f"The check {name}", outcome=Outcome.PARTIAL, points=got, out_of=of, reason="so")
        for name, got, of in (("executes", parts[0], 20.0), ("accuracy", parts[1], 80.0))
    )
    values: dict[str, object] = {
        "assignment": "exercise2", "title": "Exercise 2", "student": student, "submission": f"{student}.ipynb",
        "status": Status.GRADED, "points": points, "out_of": 100, "pass_mark": 60, "passed": points >= 60,
        "isolation": "bubblewrap", "dataset": "mnist", "serve": "sealed", "judged_on": "ten images", "checks": checks,
        "accuracy": Accuracy(value=0.9, correct=9, judged=10, interval=(0.55, 1.0)), "model": ModelSummary(),
        "ending": Ending(cause=Cause.FINISHED, message="All cells ran."), "evidence": f"evidence of {student}",
        "versions": {"python": "3.11"}, "seed": 0, "started": "2026-11-23T09:30:00+00:00",
    }  # fmt: skip
    return Result.model_validate({**values, **changes})


def unread(student: str, *, ours: bool = False) -> Result:
    """The row of a submission that could not be read, or (`ours`) where the grader failed."""
    status = Status.BROKEN if ours else Status.EXPLAINED
    return a_finding(student, 0, status=status, accuracy=None, evidence="", passed=False)


def handed_in(name: str, digest: str = "first", when: str | None = None, /, **changes: object) -> HandIn:
    """What a student handed in; `when` is an ISO time."""
    values: dict[str, object] = {
        "student": Student(name=name), "digest": digest, "name": f"{name}.ipynb", "folder": name,
        "submitted": when and datetime.fromisoformat(when),
    }  # fmt: skip
    return HandIn.model_validate({**values, **changes})
