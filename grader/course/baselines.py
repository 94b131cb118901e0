"""`baseline.json`: what a reference solution reaches over several seeds, measured by the grader itself.

Nothing in it is typed by hand: reading it works the summary out again from the runs and refuses one that differs.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from grader.core.errors import DataError
from grader.core.evidence import Value
from grader.core.metrics import mean_interval
from grader.core.results import Spread
from grader.core.toml import explain_validation

SCHEMA = 2
CLOSE = 1e-9  # floats written to JSON and read back are the same; other software may round the last digit


class BaselineRun(Value):
    """One seed: accuracy and recall of each class on the judged images, and what the training took.

    `epochs` and `training_s` add up all calls of `fit`, as the run recorded them; times are in seconds.
    """

    seed: int
    accuracy: float
    correct: int
    judged: int
    recall: dict[str, float]
    points: float
    epochs: int
    training_s: float
    wall_s: float
    cpu_s: float | None
    evidence: str


class Baseline(Value):
    """The runs of one solution, their summary, and digests of the code and of the data they were measured with."""

    schema_: int = Field(default=SCHEMA, alias="schema")
    assignment: str
    title: str
    solution: str
    solution_sha256: str
    dataset: str
    data_digest: str
    judged_on: str
    parameters: int | None
    versions: dict[str, str]
    summary: Spread
    recall: dict[str, float]
    runs: Annotated[tuple[BaselineRun, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _summary_follows_from_the_runs(self) -> "Baseline":
        summary = summarise(self.assignment, [run.accuracy for run in self.runs])
        if not _alike(summary.model_dump(), self.summary.model_dump()) or not _alike(
            mean_recall(self.runs), self.recall
        ):
            raise ValueError("its summary does not follow from its runs")
        return self


def summarise(assignment: str, accuracies: Sequence[float]) -> Spread:
    """Mean, sample standard deviation, t interval and range of accuracies (fractions), one for each seed."""
    several = len(accuracies) > 1
    return Spread(
        assignment=assignment,
        seeds=len(accuracies),
        mean=statistics.fmean(accuracies),
        standard_deviation=statistics.stdev(accuracies) if several else None,
        interval=mean_interval(accuracies) if several else None,
        lowest=min(accuracies),
        highest=max(accuracies),
    )


def mean_recall(runs: Sequence[BaselineRun]) -> dict[str, float]:
    """The mean recall of each class over the runs."""
    return {name: statistics.fmean(run.recall[name] for run in runs) for name in runs[0].recall}


def _alike(one: object, two: object) -> bool:
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_alike(one[key], two[key]) for key in one)
    if isinstance(one, tuple | list) and isinstance(two, tuple | list):
        return len(one) == len(two) and all(_alike(left, right) for left, right in zip(one, two, strict=True))
    if isinstance(one, float) and isinstance(two, int | float):
        return abs(one - two) <= CLOSE
    return one == two


def read_baseline(path: Path) -> Baseline | None:
    """The baseline at `path`; None where none was measured. Raises DataError for one that can't be read."""
    if not path.is_file():
        return None
    try:
        return Baseline.model_validate_json(path.read_bytes())
    except ValidationError as error:
        why = explain_validation(error, Baseline)
    except KeyError:
        why = "a run lacks a class."
    raise DataError(
        f"{path.parent.name}/{path.name}: is not a baseline that this grader can read: {why}", "Measure it again."
    )


def require_same_data(baseline: Baseline, *, digest: str, path: Path) -> None:
    """Raise DataError, with how to measure again, where `baseline` was measured on other data than today's."""
    if baseline.data_digest != digest:
        raise DataError(
            f"{path.parent.name}/{path.name}: was measured on other data than today's `{baseline.dataset}` "
            f"(digest {baseline.data_digest[:12]}, today's is {digest[:12]}).",
            f"Measure it again: `grader baseline {baseline.assignment} --seeds {len(baseline.runs)}`.",
        )


def describe_baseline(baseline: Baseline) -> str:
    """A baseline in one line of a terminal."""
    return f"{baseline.assignment}, {baseline.title}: {write_accuracy(baseline.summary)} of {baseline.judged_on}"


def baseline_table(baselines: Sequence[Baseline]) -> list[str]:
    """The lines of a Markdown table, one row for each baseline; times are medians over its runs."""
    head = ("assignment", "network", "runs", "accuracy", "range", "parameters", "epochs", "CPU time of a run")
    rows = [head, tuple("---" for _ in head), *(_row(baseline) for baseline in baselines)]
    return [f"| {' | '.join(row)} |" for row in rows]


def write_accuracy(spread: Spread) -> str:
    """Mean and deviation in percent: "98.61 % ± 0.05 (5 runs)", and a single run without a deviation."""
    return f"{_mean(spread)} ({spread.seeds} run{'s' if spread.seeds > 1 else ''})"


def _mean(spread: Spread) -> str:
    deviation = "" if spread.standard_deviation is None else f" ± {100 * spread.standard_deviation:.2f}"
    return f"{100 * spread.mean:.2f} %{deviation}"


def _row(baseline: Baseline) -> tuple[str, ...]:
    spread, runs = baseline.summary, baseline.runs
    seconds = [run.cpu_s for run in runs if run.cpu_s is not None]
    return (
        baseline.assignment,
        baseline.title,
        str(spread.seeds),
        _mean(spread),
        f"{100 * spread.lowest:.2f} to {100 * spread.highest:.2f} %" if spread.seeds > 1 else "–",
        "" if baseline.parameters is None else f"{baseline.parameters:,}",
        f"{statistics.median(run.epochs for run in runs):g}",
        f"{statistics.median(seconds):.0f} s" if seconds else "not measured",
    )
