"""Small values for the tests of the checks: layers, models, runs and cases, all without Keras."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.checks.base import Case, Planned
from grader.checks.registry import look_at_all, plan
from grader.core.assignment import CheckSpec
from grader.core.evidence import (
    Architecture,
    Candidate,
    Cause,
    Cell,
    CellError,
    Claims,
    Ending,
    Evidence,
    Facts,
    Fit,
    Judgement,
    Layer,
    Output,
    Source,
)
from grader.core.results import CheckResult, Comparison

DIGITS = tuple("0123456789")
PETS = ("cats", "dogs")
FINISHED = Ending(cause=Cause.FINISHED, message="the run finished")


def layer(kind: str, name: str = "", config: Mapping[str, Any] | None = None) -> Layer:
    return Layer(name=name or kind.lower(), kind=kind, config=dict(config or {}))


def dense(units: int, name: str = "dense", activation: object = "relu") -> Layer:
    return layer("Dense", name, {"units": units, "activation": activation})


def conv(
    filters: int,
    name: str = "conv2d",
    kernel: Sequence[int] = (3, 3),
    strides: Sequence[int] = (1, 1),
    padding: str = "valid",
) -> Layer:
    config = {"filters": filters, "kernel_size": list(kernel), "strides": list(strides), "padding": padding}
    return layer("Conv2D", name, {**config, "activation": "relu"})


def pool(name: str = "max_pooling2d") -> Layer:
    return layer("MaxPooling2D", name, {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid"})


def dropout(rate: float = 0.5, name: str = "dropout") -> Layer:
    return layer("Dropout", name, {"rate": rate})


def model(
    *layers: Layer, inputs: Sequence[int | None] = (28, 28, 1), outputs: Sequence[int | None] = (10,)
) -> Architecture:
    return Architecture(
        kind="Sequential", input_shape=tuple(inputs), output_shape=tuple(outputs), parameters=1234, layers=layers
    )


def perceptron() -> Architecture:
    return model(dense(512, "dense"), dense(10, "dense_1", "softmax"), inputs=(784,))


def convolutional() -> Architecture:
    return model(
        layer("InputLayer", "input"),
        conv(32, "conv2d"),
        pool("max_pooling2d"),
        conv(64, "conv2d_1"),
        pool("max_pooling2d_1"),
        layer("Flatten", "flatten"),
        dropout(),
        dense(128, "dense"),
        dense(10, "dense_1", "softmax"),
    )


def fit(
    *,
    cell: int | None = 2,
    model: str = "model",
    epochs: int = 5,
    done: int | None = None,
    batch_size: int | None = 128,
    error: str | None = None,
) -> Fit:
    return Fit(
        cell=cell,
        model=model,
        identity=1,
        epochs=epochs,
        epochs_done=epochs if done is None else done,
        batch_size=batch_size,
        validation="data",
        error=error,
    )


def candidate(name: str = "model", *, fitted: bool = True, taken: bool = True, reason: str = "the last") -> Candidate:
    return Candidate(name=name, fitted=fitted, output_units=10, taken=taken, reason=reason)


def cell(number: int, source: str = "x = 1", error: tuple[str, str] | None = None, *, executed: bool = True) -> Cell:
    found = CellError(name=error[0], message=error[1]) if error else None
    return Cell(number=number, source=source, executed=executed, error=found)


def drawing(number: int) -> Cell:
    return Cell(
        number=number, source="plt.show()", executed=True, outputs=(Output(kind="display", png="iVBORw0KGgo="),)
    )


def claims(
    *cells: Cell, fits: Sequence[Fit] = (), candidates: Sequence[Candidate] = (), problem: str | None = None
) -> Claims:
    return Claims(cells=cells, fits=tuple(fits), candidates=tuple(candidates), problem=problem)


def judged(architecture: Architecture) -> Judgement:
    return Judgement(outcome="judged", architecture=architecture, judged=10)


def evidence(said: Claims, judgement: Judgement, ending: Ending = FINISHED, judged_on: str = "test") -> Evidence:
    return Evidence(
        schema=1,
        assignment="exercise1",
        student="ada",
        submission=Source(name="ada.ipynb", sha256="0" * 64),
        key="key",
        isolation="none",
        dataset="mnist",
        data_digest="digest",
        serve="sealed",
        judged_on=judged_on,
        seed=1,
        started="2026-01-01T00:00:00Z",
        versions={},
        facts=Facts(ending=ending, judgement=judgement),
        claims=said,
    )


TRAINED = claims(cell(1), cell(2), fits=[fit()], candidates=[candidate()])


def case(
    said: Claims = TRAINED,
    judgement: Judgement | None = None,
    ending: Ending = FINISHED,
    outputs: NDArray[np.float32] | None = None,
    labels: NDArray[np.int64] | None = None,
    classes: tuple[str, ...] = DIGITS,
    compared: Mapping[str, Comparison] | None = None,
) -> Case:
    return Case(
        evidence=evidence(said, judged(convolutional()) if judgement is None else judgement, ending),
        outputs=outputs,
        labels=labels,
        classes=classes,
        compared=compared or {},
    )


def built(architecture: Architecture) -> Case:
    """A case about nothing but this model."""
    return case(judgement=judged(architecture))


def answers(labels: NDArray[np.int64], correct: int, units: int = 10) -> NDArray[np.float32]:
    """Outputs (n, units) of a model that gets the first `correct` images right and the others wrong."""
    called = np.where(np.arange(len(labels)) < correct, labels, (labels + 1) % max(units, 2))
    if units == 1:
        return called.reshape(-1, 1).astype(np.float32)
    return np.eye(units, dtype=np.float32)[called]


def planned(use: str, parameters: Mapping[str, Any] | None = None, points: float = 10) -> Planned:
    """A check as a rubric would have it."""
    spec = CheckSpec.model_validate({"use": use, "points": points, **(parameters or {})})
    return plan((spec,), origin="assignment.toml")[0]


def run_checks(rubric: tuple[Planned, ...], about: Case) -> tuple[CheckResult, ...]:
    """One result for each planned check, in the rubric's order."""
    return tuple(found.result(item) for found, item in zip(look_at_all(rubric, about), rubric, strict=True))


def look(use: str, about: Case, parameters: Mapping[str, Any] | None = None) -> CheckResult:
    """What a rubric with this one check, of 10 points, finds."""
    return run_checks((planned(use, parameters),), about)[0]
