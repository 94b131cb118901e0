"""Evidence of a smoke run is never taken for a real one."""

from pathlib import Path

import pytest

from grader.core.evidence import Evidence, Smoke
from grader.core.progress import Silent
from grader.core.results import Outcome, Status
from grader.course.course import Course
from grader.intake import read_path
from grader.marking.mark import mark
from grader.run.collect import collect
from grader.run.context import RunOptions, evidence_key, open_context
from tests.fakes import ASSIGNMENT, Stage, a_rubric, a_stored, data_of, write_class, write_course


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


def test_a_smoke_run_gets_no_points_for_an_accuracy_even_if_there_are_predictions(course: Course) -> None:
    rubric = a_rubric(course)
    real, smoked = mark(a_stored(rubric), rubric, {}), mark(a_stored(rubric, smoke=Smoke()), rubric, {})
    assert (real.passed, real.points, real.status) == (True, 100, Status.GRADED)
    assert (smoked.passed, smoked.points, smoked.status) == (False, 30, Status.EXPLAINED)
    assert smoked.accuracy is None
    assert smoked.smoke == Smoke()
    (open_one,) = [check for check in smoked.checks if check.name == "accuracy"]
    assert open_one.outcome is Outcome.SKIPPED
    assert open_one.reason == "not checked: a smoke run trains on 640 images, and nothing is judged by it"


def test_old_evidence_is_no_smoke_run(course: Course) -> None:
    plain = a_stored(a_rubric(course)).evidence.model_dump(mode="json", by_alias=True)
    del plain["smoke"]
    assert Evidence.model_validate(plain).smoke is None


def test_a_smoke_run_has_a_key_of_its_own(course: Course, tmp_path: Path) -> None:
    work = read_path(write_class(tmp_path / "class", "ada") / "ada.py")
    keys = []
    for smoke in (None, Smoke(), Smoke(images=64)):
        setup = RunOptions(isolation="none", data=data_of(course.root), smoke=smoke)
        with open_context(course, ASSIGNMENT, setup, Silent()) as context:
            keys.append(evidence_key(work, context))
    assert len(set(keys)) == 3


def test_what_is_collected_in_a_smoke_run_holds_no_predictions(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    work = read_path(write_class(tmp_path / "class", "ada") / "ada.py")
    setup = RunOptions(isolation="none", data=data_of(course.root), serve="open", smoke=Smoke(), private=False)
    with open_context(course, ASSIGNMENT, setup, Silent()) as context:
        stored, _ = collect(work, context, Silent())
    assert stored.outputs is None
    assert stored.evidence.smoke == Smoke()
    assert stored.evidence.facts.judgement.outcome == "described"
    assert stored.evidence.facts.judgement.predictions is None
