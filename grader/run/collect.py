"""From a submission to its evidence: it is run, what it made is judged, and what is known is frozen. Slow, and done once.

A `Collector` does it for whoever asks and waits in a thread of its own; all that follows (marks, pages, the gradebook)
happens in the process of the batch. Here is the collector of this machine; `cluster` has the one of a Dask cluster.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from grader.checks.architecture import expected_layers
from grader.checks.registry import unjudged
from grader.core.errors import Infrastructure
from grader.core.evidence import Cause, Cell, Claims, Ending, Evidence, Facts, Judgement, ModelFile, Source
from grader.core.notebook import code_beside
from grader.core.progress import Progress
from grader.core.store import Stored, pack_calls, pack_outputs
from grader.course.rubric import Rubric
from grader.functions.explore import Exploration, explore_module
from grader.functions.module_process import ModuleJob
from grader.intake import Submission
from grader.intake.names import name_some
from grader.intake.networks import choose_network_file
from grader.judge.choose_network import choose_network
from grader.judge.client import Question, expect_networks, judge_model
from grader.judge.keras_archive import precheck
from grader.kernel.outcome import SavedNetwork
from grader.kernel.run_notebook import Execution, Job, expect_notebook, meets_served, run_notebook
from grader.run.context import SHORT_RUN, ExerciseImages, RunContext, evidence_key, output_sizes, versions
from grader.run.judge_handed_in import judge_file
from grader.run.leaked_images import find_overlap, judged_in_files
from grader.sandbox.interface import Input

T = TypeVar("T")


class Collected(NamedTuple):
    """What one run left: evidence, and the network's file as opaque bytes."""

    stored: Stored
    model: bytes | None


class WorkerLost(Infrastructure):
    """The process that ran a submission went away, with or without the submission's doing."""


class WorkerUnfit(Infrastructure):
    """A worker that can run nothing of this batch; the submission was not touched, and another worker may take it."""


class CollectorGone(Infrastructure):
    """Nobody is left to run anything: the batch ends, and goes on when somebody is."""


class Collector(Protocol):
    """Runs submissions somewhere; called from several threads."""

    @property
    def slots(self) -> int:
        """How many submissions it takes at a time, now. Raises CollectorGone."""

    def collect(self, submission: Submission, seed: int) -> Collected:
        """Run a submission and wait for its end. Raises GraderError, as WorkerLost, WorkerUnfit or CollectorGone."""


class LocalCollector:
    """Runs submissions on this machine, in the thread that asks: a sandbox ends with the thread that started it."""

    def __init__(self, context: RunContext, jobs: int, progress: Progress) -> None:
        self._context, self.slots, self._progress = context, jobs, progress

    def collect(self, submission: Submission, seed: int) -> Collected:
        """Run it here."""
        return collect(submission, replace(self._context, seed=seed), self._progress)


def collect(submission: Submission, context: RunContext, progress: Progress) -> Collected:
    """Run a submission, judge what it made, freeze what is known as evidence.

    What fails by our own fault is tried once more. Raises Infrastructure when that fails too.
    """
    if context.images is None:
        return collect_functions(submission, context, progress)
    if submission.way == "handed-in":
        return collect_handed_in(submission, context, context.images, progress)
    return collect_network(submission, context, context.images, progress)


def collect_network(
    submission: Submission, context: RunContext, images: ExerciseImages, progress: Progress
) -> Collected:  # fmt: skip
    """Run the notebook in a kernel, have its network judged on the images."""
    started = _now()
    handed_in, inputs = submission.files, _inputs(submission, context, images)
    submission = set_aside_served(submission, inputs)
    job = _job(submission, context, images, inputs)
    expect_networks(context.sandbox, job.limits)
    execution = _twice(lambda: run_notebook(job, context.sandbox, who=submission.student, progress=progress))
    progress.step(submission.student, "judging the network")
    execution, taken = _choose(execution, context, images)
    model = execution.model
    judgement, outputs = _twice(lambda: _judge(execution, taken, context, images))
    claims, found = execution.claims, dict[str, int]()
    if context.smoke is None:
        submission, claims, found = _with_judged_images(submission, claims, taken, handed_in, images)
    facts = Facts(
        ending=execution.ending, start=execution.start, start_note=execution.start_note, judgement=judgement,
        model=None if model is None else ModelFile(size=len(model), sha256=_digest(model)), handed_in=found,
    )  # fmt: skip
    stored = Stored(evidence=describe_run(submission, context, started, facts, claims), outputs=outputs)
    refused = judgement.outcome == "refused" and model is not None and precheck(model) is not None
    return Collected(stored, None if refused else model)  # half a gigabyte of anything is no network to keep


def collect_handed_in(
    submission: Submission, context: RunContext, images: ExerciseImages, progress: Progress
) -> Collected:  # fmt: skip
    """Have the network judged that was handed in; the notebook is run for a moment, and must build that very network."""
    started = _now()
    files, inputs = submission.files, _inputs(submission, context, images)
    submission = set_aside_served(submission, inputs)
    job = _job(submission, replace(context, smoke=SHORT_RUN), images, inputs)
    expect_networks(context.sandbox, job.limits)
    if submission.without_code is None:
        execution = _twice(lambda: run_notebook(job, context.sandbox, who=submission.student, progress=progress))
    else:
        ended = Ending(cause=Cause.FINISHED, message="there was no code to run")
        execution = Execution(ending=ended, claims=Claims(), model=None)
    progress.step(submission.student, "judging the handed-in network")
    execution, taken = _choose(execution, context, images)
    chosen = choose_network_file(submission.networks, submission.script.cells)
    built = [network.model for network in sorted(execution.networks, key=lambda one: one is not taken)]
    question = _question(taken, images)
    found = _twice(lambda: judge_file(chosen, built, question, execution.claims, context))
    handed_in = found.network.model_copy(update={"smoke": None if submission.without_code else SHORT_RUN})
    submission, claims, in_files = _with_judged_images(submission, execution.claims, taken, files, images)
    facts = Facts(
        ending=execution.ending, start=execution.start, start_note=execution.start_note, judgement=found.judgement,
        handed_in=in_files, handed_in_network=handed_in,
    )  # fmt: skip
    return Collected(
        Stored(evidence=describe_run(submission, context, started, facts, claims), outputs=found.outputs), None
    )


def _with_judged_images(
    submission: Submission, claims: Claims, taken: SavedNetwork | None, files: Mapping[str, bytes], images: ExerciseImages
) -> tuple[Submission, Claims, dict[str, int]]:  # fmt: skip
    """What is known of judged images among the rows that the network was trained on, and in the handed-in files."""
    if images.references is None:
        return submission, claims, {}
    seen = taken.seen if taken is not None else None
    overlap = find_overlap(seen, images.references) if seen is not None else None
    found, note = judged_in_files(files, images.references)
    if note:
        submission = replace(submission, notes=(*submission.notes, note))
    return submission, claims.model_copy(update={"overlap": overlap}), found


def collect_functions(submission: Submission, context: RunContext, progress: Progress) -> Collected:
    """Load the module, call its functions on the cases of the course."""
    started = _now()
    explored = _twice(lambda: _explore(submission, context, progress))
    judgement, told = _say_called(explored, context.rubric)
    facts = Facts(
        ending=_ending(explored),
        judgement=judgement,
        calls=_digest(pack_calls(explored.calls)),
        functions=dict(explored.loaded.problems) if explored.loaded else {},
    )
    errors = explored.loaded.errors if explored.loaded else (None,) * len(submission.script.cells)
    cells = tuple(
        Cell(number=number, source=source, executed=True, error=error, tags=submission.script.tags_of(number))
        for number, (source, error) in enumerate(zip(submission.script.cells, errors, strict=True), 1)
    )
    claims = Claims(cells=cells, problem=told)
    evidence = describe_run(submission, context, started, facts, claims)
    return Collected(Stored(evidence=evidence, outputs=None, calls=explored.calls), None)


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
    tops = name_some(sorted({name.partition("/")[0] for name in met}))
    note = f"your own {tops} was set aside ({len(met)} files): the course's data is served there"
    files = {name: data for name, data in submission.files.items() if name not in met}
    return replace(submission, files=files, notes=(*submission.notes, note))


def expect_submission(submission: Submission, context: RunContext) -> None:
    """Have fork servers for the kernel and the judge of a submission like this one started meanwhile."""
    if context.images is not None:
        job = _job(submission, context, context.images, _inputs(submission, context, context.images))
        expect_notebook(job, context.sandbox)
        expect_networks(context.sandbox, job.limits)


def _inputs(submission: Submission, context: RunContext, images: ExerciseImages) -> tuple[Input, ...]:
    others = images.others.inputs(submission.script.cells) if images.others else ()
    added = context.environment.inputs if context.environment else ()
    return (*images.served.inputs, *others, *added)


def _job(submission: Submission, context: RunContext, images: ExerciseImages, inputs: tuple[Input, ...]) -> Job:
    return Job(
        script=submission.script,
        files=submission.files,
        inputs=inputs,
        limits=context.limits,
        seed=context.seed,
        units=output_sizes(images.dataset),
        smoke=context.smoke,
        warm=context.warm,
    )


def _choose(execution: Execution, context: RunContext, images: ExerciseImages) -> tuple[Execution, SavedNetwork | None]:
    """The run with the network that the exercise is about, and this one with rows that it was trained on."""
    if not execution.networks:
        return execution, None
    saved = [(network.file, network.model) for network in execution.networks]
    expected, units = expected_layers(context.rubric.planned), output_sizes(images.dataset)
    place, claims = choose_network(saved, execution.claims, expected, units=units)
    taken = execution.networks[place]
    return replace(execution, claims=claims, model=taken.model), taken


def _judge(
    execution: Execution, taken: SavedNetwork | None, context: RunContext, images: ExerciseImages
) -> tuple[Judgement, NDArray[np.float32] | None]:
    """What the judge found, and the network's outputs on the judged images; of a smoke run no more than its description."""
    if execution.model is None:
        reason = execution.claims.problem or "the notebook left no Keras network"
        return Judgement(outcome="no-model", reason=reason), None
    answer = judge_model(execution.model, _question(taken, images), execution.claims, context.sandbox, context.limits)
    judgement, outputs = answer.judgement, answer.outputs
    if context.smoke is not None and judgement.outcome == "judged":
        described = {"outcome": "described", "reason": unjudged(context.smoke), "judged": 0}
        return judgement.model_copy(update=described), None
    if outputs is not None:
        judgement = judgement.model_copy(update={"predictions": _digest(pack_outputs(outputs))})
    return judgement, outputs


def _question(taken: SavedNetwork | None, images: ExerciseImages) -> Question:
    return Question(
        image_shape=images.dataset.image_shape,
        probe=images.served.probe,
        images=images.judged,
        units=output_sizes(images.dataset),
        rows=taken.rows if taken else None,
        trained_on=images.training_index,
        classes=images.dataset.classes,
    )


def _explore(submission: Submission, context: RunContext, progress: Progress) -> Exploration:
    functions = context.rubric.functions
    assert functions is not None
    job = ModuleJob(
        script=submission.script,
        files=submission.files,
        wanted={name: len(function.parameters) for name, function in functions.by_name.items()},
        limits=context.limits,
        seed=context.seed,
        inputs=context.environment.inputs if context.environment else (),
    )
    return explore_module(job, functions, context.sandbox, who=submission.student, progress=progress)


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


def describe_run(submission: Submission, context: RunContext, started: str, facts: Facts, claims: Claims) -> Evidence:
    """The evidence of a run."""
    return Evidence(
        assignment=context.rubric.assignment.id,
        student=submission.student,
        submission=Source(
            name=submission.script.name,
            sha256=submission.sha256,
            notes=submission.notes,
            saved=submission.script.saved,
            modules=code_beside(submission.script.name, submission.files),
            markdown=submission.script.markdown,
            counts=submission.script.counts,
        ),
        key=evidence_key(submission, context),
        isolation=context.sandbox.isolation,
        dataset=context.rubric.dataset_id,
        data_digest=context.rubric.data_digest,
        serve=context.rubric.assignment.serve,
        judged_on=context.rubric.judged_on,
        seed=context.seed,
        started=started,
        versions=versions(),
        environment=context.environment.described if context.environment else None,
        smoke=context.smoke,
        facts=facts,
        claims=claims,
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
