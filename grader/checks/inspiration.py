"""Does the network take after a known architecture? Rests on the layers that the judge saw, and how they connect."""

from typing import Annotated

from pydantic import AfterValidator, Field

from grader.assignment import did_you_mean
from grader.checks.architecture import NEEDS
from grader.checks.check import Case, Score, check
from grader.checks.family import FAMILIES, Family, known, recognise
from grader.checks.kinds import listed
from grader.errors import Failure
from grader.evidence import Value


def _known_family(word: str) -> str:
    if word not in FAMILIES:
        raise ValueError(f"`{word}` is not the name of a family{did_you_mean(word, FAMILIES)}")
    return word


FamilyName = Annotated[str, AfterValidator(_known_family)]


class InspiredBy(Value):
    """`families`: the names of the families that are accepted."""

    families: Annotated[tuple[FamilyName, ...], Field(min_length=1)]


@check(parameters=InspiredBy, rests_on="facts", needs=NEEDS)
def inspired_by(case: Case, parameters: InspiredBy) -> Score:
    """The network takes after a known architecture.

    `families`: the accepted ones, of `lenet`, `alexnet`, `vgg`, `inception`, `resnet`, `plain`, `custom` and `mlp`.
    """
    found = recognise(case.architecture)
    said = f"{found.title}: {found.reason}"
    if found.name in parameters.families:
        return Score(1.0, said)
    raise Failure(said, _hint(found, parameters.families))


def _hint(found: Family, accepted: tuple[str, ...]) -> str:
    """What the nearest family would need where that one is accepted, else what the accepted ones are."""
    if found.nearest in accepted:
        return f"The nearest is {known(found.nearest).title}. What it would need: {found.missing}."
    return f"Accepted is {listed([f'{known(name).title} ({known(name).about})' for name in accepted], 'or')}."
