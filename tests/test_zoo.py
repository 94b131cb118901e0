"""The zoo: one-defect submissions, each with what it must get beside it (`submissions/<defect>/expected.toml`).

All of them are run once, two at a time, as a class would be; then each one's story is compared.
"""

import dataclasses
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from grader.batch import grade_class
from grader.bench import Bench, Setup, open_bench
from grader.course import Course
from grader.intake import Entry
from grader.limits import Limits
from grader.progress import Silent
from grader.publish import Order
from grader.results import Outcome, Result

ZOO = Path(__file__).parent / "submissions"
DEFECTS = sorted(path.parent.name for path in ZOO.glob("*/expected.toml"))
QUICK_LIMITS = {"wall": "5m", "cell": "3m", "memory": "3GiB"}


def expected(defect: str) -> dict[str, Any]:
    return tomllib.loads((ZOO / defect / "expected.toml").read_text(encoding="utf-8"))


def limited(bench: Bench, changes: dict[str, Any]) -> Bench:
    assignment = bench.rubric.assignment
    run = Limits.model_validate({**assignment.run.model_dump(), **QUICK_LIMITS, **changes})
    rubric = dataclasses.replace(bench.rubric, assignment=assignment.model_copy(update={"run": run}))
    return dataclasses.replace(bench, rubric=rubric)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Result]]:
    out = tmp_path_factory.mktemp("zoo")
    course = Course.at()
    with open_bench(course, "exercise1", Setup(jobs=2), Silent()) as bench:

        def grade(defect: str) -> Result:
            story = expected(defect)
            entry = Entry(student=defect, path=ZOO / defect / story["path"])
            order = Order(out=out / defect, course=course)
            return grade_class([entry], limited(bench, story.get("limits", {})), order, jobs=1, progress=Silent())[0][0]

        with ThreadPoolExecutor(2) as pool:
            yield dict(zip(DEFECTS, pool.map(grade, DEFECTS), strict=True))


def test_there_is_a_zoo() -> None:
    assert len(DEFECTS) >= 30


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_gets_what_it_deserves(results: dict[str, Result], defect: str) -> None:
    result, story = results[defect], expected(defect)
    outcomes = {check.name: check.outcome for check in result.checks}
    told = [result.ending.message, *(check.reason for check in result.checks), *(check.hint for check in result.checks)]
    told += [*result.notes, *(flag.reason for flag in result.flags)]
    story_told = "\n".join(told)
    assert result.status.value == story["status"], story_told
    assert result.ending.cause.value == story.get("ending", result.ending.cause.value), story_told
    for name in story.get("fails", []):
        assert outcomes[name] in (Outcome.FAILED, Outcome.PARTIAL, Outcome.SKIPPED), (name, story_told)
    for name in story.get("passes", []):
        assert outcomes[name] is Outcome.PASSED, (name, story_told)
    for name in story.get("partial", []):
        assert outcomes[name] is Outcome.PARTIAL, (name, story_told)
    assert result.model.chosen == story.get("chosen", result.model.chosen)
    assert story["says"].lower() in story_told.lower()
    assert story.get("preparation", "") in (result.model.preprocessing or "")
    assert Outcome.BROKEN not in outcomes.values()
    assert "Traceback" not in "".join(check.reason + check.hint for check in result.checks)
