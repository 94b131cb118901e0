"""What a handed-in network is worth: what counts of it, what a person should look at, whom an audit names and finds. Pure.

A network that the code does not build, or that nobody saw it build, earns nothing until a person decides: the checks look
at the network of the code, and at no answer. An audit trains the code's network and compares both on the same images: the
trained one may be worse by the rubric's tolerance, or by what chance and another seed explain where that is more.

The lot that names whose network is trained after all can't be foreseen without the batch's own secret, nor steered: who is
drawn hangs on every submission that is in it. It can be repeated by whoever has the secret. Those of a class who come later
are drawn among themselves, in a round of their own: nobody gets out of an audit by handing in again. Who may be drawn, and
who is trained for another reason, `run/audits.py` says.

Of a class it is told whose weights are another's, or nearly so: two trainings of one network end far apart. The same code
with the same seed on the same machine does not: then equal weights say no more than that the code is the same, which
another flag tells.
"""

import hashlib
import hmac
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from grader.checks.accuracy import right_images
from grader.core.assignment import AuditPolicy
from grader.core.evidence import Evidence, Value
from grader.core.metrics import mcnemar
from grader.core.results import AuditFinding, Flag, Result
from grader.core.store import Stored, evidence_digest
from grader.core.text import percent
from grader.course.rubric import Rubric

DEVIATIONS = 2.0  # standard deviations of a difference that chance explains
DIFFERS, UNPROVED, ALONE, CUT = "network_differs", "network_unproved", "network_without_code", "short_run_cut"
NOT_CONFIRMED, NOT_JUDGED, DUE = "audit_not_confirmed", "audit_not_judged", "audit_due"
SIMILAR_WEIGHTS = "similar_weights"
EARNS_NOTHING = "It earns nothing until a person decides."
FOR_REVIEW = frozenset({DIFFERS, UNPROVED, ALONE, CUT, NOT_CONFIRMED, NOT_JUDGED})
ALIKE = 0.999  # correlation of two sketches from which on weights are nearly the same
FEWEST = 32  # weights of a sketch that say something
MOST_NAMED = 5


def as_it_counts(stored: Stored) -> Stored:
    """The evidence as checks look at it: without the answers of a network that is not known to be the code's."""
    counting = stored.evidence.as_it_counts
    return stored if counting is stored.evidence else replace(stored, evidence=counting, outputs=None)


def handed_in_flags(stored: Stored, rubric: Rubric) -> Iterator[Flag]:
    """What of a handed-in network a person should look at; `stored` as it is, with its outputs."""
    network = stored.evidence.facts.handed_in_network
    if network is None:
        return
    right = _right(stored, rubric)
    would = None if right is None else float(right.mean())
    reaches = "" if would is None else f" On the judged images the file recognises {percent(would, 2)}."
    if network.maker == "different":
        listed = "; ".join(network.differences)
        reason = f"The handed-in {network.name} is not the network that the code builds: {listed}.{reaches}"
        yield Flag(kind=DIFFERS, reason=f"{reason} {EARNS_NOTHING}")
    elif network.maker == "unknown" and network.form:
        why = "; ".join(network.differences).rstrip(".")
        reason = f"Whether the code builds the network in {network.name} could not be seen: {why}.{reaches}"
        yield Flag(kind=UNPROVED, reason=f"{reason} {EARNS_NOTHING}")
    elif network.maker == "no code":
        yield Flag(kind=ALONE, reason=f"{network.name} came without code: who made it, and of what, nobody can tell.")
    if stored.evidence.facts.ending.cut is not None:
        ending = stored.evidence.facts.ending.message
        reason = f"The network was handed in, and the code was run for a moment alone: {ending}."
        yield Flag(kind=CUT, reason=reason)


def _right(stored: Stored, rubric: Rubric) -> NDArray[np.bool_] | None:
    """Which judged images a run's network recognised; None where it was not judged on today's."""
    architecture = stored.evidence.facts.judgement.architecture
    labels, outputs = rubric.labels, stored.outputs
    if outputs is None or architecture is None or labels is None or len(outputs) != len(labels):
        return None
    return right_images(outputs, architecture, labels)


@dataclass(frozen=True)
class PairedDifference:
    """Two networks on the same images: how much better the first is, and how many images each alone recognised."""

    images: int
    only_first: int
    only_second: int

    @property
    def value(self) -> float:
        """By how much of accuracy the first is better."""
        return (self.only_first - self.only_second) / self.images

    def margin(self, tolerance: float, of_seeds: float) -> float:
        """How much better the first may be: the tolerance, or what chance and seeds (their deviation) explain."""
        apart = (self.only_first + self.only_second) / self.images - self.value**2
        return max(tolerance, DEVIATIONS * math.sqrt(max(apart, 0.0) / self.images + 2 * of_seeds**2))


def paired(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> PairedDifference:
    """From booleans (n,): whether each network recognised each image."""
    return PairedDifference(len(first), int((first & ~second).sum()), int((second & ~first).sum()))


def audit_finding(stored: Stored, rubric: Rubric) -> AuditFinding | None:
    """What the audit of a handed-in network gave; None where it was not drawn."""
    audit = stored.audit
    if audit is None or stored.evidence.facts.handed_in_network is None:
        return None
    if audit.run is None:
        return AuditFinding(why=audit.why, outcome="due")
    digest, ours, theirs = evidence_digest(audit.run.evidence), _right(stored, rubric), _right(audit.run, rubric)
    if ours is None or theirs is None:
        reason = audit.run.evidence.facts.judgement.reason or audit.run.evidence.facts.ending.message
        accuracy = None if ours is None else float(ours.mean())
        return AuditFinding(
            why=audit.why, outcome="not judged", handed_in=accuracy, evidence=digest, reason=reason
        )  # fmt: skip
    difference = paired(ours, theirs)
    spread = rubric.baseline.standard_deviation if rubric.baseline is not None else None
    margin = round(difference.margin(rubric.assignment.audit.tolerance, spread or 0.0), 6)
    return AuditFinding(
        why=audit.why, outcome="confirmed" if difference.value <= margin + 1e-9 else "not confirmed",
        handed_in=float(ours.mean()), trained=float(theirs.mean()), margin=margin, only_handed_in=difference.only_first,
        only_trained=difference.only_second, p_value=mcnemar(difference.only_first, difference.only_second), evidence=digest,
    )  # fmt: skip


def audit_flags(finding: AuditFinding | None) -> Iterator[Flag]:
    """What an audit lets a person look at."""
    if finding is None or finding.outcome == "confirmed":
        return
    if finding.outcome == "due":
        reason = "It is drawn to be trained in full, and was not yet: the same command goes on."
        yield Flag(kind=DUE, reason=reason, audience="instructor")
    elif finding.outcome == "not judged":
        why = finding.reason.rstrip(".")
        reason = (
            f"Trained in full, the code left no network that could be judged ({why}): nothing confirms that the handed-in "
            "network is its own."
        )
        yield Flag(kind=NOT_JUDGED, reason=reason)
    else:
        trained, handed_in = percent(finding.trained or 0.0, 2), percent(finding.handed_in or 0.0, 2)
        reason = (
            f"Trained in full, the code reaches {trained} of the judged images; the handed-in network {handed_in}. That is "
            f"further apart than {percent(finding.margin or 0.0, 1)}, which another seed and chance would explain."
        )
        yield Flag(kind=NOT_CONFIRMED, reason=reason)


class Round(Value):
    """One draw: the submissions that were in it (student to digest) and whom it named."""

    submissions: dict[str, str]
    drawn: tuple[str, ...]


class Lot(Value):
    """All draws of a batch; `secret` is the SHA-256 of its secret, by which a draw can be repeated."""

    schema_: int = Field(default=1, alias="schema")
    secret: str
    rounds: tuple[Round, ...] = ()

    def is_drawn(self, student: str, digest: str) -> bool:
        """Whether this very submission was named."""
        return any(student in one.drawn and one.submissions.get(student) == digest for one in self.rounds)


def draw_again(lot: Lot, submissions: Mapping[str, str], policy: AuditPolicy, secret: bytes) -> Lot:
    """The lot with a round for those submissions (student to digest) that were in none yet."""
    known = {(student, digest) for one in lot.rounds for student, digest in one.submissions.items()}
    new = {student: digest for student, digest in submissions.items() if (student, digest) not in known}
    if not new:
        return lot
    before = sum(lot.is_drawn(student, digest) for student, digest in submissions.items())
    least = max(0, policy.least - before)
    drawn = draw(new, share=policy.share, least=least, secret=secret, number=len(lot.rounds))
    return lot.model_copy(update={"rounds": (*lot.rounds, Round(submissions=dict(sorted(new.items())), drawn=drawn))})


def draw(
    submissions: Mapping[str, str], *, share: float, least: int, secret: bytes, number: int = 0
) -> tuple[str, ...]:  # fmt: skip
    """Whom round `number` names among submissions (student to digest), in order of their names."""
    wanted = min(len(submissions), max(least, math.ceil(round(share * len(submissions), 9))))
    everything = "\n".join([str(number), *sorted(f"{digest} {name}" for name, digest in submissions.items())])
    seed = hmac.new(secret, everything.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()

    def ticket(name: str) -> bytes:
        return hmac.new(seed, f"{submissions[name]} {name}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()

    return tuple(sorted(sorted(submissions, key=lambda name: (ticket(name), name))[:wanted]))


@dataclass(frozen=True)
class WeightSketch:
    """A handed-in network's weights as the judge told of them: a digest, how many there are, and some of them."""

    digest: str
    parameters: int
    values: tuple[float, ...]


def sketch_of(evidence: Evidence) -> WeightSketch | None:
    """What is known of the weights of a handed-in network; None where none was opened."""
    network, architecture = evidence.facts.handed_in_network, evidence.facts.judgement.architecture
    if network is None or network.weights is None or architecture is None:
        return None
    return WeightSketch(network.weights, architecture.parameters, network.sketch)


def find_alike(sketches: Mapping[str, WeightSketch]) -> dict[str, dict[str, bool]]:
    """Of each student those with the same weights (True) or nearly the same (False)."""
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    groups: dict[tuple[int, int], list[str]] = defaultdict(list)
    for student, sketch in sketches.items():
        groups[sketch.parameters, len(sketch.values)].append(student)
    for students in groups.values():
        for place, one in enumerate(students):
            for other in students[place + 1 :]:
                same = sketches[one].digest == sketches[other].digest
                if same or _near(sketches[one].values, sketches[other].values):
                    found[one][other] = found[other][one] = same
    return dict(found)


def _near(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two sketches are nearly the same, up to a factor."""
    if len(one) < FEWEST:
        return False
    middle, center = math.fsum(one) / len(one), math.fsum(other) / len(other)
    first, second = [value - middle for value in one], [value - center for value in other]
    size = math.hypot(*first) * math.hypot(*second)
    return size > 0 and math.fsum(a * b for a, b in zip(first, second, strict=True)) / size >= ALIKE


def with_similar_weights(results: Sequence[Result], alike: Mapping[str, Mapping[str, bool]]) -> tuple[Result, ...]:
    """The results, each with a flag for instructors where its weights are another's; flags of an earlier time go."""

    def told(result: Result) -> Iterator[Flag]:
        yield from (flag for flag in result.flags if flag.kind != SIMILAR_WEIGHTS)
        if others := alike.get(result.student):
            yield _weights_flag(others)

    flagged = [(result, tuple(told(result))) for result in results]
    return tuple(
        result if flags == result.flags else result.model_copy(update={"flags": flags}) for result, flags in flagged
    )


def _weights_flag(others: Mapping[str, bool]) -> Flag:
    named = [
        f"{'the same as' if same else 'nearly those of'} {name}" for name, same in list(others.items())[:MOST_NAMED]
    ]
    more = f" and {len(others) - MOST_NAMED} others" if len(others) > MOST_NAMED else ""
    reason = (
        f"The weights of the handed-in network are {', '.join(named)}{more}. Two trainings don't end so near each other, "
        "unless the same code sets the same seed on the same machine."
    )
    return Flag(kind=SIMILAR_WEIGHTS, reason=reason, audience="instructor")
