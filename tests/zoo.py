"""Runs the submissions of `tests/submissions` and compares each result with what lies beside it.

Used by `test_zoo.py` and by `benchmarks/patterns.py`, so that the table can't say anything else than the tests.
"""

import dataclasses
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

from grader.core.assignment import Retry
from grader.core.evidence import Smoke
from grader.core.limits import Limits
from grader.core.progress import Silent
from grader.core.results import Outcome, Result, Status
from grader.course.course import Course
from grader.intake import Entry
from grader.marking.publish import OutputOptions
from grader.run.batch import grade_class
from grader.run.context import RunContext, RunOptions, open_context

ZOO = Path(__file__).parent / "submissions"
LIMITS = {"wall": "6m", "cell": "4m", "memory": "3GiB"}
# Judged all the same: each `fit` sees so many batches and no more; the data and everything else is the real thing.
QUICK_LIMITS = {**LIMITS, "batches": 60}
LOST = (Outcome.FAILED, Outcome.PARTIAL, Outcome.SKIPPED)


@cache
def expected(name: str) -> dict[str, Any]:
    """The `expected.toml` of a submission."""
    return tomllib.loads((ZOO / name / "expected.toml").read_text(encoding="utf-8"))


def names() -> list[str]:
    """All submissions of the zoo, sorted."""
    return sorted(path.parent.name for path in ZOO.glob("*/expected.toml"))


def run_zoo(
    chosen: Sequence[str], out: Path, *, jobs: int = 2, data: Path | None = None, smoke: Smoke | None = None
) -> Iterator[tuple[str, Result]]:
    """Each submission and its result, `jobs` at a time, in the order of `chosen`; as a smoke run nothing is judged."""
    setup = RunOptions(jobs=jobs, data=data, smoke=smoke, warm=smoke is not None)
    course = Course.at()
    with ExitStack() as stack, ThreadPoolExecutor(jobs) as pool:
        benches = {
            assignment: stack.enter_context(open_context(course, assignment, setup, Silent()))
            for assignment in sorted({expected(name)["assignment"] for name in chosen})
        }

        def grade(name: str) -> Result:
            story = expected(name)
            entry = Entry(student=name, path=ZOO / name / story["path"])
            order = OutputOptions(out=out / name, course=course)
            bench = _limited(benches[story["assignment"]], story.get("limits", {}))
            return grade_class([entry], bench, order, jobs=1, progress=Silent())[0][0]

        yield from zip(chosen, pool.map(grade, chosen), strict=True)


def _limited(bench: RunContext, changes: dict[str, Any]) -> RunContext:
    """The bench with short limits, and without repetitions of borderline runs."""
    assignment = bench.rubric.assignment
    limits = {**QUICK_LIMITS, **changes} if bench.smoke is None else {**LIMITS, **changes, "batches": None}
    run = Limits.model_validate({**assignment.run.model_dump(), **limits})
    rubric = dataclasses.replace(bench.rubric, assignment=assignment.model_copy(update={"run": run, "retry": Retry()}))
    return dataclasses.replace(bench, rubric=rubric)


def story_told(result: Result) -> str:
    """All that the report says in words, a line each."""
    told = [result.ending.message, *(check.reason for check in result.checks), *(check.hint for check in result.checks)]
    return "\n".join(
        line for line in [*told, *result.notes, *result.shims, *(flag.reason for flag in result.flags)] if line
    )


def differences(story: dict[str, Any], result: Result) -> list[str]:
    """What of the story did not come true, in words; nothing where all did.

    A smoke run judges nothing: that the network was found and described stands for a judgement, and neither an accuracy nor
    the preparation is looked at, which only a trained network confirms. What else is different stands under `[smoke]`.
    """
    if result.smoke is not None:
        story = {**story, **story.get("smoke", {})}
    told = story_told(result).lower()
    wrong = [f"says nothing of {word!r}" for word in _listed(story["says"]) if word.lower() not in told]
    shims = "\n".join(result.shims)
    wrong += [f"no shim {word!r}" for word in _listed(story.get("shims", ())) if word not in shims]
    wrong += list(_wrong_values(story, result)) + list(_wrong_checks(story, result))
    if any("Traceback" in check.reason + check.hint for check in result.checks):
        wrong.append("shows a traceback as a reason")
    return wrong


def _wrong_values(story: dict[str, Any], result: Result) -> Iterator[str]:
    found: dict[str, Any] = {
        "status": _status(result),
        "ending": result.ending.cause.value,
        "chosen": result.model.chosen,
        "parameters": result.model.parameters,
    }
    for key, value in found.items():
        if key in story and value not in _listed(story[key]):
            yield f"{key} is {value!r}, not {story[key]!r}"
    preparation = result.model.preprocessing or ""
    if result.smoke is None and story.get("preparation", "") not in preparation:
        yield f"the preparation is {preparation!r}"
    if "accuracy" in story and result.smoke is None:
        low, high = story["accuracy"]
        value = None if result.accuracy is None else result.accuracy.value
        if value is None or not low <= value <= high:
            yield f"the accuracy is {value}"


def _status(result: Result) -> str:
    if result.smoke is not None and result.model.preprocessing is not None and result.status is Status.EXPLAINED:
        return Status.GRADED.value
    return result.status.value


def _wrong_checks(story: dict[str, Any], result: Result) -> Iterator[str]:
    outcomes = {check.name: check.outcome for check in result.checks}
    wanted = {"fails": LOST, "passes": (Outcome.PASSED,), "partial": (Outcome.PARTIAL,)}
    for key, allowed in wanted.items():
        for name in story.get(key, ()):
            if outcomes[name] not in allowed:
                yield f"{name} {outcomes[name].value}"
    yield from (f"{name} is broken" for name, outcome in outcomes.items() if outcome is Outcome.BROKEN)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else (value,)
