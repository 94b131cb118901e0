"""`baseline.json`: what the reference solution of an assignment reaches, measured by the grader itself."""

import statistics
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from grader.errors import DataError
from grader.evidence import Value

SCHEMA = 1


class BaselineRun(Value):
    """One seed: accuracy on the judged images, and what it took (seconds)."""

    seed: int
    accuracy: float
    correct: int
    judged: int
    points: float
    wall_s: float
    cpu_s: float | None
    evidence: str


class Baseline(Value):
    """The runs of one reference solution, and what they were measured with."""

    schema_: int = Field(default=SCHEMA, alias="schema")
    assignment: str
    solution: str
    solution_sha256: str
    dataset: str
    data_digest: str
    judged_on: str
    parameters: int | None
    versions: dict[str, str]
    runs: Annotated[tuple[BaselineRun, ...], Field(min_length=1)]

    @property
    def mean(self) -> float:
        """The mean accuracy over seeds, as a fraction."""
        return statistics.fmean(run.accuracy for run in self.runs)


def read_baseline(path: Path) -> Baseline | None:
    """The baseline at `path`; None where none was measured. Raises DataError for one that can't be read."""
    if not path.is_file():
        return None
    try:
        return Baseline.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(
            f"{path}: is no baseline that this grader reads ({error.error_count()} faults).", "Measure it again."
        ) from None
