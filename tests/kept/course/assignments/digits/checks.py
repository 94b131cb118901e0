"""A check of the course's own."""

from grader.checks import Case, Failure, Parameters, check
from pydantic import Field


class Most(Parameters):
    """`most`: how many parameters the network may have."""

    most: int = Field(ge=1)


@check(parameters=Most, rests_on="facts", needs=("model_found",))
def modest_size(case: Case, given: Most) -> None:
    """The network is of a modest size.

    `most`: how many parameters it may have.
    """
    count = case.architecture.parameters
    if count > given.most:
        raise Failure(f"it has {count:,} parameters; {given.most:,} are allowed", "Take fewer units in the first layer.")
