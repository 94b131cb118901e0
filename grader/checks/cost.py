"""What does the network cost: how many parameters, how large a file, how long a training?

Parameters and the file are facts: the judge counted the ones and the grader stored the other. How long a training took is
the kernel's word, and depends on the machine and on what else ran there; few points should hang on it.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from grader.checks.base import Case, Score, check
from grader.checks.execution import trainings
from grader.checks.training import fits_of_chosen
from grader.core.errors import Failure
from grader.core.evidence import Claims, Value
from grader.core.limits import parse_duration, parse_size, write_duration, write_size

LARGE = 0.5  # the share of all parameters from which on a layer is named


def _with_unit(value: Any) -> Any:
    """ValueError for a number of which nobody can tell whether seconds or minutes, bytes or megabytes are meant."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f'{value} has no unit: write it as in "90s", "30m" or "5MiB"')
    return value


# Pydantic asks the validator that stands last first.
Duration = Annotated[float, BeforeValidator(parse_duration), BeforeValidator(_with_unit), Field(gt=0, le=48 * 3600)]
Size = Annotated[int, BeforeValidator(parse_size), BeforeValidator(_with_unit), Field(ge=1, le=1 << 40)]
Count = Annotated[int, Field(ge=1, le=10**12)]


class NeededParameters(Value):
    """`at_most` and `at_least` so many parameters: one of them, or both."""

    at_least: Count | None = None
    at_most: Count | None = None

    @model_validator(mode="before")
    @classmethod
    def _not_neither(cls, raw: object) -> object:
        return {"at_most": None, **raw} if isinstance(raw, dict) else raw

    @field_validator("at_most")
    @classmethod
    def _some_number(cls, most: int | None, info: ValidationInfo) -> int | None:
        least = info.data.get("at_least")
        if "at_least" in info.data and least is None and most is None:
            raise ValueError("give `at_most`, `at_least` or both")
        if least is not None and most is not None and most < least:
            raise ValueError(f"no network has at most {most:,} and at least {least:,} parameters")
        return most

    @property
    def words(self) -> str:
        """What is asked for."""
        least = "" if self.at_least is None else f"at least {self.at_least:,}"
        most = "" if self.at_most is None else f"at most {self.at_most:,}"
        return " and ".join(filter(None, (least, most)))


@check(parameters=NeededParameters, rests_on="facts", needs=("model_found",))
def parameters(case: Case, parameters: NeededParameters) -> Score:
    """The network has as many parameters as the exercise allows.

    `at_most`, `at_least`: numbers, one of them or both, as in `at_most = 100_000`. All parameters count, also those that
    are not trained, as in the last lines of `model.summary()`.
    """
    count = case.architecture.parameters
    reason = f"the network has {count:,} parameters, {parameters.words} are asked for"
    if parameters.at_most is not None and count > parameters.at_most:
        raise Failure(reason, f"Make it smaller{_largest(case)}; `model.summary()` tells the parameters of each layer.")
    if parameters.at_least is not None and count < parameters.at_least:
        raise Failure(reason, "Give it more layers, or more units or filters in a layer.")
    return Score(1.0, reason)


def _largest(case: Case) -> str:
    """The layer that holds most of the parameters, where one does."""
    architecture = case.architecture
    layer = max(architecture.layers, key=lambda layer: layer.parameters, default=None)
    if layer is None or layer.parameters < LARGE * architecture.parameters:
        return ""
    before = " (pooling before it takes most of them away)" if layer.kind == "Dense" else ""
    return f": {layer.parameters:,} of them are in `{layer.name}`{before}"


class NeededSize(Value):
    """`at_most`: a size with its unit."""

    at_most: Size


@check(parameters=NeededSize, rests_on="facts", needs=("model_found",))
def model_size(case: Case, parameters: NeededSize) -> Score:
    """The saved network is no larger than the exercise allows.

    `at_most`: a size with its unit (B, KiB, MiB, GiB), as in `at_most = "5MiB"`. It is that of the file in which the grader
    keeps the network, as large as what `model.save("network.keras")` writes: the weights, four bytes each, and what the
    optimizer remembers of them, which for Adam is twice as much.
    """
    file = case.evidence.facts.model
    if file is None:
        raise Failure("the network was not saved", "Tell your instructor: its file is missing.")
    reason = f"the saved network has {write_size(file.size)}, at most {write_size(parameters.at_most)} are allowed"
    if file.size > parameters.at_most:
        other = "An optimizer that remembers less (SGD) makes the file smaller, too."
        raise Failure(reason, f"Make the network smaller{_largest(case)}. {other}")
    return Score(1.0, reason)


class NeededTime(Value):
    """`at_most`: a duration with its unit."""

    at_most: Duration


@check(parameters=NeededTime, rests_on="claims", needs=("trained",), judged=True)
def training_time(case: Case, parameters: NeededTime) -> Score:
    """The training takes no longer than the exercise allows.

    `at_most`: a duration with its unit, as in `at_most = "5m"`. It is the time of all trainings of the network together:
    of the calls of `fit`, and of a training without `fit` that of its cell. It was measured where the work was graded, when
    it was graded: leave room for a slower hour. A smoke run says nothing about it.
    """
    seconds = _trained_s(case.evidence.claims)
    if seconds is None:
        raise Failure("how long the training took is not known", "Train with `fit`.")
    reason = f"the training took {write_duration(seconds)}, at most {write_duration(parameters.at_most)} are allowed"
    if seconds > parameters.at_most:
        raise Failure(reason, "Train for fewer epochs, with larger batches, or train a smaller network.")
    return Score(1.0, reason)


def _trained_s(claims: Claims) -> float | None:
    """Seconds of all trainings of the graded network; None where nothing says how long one took."""
    done = trainings(fits_of_chosen(claims))
    by_hand = {fit.cell for fit in done if fit.how != "fit"}
    cells = {cell.number: cell.seconds for cell in claims.cells}
    if not by_hand <= cells.keys():
        return None
    return sum(cells[number] for number in by_hand if number is not None) + sum(
        fit.seconds for fit in fits_of_chosen(claims) if fit.how == "fit" and fit.cell not in by_hand
    )
