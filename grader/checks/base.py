"""What a check is: `@check(...)` gives a function a name, its parameters and what it rests on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from grader.checks.layers import reaching_answer
from grader.core.assignment import CheckSpec
from grader.core.errors import Failure
from grader.core.evidence import Architecture, Call, Evidence, Layer, Value
from grader.core.results import Accuracy, Comparison
from grader.functions.cases import Function

RestsOn = Literal["facts", "claims", "person"]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What outputs come down to: their accuracy without a verdict, and whether each of them is a finite number."""

    accuracy: Accuracy
    finite: bool


@dataclass(frozen=True, kw_only=True)
class Case:
    """All that a check may look at.

    `outputs`: the model's outputs on the judged images, float32 (n, units), or None where nothing was judged.
    `labels`: their true classes, integers (n,). `classes`: class names in order. `compared`: accuracies to be
    better than, by assignment id. `counted`: how many images count as recognised where that is a mean over several
    runs, of which this is one. `calls` of a module's `functions`, by name, where the exercise asks for a module.
    `measured`: what was found of the outputs before, which then need not be there. `asked`: in a sentence what the
    rubric asks of a network's input and output; "" where it asks nothing of them.
    """

    evidence: Evidence
    outputs: NDArray[np.float32] | None
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    compared: Mapping[str, Comparison] = field(default_factory=dict)
    counted: int | None = None
    calls: tuple[Call, ...] = ()
    functions: Mapping[str, Function] = field(default_factory=dict)
    measured: Measured | None = None
    asked: str = ""

    @property
    def judged(self) -> bool:
        """Whether the model answered for the judged images."""
        return self.outputs is not None or self.measured is not None

    @property
    def architecture(self) -> Architecture:
        """The judged model's layers. Raises Failure where there is no model to look at."""
        judgement = self.evidence.facts.judgement
        if judgement.architecture is None:
            raise Failure(judgement.reason or "there is no model to look at")
        return judgement.architecture

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that the network's answers depend on: no other is given credit. Raises Failure as `architecture`."""
        return reaching_answer(self.architecture.layers)


@dataclass(frozen=True)
class Score:
    """What a check found: the share of its points (0 to 1) with a reason and a hint for the reader."""

    share: float
    reason: str = ""
    hint: str = ""


class NoParameters(Value):
    """For checks without parameters."""


P = TypeVar("P", bound=Value)


@dataclass(frozen=True, kw_only=True)
class Check:
    """A registered check."""

    name: str
    title: str
    parameters: type[Value]
    rests_on: RestsOn
    needs: tuple[str, ...]
    covers: tuple[str, ...]  # checks that can't fail without this one failing, for the same reason
    judged: bool  # rests on the judged images: a smoke run says nothing about it
    run: Callable[[Case, Any], Score | None]


@dataclass(frozen=True)
class Planned:
    """A check of a rubric with its parameters read."""

    check: Check
    spec: CheckSpec
    parameters: Value

    @property
    def title(self) -> str:
        """The rubric's own title, else the check's."""
        return self.spec.title or self.check.title


def check(
    *,
    parameters: type[P],
    rests_on: RestsOn,
    needs: tuple[str, ...] = (),
    covers: tuple[str, ...] = (),
    judged: bool = False,
) -> Callable[[Callable[[Case, P], Score | None]], Check]:
    """Make a `Check` of a function: its name is the check's, its docstring's first line the title."""

    def make(function: Callable[[Case, P], Score | None]) -> Check:
        title = (function.__doc__ or function.__name__).strip().splitlines()[0].rstrip(".")
        return Check(
            name=function.__name__,
            title=title,
            parameters=parameters,
            rests_on=rests_on,
            needs=needs,
            covers=covers,
            judged=judged,
            run=function,
        )

    return make
