"""`grader baseline`: measures a reference solution through the grader itself, seed by seed."""

import dataclasses
from pathlib import Path

from grader.baseline_file import Baseline, BaselineRun
from grader.batch import grade_submission
from grader.bench import Bench, versions
from grader.errors import GraderError
from grader.intake import read_path
from grader.progress import Progress
from grader.publish import Order
from grader.results import Result
from grader.workspace import write_whole


def measure_baseline(bench: Bench, order: Order, solution: Path, *, seeds: int, progress: Progress) -> Baseline:
    """Grade `solution` with the seeds 0 to `seeds` - 1; evidence goes below `order.out`. Raises GraderError."""
    results = []
    for seed in range(seeds):
        submission = read_path(solution, student=f"seed-{seed}")
        result = grade_submission(submission, dataclasses.replace(bench, seed=seed), order, progress)
        if result.accuracy is None:
            raise GraderError(f"{solution}: could not be judged with seed {seed}: {result.ending.message}.")
        progress.done(submission.student, f"{result.accuracy.value:.2%}")
        results.append(result)
    dataset = bench.rubric.dataset
    return Baseline(
        assignment=bench.rubric.assignment.id,
        solution=solution.name,
        solution_sha256=read_path(solution).sha256,
        dataset=dataset.id,
        data_digest=dataset.digest,
        judged_on=dataset.judged_title,
        parameters=results[0].model.parameters,
        versions=versions(),
        runs=tuple(describe_seed(result) for result in results),
    )


def describe_seed(result: Result) -> BaselineRun:
    """One run of a baseline from its result."""
    assert result.accuracy is not None
    return BaselineRun(
        seed=result.seed,
        accuracy=result.accuracy.value,
        correct=result.accuracy.correct,
        judged=result.accuracy.judged,
        points=result.points,
        wall_s=result.ending.wall_s,
        cpu_s=result.ending.cpu_s,
        evidence=result.evidence,
    )


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write `baseline.json`."""
    write_whole(path, baseline.model_dump_json(by_alias=True, indent=2) + "\n")
