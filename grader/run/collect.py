"""`collect`: runs a submission, judges what it made, freezes what is known. Slow, and done once."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from grader.checks.architecture import expected_layers
from grader.checks.registry import unjudged
from grader.core.errors import Infrastructure
from grader.core.evidence import (
    Cause,
    Cell,
    Claims,
    Ending,
    Evidence,
    Facts,
    Judgement,
    ModelFile,
    Overlap,
    Smoke,
    Source,
)
from grader.core.notebook import code_beside
from grader.core.progress import Progress
from grader.core.store import Stored, pack_calls, pack_outputs
from grader.course.rubric import Rubric
from grader.functions.client import ModuleJob
from grader.functions.exploring import Exploration, explore_module
from grader.intake import Submission
from grader.intake.names import listed
from grader.judge.archive import precheck
from grader.judge.choosing import choose_network
from grader.judge.client import JudgeAnswer, Question, expect_networks, judge_model
from grader.kernel.claims import SavedNetwork
from grader.kernel.program import meets_served
from grader.kernel.run import Execution, Job, run_notebook
from grader.run.context import ExerciseImages, RunContext, evidence_key, output_sizes, versions
from grader.run.overlap import ReferenceImages, find_overlap, judged_in_files
from grader.sandbox.interface import Input

T = TypeVar("T")


def collect(submission: Submission, bench: RunContext, progress: Progress) -> tuple[Stored, bytes | None]:
    """Run a submission, judge what it made, freeze what is known; a network's file as bytes beside it.

    An infrastructure fault is retried once. Raises Infrastructure when that fails too.
    """
    if bench.gallery is None:
        return collect_functions(submission, bench, progress), None
    return collect_network(submission, bench, bench.gallery, progress)


def collect_network(
    submission: Submission, bench: RunContext, gallery: ExerciseImages, progress: Progress
) -> tuple[Stored, bytes | None]:
    """Run the notebook in a kernel, have its network judged on the images."""
    started = _now()
    others = gallery.others.inputs(submission.script.cells) if gallery.others else ()
    inputs = (*gallery.served.inputs, *others)
    own = set_aside_served(submission, inputs)
    execution = _twice(lambda: _run(own, bench, gallery, inputs, progress))
    progress.step(submission.student, "judging the network")
    execution, taken = _choose(execution, bench, gallery)
    verdict = _twice(lambda: _judge(execution, taken.rows if taken else None, bench, gallery))
    outputs, judgement, model = verdict.outputs, verdict.judgement, execution.model
    if outputs is not None:
        judgement = judgement.model_copy(update={"predictions": _digest(pack_outputs(outputs))})
    file = ModelFile(size=len(model), sha256=_digest(model)) if model is not None else None
    facts = Facts(
        ending=execution.ending, model=file, judgement=judgement, start=execution.start, start_note=execution.start_note
    )  # fmt: skip
    claims = execution.claims
    if bench.smoke is None and gallery.known is not None:
        claims = claims.model_copy(update={"overlap": _overlap(taken, gallery.known)})
        held, note = judged_in_files(submission.files, gallery.known)
        facts = facts.model_copy(update={"handed_in": held})
        own = replace(own, notes=(*own.notes, note)) if note else own
    stored = Stored(evidence=describe_run(own, bench, started, facts, claims), outputs=outputs)
    refused = judgement.outcome == "refused" and model is not None and precheck(model) is not None
    return stored, None if refused else model  # half a gigabyte of anything is no network to keep


def _overlap(taken: SavedNetwork | None, known: ReferenceImages) -> Overlap | None:
    """What the rows that the judged network was trained on have in common with pictures it should not have seen."""
    return find_overlap(taken.seen, known) if taken is not None and taken.seen is not None else None


def collect_functions(submission: Submission, bench: RunContext, progress: Progress) -> Stored:
    """Load the module, call its functions on the cases of the course."""
    started = _now()
    explored = _twice(lambda: _explore(submission, bench, progress))
    judgement, told = _say_called(explored, bench.rubric)
    facts = Facts(
        ending=_ending(explored),
        judgement=judgement,
        calls=_digest(pack_calls(explored.calls)),
        functions=dict(explored.loaded.problems) if explored.loaded else {},
    )
    errors = explored.loaded.errors if explored.loaded else (None,) * len(submission.script.cells)
    cells = tuple(
        Cell(number=number, source=source, executed=True, error=error)
        for number, (source, error) in enumerate(zip(submission.script.cells, errors, strict=True), 1)
    )
    claims = Claims(cells=cells, problem=told)
    evidence = describe_run(submission, bench, started, facts, claims)
    return Stored(evidence=evidence, outputs=None, calls=explored.calls)


def _twice(attempt: Callable[[], T]) -> T:
    """Infrastructure fails now and then, and never by the student's fault: try again once."""
    try:
        return attempt()
    except Infrastructure:
        return attempt()


def set_aside_served(submission: Submission, inputs: tuple[Input, ...]) -> Submission:
    """Without the files that lie where the course's data is served, with a note about them."""
    met = [name for name in submission.files if meets_served(name, inputs)]
    if not met:
        return submission
    tops = listed(sorted({name.partition("/")[0] for name in met}))
    note = f"your own {tops} was set aside ({len(met)} files): the course's data is served there"
    files = {name: data for name, data in submission.files.items() if name not in met}
    return replace(submission, files=files, notes=(*submission.notes, note))


def _run(
    submission: Submission, bench: RunContext, gallery: ExerciseImages, inputs: tuple[Input, ...], progress: Progress
) -> Execution:
    job = Job(
        script=submission.script,
        files=submission.files,
        inputs=inputs,
        limits=bench.rubric.assignment.run.model_copy(update={"threads": bench.threads}),
        seed=bench.seed,
        units=output_sizes(gallery.dataset),
        smoke=bench.smoke,
        warm=bench.warm,
    )
    expect_networks(bench.sandbox, job.limits)
    return run_notebook(job, bench.sandbox, who=submission.student, progress=progress)


def _choose(execution: Execution, bench: RunContext, gallery: ExerciseImages) -> tuple[Execution, SavedNetwork | None]:
    """The run with the network that the exercise is about, and this one with rows that it was trained on."""
    if not execution.networks:
        return execution, None
    saved = [(network.file, network.model) for network in execution.networks]
    expected, units = expected_layers(bench.rubric.planned), output_sizes(gallery.dataset)
    place, claims = choose_network(saved, execution.claims, expected, units=units)
    taken = execution.networks[place]
    return replace(execution, claims=claims, model=taken.model), taken


def _judge(execution: Execution, rows: bytes | None, bench: RunContext, gallery: ExerciseImages) -> JudgeAnswer:
    if execution.model is None:
        reason = execution.claims.problem or "the notebook left no Keras network"
        return JudgeAnswer(judgement=Judgement(outcome="no-model", reason=reason), outputs=None)
    question = Question(
        image_shape=gallery.dataset.image_shape,
        probe=gallery.served.probe,
        images=gallery.judged,
        units=output_sizes(gallery.dataset),
        rows=rows,
        trained_on=gallery.album,
        classes=gallery.dataset.classes,
    )
    limits = bench.rubric.assignment.run.model_copy(update={"threads": bench.threads})
    verdict = judge_model(execution.model, question, execution.claims, bench.sandbox, limits)
    return verdict if bench.smoke is None else _unjudged(verdict, bench.smoke)


def _unjudged(verdict: JudgeAnswer, smoke: Smoke) -> JudgeAnswer:
    """What a smoke run keeps of a verdict: the network's description, and why it was refused, if it was."""
    if verdict.judgement.outcome != "judged":
        return verdict
    described = {"outcome": "described", "reason": unjudged(smoke), "judged": 0}
    return JudgeAnswer(judgement=verdict.judgement.model_copy(update=described), outputs=None)


def _explore(submission: Submission, bench: RunContext, progress: Progress) -> Exploration:
    functions = bench.rubric.functions
    assert functions is not None
    job = ModuleJob(
        script=submission.script,
        files=submission.files,
        wanted={name: len(function.parameters) for name, function in functions.by_name.items()},
        limits=bench.rubric.assignment.run.model_copy(update={"threads": bench.threads}),
        seed=bench.seed,
    )
    return explore_module(job, functions, bench.sandbox, who=submission.student, progress=progress)


def _say_called(explored: Exploration, rubric: Rubric) -> tuple[Judgement, str | None]:
    """Whether any function could be called, and if not, why."""
    if explored.calls:
        return Judgement(outcome="called"), None
    if explored.lost is not None:
        reason = f"the module {explored.lost.words} while it was loaded"
    else:
        wanted = ", ".join(f"`{name}`" for name in (rubric.functions.by_name if rubric.functions else ()))
        reason = f"the module has none of the functions {wanted} in a form that can be called"
    return Judgement(outcome="not-called", reason=reason), reason


def _ending(explored: Exploration) -> Ending:
    used = [stopped for stopped in explored.stopped if stopped.cpu_s is not None]
    cause = explored.lost.cause if explored.lost else Cause.FINISHED
    return Ending(
        cause=cause,
        message=f"the module {explored.lost.words}"
        if explored.lost
        else "the module was loaded and its functions called",
        cell=None,
        wall_s=round(explored.wall_s, 2),
        cpu_s=round(sum(stopped.cpu_s or 0.0 for stopped in used), 2) if used else None,
        peak_mb=max((stopped.peak_mb for stopped in explored.stopped), default=None),
    )


def describe_run(submission: Submission, bench: RunContext, started: str, facts: Facts, claims: Claims) -> Evidence:
    """The evidence of a run."""
    return Evidence(
        assignment=bench.rubric.assignment.id,
        student=submission.student,
        submission=Source(
            name=submission.script.name,
            sha256=submission.sha256,
            notes=submission.notes,
            saved=submission.script.saved,
            modules=code_beside(submission.script.name, submission.files),
        ),
        key=evidence_key(submission, bench),
        isolation=bench.sandbox.isolation,
        dataset=bench.rubric.dataset_id,
        data_digest=bench.rubric.data_digest,
        serve=bench.rubric.assignment.serve,
        judged_on=bench.rubric.judged_on,
        seed=bench.seed,
        started=started,
        versions=versions(),
        smoke=bench.smoke,
        facts=facts,
        claims=claims,
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
