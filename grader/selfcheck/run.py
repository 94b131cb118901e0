"""A file of a student's through the one pipeline: as a smoke run, or in full on data that students have.

Also which file is meant (the one that was named, or the notebook of the current folder), which modules beside it belong to
it, and for `--watch`, whether it was saved again.
"""

import ast
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from grader.checks.base import Planned
from grader.checks.hints import parse_cell
from grader.core.errors import SandboxUnavailable, UsageError
from grader.core.evidence import Evidence, Isolation, Smoke
from grader.core.notebook import Script
from grader.core.progress import Progress
from grader.core.results import Comparison
from grader.core.store import Stored
from grader.course.course import Course
from grader.course.rubric import Rubric
from grader.intake import Submission, is_leftover, read_path, submission_of
from grader.intake.submissions import CODE, MAIN_NAMES, is_work
from grader.marking.compare import compare, exercises_compared
from grader.marking.mark import mark
from grader.run.collect import collect
from grader.run.context import RunContext, RunOptions, open_context
from grader.sandbox import open_sandbox
from grader.selfcheck.estimate import (
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

EVERY_S = 0.5  # between two looks at a file that is watched
LISTED = 6  # files in one sentence
MOST_TIMES = 3.0  # the usual time of a smoke run, on a busy machine
OTHER_CASES = "The cases that are tried here were drawn for self-checks: after the hand-in others are tried."
NOTHING_TO_COMPARE = "not checked: this copy of the course has no accuracy to compare with"
Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class SelfCheck:
    """All that checking one assignment needs; `remarks` are said with every finding. Made once for a `--watch`."""

    context: RunContext
    course: Course
    mode: Mode
    remarks: tuple[str, ...] = ()


@contextmanager
def open_selfcheck(
    course: Course, assignment: str, *, full: bool, isolation: Isolation | None, data: Path | None, seed: int,
    progress: Progress, often: bool = False,
) -> Iterator[SelfCheck]:  # fmt: skip
    """Everything ready to check; without `isolation` the best there is. Raises what `open_context` raises.

    `often`: it will be checked again and again, so that a warm start is worth its memory.
    A module of functions is called in full every time: that takes seconds.
    """
    held, remarks = choose_isolation(isolation)
    rubric = course.assignment(assignment)
    remarks += (OTHER_CASES,) if rubric.cases is not None and rubric.cases.endswith(".json") else ()
    smoke = None if full or rubric.dataset is None else smoke_run(os.getloadavg()[0])
    setup = RunOptions(isolation=held, data=data, seed=seed, serve="open", smoke=smoke, private=False, warm=often)
    with open_context(course, assignment, setup, progress) as context:
        yield SelfCheck(context=context, course=course, mode="full" if smoke is None else "smoke", remarks=remarks)


def smoke_run(load: float) -> Smoke:
    """A smoke run for this machine, which gives it up to `MOST_TIMES` the usual time if it has other work to do (`load`)."""
    usual, cores = Smoke(), os.cpu_count() or 1
    return Smoke(seconds=round(usual.seconds * min(MOST_TIMES, max(1.0, load / cores))))


def choose_isolation(wanted: Isolation | None) -> tuple[Isolation, tuple[str, ...]]:
    """The sandbox that was asked for; else bubblewrap; else none, with the reason: only your own code may run like that."""
    if wanted is not None:
        return wanted, ()
    try:
        open_sandbox("bubblewrap")
    except SandboxUnavailable as error:
        return "none", (f"Your code runs without a sandbox here, like any program that you start. {error.message}",)
    return "bubblewrap", ()


def check_submission(submission: Submission, opened: SelfCheck, progress: Progress) -> tuple[Checked, Evidence]:
    """Run it, mark it, and estimate the full run: the findings, and the evidence. Raises Infrastructure."""
    started = time.monotonic()
    stored, _ = collect(submission, opened.context, progress)
    rubric, compared, unchecked = opened.context.rubric, dict[str, Comparison](), tuple[Unchecked, ...]()
    if opened.mode != "smoke":
        compared = dict(compare(rubric, student=submission.student, earlier=None, course=opened.course))
        rubric, unchecked = leave_out(rubric, lambda item: NOTHING_TO_COMPARE if lacks(item, compared) else "")
    evidence = stored.evidence
    checked = check_stored(stored, opened.mode, rubric, compared, unchecked, opened.remarks, started).model_copy(
        update={
            "failures": failed_cells(evidence.claims.cells),
            "fed": data_fed(evidence),
            "estimate": estimate(evidence, rubric.assignment.run) if opened.mode == "smoke" else None,
        }
    )
    return checked, evidence


def check_stored(
    stored: Stored, mode: Mode, rubric: Rubric, compared: Mapping[str, Comparison], unchecked: tuple[Unchecked, ...],
    remarks: tuple[str, ...], started: float,
) -> Checked:  # fmt: skip
    """What a self-check says of evidence, by the checks of this rubric; `started`: on the monotonic clock."""
    result = mark(stored, rubric, compared)
    judged = tuple(item.check.name for item in rubric.planned if item.check.judged)
    return Checked(
        mode=mode,
        result=result,
        standing=stand(result, judged, unchecked),
        open=left_open(result, judged),
        unchecked=unchecked,
        layers=layer_shapes(stored.evidence.facts.judgement.architecture),
        remarks=remarks,
        took_s=round(time.monotonic() - started, 1),
    )


def leave_out(rubric: Rubric, why: Callable[[Planned], str]) -> tuple[Rubric, tuple[Unchecked, ...]]:
    """The rubric without the checks for which `why` gives a reason, and those checks."""
    reasons = [(item, why(item)) for item in rubric.planned]
    return replace(rubric, planned=tuple(item for item, reason in reasons if not reason)), tuple(
        Unchecked(name=item.check.name, title=item.title, out_of=item.spec.points, reason=reason)
        for item, reason in reasons
        if reason
    )


def lacks(item: Planned, compared: Mapping[str, Comparison]) -> bool:
    """Whether a check compares with an accuracy that a copy of the course for students may lack."""
    return any(name not in compared for name in exercises_compared((item,)))


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


def pick_file(folder: Path, assignment: str) -> Path:
    """The notebook of `folder`, or its module: the only one, or the one whose name says so. Raises UsageError."""
    there = sorted(path for path in folder.iterdir() if path.is_file() and not is_leftover(path.name))
    notebooks = [path for path in there if path.suffix.lower() == ".ipynb"]
    modules = [path for path in there if path.suffix.lower() == ".py" and is_work(path.stem)]
    found = notebooks or modules
    if len(found) == 1:
        return found[0]
    command = f"grader check {assignment}"
    if not found:
        raise UsageError(
            "There is no notebook (.ipynb) and no module (.py) in this folder.", f"Name one: `{command} FILE`."
        )
    for names in ({assignment.lower()}, MAIN_NAMES):
        named = [path for path in found if path.stem.lower() in names]
        if len(named) == 1:
            return named[0]
    within = [path for path in found if assignment.lower() in path.stem.lower()]
    if len(within) == 1:
        return within[0]
    several = ", ".join(path.name for path in found[:LISTED]) + (", ..." if len(found) > LISTED else "")
    raise UsageError(f"Several files here could be meant: {several}.", f"Name one: `{command} '{found[0].name}'`.")


def files_beside(path: Path, script: Script) -> dict[str, bytes]:
    """Modules in the folder of `path` that its code imports, by name: they have to be handed in with it."""
    found: dict[str, bytes] = {}
    waiting = [*script.cells]
    while waiting:
        for name in _imported(waiting.pop()):
            module = path.with_name(f"{name}.py")
            if module.name not in found and module != path and module.is_file() and not module.is_symlink():
                found[module.name] = module.read_bytes()
                waiting.append(found[module.name].decode("utf-8", "replace"))
    return found


def _imported(source: str) -> set[str]:
    """The first names of all that a source imports; of one that is not Python, by its words."""
    tree = parse_cell(source)
    if tree is None:
        return set(re.findall(r"(?m)^[ \t]*(?:from|import)\s+(\w+)", source))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def stamp(path: Path) -> Stamp:
    """What changes when a file, or code in a folder, is saved; empty while it is not there."""
    found = sorted(item for item in path.rglob("*") if item.suffix in {".ipynb", ".py"}) if path.is_dir() else [path]
    seen = []
    for item in found:
        try:
            state = item.stat()
        except OSError:  # an editor that writes anew takes the old one away first
            continue
        seen.append((str(item), state.st_mtime_ns, state.st_size))
    return tuple(seen)


def wait_for_save(path: Path, before: Stamp, sleep: Callable[[float], None] = time.sleep) -> Stamp:
    """Return once `path` differs from `before` and has been the same for one more look."""
    last = before
    while True:
        sleep(EVERY_S)
        now = stamp(path)
        if now and now != before and now == last:
            return now
        last = now
