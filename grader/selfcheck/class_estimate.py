"""What a class would take before it is graded, from short runs of some of its submissions: a forecast, no promise. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.core.assignment import AuditPolicy
from grader.core.evidence import Evidence
from grader.core.limits import Limits, write_duration
from grader.core.text import count, one_line
from grader.selfcheck.estimate import estimate

SAMPLE = 5  # submissions that are run for a moment
JUDGING_S = 10.0  # opening a network, predicting the judged images, asking a little more
NAME = 28  # columns


@dataclass(frozen=True)
class StudentForecast:
    """Seconds that one submission would take trained, and judged as it was handed in; `why`: what stands in the way."""

    student: str
    trained_s: float
    handed_in_s: float
    at_least: bool = False
    why: str = ""


def forecast_of(student: str, evidence: Evidence, limits: Limits) -> StudentForecast:
    """The forecast of a submission from a smoke run of it: a training ends at the latest with the time that is allowed."""
    known = estimate(evidence, limits)
    if evidence.facts.ending.cut is not None:
        return StudentForecast(student, 0.0, 0.0, why=f"not known: {evidence.facts.ending.message}")
    return StudentForecast(
        student, min(known.seconds, limits.wall) + JUDGING_S, evidence.facts.ending.wall_s + JUDGING_S,
        known.at_least or known.seconds > limits.wall,
    )  # fmt: skip


def choose_sample(count: int, most: int = SAMPLE) -> tuple[int, ...]:
    """The places, evenly spread, of those that are run among `count`."""
    if count <= most:
        return tuple(range(count))
    return tuple(round(place * (count - 1) / (most - 1)) for place in range(most))


def audited(handed_in: int, policy: AuditPolicy) -> int:
    """How many of so many handed-in networks a lot names."""
    return min(handed_in, max(policy.least, math.ceil(round(policy.share * handed_in, 9))))


def forecast_lines(
    sample: Sequence[StudentForecast], *, students: int, jobs: int, policy: AuditPolicy
) -> Iterator[str]:  # fmt: skip
    """The table: some submissions, and the class of so many `students`, `jobs` of them at a time."""
    yield f"{'':<{NAME}} {'trained':>12} {'handed in':>12}"
    for item in sample:
        name = one_line(item.student, NAME)
        if item.why:
            yield f"{name:<{NAME}} {one_line(item.why, 80)}"
        else:
            words = f"{'> ' if item.at_least else ''}{_span(item.trained_s)}"
            yield f"{name:<{NAME}} {words:>12} {_span(item.handed_in_s):>12}"
    known = [item for item in sample if not item.why]
    if not known:
        yield "None of them could be run: nothing can be said of the class."
        return
    one_trained = sum(item.trained_s for item in known) / len(known)
    one_handed_in = sum(item.handed_in_s for item in known) / len(known)
    drawn = audited(students, policy)
    trained, handed_in = one_trained * math.ceil(students / jobs), one_handed_in * math.ceil(students / jobs)
    with_audit = handed_in + one_trained * math.ceil(drawn / jobs)
    least = "at least " if any(item.at_least for item in known) else ""
    yield ""
    submissions = "1 submission" if students == 1 else f"{count(students)} submissions"
    runs = "a short run" if len(known) == 1 else f"{len(known)} short runs"
    yield f"{submissions}, {jobs} at a time, by {runs}; an estimate for this machine:"
    yield f"  --train always     {least}{_span(trained)}"
    yield f"  --train handed-in  {_span(with_audit)}, with {drawn} audited by lot, if everybody hands one in"
    yield f"                     {_span(handed_in)} without an audit"


def _span(seconds: float) -> str:
    return write_duration(float(round(seconds)))
