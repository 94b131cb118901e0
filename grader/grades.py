"""What grades are made of: rules, hand-ins, extensions, and the events of a student's history.

`Grade` itself stands in `results`, because a result names the grade beside it. Values only; how a grade comes about is in
`grading_rules`, which is pure.
"""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from grader.assignment import Assignment, CountedSubmission, Late
from grader.evidence import Value
from grader.results import Grade as Grade
from grader.results import Override as Override
from grader.results import Penalty as Penalty
from grader.results import Status
from grader.results import Student as Student


class Extension(Value):
    """More time for one student: until `due`, or `seconds` more than everybody has. Exactly one of them is given."""

    due: AwareDatetime | None = None
    seconds: float | None = None


class Enrolment(Value):
    """A student who is expected to have a grade for an assignment, whether anything is handed in or not."""

    student: Student
    extension: Extension | None = None


class HandIn(Value):
    """What one student handed in, and when.

    `digest` is the submission's SHA-256, empty where it could not be read; `name` the file's. `submitted` is what the
    learning platform says, None where it says nothing; `marked_late` is its mark without a time (Canvas' LATE), None where
    nobody could tell. `folder` is the student's folder below the batch's. What is empty or None here leaves what the
    gradebook knows as it is.
    """

    student: Student
    digest: str
    name: str
    submitted: AwareDatetime | None = None
    marked_late: bool | None = None
    folder: str = ""


class Rules(Value):
    """What an assignment says of grades beyond its checks: which submission counts, when it is due, what lateness costs."""

    assignment: str
    title: str
    out_of: float
    pass_mark: float
    submissions: CountedSubmission = "last"
    due: datetime | None = None
    late: Late = Late()

    @classmethod
    def of(cls, assignment: Assignment) -> "Rules":
        """The rules that a rubric states."""
        return cls(
            assignment=assignment.id, title=assignment.title, out_of=assignment.out_of, pass_mark=assignment.pass_mark,
            submissions=assignment.submissions, due=assignment.due, late=assignment.late,
        )  # fmt: skip


class Event(Value):
    """One line of a student's history: a result or a person's decision; `before` are the points that stood until then.

    `changed` names the checks that moved, old to new; `rubric` is the rubric's digest and `grader` the version that marked.
    """

    time: str
    assignment: str
    kind: Literal["result", "override", "excuse", "revoke"]
    points: float | None
    out_of: float
    before: float | None = None
    submission: str = ""
    status: Status | None = None
    passed: bool | None = None  # a result's own; a decision's follows from the pass mark
    changed: tuple[str, ...] = ()
    rubric: str = ""
    grader: str = ""
    author: str = ""
    reason: str = ""
    comment: str = ""


class Marked(Value):
    """The result that stands for one submission. `sequence` counts a student's submissions as they were first seen."""

    sequence: int
    submission: str
    status: Status
    points: float
    out_of: float
    pass_mark: float
    passed: bool
    submitted: AwareDatetime | None = None
    marked_late: bool = False
    flags: tuple[str, ...] = ()
    folder: str = ""
    evidence: str | None = None


class Judged(Value):
    """The accuracy of the submission that counts for a student, on so many images; `evidence` is the digest of its run."""

    student: Student
    accuracy: float
    judged: int
    evidence: str
