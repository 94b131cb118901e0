"""A grade: what stands in the gradebook for one student and one assignment, after lateness and a person's decision.

A *result* is what the rubric says of one submission. A *grade* is what the student gets: which submission counts, what
lateness costs, and an override or an excuse, which always win. Values only; how they come about is in the functions
below, all pure.
"""

from grader.evidence import Value
from grader.results import Status


class Student(Value):
    """A student of a class.

    `name` is unique within a batch. `identity` is the institution's number or login (from a roster), `participant` the
    number by which the learning platform's download knows the student (Moodle's participant, Canvas' user id).
    """

    name: str
    identity: str = ""
    email: str = ""
    participant: str = ""
    group: str = ""


class Override(Value):
    """A person's decision on one grade: points, or an excuse. It wins over every result and survives regrades."""

    points: float | None
    excused: bool
    author: str
    reason: str
    time: str


class Penalty(Value):
    """What lateness costs: whole days after the deadline and its extensions, points, and the rule in words."""

    days: int
    points: float
    words: str


class Grade(Value):
    """What one student gets for one assignment.

    `earned` are the points by the rubric of the submission that counts, `points` what is left after `penalty` or what
    `override` says; None where nothing was handed in, could be marked, or an excuse was given. `folder` is the
    student's folder below the batch's, `submitted` and `due` are ISO times with an offset.
    """

    student: Student
    assignment: str
    title: str
    points: float | None
    out_of: float
    passed: bool
    earned: float | None = None
    status: Status | None = None
    penalty: Penalty | None = None
    override: Override | None = None
    submission: str = ""
    submissions: int = 0
    submitted: str | None = None
    due: str | None = None
    comment: str = ""
    flags: tuple[str, ...] = ()
    folder: str = ""

    @property
    def excused(self) -> bool:
        """Whether a person excused the student."""
        return self.override is not None and self.override.excused
