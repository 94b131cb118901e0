"""A file of a student's through the one pipeline: as a smoke run, or in full on data that students have.

The trained network that lies beside the work is judged too, on public images, where the exercise takes handed-in ones.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from grader.checks.accuracy import NeededAccuracy, right_images
from grader.checks.architecture import asked_of_network
from grader.checks.base import Planned
from grader.checks.cell_and_line import Places
from grader.core.errors import SandboxUnavailable, SubmissionError
from grader.core.evidence import Claims, Evidence, Isolation, Smoke
from grader.core.metrics import measure_accuracy
from grader.core.progress import Progress
from grader.core.results import Accuracy, Comparison
from grader.core.store import Stored
from grader.course.course import Course
from grader.course.dataset import Split, load_split
from grader.course.environment import NotInstalled, open_environment
from grader.course.rubric import Rubric, find_dataset
from grader.intake import Submission
from grader.intake.networks import NetworkFile, choose_network_file, is_network_name
from grader.intake.submissions import read_file
from grader.judge.client import Question
from grader.marking.accuracy_to_beat import compare, exercises_compared
from grader.marking.mark import mark
from grader.run.collect import collect
from grader.run.context import RunContext, RunOptions, open_context, output_sizes
from grader.run.judge_handed_in import JudgedFile, judge_file
from grader.run.train_or_judge import to_train_unseen
from grader.sandbox import open_sandbox
from grader.selfcheck.estimate import (
    Answer,
    Checked,
    Mode,
    NetworkBeside,
    Unchecked,
    data_fed,
    estimate,
    failed_cells,
    layer_shapes,
    left_open,
    stand,
)
from grader.selfcheck.own_files import read_own

MOST_TIMES = 3.0  # the usual time of a smoke run, on a busy machine
OTHER_CASES = "The cases that are tried here were drawn for self-checks: after the hand-in others are tried."
NOTHING_TO_COMPARE = "not checked: this copy of the course has no accuracy to compare with"


@dataclass(frozen=True, kw_only=True)
class SelfCheck:
    """All that checking one assignment needs; `remarks` are said with every finding. Made once for a `--watch`."""

    context: RunContext
    course: Course
    mode: Mode
    data: Path | None = None
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
    smoke = None if full or rubric.dataset is None else Smoke()
    remarks += _without_packages(course)
    setup = RunOptions(isolation=held, data=data, seed=seed, serve="open", smoke=smoke, private=False, warm=often,
                       without_packages=True)  # fmt: skip
    with open_context(course, assignment, setup, progress) as context:
        mode: Mode = "full" if smoke is None else "smoke"
        yield SelfCheck(context=context, course=course, mode=mode, data=data, remarks=remarks)


def _without_packages(course: Course) -> tuple[str, ...]:
    """What is to be said where the course's packages are not on this machine: a check goes on without them."""
    try:
        open_environment(course)
    except NotInstalled as missing:
        return (
            f"The packages that your course adds are not installed here, and your code runs without them: {missing.named}. "
            f"Type `{missing.command}`, once.",
        )
    return ()


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


def make_check(path: Path, out: Path | None, opened: SelfCheck, progress: Progress) -> Answer:
    """Check the work at `path`, and write its report below `out`. Raises UsageError, SubmissionError, Infrastructure."""
    checked, evidence = check_submission(read_own(path), opened, progress, path)
    if out is None:
        return Answer(checked=checked)
    from grader.marking.publish import publish_student  # brings everything for pages along

    report = publish_student(out, checked.result, evidence, opened.context.rubric, opened.course)
    return Answer(checked=checked, report=str(report))


def check_submission(
    submission: Submission, opened: SelfCheck, progress: Progress, path: Path | None = None
) -> tuple[Checked, Evidence]:
    """Run it, mark it, and estimate the full run: the findings, and the evidence. Raises Infrastructure.

    `path`: where it lies; a network beside it is looked at where the exercise takes handed-in ones.
    """
    started = time.monotonic()
    context = opened.context
    if context.smoke is not None:
        context = replace(context, smoke=smoke_run(os.getloadavg()[0]))
    stored, built = collect(to_train_unseen(submission) if _takes_networks(opened) else submission, context, progress)
    rubric, compared, unchecked = context.rubric, dict[str, Comparison](), tuple[Unchecked, ...]()
    if opened.mode != "smoke":
        compared = dict(compare(rubric, student=submission.student, earlier=None, course=opened.course))
        rubric, unchecked = leave_out(rubric, lambda item: NOTHING_TO_COMPARE if lacks(item, compared) else "")
    evidence = stored.evidence
    checked = check_stored(stored, opened.mode, rubric, compared, unchecked, opened.remarks, started).model_copy(
        update={
            "failures": failed_cells(Places.of(evidence), asked_of_network(rubric.planned)),
            "fed": data_fed(evidence),
            "estimate": estimate(evidence, rubric.assignment.run) if opened.mode == "smoke" else None,
            "network": _check_network(submission, path, built, evidence.claims, opened, progress),
            "took_s": round(time.monotonic() - started, 1),
        }
    )
    return checked, evidence


def _takes_networks(opened: SelfCheck) -> bool:
    assignment = opened.context.rubric.assignment
    return assignment.dataset is not None and assignment.run.train != "always"


def _check_network(
    submission: Submission, path: Path | None, built: bytes | None, claims: Claims, opened: SelfCheck, progress: Progress
) -> NetworkBeside | None:  # fmt: skip
    """What the judge says of the network that would be handed in with the work; `built` is the one that the code made.

    Raises Infrastructure.
    """
    context, images = opened.context, opened.context.images
    if path is None or images is None or not _takes_networks(opened):
        return None
    limits = context.rubric.assignment.run
    beside, too_large = networks_beside(path, submission, limits.model_size)
    chosen = choose_network_file(beside, submission.script.cells)
    if chosen is None:
        return too_large
    progress.step(submission.student, "judging the network beside it")
    dataset, folder = find_dataset(opened.course, images.dataset.id, opened.data, progress, private=False)
    judged = load_split(dataset, dataset.judged, folder)
    question = Question(
        image_shape=dataset.image_shape, probe=images.served.probe, images=judged.images, units=output_sizes(dataset),
        classes=dataset.classes,
    )  # fmt: skip
    found = judge_file(chosen, [] if built is None else [built], question, claims, context)
    network = found.network
    return NetworkBeside(
        name=network.name, size=len(chosen.data), allowed=limits.model_size, maker=network.maker,
        differences=network.differences, problem="" if found.outputs is not None else found.judgement.reason,
        accuracy=_accuracy(found, judged, context.rubric),
    )  # fmt: skip


def networks_beside(
    path: Path, submission: Submission, most: int
) -> tuple[dict[str, NetworkFile], NetworkBeside | None]:
    """The networks that would be handed in with the work at `path`; or one that is too large to be."""
    if not path.is_file() or submission.networks:
        return dict(submission.networks), None
    found = {}
    for file in sorted(path.parent.iterdir()):
        if not is_network_name(file.name) or file.is_symlink() or not file.is_file():
            continue
        try:
            found[file.name] = NetworkFile(data=read_file(file, most, network=True), saved=file.stat().st_mtime)
        except SubmissionError as error:
            size = file.stat().st_size
            return {}, NetworkBeside(name=file.name, size=size, allowed=most, problem=f"{error.message} {error.remedy}")
    return found, None


def _accuracy(found: JudgedFile, judged: Split, rubric: Rubric) -> Accuracy | None:
    architecture = found.judgement.architecture
    if found.outputs is None or architecture is None:
        return None
    right = right_images(found.outputs, architecture, judged.labels)
    wrong = (judged.labels + 1) % max(len(rubric.classes), 2)  # which one it was taken for does not matter here
    predicted = judged.labels.copy()
    predicted[~right] = wrong[~right]
    measured = measure_accuracy(judged.labels, predicted, classes=max(len(rubric.classes), 2))
    needed = next((item.parameters for item in rubric.planned if isinstance(item.parameters, NeededAccuracy)), None)
    return (measured if needed is None else needed.judge(measured)).model_copy(update={"confusion": ()})


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
