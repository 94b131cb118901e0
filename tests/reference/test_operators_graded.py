"""The exercise on operators in a real sandbox: what each module of `tests/submissions/operators` gets, and regrading."""

import dataclasses
import json
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader.core.limits import Limits
from grader.core.progress import Silent
from grader.core.results import CheckResult, Outcome, Result
from grader.course.course import Course
from grader.intake import Entry, read_path
from grader.marking.publish import OutputOptions
from grader.run.batch import grade_class
from grader.run.context import RunContext, RunOptions, evidence_key, open_context
from grader.run.grade_one import grade_submission
from tests.fakes import Said, list_class, run_cli
from tests.notebooks import notebook
from tests.zoo import story_told

MODULES = Path(__file__).parents[1] / "submissions" / "operators"
STORIES: dict[str, Any] = tomllib.loads((MODULES / "points.toml").read_text(encoding="utf-8"))
SHORT = {"cell": "12s"}  # for the one that never ends


def named(check: CheckResult, functions: tuple[str, ...]) -> str:
    """A check's name, or the function's that its title begins with."""
    return next((name for name in functions if check.title.startswith(f"{name}:")), check.name)


def points(result: Result) -> dict[str, float]:
    functions = tuple(function.name for function in result.functions)
    return {named(check, functions): check.points for check in result.checks}


def limited(bench: RunContext) -> RunContext:
    assignment = bench.rubric.assignment
    run = Limits.model_validate({**assignment.run.model_dump(), **SHORT})
    rubric = dataclasses.replace(bench.rubric, assignment=assignment.model_copy(update={"run": run}))
    return dataclasses.replace(bench, rubric=rubric)


def write_modules(folder: Path) -> Path:
    folder.mkdir()
    course = Course.at()
    solution = (course.root / "reference/operators/solution.py").read_text(encoding="utf-8")
    for path in MODULES.glob("*.py"):
        shutil.copy(path, folder)
    shutil.copy(course.assignment_file("operators").with_name("starter.py"), folder)
    (folder / "solution.py").write_text(solution)
    first, second, third = solution.partition("def max_pool")
    (folder / "notebook.ipynb").write_bytes(notebook(first, f"{second}{third}", "print(max_pool(np.eye(4), 2, 2))"))
    return folder


@dataclass(frozen=True)
class Graded:
    """A class that was graded: its results by name, and where they lie."""

    results: dict[str, Result]
    out: Path


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graded]:
    root = tmp_path_factory.mktemp("operators")
    course = Course.at()
    with open_context(course, "operators", RunOptions(jobs=2), Silent()) as bench:
        entries = list_class(write_modules(root / "class"))
        results, _ = grade_class(
            entries, limited(bench), OutputOptions(out=root / "out", course=course), jobs=2, progress=Silent()
        )
    yield Graded({result.student: result for result in results}, root / "out")


def test_every_module_has_its_story_and_every_story_its_module(graded: Graded) -> None:
    assert set(graded.results) == set(STORIES)


@pytest.mark.parametrize("name", STORIES)
def test_each_module_gets_what_it_deserves(graded: Graded, name: str) -> None:
    result, story = graded.results[name], STORIES[name]
    told = story_told(result)
    assert points(result) == story["points"], told
    assert result.points == pytest.approx(sum(story["points"].values()), abs=0.011)
    assert (result.status.value, result.passed) == (story["status"], result.points >= 60), told
    assert [words for words in story["says"] if words not in told] == [], told
    assert Outcome.BROKEN not in {check.outcome for check in result.checks}
    assert "Traceback" not in told
    assert all("\n" not in check.reason for check in result.checks)


def test_what_a_module_prints_is_nowhere_in_what_machines_read(graded: Graded) -> None:
    for path in (*graded.out.rglob("result.json"), graded.out / "batch.json", graded.out / "gradebook.csv"):
        assert "all tests passed" not in path.read_text(encoding="utf-8")


def test_the_smallest_case_that_goes_wrong_is_shown_with_the_right_answer(graded: Graded) -> None:
    functions = {function.name: function for function in graded.results["forgets_strides"].functions}
    groups = {group.title: group for group in functions["convolve2d"].groups}
    assert {title for title, group in groups.items() if not group.right} == {
        "the worked examples", "strides", "images and kernels that are not square",
    }  # fmt: skip
    assert groups["strides"].shown.splitlines()[0] == "convolve2d(image, kernel, padding, stride)"
    assert "stride = 2" in groups["strides"].shown
    assert "padding = 0" in groups["strides"].shown
    page = (graded.out / "forgets_strides" / "report.html").read_text(encoding="utf-8")
    assert "convolve2d(image, kernel, padding, stride)" in page
    assert "stride = 2" in page


def test_the_evidence_holds_every_call_and_no_right_answer(graded: Graded) -> None:
    for name, result in graded.results.items():
        calls = json.loads((graded.out / name / "evidence" / "calls.json").read_text(encoding="utf-8"))
        assert len(calls) == sum(group.tried for function in result.functions for group in function.groups)
        assert {key for call in calls for key in call} <= {
            "function", "group", "arguments", "outcome", "form", "value", "said",
        }  # fmt: skip
    assert len(json.loads((graded.out / "solution" / "evidence" / "calls.json").read_text())) > 400


def test_the_same_work_is_not_run_twice_unless_cases_change(graded: Graded, tmp_path: Path) -> None:
    submission = read_path(MODULES / "vectorised.py")
    other = course_with(tmp_path, lambda text: f"{text}\n# another year\n")
    with (
        open_context(Course.at(), "operators", RunOptions(), Silent()) as ours,
        open_context(other, "operators", RunOptions(), Silent()) as theirs,
    ):
        assert evidence_key(submission, ours) == evidence_key(submission, ours)
        assert evidence_key(submission, ours) != evidence_key(submission, theirs)
        again = dataclasses.replace(ours, sandbox=NoSandbox())  # type: ignore[arg-type]
        found = grade_submission(
            submission, limited(again), OutputOptions(out=graded.out, course=Course.at()), Silent()
        )
        assert found.points == 100
        with pytest.raises(AssertionError, match="nothing may be started"):
            grade_submission(submission, limited(dataclasses.replace(theirs, sandbox=NoSandbox())),  # type: ignore[arg-type]
                             OutputOptions(out=tmp_path / "out", course=other), Silent())  # fmt: skip


class NoSandbox:
    """A sandbox that must not be used."""

    isolation = "bubblewrap"

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"nothing may be started here, but {name} was asked for")


def course_with(folder: Path, change: Callable[[str], str]) -> Course:
    """A copy of the exercise with other cases."""
    copied = folder / "course" / "assignments" / "operators"
    shutil.copytree(Course.at().assignment_file("operators").parent, copied)
    cases = copied / "cases.py"
    text = cases.read_text(encoding="utf-8")
    changed = change(text)
    assert changed != text
    cases.write_text(changed, encoding="utf-8")
    return Course.at(folder / "course")


@pytest.fixture
def regrade(graded: Graded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """`grader regrade operators` on a copy of the class with other cases; no process may be started."""

    def started(*arguments: object, **options: object) -> None:
        raise AssertionError("a process was started")

    def run(change: Callable[[str], str], *options: str) -> Said:
        shutil.copytree(graded.out, tmp_path / "out")
        course = course_with(tmp_path, change)
        monkeypatch.setattr(subprocess.Popen, "__init__", started)
        return run_cli("regrade", "operators", tmp_path / "out", "--course", course.root, *options)

    return run


def without_strides(text: str) -> str:
    return text.replace('method="direct")[::stride, ::stride]', 'method="direct")')


def test_a_corrected_oracle_moves_a_class_without_running_anything(
    regrade: Callable[..., Said], tmp_path: Path
) -> None:
    said = regrade(without_strides)
    assert said.code == 0
    moves = {line.split(":")[0]: line for line in said.out.splitlines()[:-1]}
    # `habits` fails by its shape where there are strides, and by nothing else in the one case that was kept
    assert set(moves) == {"forgets_strides", "vectorised", "solution", "notebook", "habits"}
    title = "computes (convolve2d: one image, one kernel, padding and stride)"
    assert moves["forgets_strides"] == f"forgets_strides: 66.14 (passed) -> 79 (passed)  {title} 17.14 -> 30"
    assert moves["solution"] == f"solution: 100 (passed) -> 87.14 (passed)  {title} 30 -> 17.14"
    assert said.out.splitlines()[-1] == "5 of 9 moved."
    written = json.loads((tmp_path / "out" / "forgets_strides" / "result.json").read_text(encoding="utf-8"))
    assert written["points"] == 79


def test_the_same_oracle_in_other_words_moves_nobody(regrade: Callable[..., Said]) -> None:
    said = regrade(lambda text: text.replace("(m + 2 * p - f) // s + 1", "1 + (m - f + 2 * p) // s"))
    assert said.out == "0 of 9 moved.\n"


def test_a_kind_of_cases_that_was_never_tried_is_told_and_takes_no_point_in_silence(
    regrade: Callable[..., Said], tmp_path: Path
) -> None:
    said = regrade(
        lambda text: text.replace('title="overlapping windows", draws', 'title="windows that overlap", draws', 1)
    )
    assert said.code == 0
    result = json.loads((tmp_path / "out" / "solution" / "result.json").read_text(encoding="utf-8"))
    assert result["status"] == "broken"
    (check,) = (check for check in result["checks"] if check["outcome"] == "broken")
    assert "No call of `max_pool` is stored for `windows that overlap`" in check["reason"]


def test_an_oracle_that_fails_stops_the_regrade_before_anything_is_written(
    regrade: Callable[..., Said], graded: Graded, tmp_path: Path
) -> None:
    said = regrade(lambda text: text.replace("return sliding_window_view(image", "return sliding_window_view(imge"))
    assert said.code == 2
    assert "cases.py: The oracle of `max_pool` fails with NameError: name 'imge' is not defined" in said.err
    for path in graded.out.rglob("result.json"):
        assert (tmp_path / "out" / path.relative_to(graded.out)).read_bytes() == path.read_bytes()


def test_another_seed_tries_other_cases_and_gives_the_right_ones_the_same_points(tmp_path: Path) -> None:
    course = Course.at()
    with open_context(course, "operators", RunOptions(seed=7), Silent()) as bench:
        entry = Entry(student="vectorised", path=MODULES / "vectorised.py")
        order = OutputOptions(out=tmp_path / "out", course=course)
        ((result,), _) = grade_class([entry], bench, order, jobs=1, progress=Silent())
    assert (result.points, result.seed) == (100, 7)
