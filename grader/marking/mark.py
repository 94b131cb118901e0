"""`mark`: a pure function of stored evidence, in milliseconds; no sandbox, no TensorFlow, no file.

The checks are run by `checks.registry`, which gives each its points; here they are added up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from grader.checks.accuracy import accuracy_of, measured_once, weigh
from grader.checks.base import Case
from grader.checks.family import recognise
from grader.checks.functions import find_functions
from grader.checks.registry import LookedAt, look_at_all
from grader.core.evidence import Evidence
from grader.core.results import (
    Accuracy,
    Attempt,
    AuditFinding,
    CheckResult,
    Comparison,
    Flag,
    ModelSummary,
    Outcome,
    Result,
    Status,
)
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
from grader.marking.handed_in import as_it_counts, audit_finding, audit_flags, handed_in_flags
from grader.marking.repeated_runs import ChosenRuns, RunOutcome, choose, count_asked_for, outcome_of, wants_another


def mark_attempts(
    runs: Sequence[Stored], rubric: Rubric, compared: Mapping[str, Comparison],
    *, mark_run: Callable[[Stored, int | None], Result] | None = None,
) -> Result:  # fmt: skip
    """The result of one or several runs by the rubric's `[retry]`: a pure function, as `mark` is for a single one.

    `mark_run` marks a run as `mark` does, for who has a shorter way; its second argument is `counted`.
    """

    def mark_one(run: Stored, counted: int | None = None) -> Result:
        return mark_run(run, counted) if mark_run else mark(run, rubric, compared, counted=counted)

    alone = [mark_one(run) for run in runs]
    outcomes = [outcome_of(result, run) for result, run in zip(alone, runs, strict=True)]
    retry = rubric.assignment.retry
    made = count_asked_for(outcomes, retry)
    choice = choose(outcomes[:made], retry)
    chosen = alone[choice.index]
    if choice.correct is not None:
        chosen = mark_one(runs[choice.index], choice.correct)
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
    return result_of(look_at_run(stored, rubric, compared, counted=counted), rubric)


@dataclass(frozen=True, kw_only=True)
class SeenRun:
    """All that is found of one run before points are counted; `compared` is weighed, `raised` are the run's own flags.

    `audit` is what training it after all gave, where its network was handed in.
    """

    case: Case
    found: tuple[LookedAt, ...]
    compared: Mapping[str, Comparison]
    raised: tuple[Flag, ...]
    digest: str  # of the evidence as it is stored
    audit: AuditFinding | None = None


def look_at_run(
    stored: Stored, rubric: Rubric, compared: Mapping[str, Comparison], *, counted: int | None = None
) -> SeenRun:  # fmt: skip
    """What the rubric's checks find, and what a person should look at."""
    counting = as_it_counts(stored)
    case = measured_once(
        Case(
            evidence=counting.evidence,
            outputs=counting.outputs if stored.evidence.smoke is None else None,
            labels=rubric.labels,
            classes=rubric.classes,
            compared=compared,
            counted=counted,
            calls=stored.calls,
            functions=rubric.functions.by_name if rubric.functions else {},
        )
    )
    found = look_at_all(rubric.planned, case)
    accuracy = accuracy_of(case, rubric.planned)
    if accuracy is not None:
        compared = {name: weigh(case, other) for name, other in compared.items()}
    audit = audit_finding(stored, rubric)
    raised = (
        *raise_flags(counting.evidence, rubric.dataset, accuracy),
        *looked_for("the handed-in network", lambda: (*handed_in_flags(stored, rubric), *audit_flags(audit))),
    )
    digest = evidence_digest(stored.evidence)
    return SeenRun(case=case, found=found, compared=compared, raised=raised, digest=digest, audit=audit)


def result_of(seen: SeenRun, rubric: Rubric) -> Result:
    """The result of a run by the rubric by which it was looked at."""
    case, evidence, compared = seen.case, seen.case.evidence, seen.compared
    accuracy = accuracy_of(case, rubric.planned)
    checks = tuple(found.result(item) for found, item in zip(seen.found, rubric.planned, strict=True))
    counts = count_points(seen, rubric, accuracy, checks)
    return Result(
        assignment=evidence.assignment,
        title=rubric.assignment.title,
        student=evidence.student,
        submission=evidence.submission.name,
        status=counts.status,
        points=counts.points,
        out_of=rubric.assignment.out_of,
        pass_mark=rubric.assignment.pass_mark,
        passed=counts.passed,
        isolation=evidence.isolation,
        dataset=evidence.dataset,
        serve=evidence.serve,
        judged_on=evidence.judged_on,
        accuracy=accuracy,
        compared=tuple(compared.values()),
        baseline=rubric.baseline,
        audit=seen.audit,
        model=_summarise(evidence),
        functions=find_functions(case),
        checks=counts.checks,
        flags=counts.flags,
        shims=evidence.claims.shims,
        notes=(*evidence.submission.notes, *rubric.notes, *_notes_of_run(evidence)),
        ending=evidence.facts.ending,
        evidence=seen.digest,
        versions=evidence.versions,
        environment=evidence.environment,
        smoke=evidence.smoke,
        seed=evidence.seed,
        started=evidence.started,
    )


@dataclass(frozen=True, kw_only=True)
class CountedPoints:
    """What the rubric's numbers make of one run."""

    points: float
    passed: bool
    status: Status
    checks: tuple[CheckResult, ...]
    flags: tuple[Flag, ...]


def count_points(
    seen: SeenRun, rubric: Rubric, accuracy: Accuracy | None, checks: tuple[CheckResult, ...]
) -> CountedPoints:
    """The points that the rubric gives, and what follows; `accuracy` has its verdict."""
    evidence = seen.case.evidence
    chance = looked_for("what chance explains", lambda: verdict_flags(accuracy, checks, seen.compared))
    flags = (*seen.raised, *chance)
    if evidence.smoke is not None:
        flags = substitute_flags(rubric.dataset)  # a network of a few steps says nothing about anything else
    points = round(sum(check.points for check in checks), 2)
    outcomes = tuple(check.outcome for check in checks)
    status, awaits = decide_status(evidence, outcomes, flags), Outcome.AWAITING in outcomes
    if evidence.smoke is not None and status is not Status.BROKEN:
        status = Status.EXPLAINED
    reached = points >= rubric.assignment.pass_mark and status in (Status.GRADED, Status.NEEDS_REVIEW)
    if status is Status.NEEDS_REVIEW:
        unsure = any(flag.kind == "preparation_unsure" for flag in flags)
        checks = without_advice(checks, rubric.planned) if unsure else checks
    return CountedPoints(points=points, passed=reached and not awaits, status=status, checks=checks, flags=flags)


def _notes_of_run(evidence: Evidence) -> tuple[str, ...]:
    """What the kernel noted; of a short run that was made for a mark it is not called a smoke run, which is none."""
    if evidence.facts.handed_in_network is None:
        return evidence.claims.notes
    return tuple(
        note.replace("this is a smoke run:", "in the short run of the code", 1) for note in evidence.claims.notes
    )


def _summarise(evidence: Evidence) -> ModelSummary:
    architecture = evidence.facts.judgement.architecture
    preparation = evidence.facts.judgement.preparation
    candidates = evidence.claims.candidates
    network = evidence.facts.handed_in_network
    return ModelSummary(
        chosen=next((item.name for item in candidates if item.taken), None),
        candidates=tuple(item.name for item in candidates),
        parameters=architecture.parameters if architecture else None,
        input_shape=architecture.input_shape if architecture else None,
        preprocessing=preparation.description if preparation else None,
        family=recognise(architecture).title if architecture else None,
        source=None if architecture is None and network is None else "trained" if network is None else "handed-in",
        file=network.name if network is not None else None,
        maker=network.maker if network is not None else None,
        differences=network.differences if network is not None else (),
    )
