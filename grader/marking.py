"""`mark`: a pure function of stored evidence, in milliseconds; no sandbox, no TensorFlow, no file."""

from collections.abc import Mapping

from grader.checks.accuracy import accuracy_of
from grader.checks.family import recognise
from grader.checks.functions import find_functions
from grader.checks.registry import Case
from grader.checks.runner import run_checks
from grader.findings import decide_status, raise_flags
from grader.results import Comparison, ModelSummary, Result, Status
from grader.rubric import Rubric
from grader.store import Stored, evidence_digest


def mark(stored: Stored, rubric: Rubric, compared: Mapping[str, Comparison]) -> Result:
    """The result: a pure function of evidence, rubric, labels and what the accuracy is compared with."""
    evidence = stored.evidence
    case = Case(
        evidence=evidence,
        outputs=stored.outputs,
        labels=rubric.labels,
        classes=rubric.classes,
        compared=compared,
        calls=stored.calls,
        functions=rubric.functions.by_name if rubric.functions else {},
    )
    checks = run_checks(rubric.planned, case)
    flags = raise_flags(evidence, rubric.dataset)
    points = round(sum(check.points for check in checks), 2)
    status = decide_status(evidence, tuple(check.outcome for check in checks), flags)
    architecture = evidence.facts.judgement.architecture
    preparation = evidence.facts.judgement.preparation
    candidates = evidence.claims.candidates
    return Result(
        assignment=evidence.assignment,
        title=rubric.assignment.title,
        student=evidence.student,
        submission=evidence.submission.name,
        status=status,
        points=points,
        out_of=rubric.assignment.out_of,
        pass_mark=rubric.assignment.pass_mark,
        passed=points >= rubric.assignment.pass_mark and status in (Status.GRADED, Status.NEEDS_REVIEW),
        isolation=evidence.isolation,
        dataset=evidence.dataset,
        serve=evidence.serve,
        judged_on=evidence.judged_on,
        accuracy=accuracy_of(case, rubric.planned),
        compared=tuple(compared.values()),
        baseline=rubric.baseline,
        model=ModelSummary(
            chosen=next((item.name for item in candidates if item.taken), None),
            candidates=tuple(item.name for item in candidates),
            parameters=architecture.parameters if architecture else None,
            input_shape=architecture.input_shape if architecture else None,
            preprocessing=preparation.description if preparation else None,
            family=recognise(architecture).title if architecture else None,
        ),
        functions=find_functions(case),
        checks=checks,
        flags=flags,
        shims=evidence.claims.shims,
        notes=(*evidence.submission.notes, *rubric.notes),
        ending=evidence.facts.ending,
        evidence=evidence_digest(evidence),
        versions=evidence.versions,
        seed=evidence.seed,
        started=evidence.started,
    )
