"""Points that a person gives. Nothing is measured: the check says what there is to look at, and waits."""

import math
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from grader.checks.base import Case, Score, check
from grader.core.errors import Awaiting
from grader.core.evidence import LONGEST_TAG, Value

MOST_LEVELS = 20
Level = Annotated[str, Field(min_length=1, max_length=60)]


class Manual(Value):
    """`scale`: names of levels with their points, the order as written; `shows`: what a person looks at."""

    scale: dict[Level, float] = Field(default_factory=dict, max_length=MOST_LEVELS)
    shows: Annotated[str, Field(pattern=rf"^(figure|cell:.{{1,{LONGEST_TAG}}})$")] = ""

    @field_validator("scale")
    @classmethod
    def _require_possible(cls, scale: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        """ValueError for a level that is worth less than nothing, or more than the check."""
        most = (info.context or {}).get("points", math.inf)
        for name, points in scale.items():
            if not 0 <= points <= most:
                raise ValueError(f"the level `{name}` is worth {points:g} points, and the check 0 to {most:g}")
        return scale

    @property
    def tag(self) -> str:
        """The tag of the cell that is looked at; empty where none is named."""
        return self.shows.partition(":")[2]


@check(parameters=Manual, rests_on="person")
def manual(case: Case, parameters: Manual) -> Score:
    """A person looks at the work and gives points.

    Until then nobody has points in all. `scale`: levels with their points, each from 0 to those of the check, as in
    `{ right = 10, "without axes" = 5, missing = 0 }`. `shows`: what there is to look at: "figure", the figures of the
    notebook, or "cell:TAG", the cell with that tag.
    """
    raise Awaiting("a person gives these points")
