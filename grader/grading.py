"""`collect`: runs a submission, judges its network, freezes what is known. Slow, and done once."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from grader.bench import Bench, evidence_key, output_sizes, versions
from grader.errors import Infrastructure
from grader.evidence import Evidence, Facts, Judgement, ModelFile, Source
from grader.intake import Submission
from grader.judge.client import Question, Verdict, judge_model
from grader.kernel.run import Execution, Job, run_notebook
from grader.progress import Progress
from grader.store import Stored, pack_outputs

T = TypeVar("T")


def collect(submission: Submission, bench: Bench, progress: Progress) -> tuple[Stored, bytes | None]:
    """Run a submission, judge its network, freeze what is known; the model file's bytes beside it.

    An infrastructure fault is retried once. Raises Infrastructure when that fails too.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    execution = _twice(lambda: _run(submission, bench, progress))
    progress.step(submission.student, "judging the network")
    verdict = _twice(lambda: _judge(execution, bench))
    outputs = verdict.outputs
    judgement = verdict.judgement
    if outputs is not None:
        digest = hashlib.sha256(pack_outputs(outputs)).hexdigest()
        judgement = judgement.model_copy(update={"predictions": digest})
    model = execution.model
    evidence = describe_run(submission, bench, started, judgement, execution)
    return Stored(evidence=evidence, outputs=outputs), model


def _twice(attempt: Callable[[], T]) -> T:
    """Infrastructure fails now and then, and never by the student's fault: try again once."""
    try:
        return attempt()
    except Infrastructure:
        return attempt()


def _run(submission: Submission, bench: Bench, progress: Progress) -> Execution:
    job = Job(
        script=submission.script,
        files=submission.files,
        inputs=bench.served.inputs,
        limits=bench.rubric.assignment.run.model_copy(update={"threads": bench.threads}),
        seed=bench.seed,
        units=output_sizes(bench.rubric.dataset),
    )
    return run_notebook(job, bench.sandbox, who=submission.student, progress=progress)


def _judge(execution: Execution, bench: Bench) -> Verdict:
    if execution.model is None:
        reason = execution.claims.problem or "the notebook left no Keras network"
        return Verdict(judgement=Judgement(outcome="no-model", reason=reason), outputs=None)
    question = Question(
        image_shape=bench.rubric.dataset.image_shape,
        probe=bench.served.probe,
        images=bench.judged,
        units=output_sizes(bench.rubric.dataset),
    )
    limits = bench.rubric.assignment.run.model_copy(update={"threads": bench.threads})
    return judge_model(execution.model, question, execution.claims, bench.sandbox, limits)


def describe_run(
    submission: Submission, bench: Bench, started: str, judgement: Judgement, execution: Execution
) -> Evidence:
    """The evidence of a run."""
    dataset = bench.rubric.dataset
    model = execution.model
    return Evidence(
        assignment=bench.rubric.assignment.id,
        student=submission.student,
        submission=Source(name=submission.script.name, sha256=submission.sha256, notes=submission.notes),
        key=evidence_key(submission, bench),
        isolation=bench.sandbox.isolation,
        dataset=dataset.id,
        data_digest=dataset.digest,
        serve="sealed",
        judged_on=dataset.judged_title,
        seed=bench.seed,
        started=started,
        versions=versions(),
        facts=Facts(
            ending=execution.ending,
            model=ModelFile(size=len(model), sha256=hashlib.sha256(model).hexdigest()) if model is not None else None,
            judgement=judgement,
        ),
        claims=execution.claims,
    )
