"""How well does the model do on the judged images? Rests on predictions that the host compared with the labels."""

from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import Field, ValidationInfo, field_validator, model_validator

from grader.checks.kinds import output_activation
from grader.checks.registry import Case, Planned, Score, check
from grader.errors import Failure, Infrastructure
from grader.evidence import Value
from grader.judge.metrics import measure_accuracy, predicted_classes
from grader.results import Accuracy

Fraction = Annotated[float, Field(ge=0, le=1)]


class Band(Value):
    """From the accuracy `at` on, this `share` of the points."""

    at: Fraction
    share: Fraction


class NeededAccuracy(Value):
    """Either `at_least`, for all points or none, or `bands`, for shares of them."""

    at_least: Fraction | None = None
    bands: Annotated[tuple[Band, ...] | None, Field(min_length=1)] = None

    @model_validator(mode="before")
    @classmethod
    def _not_neither(cls, raw: object) -> object:
        # An explicit None brings the field's validator into play, whose error names a key; but where another key
        # was given, that one is misspelt and the better thing to complain about.
        return raw or {"bands": None}

    @field_validator("bands")
    @classmethod
    def _one_rule(cls, bands: tuple[Band, ...] | None, info: ValidationInfo) -> tuple[Band, ...] | None:
        if "at_least" in info.data and (info.data["at_least"] is None) == (bands is None):
            raise ValueError("give exactly one of `at_least` and `bands`")
        for lower, higher in pairwise(bands or ()):
            if higher.at <= lower.at or higher.share < lower.share:
                raise ValueError(f"`at` must rise from band to band and `share` must not fall (at = {higher.at:g})")
        return bands

    @property
    def rule(self) -> tuple[Band, ...]:
        """The rule as bands; `at_least` is a single one."""
        return self.bands or (Band(at=self.at_least or 0.0, share=1.0),)

    @property
    def threshold(self) -> float:
        """The accuracy from which on there are points at all."""
        return self.rule[0].at

    def share(self, value: float) -> float:
        """The share of the points for an accuracy."""
        return max((band.share for band in self.rule if value >= band.at), default=0.0)


def measure(case: Case) -> Accuracy:
    """The accuracy on the judged images, without a verdict. Failure where nothing was judged."""
    if case.outputs is None:
        raise Failure(case.evidence.facts.judgement.reason or "the model was not judged on any images")
    if case.labels is None or len(case.labels) != len(case.outputs) or not len(case.labels):
        labels = "no" if case.labels is None else f"{len(case.labels):,}"
        raise Infrastructure(f"There are {labels} labels for {len(case.outputs):,} judged images.")
    logits = output_activation(case.architecture) == "linear"
    predicted = predicted_classes(case.outputs, logits=logits)
    # A model may have more outputs than there are classes: those predictions are wrong and stand in no column.
    classes = len(case.classes)
    found = measure_accuracy(case.labels, predicted, classes=max(classes, case.outputs.shape[1]))
    table = tuple(row[:classes] for row in found.confusion[:classes])
    return found.model_copy(update={"confusion": table})


def accuracy_of(case: Case, planned: tuple[Planned, ...]) -> Accuracy | None:
    """The accuracy with the verdict by the rubric's `accuracy` check; None where nothing was judged."""
    judged = case.outputs is not None and case.evidence.facts.judgement.architecture is not None
    if not judged or case.labels is None:
        return None
    measured = measure(case)
    needed = next((item.parameters for item in planned if item.check.name == accuracy.name), None)
    if not isinstance(needed, NeededAccuracy):
        return measured
    return _judge(measured, needed.threshold)


def _judge(measured: Accuracy, threshold: float) -> Accuracy:
    high = measured.interval[1]
    verdict = "pass" if measured.value >= threshold else "borderline" if high >= threshold else "fail"
    return measured.model_copy(update={"verdict": verdict, "threshold": threshold})


@check(parameters=NeededAccuracy, rests_on="facts", needs=("trained",))
def accuracy(case: Case, parameters: NeededAccuracy) -> Score:
    """The model is accurate enough on images it has never seen.

    Exactly one of: `at_least`, the accuracy from which on all points are given (0 to 1), or `bands`, a list of
    `{at, share}` in rising order, of which the highest one that is reached counts, as in
    `bands = [{at = 0.70, share = 0.5}, {at = 0.80, share = 1.0}]`.
    """
    measured = _judge(measure(case), parameters.threshold)
    needed = _write_needed(parameters, measured.value)
    low, high = measured.interval
    reason = (
        f"{_percent(measured.value)} of {measured.judged:,} judged images ({measured.correct:,} correct), {needed}; "
        f"95 % interval {100 * low:.2f}-{_percent(high)}"
    )
    share = parameters.share(measured.value)
    if share <= 0:
        raise Failure(reason, _hint(case, measured))
    return Score(share, reason, "" if share >= 1 else "Train longer or improve the network to reach the next step.")


def _write_needed(parameters: NeededAccuracy, value: float) -> str:
    if parameters.bands is None:
        return f"{_short(parameters.threshold)} needed"
    steps = ", ".join(f"{_short(band.at)} for {_short(band.share)}" for band in parameters.rule)
    return f"which gives {_short(parameters.share(value))} of the points (needed: {steps})"


def _hint(case: Case, measured: Accuracy) -> str:
    """What the number itself says about what went wrong."""
    threshold = measured.threshold or 0.0
    if case.outputs is not None and not np.isfinite(case.outputs).all():
        return "The model answers with numbers that are not finite: the training ran away. Lower the learning rate."
    if len(case.classes) == 2 and 1 - measured.value >= threshold > 0.5:
        first, second = case.classes
        return f"The two classes look swapped: {first} must be 0 and {second} must be 1."
    if measured.interval[0] <= 1 / max(len(case.classes), 1):
        return (
            "That is no better than guessing: check that images and labels belong together, that the loss fits the "
            "labels, and that the test images are prepared as the training images are."
        )
    if measured.verdict == "borderline":
        return "It is so close that chance may have decided: a little more training should settle it."
    return "Train for more epochs or improve the network; compare training and validation accuracy to see which."


class BetterThan(Value):
    """`exercise`: the id of the assignment to be better than."""

    exercise: Annotated[str, Field(min_length=1)]


@check(parameters=BetterThan, rests_on="facts", needs=("trained",))
def better_than(case: Case, parameters: BetterThan) -> Score:
    """The model is better than the one of an earlier exercise.

    `exercise`: the id of the other assignment. Its accuracy is that of the same student, or else the recorded
    baseline of the course; this model's must be strictly higher, on the same images.
    """
    other = case.compared.get(parameters.exercise)
    remedy = f"Measure one: `grader baseline {parameters.exercise}`."
    if other is None:
        raise Infrastructure(f"There is no accuracy of {parameters.exercise} to compare with.", remedy)
    if other.judged_on != case.evidence.judged_on:
        raise Infrastructure(
            f"The accuracy of {other.source} was measured on {other.judged_on or 'unknown images'}, "
            f"this one on {case.evidence.judged_on}.",
            remedy,
        )
    measured = measure(case)
    reason = f"{_percent(measured.value)} here, {_percent(other.accuracy)} for {other.source}"
    if measured.value > other.accuracy:
        return Score(1.0, reason)
    raise Failure(f"{reason}: not better", "Improve this network, or train it longer, until it passes the other one.")


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


def _short(value: float) -> str:
    return f"{round(100 * value, 4):g} %"
