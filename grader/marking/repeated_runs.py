"""Several runs of one submission: where each is stored, whether another is due, and which one counts.

The runs of a submission lie in `evidence/`, `evidence-2/`, ... beside its result; run n has the first run's seed plus
1,000 (n - 1). What counts is a pure function of all that is stored and of today's `[retry]`: where a rubric allows fewer
runs than were made, the later ones are as if they had never been.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grader.core.assignment import Retry
from grader.core.errors import UsageError
from grader.core.evidence import Cause
from grader.core.results import Outcome, Result, Status
from grader.core.store import AUDIT, EVIDENCE, Stored, StoredAudit, load_evidence, load_predictions
from grader.core.workspace import write_json

EVIDENCE_FOLDER = "evidence"
DRAWN, MOST_SAID = "drawn.json", 300  # in the folder of an audit; characters of why
SEED_STEP = 1000


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """What the policy looks at in one run: images recognised (None: not judged) and points of the whole submission.

    `reached`: it gets points for its accuracy. `borderline`: it gets none, and chance may have decided that.
    `predictions` is a digest: the same one twice says that the seed changes nothing.
    """

    correct: int | None
    points: float
    reached: bool
    borderline: bool
    predictions: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChosenRuns:
    """The run whose result counts (from 0), the runs whose accuracy is used, and how many images a mean stands for."""

    index: int
    counted: frozenset[int]
    correct: int | None = None


def outcome_of(result: Result, stored: Stored) -> RunOutcome:
    """What the policy looks at, from a run's own mark."""
    judged = result.status in (Status.GRADED, Status.NEEDS_REVIEW) and result.accuracy is not None
    check = next((check for check in result.checks if check.name == "accuracy"), None)
    failed = judged and check is not None and check.outcome is Outcome.FAILED and check.out_of > 0
    failed = failed and stored.evidence.facts.handed_in_network is None  # that is the same with every seed
    return RunOutcome(
        correct=result.accuracy.correct if judged and result.accuracy is not None else None,
        points=result.points,
        reached=judged and check is not None and check.points > 0,
        borderline=failed and result.accuracy is not None and result.accuracy.verdict == "borderline",
        predictions=stored.evidence.facts.judgement.predictions,
    )


def wants_another(outcomes: Sequence[RunOutcome], retry: Retry) -> bool:
    """Whether the policy asks for one more run after these.

    The first run decides whether there are any: only a borderline one that fails is repeated. The best and the last
    of the runs are known to suffice once one of them reaches the bar; a mean needs them all.
    """
    if not outcomes[0].borderline or len(outcomes) > retry.times:
        return False
    if retry.counts in ("best", "last") and any(outcome.reached for outcome in outcomes):
        return False
    known = [outcome.predictions for outcome in outcomes if outcome.predictions is not None]
    return len(set(known)) == len(known)  # the same predictions again: the code sets its seed itself


def count_asked_for(outcomes: Sequence[RunOutcome], retry: Retry) -> int:
    """How many of the stored runs today's policy would have made."""
    count = 1
    while count < len(outcomes) and wants_another(outcomes[:count], retry):
        count += 1
    return count


def choose(outcomes: Sequence[RunOutcome], retry: Retry) -> ChosenRuns:
    """The run that counts; one that could not be judged counts only where no other is there."""
    judged = [number for number, outcome in enumerate(outcomes) if outcome.correct is not None]
    if not judged or retry.counts == "first":
        return ChosenRuns(index=0, counted=frozenset({0}))
    if retry.counts == "last":
        return ChosenRuns(index=judged[-1], counted=frozenset({judged[-1]}))
    recognised = {number: outcomes[number].correct or 0 for number in judged}
    if retry.counts == "best":
        best = max(judged, key=lambda number: (outcomes[number].points, recognised[number], -number))
        return ChosenRuns(index=best, counted=frozenset({best}))
    if len(judged) == 1:
        return ChosenRuns(index=judged[0], counted=frozenset(judged))
    mean = (2 * sum(recognised.values()) + len(judged)) // (2 * len(judged))  # to the nearest image, a half upwards
    nearest = min(judged, key=lambda number: (abs(recognised[number] - mean), number))
    return ChosenRuns(index=nearest, counted=frozenset(judged), correct=mean)


def seed_of(first: int, number: int) -> int:
    """The seed of run `number`, from 1."""
    return first + SEED_STEP * (number - 1)


def attempt_folder(student_folder: Path, number: int) -> Path:
    """Where the evidence of run `number`, from 1, lies."""
    return student_folder / (EVIDENCE_FOLDER if number == 1 else f"{EVIDENCE_FOLDER}-{number}")


def load_attempts(student_folder: Path) -> tuple[Stored, ...]:
    """All stored runs of the submission that `evidence/` is of, in order. Raises UsageError for a damaged one."""
    first = load_evidence(attempt_folder(student_folder, 1))
    runs = [with_audit(first, student_folder)]
    for folder in _later_folders(student_folder):
        later = load_evidence(folder)
        if not _same_submission(first, later, len(runs) + 1):
            break
        runs.append(later)
    return tuple(runs)


def save_drawn(student_folder: Path, why: str, submission: str) -> None:
    """Keep that the handed-in network of a submission (its digest) is to be trained, and why. Raises Infrastructure."""
    write_json(student_folder / AUDIT / DRAWN, {"schema": 1, "why": why, "submission": submission})


def with_audit(stored: Stored, student_folder: Path) -> Stored:
    """A run whose network was handed in, with what is stored of its audit; any other as it is."""
    evidence, folder = stored.evidence, student_folder / AUDIT
    if evidence.facts.handed_in_network is None:
        return stored
    try:
        drawn = json.loads((folder / DRAWN).read_bytes())
        why, submission = str(drawn["why"])[:MOST_SAID], drawn["submission"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return stored
    if submission != evidence.submission.sha256:
        return stored
    run = None
    if (folder / EVIDENCE).is_file():
        with suppress(UsageError):
            found = load_evidence(folder)
            one, two = evidence, found.evidence
            same = (one.assignment, one.submission.sha256, one.data_digest, one.seed)
            is_trained = two.facts.handed_in_network is None and two.facts.ending.cause is not Cause.INFRASTRUCTURE
            if same == (two.assignment, two.submission.sha256, two.data_digest, two.seed) and is_trained:
                run = found
    return replace(stored, audit=StoredAudit(why=why, run=run))


def load_outputs(student_folder: Path, digest: str) -> NDArray[np.float32] | None:
    """The predictions with this digest, of whichever run they are, float32 (n, units); None where none are stored."""
    for folder in (attempt_folder(student_folder, 1), *_later_folders(student_folder)):
        with suppress(UsageError):
            return load_predictions(folder, digest)
    return None


def _later_folders(student_folder: Path) -> Iterator[Path]:
    number = 2
    while (attempt_folder(student_folder, number) / EVIDENCE).is_file():
        yield attempt_folder(student_folder, number)
        number += 1


def _same_submission(first: Stored, later: Stored, number: int) -> bool:
    """Whether a run repeats the first one: an older hand-in's may still lie there."""
    one, two = first.evidence, later.evidence
    if one.facts.handed_in_network is not None or two.facts.handed_in_network is not None:
        return False
    ours = (one.assignment, one.submission.sha256, one.data_digest, seed_of(one.seed, number))
    return ours == (two.assignment, two.submission.sha256, two.data_digest, two.seed)


def counted_run(runs: Sequence[Stored], result: Result) -> Stored:
    """The run that a result was made from; the first where none has its seed.

    By the seed, not by the digest: a later version of the grader may give evidence fields that an old digest knows not.
    """
    return next((run for run in runs if run.evidence.seed == result.seed), runs[0])
