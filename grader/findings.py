"""What is said about a submission beside its checks: status, flags, and the row of one that could not be run. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.assignment import Assignment, Retry
from grader.checks.accuracy import may_be_chance
from grader.checks.check import Planned
from grader.checks.integrity import integrity_flags, looked_for
from grader.claimed import training_accuracy, validation_accuracy
from grader.dataset import Dataset
from grader.evidence import Cause, Ending, Evidence, Isolation, Preparation
from grader.results import Accuracy, Attempt, CheckResult, Comparison, Flag, ModelSummary, Outcome, Result, Status

DOUBTFUL = "This is provisional: the network may expect its images prepared in another way, and a person looks first."
RESTS_ON_ACCURACY = ("own_accuracy_differs", "fragile_to_shifts")
SUSPICIOUS_GAP = 0.15  # of training accuracy, between what the notebook claims and what the judge can reproduce
GUESSED_GAP, ERRORS = 0.05, 2.0  # where no recorded row confirms the preparation; standard errors, on top


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is known of a submission that was not run."""

    student: str
    submission: str
    assignment: Assignment
    planned: tuple[Planned, ...]
    dataset: Dataset | None
    isolation: Isolation
    judged_on: str
    versions: dict[str, str]
    seed: int
    started: str


def decide_status(evidence: Evidence, outcomes: tuple[Outcome, ...], flags: tuple[Flag, ...]) -> Status:
    """Broken if any check is; explained where nothing could be judged; else graded, or for a person to look at."""
    if Outcome.BROKEN in outcomes or evidence.facts.ending.cause is Cause.INFRASTRUCTURE:
        return Status.BROKEN
    if evidence.facts.judgement.outcome not in ("judged", "called"):
        return Status.EXPLAINED
    if any(flag.kind == "preparation_unsure" for flag in flags):
        return Status.NEEDS_REVIEW
    return Status.GRADED


def raise_flags(evidence: Evidence, dataset: Dataset | None, accuracy: Accuracy | None = None) -> tuple[Flag, ...]:
    """What a person should look at; `accuracy` is what was judged."""
    first = looked_for("the preparation of the images", lambda: preparation_flags(evidence, dataset))
    unsure = any(flag.kind == "preparation_unsure" for flag in first)
    others = integrity_flags(evidence, dataset, accuracy)  # a number that may be wrong is no reason to ask for another
    return (*first, *(flag for flag in others if not unsure or flag.kind not in RESTS_ON_ACCURACY))


def preparation_flags(evidence: Evidence, dataset: Dataset | None) -> tuple[Flag, ...]:
    """Whether the judge understood what the network expects."""
    preparation = evidence.facts.judgement.preparation
    claimed = training_accuracy(evidence.claims)
    validated = validation_accuracy(evidence.claims)
    flags = substitute_flags(dataset)
    if preparation is None:
        return flags
    if preparation.swapped:
        reason = (
            f"Of the training images the judge tried {1 - preparation.accuracy:.1%} were taken for the other class: the "
            "notebook numbers the two classes the other way round."
        )
        return (*flags, Flag(kind="classes_swapped", reason=reason))
    if claimed is None:
        return flags
    gap = SUSPICIOUS_GAP if preparation.matched else _guessed_gap(preparation)
    told = [claimed]
    if preparation.matched and validated is not None:
        told.append(validated)  # a young BatchNormalization validates far worse than it trains, and so it is judged
    if min(told) - preparation.accuracy <= gap:
        return flags
    reason = (
        f"The notebook reports {claimed:.1%} on its training data, but the best preparation of the images that the judge "
        f"found gives {preparation.accuracy:.1%} on training images: the network may expect its images prepared in "
        "another way."
    )
    return (*flags, Flag(kind="preparation_unsure", reason=reason))


def _guessed_gap(preparation: Preparation) -> float:
    """How far the judge may stay below the notebook where accuracy on `probed` images alone chose the preparation."""
    variance = preparation.accuracy * (1 - preparation.accuracy) / max(preparation.probed, 1)
    return min(SUSPICIOUS_GAP, GUESSED_GAP + ERRORS * math.sqrt(max(0.0, variance)))  # stored evidence may be damaged


def substitute_flags(dataset: Dataset | None) -> tuple[Flag, ...]:
    """The flag that keeps a demonstration from passing for the real thing."""
    if dataset is None or dataset.substitute_for is None:
        return ()
    reason = f"Judged on {dataset.judged_title}: a demonstration, and no result for {dataset.substitute_for}."
    return (Flag(kind="substitute_data", reason=reason),)


def verdict_flags(
    accuracy: Accuracy | None, checks: Sequence[CheckResult], compared: Mapping[str, Comparison]
) -> tuple[Flag, ...]:
    """Where chance may have cost points, or was given the benefit of the doubt."""
    if accuracy is None:
        return ()
    flags = []
    if accuracy.verdict == "borderline" and accuracy.threshold is not None:
        what = f"{accuracy.value:.2%} of {accuracy.judged:,} images is below {accuracy.threshold:.2%}, but "
        what += "within what chance explains: it counts as reached" if accuracy.granted else "chance may have decided"
        flags.append(Flag(kind="borderline", reason=f"{what}."))
    lost = any(check.name == "better_than" and check.outcome is Outcome.FAILED and check.out_of for check in checks)
    for other in compared.values():
        if lost and accuracy.value <= other.accuracy and may_be_chance(other, accuracy.value):
            reason = (
                f"{accuracy.value:.2%} is not better than {other.accuracy:.2%} for {other.source}, but so small a "
                "difference may be chance."
            )
            flags.append(Flag(kind="close_comparison", reason=reason))
    return tuple(flags)


def without_advice(checks: Sequence[CheckResult], planned: Sequence[Planned]) -> tuple[CheckResult, ...]:
    """The checks of a submission for review: what rests on an accuracy that may be wrong gives no advice."""
    return tuple(
        found.model_copy(update={"hint": "", "reason": f"{found.reason} {DOUBTFUL}".lstrip()})
        if item.check.judged and found.outcome in (Outcome.FAILED, Outcome.PARTIAL)
        else found
        for found, item in zip(checks, planned, strict=True)
    )


def attempt_flag(attempts: Sequence[Attempt], retry: Retry, *, due: bool) -> Flag:
    """What became of a borderline run; `due`: the rubric asks for one more run than there are."""
    told = [
        f"{'could not be judged' if item.accuracy is None else f'{item.accuracy:.2%}'} with seed {item.seed}"
        for item in attempts
    ]
    reason = f"The first run was borderline: {', '.join(told)}."
    if len(attempts) > 1:
        reason += f" The {retry.counts} counts."
    if due:
        reason += " Another run is due and was not made: grade the submission again, what is stored is kept."
    return Flag(kind="borderline", reason=reason)


def explain_unread(row: Row, *, reason: str, remedy: str, ours: bool) -> Result:
    """The result of a submission that was not run: it can't be read, or (`ours`) the grader failed.

    Who handed in nothing (`submission` is empty) has no checks: there is nothing that they could have looked at.
    """
    outcome = Outcome.BROKEN if ours else Outcome.FAILED
    checks = tuple(
        CheckResult(
            name=item.check.name, title=item.title, outcome=outcome, points=0, out_of=item.spec.points, reason=reason,
            hint=remedy, rests_on=item.check.rests_on,
        )
        for item in (row.planned if row.submission or ours else ())
    )  # fmt: skip
    return Result(
        assignment=row.assignment.id,
        title=row.assignment.title,
        student=row.student,
        submission=row.submission,
        status=Status.BROKEN if ours else Status.EXPLAINED,
        points=0,
        out_of=row.assignment.out_of,
        pass_mark=row.assignment.pass_mark,
        passed=False,
        isolation=row.isolation,
        dataset=row.dataset.id if row.dataset else "",
        serve="sealed",
        judged_on=row.judged_on,
        accuracy=None,
        model=ModelSummary(),
        checks=checks,
        flags=substitute_flags(row.dataset),
        ending=Ending(cause=Cause.INFRASTRUCTURE if ours else Cause.NOT_RUN, message=f"{reason} {remedy}".strip()),
        evidence="",
        versions=row.versions,
        seed=row.seed,
        started=row.started,
    )
