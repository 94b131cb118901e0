"""Other numbers in a rubric show what regrading would make of a class, and leave no trace."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.core.errors import RubricError
from grader.core.grades import Enrolment, HandIn
from grader.core.progress import Silent
from grader.core.results import Result, Student
from grader.core.store import load_evidence, load_result
from grader.gradebook import Change, Gradebook, open_gradebook
from grader.marking.publish import OutputOptions
from grader.marking.regrade import Move, regrade
from grader.marking.rubric_numbers import NumberChange, changed_numbers, read_rubric_file, rubric_numbers
from grader.marking.what_if import ClassEvidence, preview, rubric_with
from grader.run.batch import grade_class
from tests.fakes import ASSIGNMENT, RUBRIC, Act, Stage, a_context, a_rubric, list_class, write_class, write_course

NUMBERS = RUBRIC.replace(
    "at_least = 0.8", "bands = [{ at = 0.7, share = 0.5 }, { at = 0.9, share = 1.0 }]\ndoubt = 0.1"
)
NUMBERS = NUMBERS.replace("pass_mark = 60\n", "pass_mark = 60\ndue = 2026-11-20T12:00:00Z\n\n[late]\nper_day = 0.1\n\n")
NUMBERS = NUMBERS.replace("\n[late]", '\n[retry]\ntimes = 2\ncounts = "mean"\n\n[late]')
NUMBERS += '\n[[check]]\nuse = "suggested_epochs"\npoints = 0\nvalue = 3\n'
NUMBERS += '\n[[check]]\nuse = "checks:wide"\npoints = 10\nleast = 3\n'
OWN = '''
from typing import Annotated
from pydantic import Field
from grader.checks import Case, Failure, Parameters, Score, check

class Wide(Parameters):
    """`least`: how many outputs are right."""
    least: Annotated[int, Field(ge=0)]

@check(parameters=Wide, rests_on="facts")
def wide(case: Case, parameters: Wide) -> Score:
    """Some outputs are near one."""
    if case.outputs is None or (case.outputs[:, 0] > 0.5).sum() < parameters.least:
        raise Failure("not enough")
    return Score(1.0)
'''
ACTS = {
    "ada": Act(correct=10), "bob": Act(correct=7), "cy": Act(correct=8), "dee": Act(model=False),
    "flo": Act(correct=6, by_seed={1000: 9, 2000: 8}), "gus": Act(correct=9),
}  # fmt: skip


class Classroom:
    """A graded class with a gradebook: repeated runs, one late, one who was decided on, one nobody can read."""

    def __init__(self, folder: Path) -> None:
        course = write_course(folder / "course", NUMBERS)
        (course.assignment_file(ASSIGNMENT).parent / "checks.py").write_text(OWN, encoding="utf-8")
        self.output = OutputOptions(out=folder / "out", course=course)
        handed_in = write_class(folder / "class", *ACTS)
        (handed_in / "eve.docx").write_text("words")
        with pytest.MonkeyPatch.context() as patch, a_context(course) as context:
            Stage(ACTS).install(patch)
            grade_class(list_class(handed_in), context, self.output, jobs=1, progress=Silent())
        self.rubric = a_rubric(course)
        self.file = read_rubric_file(course.assignment_file(ASSIGNMENT))

    def fill(self, book: Gradebook) -> None:
        """Record what lies in the folder, and decide something."""
        assignment = self.rubric.assignment
        told = []
        for place, name in enumerate([*ACTS, "eve"]):
            result = load_result(self.output.out / name)
            assert result is not None
            unread = result.unread
            digest = "" if unread else load_evidence(self.output.out / name / "evidence").evidence.submission.sha256
            submitted = datetime(2026, 11, 20 + place % 3, 11, tzinfo=UTC)
            hand_in = HandIn(
                student=Student(name=name), digest=digest, name=result.submission, folder=name, submitted=submitted
            )
            told.append((result, hand_in))
        students = [*(hand_in.student for _, hand_in in told), Student(name="nobody")]
        book.enrol(assignment, [Enrolment(student=student) for student in students])
        for result, hand_in in told:
            book.record(result, hand_in, rubric_digest=self.rubric.digest)
        eve = Change(kind="adjustment", student="eve", value={"points": 59}, author="ida", reason="shown on paper")
        book.write_log(assignment.id, eve)
        book.override("gus", author="ida", reason="viva", points=77)
        book.write_log(
            assignment.id,
            Change(kind="check", student="bob", subject="trained", value={"points": 5}, author="ida", reason="half"),
        )
        book.write_log(
            assignment.id, Change(kind="adjustment", student="cy", value={"points": 2}, author="ida", reason="neat")
        )

    def typed(self, typed: Mapping[str, str]) -> tuple[NumberChange, ...]:
        """The changes for what is typed; nothing may be wrong with it."""
        changes, faults = changed_numbers(rubric_numbers(self.file.raw, self.rubric.planned), typed)
        assert not faults
        return changes


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Classroom:
    return Classroom(tmp_path_factory.mktemp("what-if"))


@pytest.fixture(scope="module")
def book(classroom: Classroom) -> Iterator[Gradebook]:
    with open_gradebook(classroom.output.out) as opened:
        classroom.fill(opened)
        yield opened


@pytest.fixture(scope="module")
def evidence(classroom: Classroom) -> ClassEvidence:
    return ClassEvidence(classroom.rubric, classroom.output)


FRACTIONS = st.integers(0, 40).map(lambda n: f"{n / 40:g}")
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "pass_mark": st.integers(0, 100).map(str),
        "due": st.sampled_from(["", "2026-11-19T09:00:00+01:00", "2026-11-21T10:30:00Z"]),
        "late.per_day": FRACTIONS,
        "late.most": FRACTIONS,
        "late.grace": st.sampled_from(["", "10m", "2h"]),
        "late.after": st.sampled_from(["", "3h", "2d"]),
        "check.0.points": st.integers(0, 60).map(str),
        "check.0.after_training": FRACTIONS,
        "check.2.points": st.sampled_from(["0", "33.3", "70", "12.25"]),
        "check.2.bands.0.at": FRACTIONS,
        "check.2.bands.0.share": FRACTIONS,
        "check.2.bands.1.at": FRACTIONS,
        "check.2.doubt": st.sampled_from(["", "0.025", "0.3", "0.5"]),
        "check.2.borderline": st.sampled_from(["", "0", "0.1", "0.2"]),
        "check.3.points": st.integers(0, 5).map(str),
        "check.3.value": st.integers(1, 5).map(str),
        "check.4.least": st.integers(0, 8).map(str),
    },
)


@given(CHANGES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_shown_is_what_regrading_would_make_of_it(
    classroom: Classroom, book: Gradebook, evidence: ClassEvidence, typed: dict[str, str]
) -> None:
    changes = classroom.typed(typed)
    try:
        rubric = rubric_with(classroom.rubric, classroom.file.raw, changes, classroom.output.course)
    except RubricError:
        return
    moves = evidence.mark(rubric)
    done = regrade(rubric, classroom.output, dry_run=True)
    marked = {move.new.student: move.new for move in done}
    assert {move.new.student: move.new for move in moves if move.new.student in marked} == marked
    shown = preview(moves, rubric, *book.bases(ASSIGNMENT))
    after = book.remark(rubric.assignment, told(book, moves), rubric_digest=rubric.digest, dry_run=True)
    expected = {
        new.student.name: (old.points, new.points, old.passed, new.passed, new.flags)
        for old, new in after.grades
        if (old.points, old.passed) != (new.points, new.passed)
    }
    assert expected == {
        mover.after.student.name: (
            mover.before.points, mover.after.points, mover.before.passed, mover.after.passed, mover.after.flags,
        )
        for mover in shown.moved
    }  # fmt: skip
    assert shown.passed[1] == sum(new.passed for _, new in after.grades)
    assert sum(shown.bins[1]) == sum(new.points is not None for _, new in after.grades)


def told(book: Gradebook, moves: list[Move]) -> list[tuple[Result, HandIn]]:
    """The results that `regrade` tells the gradebook."""
    done = {move.folder.name: move for move in moves}
    return [
        (done[hand_in.folder].new, hand_in)
        for hand_in in book.hand_ins(ASSIGNMENT)
        if hand_in.digest == done[hand_in.folder].submission
    ]


def test_what_never_ran_gets_the_maximum_and_the_pass_mark_of_the_new_rubric(
    classroom: Classroom, book: Gradebook, evidence: ClassEvidence
) -> None:
    changes = classroom.typed({"check.2.points": "50", "pass_mark": "58"})
    rubric = rubric_with(classroom.rubric, classroom.file.raw, changes, classroom.output.course)
    shown = preview(evidence.mark(rubric), rubric, *book.bases(ASSIGNMENT))
    (eve,) = (move.after for move in shown.moved if move.after.student.name == "eve")
    assert (eve.points, eve.out_of, eve.passed) == (59, 90, True)


def test_damaged_evidence_costs_that_row_and_no_other_and_mended_it_is_read_again(
    classroom: Classroom, book: Gradebook, evidence: ClassEvidence
) -> None:
    path = classroom.output.out / "ada" / "evidence" / "evidence.json"
    whole, changes = path.read_bytes(), classroom.typed({"check.0.points": "25"})
    rubric = rubric_with(classroom.rubric, classroom.file.raw, changes, classroom.output.course)
    path.write_bytes(whole[:-9])
    shown = preview(evidence.mark(rubric), rubric, *book.bases(ASSIGNMENT))
    assert [(folder.name, "can't be marked again" in words) for folder, words in shown.troubles] == [("ada", True)]
    names = {move.after.student.name for move in shown.moved}
    assert "ada" not in names and {"bob", "cy"} <= names
    path.write_bytes(whole)
    mended = preview(evidence.mark(rubric), rubric, *book.bases(ASSIGNMENT))
    assert mended.troubles == ()
    assert {move.after.student.name for move in mended.moved} == {*names, "ada"}


def test_nothing_changed_moves_nobody_and_an_override_stays(
    classroom: Classroom, book: Gradebook, evidence: ClassEvidence
) -> None:
    assert preview(evidence.mark(classroom.rubric), classroom.rubric, *book.bases(ASSIGNMENT)).moved == ()
    changes = classroom.typed({"check.2.points": "35"})
    rubric = rubric_with(classroom.rubric, classroom.file.raw, changes, classroom.output.course)
    shown = preview(evidence.mark(rubric), rubric, *book.bases(ASSIGNMENT))
    assert "gus" not in {move.after.student.name for move in shown.moved}
    (ada,) = (move for move in shown.moved if move.after.student.name == "ada")
    assert "accuracy 70 -> 35" in ada.why


def test_pictures_and_predictions_are_not_kept(evidence: ClassEvidence) -> None:
    evidence.read()
    runs = [run for row in evidence._rows.values() for run in row.runs.values()]
    assert len(runs) > 5
    assert all(
        run.seen.case.outputs is None and run.seen.case.measured is not None for run in runs if run.result.accuracy
    )
    shown = [output for run in runs for cell in run.seen.case.evidence.claims.cells for output in cell.outputs]
    assert all(output.text == "" and output.png in (None, "-") for output in shown)
