"""`grader baseline`: measures a reference solution, or one of the architectures, through the grader itself."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from grader.core.errors import GraderError, UsageError
from grader.core.progress import Progress
from grader.core.results import Result
from grader.core.store import load_evidence
from grader.core.workspace import write_whole
from grader.course.baselines import Baseline, BaselineRun, mean_recall, summarise
from grader.course.course import Course, ReferenceArchitecture
from grader.intake import Submission, submission_of
from grader.marking.publish import EVIDENCE_FOLDER, OutputOptions, student_folder
from grader.run.context import RunContext, versions
from grader.run.grade_one import grade_submission

LARGEST = 256  # pixels: beyond that the scaled-down networks no longer train in minutes


def read_architecture(
    course: Course, assignment: str, architecture: ReferenceArchitecture, image_size: int
) -> Submission:
    """The training module of `assignment` with one of the architectures beside it, for square images of `image_size`.

    Raises UsageError for a size that the architecture can't take, and where the assignment has no such module.
    """
    if not architecture.smallest <= image_size <= LARGEST:
        raise UsageError(
            f"{architecture.title} can't take images of {image_size} x {image_size} pixels: the smallest that works is "
            f"{architecture.smallest}, the largest {LARGEST}.",
            f"Type --image-size {min(max(image_size, architecture.smallest), LARGEST)}.",
        )
    training = course.architecture_training(assignment)
    files = {
        training.name: training.read_bytes(),
        "architecture.py": architecture.path.read_bytes(),
        "settings.json": json.dumps({"image_size": image_size}).encode(),
    }
    return submission_of(files, training.name, student=architecture.name)


def measure_baseline(
    context: RunContext, order: OutputOptions, solution: Submission, *, title: str, seeds: int, progress: Progress
) -> Baseline:
    """Grade `solution` with the seeds 0 to `seeds` - 1; evidence goes below `order.out`. Raises GraderError."""
    dataset = context.rubric.dataset
    if dataset is None:
        raise UsageError(
            f"`{context.rubric.assignment.id}` asks for functions, not for a network: there is no accuracy to measure.",
            f"Grade its solution instead: `grader grade {context.rubric.assignment.id} reference/...`.",
        )
    runs, results = [], []
    alone = dataclasses.replace(context, rubric=context.rubric.without_retries())
    for seed in range(seeds):
        submission = dataclasses.replace(solution, student=f"seed-{seed}")
        result = grade_submission(submission, dataclasses.replace(alone, seed=seed), order, progress)
        runs.append(describe_seed(result, dataset.classes, order))
        progress.done(submission.student, f"{runs[-1].accuracy:.2%}")
        results.append(result)
    assignment = context.rubric.assignment.id
    return Baseline(
        assignment=assignment,
        title=title,
        solution=solution.script.name,
        solution_sha256=solution.sha256,
        dataset=dataset.id,
        data_digest=dataset.digest,
        judged_on=dataset.judged_title,
        parameters=results[0].model.parameters,
        versions=versions(),
        summary=summarise(assignment, [run.accuracy for run in runs]),
        recall=mean_recall(runs),
        runs=tuple(runs),
    )


def describe_seed(result: Result, classes: Sequence[str], order: OutputOptions) -> BaselineRun:
    """One run of a baseline from its result and its stored evidence. Raises GraderError where nothing was judged."""
    if result.accuracy is None:
        raise GraderError(f"{result.submission}: could not be judged with seed {result.seed}: {result.ending.message}.")
    fits = load_evidence(student_folder(order.out, result.student) / EVIDENCE_FOLDER).evidence.claims.fits
    return BaselineRun(
        seed=result.seed,
        accuracy=result.accuracy.value,
        correct=result.accuracy.correct,
        judged=result.accuracy.judged,
        recall=recall_of(result.accuracy.confusion, classes),
        points=result.points,
        epochs=sum(fit.epochs_done for fit in fits),
        training_s=round(sum(fit.seconds for fit in fits), 2),
        wall_s=result.ending.wall_s,
        cpu_s=result.ending.cpu_s,
        evidence=result.evidence,
    )


def recall_of(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> dict[str, float]:
    """For each class the share of its images that were recognised; a class without images is left out."""
    rows = enumerate(zip(classes, confusion, strict=True))
    return {name: row[index] / sum(row) for index, (name, row) in rows if sum(row)}


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write `baseline.json`."""
    write_whole(path, baseline.model_dump_json(by_alias=True, indent=2) + "\n")
