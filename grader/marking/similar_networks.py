"""Networks of a class with the same weights, or nearly the same: of what was handed in, who has another's? Pure.

Two trainings of one network end far apart. The same code with the same seed on the same machine does not: then equal weights
say no more than that the code is the same, which another flag tells.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.core.evidence import Evidence
from grader.core.results import Flag, Result

KIND = "similar_weights"
ALIKE = 0.999  # correlation of two sketches from which on weights are nearly the same
FEWEST = 32  # weights of a sketch that say something
MOST_NAMED = 5


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
        yield from (flag for flag in result.flags if flag.kind != KIND)
        if others := alike.get(result.student):
            yield _flag(others)

    flagged = [(result, tuple(told(result))) for result in results]
    return tuple(
        result if flags == result.flags else result.model_copy(update={"flags": flags}) for result, flags in flagged
    )


def keep_similar_weights(new: Result, old: Result | None) -> Result:
    """A result that was marked again, with what was found by comparing the class: the file is still the same."""
    found = tuple(flag for flag in old.flags if flag.kind == KIND) if old is not None else ()
    return new.model_copy(update={"flags": (*new.flags, *found)}) if found else new


def _flag(others: Mapping[str, bool]) -> Flag:
    named = [
        f"{'the same as' if same else 'nearly those of'} {name}" for name, same in list(others.items())[:MOST_NAMED]
    ]
    more = f" and {len(others) - MOST_NAMED} others" if len(others) > MOST_NAMED else ""
    reason = (
        f"The weights of the handed-in network are {', '.join(named)}{more}. Two trainings don't end so near each other, "
        "unless the same code sets the same seed on the same machine."
    )
    return Flag(kind=KIND, reason=reason, audience="instructor")
