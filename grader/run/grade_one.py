"""The way of one submission: which runs are stored, which are due, what they come to."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

from grader.core.errors import GraderError, Infrastructure
from grader.core.evidence import Cause, Evidence
from grader.core.grades import Student
from grader.core.progress import Progress
from grader.core.results import Result
from grader.core.store import EVIDENCE, Stored, discard_evidence, holds_model, load_evidence, save_evidence
from grader.core.text import one_line
from grader.intake import Submission
from grader.marking.attempts import attempt_folder, counted_run, seed_of
from grader.marking.compare import Earlier, compare, exercises_compared, index_earlier
from grader.marking.mark import another_is_due, mark_attempts
from grader.marking.publish import OutputOptions, publish_student, student_folder
from grader.run.collect import collect
from grader.run.context import RunContext, evidence_key
from grader.run.executors import Collected


@dataclass(frozen=True, kw_only=True)
class GradedSubmission:
    """What a submission came to, with the evidence that its report shows."""

    result: Result
    evidence: Evidence


Attending = Generator[int, Collected, GradedSubmission]  # yields the seed of a run that is due, is sent what it left


def grade_submission(
    submission: Submission,
    bench: RunContext,
    order: OutputOptions,
    progress: Progress,
    *,
    earlier: Earlier | None = None,
) -> Result:
    """Collect (or take what is stored for the same key), mark, repeat a borderline run, publish. Raises GraderError.

    `earlier`: the index of `order.earlier`, where it was made once for several.
    """
    index = index_earlier(order.earlier, exercises_compared(bench.rubric.planned)) if earlier is None else earlier
    marked = _collect_here(attend(submission, bench, order, progress, earlier=index), submission, bench, progress)
    publish_student(order.out, marked.result, marked.evidence, bench.rubric, order.course)
    return marked.result


def _collect_here(
    attending: Attending, submission: Submission, bench: RunContext, progress: Progress
) -> GradedSubmission:
    try:
        seed = next(attending)
        while True:
            try:
                stored, model = collect(submission, replace(bench, seed=seed), progress)
            except GraderError as error:
                seed = attending.throw(error)
            else:
                seed = attending.send(Collected(stored=stored, model=model))
    except StopIteration as end:
        marked: GradedSubmission = end.value
        return marked


def attend(
    submission: Submission, bench: RunContext, order: OutputOptions, progress: Progress, *, earlier: Earlier | None,
    who: Student | None = None,
) -> Attending:  # fmt: skip
    """Asks for one run after the other, stores each, marks them all. Raises GraderError, also one that it is thrown.

    `who` the student is, where more than the name is known.
    """
    compared = compare(bench.rubric, student=submission.student, earlier=earlier, course=order.course, who=who)
    folder = student_folder(order.out, submission.student)
    runs = [(yield from _obtain_run(submission, bench, attempt_folder(folder, 1), order))]
    while another_is_due(runs, bench.rubric, compared):
        run = yield from _repeat_run(submission, bench, folder, len(runs) + 1, order, progress)
        if run is None:
            break
        runs.append(run)
    runs += _stored_runs(submission, bench, folder, len(runs) + 1)
    result = mark_attempts(runs, bench.rubric, compared).model_copy(update={"student": submission.student})
    return GradedSubmission(result=result, evidence=counted_run(runs, result).evidence)


def _obtain_run(
    submission: Submission, bench: RunContext, folder: Path, order: OutputOptions
) -> Generator[int, Collected, Stored]:
    """One run with the seed of `bench`: the stored one of the same key, else a new one, which is stored."""
    there = reusable(folder, evidence_key(submission, bench))
    if there is None:
        discard_evidence(folder)  # of another hand-in: a regrade must not find it if this run fails
    if there is not None and not order.rerun:
        return there
    collected = yield bench.seed
    save_evidence(folder, collected.stored, collected.model)
    return collected.stored


def _repeat_run(
    submission: Submission, bench: RunContext, folder: Path, number: int, order: OutputOptions, progress: Progress
) -> Generator[int, Collected, Stored | None]:
    """Run `number` of a borderline submission; None where our own machinery fails: what was found before stands."""
    again = _with_seed(bench, number)
    place = attempt_folder(folder, number)
    progress.step(submission.student, f"borderline: run again with seed {again.seed}")
    try:
        return (yield from _obtain_run(submission, again, place, order))
    except Infrastructure as error:
        progress.step(submission.student, f"could not be run again: {one_line(error.message)}")
        return reusable(place, evidence_key(submission, again))


def _stored_runs(submission: Submission, bench: RunContext, folder: Path, number: int) -> list[Stored]:
    """Runs from `number` on that an earlier policy asked for; what is there of another hand-in is discarded."""
    runs: list[Stored] = []
    while (attempt_folder(folder, number) / EVIDENCE).exists():
        place = attempt_folder(folder, number)
        stored = reusable(place, evidence_key(submission, _with_seed(bench, number)))
        if stored is None:
            discard_evidence(place)
        else:
            runs.append(stored)
        number += 1
    return runs


def _with_seed(bench: RunContext, number: int) -> RunContext:
    return replace(bench, seed=seed_of(bench.seed, number))


def reusable(folder: Path, key: str) -> Stored | None:
    """Stored evidence of the very same run, unless our own machinery had failed in it, or its network is damaged."""
    if not (folder / EVIDENCE).is_file():
        return None
    try:
        stored = load_evidence(folder)
    except GraderError:
        return None
    if stored.evidence.key != key or stored.evidence.facts.ending.cause is Cause.INFRASTRUCTURE:
        return None
    return stored if holds_model(folder, stored.evidence) else None
