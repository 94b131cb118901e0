"""A class on disk with its gradebook, and a desk that serves it on the loopback: for the tests of every page."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.core.evidence import Cell, MarkdownCell, Source
from grader.core.grades import Enrolment, HandIn
from grader.core.results import Flag, Result, Status, Student
from grader.core.store import save_evidence, save_result
from grader.course.course import Course
from grader.course.rubric import Rubric
from grader.gradebook import Gradebook, open_gradebook
from grader.intake import safe_name
from grader.marking.flags import UnrunSubmission, explain_unread
from grader.marking.mark import mark_attempts
from grader.marking.publish import EVIDENCE_FOLDER, Grades
from grader.review.access import Access
from grader.review.application import make_application
from grader.review.desk import Desk, ReviewOptions, key_of, read_secret
from tests.fakes import RUBRIC, a_rubric, a_stored, data_of, trained_claims, write_course
from tests.pages.builders import some_cells
from tests.review.server import Answer, Client
from tests.review.server import serving as serving_application

AUTHOR = "kim"


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """One submission of a class: how many of ten photographs its network recognises, and what its notebook shows.

    `members` hand in as a group. `unread`: why nothing could be run. `flags` and `status` are put over what was found.
    """

    name: str
    correct: int = 10
    cells: tuple[Cell, ...] = ()
    markdown: tuple[MarkdownCell, ...] = ()
    members: tuple[str, ...] = ()
    unread: str = ""
    flags: tuple[Flag, ...] = ()
    status: Status | None = None


# One of each kind: good, bad, to be looked at, a group, unread. Their order on the class page is that of names.
SOME = (
    Entrant(name="Ada Lind", cells=some_cells()),
    Entrant(name="Bo Mwangi", correct=6, cells=some_cells()),
    Entrant(name="Chi Tanaka", status=Status.NEEDS_REVIEW),
    Entrant(name="Dina and Emil", members=("Dina Haddad", "Emil Berg")),
    Entrant(name="Filip Horak", unread="the file is no notebook"),
)


def write_entrants(out: Path, rubric: Rubric, book: Gradebook, entrants: Sequence[Entrant]) -> None:
    """Evidence, results and a gradebook as a batch leaves them; pages are written by `Desk.publish`."""
    told: list[tuple[Result, HandIn]] = []
    results: dict[Path, Result] = {}
    for entrant in entrants:
        folder = out / safe_name(entrant.name)
        results[folder] = _result(folder, rubric, entrant)
        for member in entrant.members or (entrant.name,):
            student = Student(name=member, group=entrant.name if entrant.members else "")
            digest = "" if entrant.unread else _digest(entrant)
            hand_in = HandIn(student=student, digest=digest, name=results[folder].submission, folder=folder.name)
            told.append((results[folder].model_copy(update={"student": member}), hand_in))
    book.enrol(rubric.assignment, [Enrolment(student=hand_in.student) for _, hand_in in told])
    for result, hand_in in told:
        book.record(result, hand_in, rubric_digest=rubric.digest)
    grades = Grades(book.grades(rubric.assignment.id))
    for folder, result in results.items():
        save_result(folder, grades.beside(result, folder))


def _result(folder: Path, rubric: Rubric, entrant: Entrant) -> Result:
    name = f"{safe_name(entrant.name)}.ipynb"
    folder.mkdir(parents=True)
    if entrant.unread:
        row = UnrunSubmission(
            rubric=rubric, student=entrant.name, submission=name, isolation="none", versions={}, seed=0, started="",
        )  # fmt: skip
        return explain_unread(row, reason=entrant.unread, remedy="Hand in a notebook.", ours=False)
    cells = entrant.cells or (Cell(number=1, source="print(1)", executed=True),)
    source = Source(name=name, sha256=_digest(entrant), markdown=entrant.markdown)
    claims = trained_claims(*cells)
    stored = a_stored(rubric, entrant.correct, student=entrant.name, submission=source, claims=claims)
    save_evidence(folder / EVIDENCE_FOLDER, stored, None)
    result = mark_attempts((stored,), rubric, {})
    change: dict[str, object] = {"flags": (*result.flags, *entrant.flags)}
    return result.model_copy(update=change if entrant.status is None else {**change, "status": entrant.status})


def _digest(entrant: Entrant) -> str:
    return hashlib.sha256(entrant.name.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class RunningDesk:
    """A desk that answers, and a visitor who was let in."""

    desk: Desk
    access: Access
    course: Course
    out: Path

    @property
    def origin(self) -> str:
        """Where it answers, as a browser writes it."""
        return self.access.origin(self.access.host)

    def key(self, name: str) -> str:
        """What stands for a submission in addresses, by the name that `Entrant` gives it."""
        return key_of(read_secret(self.out), self.out / safe_name(name))

    def get(self, path: str, **headers: str) -> Answer:
        """A page."""
        return Client(self.access).ask("GET", path, headers)

    def post(self, path: str, fields: Mapping[str, str | int | float], **headers: str) -> Answer:
        """A form, with the token that every form of the desk holds."""
        return Client(self.access).post(path, fields, headers)


@contextmanager
def running_desk(
    root: Path, entrants: Sequence[Entrant] = SOME, *, rubric: str = RUBRIC, gradebook: str | None = None,
    author: str = AUTHOR, patience: float = 20.0,
) -> Iterator[RunningDesk]:  # fmt: skip
    """A class of `entrants` below `root`, served until the block ends. `rubric` is the text of its assignment.toml."""
    course, out = write_course(root / "course", rubric), root / "out"
    out.mkdir()
    options = ReviewOptions(
        out=out, course=course, rubric=a_rubric(course), author=author, data=data_of(course.root)
    )  # fmt: skip
    with open_gradebook(gradebook or out, patience=patience) as book:
        write_entrants(out, options.rubric, book, entrants)
        with serving(Desk(options, book), course) as desk:
            yield desk


@contextmanager
def serving(desk: Desk, course: Course) -> Iterator[RunningDesk]:
    """A desk on a free port of the loopback, in a thread."""
    with serving_application(lambda access: make_application(desk, access)) as client:
        yield RunningDesk(desk=desk, access=client.access, course=course, out=desk.options.out)
