"""`mark`: a pure function of stored evidence, in milliseconds; no sandbox, no TensorFlow, no file."""

from collections.abc import Mapping, Sequence

from grader.checks.accuracy import accuracy_of, weigh
from grader.checks.base import Case
from grader.checks.family import recognise
from grader.checks.functions import find_functions
from grader.checks.registry import run_checks
from grader.core.evidence import Evidence
from grader.core.results import Attempt, Comparison, ModelSummary, Outcome, Result, Status
from grader.core.store import Stored, evidence_digest
from grader.course.rubric import Rubric
from grader.marking.flags import (
    attempt_flag,
    decide_status,
    looked_for,
    raise_flags,
    substitute_flags,
    verdict_flags,
    without_advice,
)
from grader.marking.repeated_runs import ChosenRuns, RunOutcome, choose, count_asked_for, outcome_of, wants_another


def mark_attempts(runs: Sequence[Stored], rubric: Rubric, compared: Mapping[str, Comparison]) -> Result:
    """The result of one or several runs by the rubric's `[retry]`: a pure function, as `mark` is for a single one."""
    alone = [mark(run, rubric, compared) for run in runs]
    outcomes = [outcome_of(result, run) for result, run in zip(alone, runs, strict=True)]
    retry = rubric.assignment.retry
    made = count_asked_for(outcomes, retry)
    choice = choose(outcomes[:made], retry)
    chosen = alone[choice.index]
    if choice.correct is not None:
        chosen = mark(runs[choice.index], rubric, compared, counted=choice.correct)
    due = wants_another(outcomes[:made], retry)
    listed = _list_attempts(alone, outcomes, choice)
    update: dict[str, object] = {"attempts": listed}
    if made > 1 or due:
        others = tuple(flag for flag in chosen.flags if flag.kind != "borderline")
        update["flags"] = (*others, attempt_flag(listed[:made], retry, due=due))
    if len(runs) > made:
        note = f"{len(runs) - made} more stored runs are not looked at: today's rubric does not ask for them."
        update["notes"] = (*chosen.notes, note)
    return chosen.model_copy(update=update)


def another_is_due(runs: Sequence[Stored], rubric: Rubric, compared: Mapping[str, Comparison]) -> bool:
    """Whether the rubric's `[retry]` asks for one more run after these."""
    outcomes = [outcome_of(mark(run, rubric, compared), run) for run in runs]
    return wants_another(outcomes, rubric.assignment.retry)


def _list_attempts(alone: Sequence[Result], outcomes: Sequence[RunOutcome], choice: ChosenRuns) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            seed=result.seed,
            accuracy=result.accuracy.value if result.accuracy is not None and outcome.correct is not None else None,
            correct=outcome.correct,
            judged=result.accuracy.judged if result.accuracy is not None and outcome.correct is not None else None,
            points=result.points,
            evidence=result.evidence,
            counted=number in choice.counted,
        )
        for number, (result, outcome) in enumerate(zip(alone, outcomes, strict=True))
    )


def mark(stored: Stored, rubric: Rubric, compared: Mapping[str, Comparison], *, counted: int | None = None) -> Result:
    """The result: a pure function of evidence, rubric, labels and what the accuracy is compared with.

    `counted`: how many images count as recognised where that is a mean over several runs.
    """
    evidence = stored.evidence
    case = Case(
        evidence=evidence,
        outputs=stored.outputs if evidence.smoke is None else None,
        labels=rubric.labels,
        classes=rubric.classes,
        compared=compared,
        counted=counted,
        calls=stored.calls,
        functions=rubric.functions.by_name if rubric.functions else {},
    )
    checks = run_checks(rubric.planned, case)
    accuracy = accuracy_of(case, rubric.planned)
    if accuracy is not None:
        compared = {name: weigh(case, other) for name, other in compared.items()}
    chance = looked_for("what chance explains", lambda: verdict_flags(accuracy, checks, compared))
    flags = (*raise_flags(evidence, rubric.dataset, accuracy), *chance)
    if evidence.smoke is not None:
        flags = substitute_flags(rubric.dataset)  # a network of a few steps says nothing about anything else
    points = round(sum(check.points for check in checks), 2)
    outcomes = tuple(check.outcome for check in checks)
    status, awaits = decide_status(evidence, outcomes, flags), Outcome.AWAITING in outcomes
    if evidence.smoke is not None and status is not Status.BROKEN:
        status = Status.EXPLAINED
    if status is Status.NEEDS_REVIEW:
        checks = without_advice(checks, rubric.planned)
    return Result(
        assignment=evidence.assignment,
        title=rubric.assignment.title,
        student=evidence.student,
        submission=evidence.submission.name,
        status=status,
        points=points,
        out_of=rubric.assignment.out_of,
        pass_mark=rubric.assignment.pass_mark,
        passed=(
            not awaits and points >= rubric.assignment.pass_mark and status in (Status.GRADED, Status.NEEDS_REVIEW)
        ),
        isolation=evidence.isolation,
        dataset=evidence.dataset,
        serve=evidence.serve,
        judged_on=evidence.judged_on,
        accuracy=accuracy,
        compared=tuple(compared.values()),
        baseline=rubric.baseline,
        model=_summarise(evidence),
        functions=find_functions(case),
        checks=checks,
        flags=flags,
        shims=evidence.claims.shims,
        notes=(*evidence.submission.notes, *rubric.notes, *evidence.claims.notes),
        ending=evidence.facts.ending,
        evidence=evidence_digest(evidence),
        versions=evidence.versions,
        smoke=evidence.smoke,
        seed=evidence.seed,
        started=evidence.started,
    )


def _summarise(evidence: Evidence) -> ModelSummary:
    architecture = evidence.facts.judgement.architecture
    preparation = evidence.facts.judgement.preparation
    candidates = evidence.claims.candidates
    return ModelSummary(
        chosen=next((item.name for item in candidates if item.taken), None),
        candidates=tuple(item.name for item in candidates),
        parameters=architecture.parameters if architecture else None,
        input_shape=architecture.input_shape if architecture else None,
        preprocessing=preparation.description if preparation else None,
        family=recognise(architecture).title if architecture else None,
    )
