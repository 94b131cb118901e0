"""A file through the one pipeline, for its author: as a smoke run, or in full on data that students have."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from grader.bench import Bench, Setup, open_bench
from grader.checks.accuracy import BetterThan
from grader.checks.check import Planned
from grader.comparing import compare
from grader.course import Course
from grader.desk.outlook import (
    Checked,
    Mode,
    Unchecked,
    data_fed,
    estimate,
    failed_cells,
    layer_shapes,
    left_open,
    stand,
)
from grader.desk.picking import files_beside
from grader.errors import SandboxUnavailable
from grader.evidence import Evidence, Isolation, Smoke
from grader.grading import collect
from grader.intake import Submission, read_path, submission_of
from grader.marking import mark
from grader.progress import Progress
from grader.results import Comparison
from grader.rubric import Rubric
from grader.sandbox.choose import open_sandbox

MOST_TIMES = 3.0
CODE = (".ipynb", ".py")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """All that checking one assignment needs; `remarks` are said with every finding. Made once for a `--watch`."""

    bench: Bench
    course: Course
    mode: Mode
    remarks: tuple[str, ...] = ()


@contextmanager
def open_desk(
    course: Course, assignment: str, *, full: bool, isolation: Isolation | None, data: Path | None, seed: int,
    progress: Progress, often: bool = False,
) -> Iterator[Desk]:  # fmt: skip
    """Everything ready to check; without `isolation` the best there is. Raises what `open_bench` raises.

    `often`: it will be checked again and again, so that a warm start is worth its memory.
    A module of functions is called in full every time: that takes seconds.
    """
    held, remarks = choose_isolation(isolation)
    smoke = None if full or course.assignment(assignment).dataset is None else smoke_run(os.getloadavg()[0])
    setup = Setup(isolation=held, data=data, seed=seed, serve="open", smoke=smoke, private=False, warm=often)
    with open_bench(course, assignment, setup, progress) as bench:
        yield Desk(bench=bench, course=course, mode="full" if smoke is None else "smoke", remarks=remarks)


def smoke_run(load: float) -> Smoke:
    """A smoke run for this machine, which gives it up to `MOST_TIMES` the usual time if it has other work to do (`load`)."""
    usual, cores = Smoke(), os.cpu_count() or 1
    return Smoke(seconds=round(usual.seconds * min(MOST_TIMES, max(1.0, load / cores))))


def choose_isolation(wanted: Isolation | None) -> tuple[Isolation, tuple[str, ...]]:
    """What was asked for, else bubblewrap, else none and why: only one's own code may be run like that."""
    if wanted is not None:
        return wanted, ()
    try:
        open_sandbox("bubblewrap")
    except SandboxUnavailable as error:
        return "none", (f"Your code runs without a sandbox here, like any program that you start. {error.message}",)
    return "bubblewrap", ()


def read_own(path: Path) -> Submission:
    """The submission at `path` with the modules beside it that it imports. Raises UsageError, SubmissionError."""
    alone = read_path(path)
    if not path.is_file() or path.suffix.lower() not in CODE:
        return alone
    beside = files_beside(path, alone.script)
    if not beside:
        return alone
    note = f"it imports {', '.join(sorted(beside))} from the same folder: hand in everything together"
    files = {path.name: path.read_bytes(), **beside}
    return submission_of(files, path.name, student=alone.student, notes=(note,))


def check_submission(submission: Submission, desk: Desk, progress: Progress) -> tuple[Checked, Evidence]:
    """Run it, look at it, say what would become of it; and what was seen. Raises Infrastructure."""
    started = time.monotonic()
    stored, _ = collect(submission, desk.bench, progress)
    rubric, compared, unchecked = _comparable(desk, submission.student)
    result = mark(stored, rubric, compared)
    evidence = stored.evidence
    judged = tuple(item.check.name for item in rubric.planned if item.check.judged)
    checked = Checked(
        mode=desk.mode,
        result=result,
        standing=stand(result, judged, unchecked),
        open=left_open(result, judged),
        unchecked=unchecked,
        failures=failed_cells(evidence.claims.cells),
        fed=data_fed(evidence),
        layers=layer_shapes(evidence.facts.judgement.architecture),
        estimate=estimate(evidence, rubric.assignment.run) if desk.mode == "smoke" else None,
        remarks=desk.remarks,
        took_s=round(time.monotonic() - started, 1),
    )
    return checked, evidence


def _comparable(desk: Desk, student: str) -> tuple[Rubric, Mapping[str, Comparison], tuple[Unchecked, ...]]:
    """The rubric without what has nothing to be compared with: a copy for students may lack the baselines."""
    rubric = desk.bench.rubric
    if desk.mode == "smoke":
        return rubric, {}, ()
    compared = compare(rubric, student=student, earlier=None, course=desk.course)
    missing = [item for item in rubric.planned if _other_exercise(item) not in {None, *compared}]
    reason = "not checked: this copy of the course has no accuracy to compare with"
    kept = tuple(item for item in rubric.planned if item not in missing)
    return replace(rubric, planned=kept), compared, tuple(leave_out(item, reason) for item in missing)


def leave_out(item: Planned, reason: str) -> Unchecked:
    """A planned check that is left out, with the reason."""
    return Unchecked(name=item.check.name, title=item.title, out_of=item.spec.points, reason=reason)


def _other_exercise(item: Planned) -> str | None:
    return item.parameters.exercise if isinstance(item.parameters, BetterThan) else None
