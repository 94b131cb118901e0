"""One row of a class: who, what was handed in, when, or why it can't be read."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from grader.errors import SubmissionError
from grader.grades import Enrolment, Student
from grader.intake.extensions import read_extension
from grader.intake.submissions import Submission, read_path
from grader.notebook import without_surrogates


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of a class: a student and the path handed in.

    `student` is the name that is unique in the class; `who` is the person, whose `name` is always `student`. `submitted`
    is when it was handed in, where the source tells it honestly (aware), `late` the platform's own mark (Canvas'), None
    where it makes none. `extension` stands as the roster has it ("2d", "2026-05-01"). `problem` says why it can't be read
    and `remedy` what to do; there is nothing at `path` then. `handed_in` is False for a student of the roster without a
    submission. `members` are the students of the roster for whom a group handed in. `notes` may be shown to the student.
    """

    student: str
    path: Path
    who: Student = field(default_factory=lambda: Student(name=""))
    submitted: datetime | None = None
    late: bool | None = None
    extension: str = ""
    problem: str = ""
    remedy: str = ""
    handed_in: bool = True
    members: tuple[Student, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Give `who` the name that is unique."""
        if self.who.name != self.student:
            object.__setattr__(self, "who", self.who.model_copy(update={"name": self.student}))

    @property
    def file(self) -> str:
        """The name of what was handed in, as text; "" for nothing."""
        return without_surrogates(self.path.name) if self.handed_in else ""

    @property
    def enrolment(self) -> Enrolment:
        """The student as one who is expected to have a grade, with the extension read."""
        return Enrolment(student=self.who, extension=read_extension(self.extension) if self.extension else None)


def read_entry(entry: Entry, *, assignment: str = "") -> Submission:
    """The submission of a row, with its notes. `assignment`: as in `read_path`. Raises SubmissionError, UsageError."""
    if entry.problem:
        raise SubmissionError(entry.problem, entry.remedy)
    found = read_path(entry.path, student=entry.student, assignment=assignment)
    return replace(found, notes=(*map(without_surrogates, entry.notes), *found.notes))
