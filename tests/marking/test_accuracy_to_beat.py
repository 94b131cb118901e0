"""An accuracy to be better than: the same student's own, else the recorded baseline, else none."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Literal

import pytest

from grader.checks.accuracy import unpack_right
from grader.checks.registry import plan
from grader.core.assignment import CheckSpec
from grader.core.errors import DataError, UsageError
from grader.core.grades import Enrolment, HandIn, plain_grade, with_grade
from grader.core.results import Comparison, Result, Status, Student
from grader.core.store import load_result, save_evidence, save_result
from grader.course.course import Course
from grader.course.dataset import SplitManifest
from grader.course.rubric import Rubric, open_rubric
from grader.gradebook import open_gradebook
from grader.marking.accuracy_to_beat import compare, compare_again, exercises_compared, index_earlier
from grader.marking.mark import mark_attempts
from tests.fakes import RUBRIC, a_baseline, a_result, a_rubric, a_stored, data_of, write_course, write_rubric
from tests.pages.builders import an_accuracy

BETTER = '\n[[check]]\nuse = "better_than"\npoints = 10\nexercise = "first"\n'
JUDGED_ON = "the 10,000 test images of MNIST"


def better(otherwise: Literal["threshold", "baseline"] = "baseline", *, images: str | None = None) -> Rubric:
    """A rubric that asks for more than exercise1 alone, on the digits; `images`: the digest of what is judged."""
    dataset = Course.at().dataset("mnist").model_copy(update={"judged_title": JUDGED_ON})
    if images is not None:
        split = SplitManifest(count=1, images=images, labels=images)
        dataset = dataset.model_copy(update={"split": {"test": split}})
    spec = CheckSpec.model_validate(
        {"use": "better_than", "points": 10, "exercise": "exercise1", "otherwise": otherwise}
    )
    return Rubric(assignment=Course.at().assignment("exercise2"), planned=plan((spec,), origin="x"), dataset=dataset)


def find(
    course: Course, earlier: Path | None, *, student: str = "ada", digest: str = "d",
    otherwise: Literal["threshold", "baseline"] = "baseline",
) -> Comparison | None:  # fmt: skip
    rubric = better(otherwise, images=digest)
    found = compare(rubric, student=student, earlier=index_earlier(earlier), course=course)
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
    assert (found.runs, found.lowest, found.highest, found.right) == (2, 0.98, 0.99, "")


def test_who_has_no_result_of_their_own_is_measured_by_what_the_exercise_asks_for(tmp_path: Path) -> None:
    """Six of 15 good networks lost 20 points to a reference solution that no exercise speaks of."""
    course = course_with(tmp_path, recorded(0.9861))
    asking = RUBRIC.replace('dataset = "tiny"', 'dataset = "mnist"').replace("at_least = 0.8", "at_least = 0.97")
    write_rubric(course.root, asking, assignment="exercise1")
    found = find(course, None, otherwise="threshold")
    assert found == Comparison(
        assignment="exercise1", source="what exercise1 asks for", accuracy=0.97, judged=0, judged_on=JUDGED_ON
    )
    handed_in(tmp_path / "earlier" / "ada", 0.981)
    own = find(course, tmp_path / "earlier", otherwise="threshold")
    assert own is not None and own.source == "exercise1 of the same student"
    bands = "bands = [{ at = 0.9, share = 0.5 }, { at = 0.97, share = 1.0 }]"
    write_rubric(course.root, asking.replace("at_least = 0.97", bands), assignment="exercise1")
    lowest = find(course, None, otherwise="threshold")
    assert lowest is not None and lowest.accuracy == 0.9
    line = "linear = { from = 0.92, to = 0.97 }"
    write_rubric(course.root, asking.replace("at_least = 0.97", line), assignment="exercise1")
    beginning = find(course, None, otherwise="threshold")
    assert beginning is not None and beginning.accuracy == 0.92
    for other in (RUBRIC, asking.replace('use = "accuracy"', 'use = "suggested_epochs"').replace("at_least", "value")):
        write_rubric(course.root, other.replace("value = 0.97", "value = 5"), assignment="exercise1")
        baseline = find(course, None, otherwise="threshold")  # of other data, or with nothing that it asks for
        assert baseline is not None and baseline.source == "the reference baseline of exercise1"


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


def test_a_folder_without_results_of_the_exercise_is_refused_before_everybody_meets_the_baseline(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match="holds no result of any exercise"):
        index_earlier(tmp_path)
    place = tmp_path / "ada"
    place.mkdir()
    (place / "result.json").write_text(a_result(assignment="operators", accuracy=None).model_dump_json(by_alias=True))
    assert index_earlier(tmp_path) is not None
    assert index_earlier(tmp_path, ("operators", "exercise1")) is not None, "though nothing of it was judged"
    with pytest.raises(UsageError, match="holds no result of exercise1: everybody would be compared with what"):
        index_earlier(tmp_path, ("exercise1",))


def test_a_baseline_of_other_data_is_refused_with_how_to_measure_again(tmp_path: Path) -> None:
    course = course_with(tmp_path, recorded(0.98, 0.99))
    with pytest.raises(DataError, match=r"baseline\.json: was measured on other data.*baseline exercise1 --seeds 2"):
        find(course, None, digest="other")


@pytest.mark.parametrize("text", ["", "{}", "[", recorded(0.98).replace('"runs":[', '"runs":[],"x":[')])
def test_a_damaged_baseline_is_named_with_a_remedy(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"baseline\.json: is not a baseline.*Measure it again"):
        find(course_with(tmp_path, text), None)


def test_results_are_read_once_for_a_whole_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        handed_in(tmp_path / "earlier" / f"s{number}", 0.9 + number / 100, student=f"s{number}")
    course = course_with(tmp_path, None)
    index = index_earlier(tmp_path / "earlier")
    rubric = better()
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read again"))
    for number in range(5):
        found = compare(rubric, student=f"s{number}", earlier=index, course=course)
        assert found["exercise1"].accuracy == pytest.approx(0.9 + number / 100)


def test_marked_again_ones_own_result_of_then_stands_and_what_took_its_place_is_looked_up_afresh(
    tmp_path: Path,
) -> None:
    course = write_course(tmp_path / "course", RUBRIC + BETTER)
    write_rubric(course.root, RUBRIC, assignment="first")
    rubric = a_rubric(course)
    own = Comparison(assignment="first", source="first of the same student", accuracy=0.9, judged=10)
    baseline = own.model_copy(update={"source": "the reference baseline of first", "accuracy": 0.99})
    found = [
        compare_again(rubric, student="ada", earlier=None, course=course, before=[before])["first"]
        for before in (own, baseline)
    ]
    assert [(item.source, item.accuracy) for item in found] == [
        ("first of the same student", 0.9), ("what first asks for", 0.8),
    ]  # fmt: skip


def test_links_among_earlier_results_are_not_followed(tmp_path: Path) -> None:
    handed_in(tmp_path / "elsewhere" / "ada", 0.99)
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    (earlier / "linked folder").symlink_to(tmp_path / "elsewhere")
    (earlier / "ada").mkdir()
    (earlier / "ada" / "result.json").symlink_to(tmp_path / "elsewhere" / "ada" / "result.json")
    handed_in(earlier / "bob", 0.5, student="bob")
    assert find(course_with(tmp_path, None), earlier) is None
    handed_in(earlier / "own", 0.97)
    found = find(Course.at(tmp_path / "course"), earlier)
    assert found is not None
    assert found.accuracy == 0.97


def test_of_several_results_of_a_student_the_first_by_path_counts(tmp_path: Path) -> None:
    handed_in(tmp_path / "earlier" / "b", 0.99)
    handed_in(tmp_path / "earlier" / "a", 0.98)
    found = find(course_with(tmp_path, None), tmp_path / "earlier")
    assert found is not None
    assert found.accuracy == 0.98


class TestPairs:
    """The earlier network's own predictions, where they lie beside its result."""

    @pytest.fixture
    def course(self, tmp_path: Path) -> Course:
        """A course whose second exercise asks for more than the first, which ada was graded for."""
        course = write_course(tmp_path / "course", RUBRIC.replace("points = 20", "points = 10", 1) + BETTER)
        write_rubric(course.root, RUBRIC, assignment="first")
        return course

    def stored(self, course: Course, folder: Path, correct: int, **changes: object) -> Path:
        """Evidence and result of ada's first exercise."""
        rubric = open_rubric(course, "first", data_of(course.root))
        stored = a_stored(rubric, correct, **changes)
        save_evidence(folder / "ada" / "evidence", stored, None)
        save_result(folder / "ada", mark_attempts((stored,), rubric, {}))
        return folder / "ada"

    def compared(self, course: Course, earlier: Path) -> Comparison:
        rubric = a_rubric(course)
        return compare(rubric, student="ada", earlier=index_earlier(earlier), course=course)["first"]

    def test_they_are_compared_image_by_image(self, course: Course, tmp_path: Path) -> None:
        self.stored(course, tmp_path / "earlier", 8)
        found = self.compared(course, tmp_path / "earlier")
        right = unpack_right(found.right, found.judged)
        assert right is not None
        assert right.tolist() == [True] * 8 + [False] * 2
        (weighed,) = mark_attempts((a_stored(a_rubric(course), 9),), a_rubric(course), {"first": found}).compared
        assert (weighed.only_here, weighed.only_there, weighed.p_value) == (1, 0, 1.0)

    def test_without_stored_evidence_the_numbers_alone_are_compared(self, course: Course, tmp_path: Path) -> None:
        folder = self.stored(course, tmp_path / "earlier", 8)
        shutil.rmtree(folder / "evidence")
        found = self.compared(course, tmp_path / "earlier")
        assert (found.accuracy, found.right) == (0.8, "")

    @pytest.mark.parametrize("damage", ["linked folder", "linked file", "other digits", "other data", "edited result"])
    def test_evidence_that_is_not_the_results_own_is_left_alone(
        self, course: Course, tmp_path: Path, damage: str
    ) -> None:
        changes = {"data_digest": "of other images"} if damage == "other data" else {}
        folder = self.stored(course, tmp_path / "earlier", 8, **changes)
        evidence = folder / "evidence"
        if damage == "linked folder":
            evidence.rename(tmp_path / "moved")
            evidence.symlink_to(tmp_path / "moved")
        elif damage == "linked file":
            (evidence / "predictions.npy").rename(tmp_path / "moved.npy")
            (evidence / "predictions.npy").symlink_to(tmp_path / "moved.npy")
        elif damage == "other digits":
            (evidence / "predictions.npy").write_bytes(b"better")
        elif damage == "edited result":
            result = load_result(folder)
            assert result is not None and result.accuracy is not None
            better = result.accuracy.model_copy(update={"correct": 9})
            save_result(folder, result.model_copy(update={"accuracy": better}))
        assert self.compared(course, tmp_path / "earlier").right == ""


def test_the_exercises_that_a_rubric_compares_with_are_those_its_checks_name() -> None:
    specs = tuple(
        CheckSpec.model_validate({"points": 1, **keys})
        for keys in ({"use": "better_than", "exercise": "exercise1"}, {"use": "executes"})
    )
    planned = plan(specs, origin="x")
    assert exercises_compared(planned) == ("exercise1",)
    assert exercises_compared(dataclasses.replace(item) for item in planned[1:]) == ()


def test_whoever_is_called_as_a_folder_of_evidence_is_found(tmp_path: Path) -> None:
    course = course_with(tmp_path, recorded(0.5))
    for number, name in enumerate(("evidence", "evidence-2", "evidence-eve"), 1):
        handed_in(tmp_path / "earlier" / name, number / 4, student=name)
        handed_in(tmp_path / "earlier" / name / "evidence", 0.1, student=name)
        found = find(course, tmp_path / "earlier", student=name)
        assert found is not None and found.accuracy == number / 4


def graded_as(folder: Path, reached: float, who: Student, **changes: object) -> Result:
    """A result with the grade that a gradebook gave."""
    handed_in(folder, reached, student=who.name, **changes)
    result = load_result(folder)
    assert result is not None
    save_result(folder, with_grade(result, plain_grade(result).model_copy(update={"student": who})))
    return result


def test_everybodys_own_result_is_found_whatever_they_are_called(tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    graded_as(earlier / "a", 0.97, Student(name="Ada Berg", identity="7", login="aberg"))
    graded_as(earlier / "b", 0.12, Student(name="Bob", identity="8"))
    index = index_earlier(earlier)
    assert index is not None

    def own(**known: str) -> float | None:
        found = index.find("exercise1", Student(**known), JUDGED_ON)
        accuracy = found.stored[0].accuracy if found is not None and found.stored is not None else None
        return None if accuracy is None else accuracy.value

    assert own(name="Ada Stein", identity="7") == own(name="aberg", login="ABERG") == own(name="Ada Berg") == 0.97
    assert own(name="Bob", identity="7") == 0.97, "who took the name of somebody weaker"
    assert own(name="Bob", identity="9") is None
    assert own(name="Bob", login="bob") == 0.12, "nothing speaks against it"
    assert index.find("exercise1", Student(name="Bob"), "other images") is None


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("later", ["weaker", "unreadable"])
def test_what_counts_is_compared_with_and_never_what_was_handed_in_after_it(
    tmp_path: Path, later: str, beside: bool
) -> None:
    course, earlier = course_with(tmp_path, recorded(0.5)), tmp_path / "earlier"
    best = a_rubric(course).assignment.model_copy(update={"id": "exercise1", "submissions": "best"})
    who = Student(name="ada", identity="7")
    first = a_result(student="ada", accuracy=an_accuracy(9800), judged_on=JUDGED_ON, points=100.0, evidence="e1")
    second = a_result(student="ada", accuracy=an_accuracy(1200), judged_on=JUDGED_ON, points=0.0, evidence="e2")
    first, second = (result.model_copy(update={"assignment": "exercise1"}) for result in (first, second))
    with open_gradebook(earlier.parent if not beside else _made(earlier)) as book:
        book.enrol(best, [Enrolment(student=who)])
        for number, result in enumerate((first, second)):
            book.record(result, HandIn(student=who, digest=str(number), name="ada.py", folder="ada"), rubric_digest="r")
        handed_in(earlier / "bob", 0.9, student="bob")
        if later == "weaker":
            save_result(earlier / "ada", second)
        index = index_earlier(earlier, book=book)
    assert index is not None
    found = compare(better(), student="ada", earlier=index, course=course)
    assert (found["exercise1"].accuracy, found["exercise1"].judged) == (0.98, 10_000)
    save_result(earlier / "ada", first)
    again = index_earlier(earlier, book=None) if beside else index
    same = compare(better(), student="x", earlier=again, course=course, who=who)
    assert same["exercise1"].accuracy == 0.98


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
