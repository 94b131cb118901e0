"""An accuracy to be better than: the same student's own, else the recorded baseline, else none."""

import dataclasses
import json
from pathlib import Path

import pytest

from grader.assignment import CheckSpec
from grader.checks.registry import plan
from grader.comparing import exercises_compared, find_comparisons
from grader.course import Course
from grader.dataset import SplitManifest
from grader.errors import DataError, UsageError
from grader.results import Comparison, Status
from grader.store import save_result
from tests.fakes import a_baseline, a_result, write_course
from tests.report.builders import an_accuracy

JUDGED_ON = "the 10,000 test images of MNIST"


def find(course: Course, earlier: Path | None, *, student: str = "ada", digest: str = "d") -> Comparison | None:
    split = SplitManifest(count=1, images=digest, labels=digest)
    dataset = Course.at().dataset("mnist").model_copy(update={"judged_title": JUDGED_ON, "split": {"test": split}})
    found = find_comparisons(("exercise1",), student=student, dataset=dataset, earlier=earlier, course=course)
    return found.get("exercise1")


def recorded(*accuracies: float) -> str:
    """A baseline measured on the data of `find`."""
    split = SplitManifest(count=1, images="d", labels="d")
    digest = Course.at().dataset("mnist").model_copy(update={"split": {"test": split}}).digest
    return a_baseline(*accuracies, data_digest=digest, judged_on=JUDGED_ON).model_dump_json(by_alias=True)


def course_with(tmp_path: Path, baseline: str | None) -> Course:
    course = write_course(tmp_path / "course")
    path = course.root / "reference" / "exercise1" / "baseline.json"
    path.parent.mkdir(parents=True)
    if baseline is not None:
        path.write_text(baseline)
    return course


def handed_in(folder: Path, reached: float, **changes: object) -> None:
    result = a_result(accuracy=an_accuracy(round(10_000 * reached)), judged_on=JUDGED_ON)
    known = {"assignment": "exercise1", "student": "ada"}
    save_result(folder, result.model_copy(update={**known, **changes}))


def test_the_students_own_result_goes_before_the_baseline(tmp_path: Path) -> None:
    handed_in(tmp_path / "earlier" / "ada", 0.971)
    found = find(course_with(tmp_path, recorded(0.98)), tmp_path / "earlier")
    assert found == Comparison(
        assignment="exercise1",
        source="exercise1 of the same student",
        accuracy=0.971,
        judged=10_000,
        judged_on=JUDGED_ON,
    )


def test_without_a_folder_of_earlier_results_the_mean_of_the_baseline_counts(tmp_path: Path) -> None:
    found = find(course_with(tmp_path, recorded(0.98, 0.99)), None)
    assert found is not None
    assert found.source == "the reference baseline of exercise1"
    assert found.accuracy == pytest.approx(0.985)
    assert found.judged_on == JUDGED_ON


@pytest.mark.parametrize(
    "changes",
    [
        {"student": "bob"}, {"assignment": "exercise2"}, {"judged_on": "5,000 digits of a package"}, {"accuracy": None},
        {"status": Status.BROKEN}, {"status": Status.EXPLAINED},
    ],
)  # fmt: skip
def test_a_result_that_says_nothing_about_it_is_passed_over(tmp_path: Path, changes: dict[str, object]) -> None:
    handed_in(tmp_path / "earlier" / "x", 0.99, **changes)
    found = find(course_with(tmp_path, recorded(0.98)), tmp_path / "earlier")
    assert found is not None
    assert found.accuracy == 0.98


def test_a_result_for_a_person_to_look_at_counts(tmp_path: Path) -> None:
    handed_in(tmp_path / "earlier" / "x", 0.99, status=Status.NEEDS_REVIEW)
    found = find(course_with(tmp_path, None), tmp_path / "earlier")
    assert found is not None
    assert found.accuracy == 0.99


def test_results_that_can_not_be_read_are_passed_over(tmp_path: Path) -> None:
    for name, text in (("a", "{"), ("b", "[]"), ("c", json.dumps({"schema": 9}))):
        (tmp_path / "earlier" / name).mkdir(parents=True)
        (tmp_path / "earlier" / name / "result.json").write_text(text)
    handed_in(tmp_path / "earlier" / "z", 0.97)
    found = find(course_with(tmp_path, None), tmp_path / "earlier")
    assert found is not None
    assert found.accuracy == 0.97


def test_where_there_is_neither_the_exercise_is_left_out(tmp_path: Path) -> None:
    assert find(course_with(tmp_path, None), None) is None


def test_a_folder_of_earlier_results_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--earlier"):
        find(course_with(tmp_path, None), tmp_path / "nowhere")


def test_a_baseline_of_other_data_is_refused_with_how_to_measure_again(tmp_path: Path) -> None:
    course = course_with(tmp_path, recorded(0.98, 0.99))
    with pytest.raises(DataError, match=r"baseline\.json: was measured on other data.*baseline exercise1 --seeds 2"):
        find(course, None, digest="other")


@pytest.mark.parametrize("text", ["", "{}", "[", recorded(0.98).replace('"runs":[', '"runs":[],"x":[')])
def test_a_damaged_baseline_is_named_with_a_remedy(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"baseline\.json: is no baseline.*Measure it again"):
        find(course_with(tmp_path, text), None)


def test_the_exercises_that_a_rubric_compares_with_are_those_its_checks_name() -> None:
    specs = tuple(
        CheckSpec.model_validate({"points": 1, **keys})
        for keys in ({"use": "better_than", "exercise": "exercise1"}, {"use": "executes"})
    )
    planned = plan(specs, origin="x")
    assert exercises_compared(planned) == ("exercise1",)
    assert exercises_compared(dataclasses.replace(item) for item in planned[1:]) == ()
