"""What a handed-in network is worth: what counts of it, what a person should look at, and what its audit gave. Pure.

A network that the code does not build, or that nobody saw it build, earns nothing until a person decides: the checks look
at the network of the code, and at no answer. An audit trains the code's network and compares both on the same images: the
trained one may be worse by the rubric's tolerance, or by what chance and another seed explain where that is more.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grader.checks.accuracy import right_images
from grader.core.metrics import mcnemar
from grader.core.results import AuditFinding, Flag
from grader.core.store import Stored, evidence_digest
from grader.core.text import percent
from grader.course.rubric import Rubric

DEVIATIONS = 2.0  # standard deviations of a difference that chance explains
DIFFERS, UNPROVED, ALONE, CUT = "network_differs", "network_unproved", "network_without_code", "short_run_cut"
NOT_CONFIRMED, NOT_JUDGED, DUE = "audit_not_confirmed", "audit_not_judged", "audit_due"
EARNS_NOTHING = "It earns nothing until a person decides."
FOR_REVIEW = frozenset({DIFFERS, UNPROVED, ALONE, CUT, NOT_CONFIRMED, NOT_JUDGED})


def as_it_counts(stored: Stored) -> Stored:
    """The evidence as checks look at it: without the answers of a network that is not known to be the code's."""
    counting = stored.evidence.as_it_counts
    return stored if counting is stored.evidence else replace(stored, evidence=counting, outputs=None)


def handed_in_flags(stored: Stored, rubric: Rubric) -> Iterator[Flag]:
    """What of a handed-in network a person should look at; `stored` as it is, with its outputs."""
    network = stored.evidence.facts.handed_in_network
    if network is None:
        return
    would = _accuracy_of(stored, rubric)
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


def _accuracy_of(stored: Stored, rubric: Rubric) -> float | None:
    right = _right(stored, rubric)
    return None if right is None else float(right.mean())


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
