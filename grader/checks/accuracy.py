"""How well does the model do on the judged images? Rests on predictions that the host compared with the labels."""

import base64
from dataclasses import replace
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator, model_validator

from grader.checks.base import Case, Measured, Planned, Score, check
from grader.checks.layers import output_activation
from grader.core.errors import Failure, Infrastructure
from grader.core.evidence import Architecture, Value
from grader.core.metrics import chance_of_at_most, exact_interval, mcnemar, measure_accuracy, predicted_classes
from grader.core.results import Accuracy, Comparison

Fraction = Annotated[float, Field(ge=0, le=1)]
ALL_IN_ONE = (
    "The model must take one image and answer with its class: put all that lies between into it, also the layers of another "
    "network that made its numbers."
)
SAVE_AGAIN = (
    'Hand in the network that the code builds: run all of it, save with `model.save("model.keras")`, and hand that file in '
    "beside the code."
)
SIGNIFICANT = 0.05  # a p-value from which on chance is named as a possible reason


class Band(Value):
    """From the accuracy `at` on, this `share` of the points."""

    at: Fraction
    share: Fraction


class Line(Value):
    """No points up to the accuracy `from`, all of them at `to`, and in between in proportion."""

    from_: Annotated[Fraction, Field(alias="from")]
    to: Fraction

    @field_validator("to")
    @classmethod
    def _rises(cls, to: float, info: ValidationInfo) -> float:
        if to <= info.data.get("from_", -1.0):
            raise ValueError(f"`to` must be above `from`, which is {info.data['from_']:g}")
        return to

    def share(self, value: float) -> float:
        """The share of the points at an accuracy."""
        return min(max((value - self.from_) / (self.to - self.from_), 0.0), 1.0)


class NeededAccuracy(Value):
    """One of `at_least`, for all points or none, `bands`, for shares of them, and `linear`; and what chance may take away.

    `doubt` reaches no further down than a borderline verdict does: what clearly fails is in no doubt.
    """

    at_least: Fraction | None = None
    bands: Annotated[tuple[Band, ...] | None, Field(min_length=1)] = None
    linear: Line | None = None
    doubt: Annotated[float, Field(ge=0.025, le=0.5)] | None = None
    borderline: Annotated[float, Field(ge=0, le=0.2)] = 0.0

    @model_validator(mode="before")
    @classmethod
    def _not_none(cls, raw: object) -> object:
        # An explicit None brings the field's validator into play, whose error names a key.
        return {"linear": None, **raw} if isinstance(raw, dict) else raw

    @field_validator("bands")
    @classmethod
    def _bands_rise(cls, bands: tuple[Band, ...] | None) -> tuple[Band, ...] | None:
        for lower, higher in pairwise(bands or ()):
            if higher.at <= lower.at or higher.share < lower.share:
                raise ValueError(f"`at` must rise from band to band and `share` must not fall (at = {higher.at:g})")
        return bands

    @field_validator("linear")
    @classmethod
    def _one_rule(cls, linear: Line | None, info: ValidationInfo) -> Line | None:
        given = [info.data[name] is not None for name in ("at_least", "bands") if name in info.data]
        if len(given) == 2 and sum(given) + (linear is not None) != 1:
            raise ValueError("give exactly one of `at_least`, `bands` and `linear`")
        return linear

    @property
    def rule(self) -> tuple[Band, ...]:
        """The rule as bands; `at_least` is a single one, a line has its two ends."""
        if self.linear is not None:
            return Band(at=self.linear.from_, share=0.0), Band(at=self.linear.to, share=1.0)
        return self.bands or (Band(at=self.at_least or 0.0, share=1.0),)

    @property
    def threshold(self) -> float:
        """The accuracy from which on there are points at all."""
        return self.rule[0].at

    def judge(self, measured: Accuracy) -> Accuracy:
        """With the verdict by the threshold, which chance may blur but does not move."""
        value, threshold = measured.value, self.threshold
        near = measured.interval[1] >= threshold or round(threshold - value, 9) <= self.borderline
        enough = (
            value >= threshold if self.linear is None else value > threshold
        )  # where a line begins it gives nothing
        verdict = "pass" if enough else "borderline" if near else "fail"
        found: dict[str, object] = {
            "verdict": verdict, "threshold": threshold, "granted": verdict == "borderline" and self._grants(measured),
        }  # fmt: skip
        return measured.model_copy(update=found if self.linear is None else {**found, "full": self.linear.to})

    def _grants(self, measured: Accuracy) -> bool:
        """Whether the doubt about an accuracy below the threshold is left to the student."""
        if self.doubt is None:
            return False
        if self.linear is not None:
            return self.counted(measured) > self.threshold
        return self.chance(measured) >= self.doubt

    def share(self, measured: Accuracy) -> float:
        """The share of the points: by the highest band reached, or by the lowest where `doubt` grants it; or by the line."""
        if self.linear is not None:
            return self.linear.share(self.counted(measured))
        plain = max((band.share for band in self.rule if measured.value >= band.at), default=0.0)
        return max(plain, self.rule[0].share) if self.judge(measured).granted else plain

    def counted(self, measured: Accuracy) -> float:
        """The accuracy that is looked up on a line.

        With `doubt` the highest one at which a network does no better on the judged images with this probability. A line has
        no bar that could be granted: each of its accuracies gives other points.
        """
        if self.doubt is None:
            return measured.value
        highest = exact_interval(measured.correct, measured.judged, confidence=1 - 2 * self.doubt)[1]
        return max(measured.value, highest)

    def chance(self, measured: Accuracy) -> float:
        """How probable it is that a network of just the threshold does no better on the judged images."""
        return chance_of_at_most(measured.correct, measured.judged, accuracy=self.threshold)


def measure(case: Case) -> Accuracy:
    """The accuracy on the judged images, without a verdict. Failure where nothing was judged."""
    if case.measured is not None:
        return case.measured.accuracy
    if case.outputs is None:
        raise Failure(
            case.evidence.facts.judgement.reason or "the model was not judged on any images",
            SAVE_AGAIN if case.evidence.facts.handed_in_network is not None else ALL_IN_ONE,
        )
    if case.labels is None or len(case.labels) != len(case.outputs) or not len(case.labels):
        labels = "no" if case.labels is None else f"{len(case.labels):,}"
        raise Infrastructure(f"There are {labels} labels for {len(case.outputs):,} judged images.")
    predicted = _predicted(case.outputs, case.architecture)
    # A model may have more outputs than there are classes: those predictions are wrong and stand in no column.
    classes = len(case.classes)
    found = measure_accuracy(case.labels, predicted, classes=max(classes, case.outputs.shape[1]))
    table = tuple(row[:classes] for row in found.confusion[:classes])
    found = found.model_copy(update={"confusion": table})
    return found if case.counted is None else with_correct(found, case.counted)


def measured_once(case: Case) -> Case:
    """The case with what its outputs come down to, so that not every check measures them; as it is where nobody can."""
    if case.outputs is None:
        return case
    try:
        found = Measured(accuracy=measure(case), finite=bool(np.isfinite(case.outputs).all()))
    except Exception:  # each check says in its own place what it misses
        return case
    return replace(case, measured=found)


def with_correct(measured: Accuracy, correct: int) -> Accuracy:
    """The same images with another number of them recognised."""
    interval = exact_interval(correct, measured.judged)
    update = {"value": correct / measured.judged, "correct": correct, "interval": interval}
    return measured.model_copy(update=update)


def right_images(
    outputs: NDArray[np.float32], architecture: Architecture, labels: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of the judged images were recognised, booleans (n,), from outputs (n, units) and labels (n,)."""
    return np.asarray(_predicted(outputs, architecture) == labels)


def _predicted(outputs: NDArray[np.float32], architecture: Architecture) -> NDArray[np.int64]:
    return predicted_classes(outputs, logits=output_activation(architecture) == "linear")


def accuracy_of(case: Case, planned: tuple[Planned, ...]) -> Accuracy | None:
    """The accuracy with the verdict by the rubric's `accuracy` check; None where nothing was judged."""
    judged = case.judged and case.evidence.facts.judgement.architecture is not None
    if not judged or case.labels is None:
        return None
    measured = measure(case)
    needed = next((item.parameters for item in planned if item.check.name == accuracy.name), None)
    if not isinstance(needed, NeededAccuracy):
        return measured
    return needed.judge(measured)


@check(parameters=NeededAccuracy, rests_on="facts", needs=("trained",), judged=True)
def accuracy(case: Case, parameters: NeededAccuracy) -> Score:
    """The model is accurate enough on images it has never seen.

    Exactly one of: `at_least`, the accuracy from which on all points are given (0 to 1); `bands`, a list of
    `{at, share}` in rising order, of which the highest one that is reached counts, as in
    `bands = [{at = 0.70, share = 0.5}, {at = 0.80, share = 1.0}]`; or `linear = {from = 0.70, to = 0.80}`, no points up to
    the one and all from the other on, in between in proportion. The lowest band, and `from`, is the bar.

    `doubt = 0.1` counts the bar as reached unless a network that just reaches it would do this badly less than 10 times
    in 100 (0.025 to 0.5; without it the plain number decides). On a line it counts the highest accuracy of which that can
    be said. `borderline` (a fraction, default 0) calls a run borderline
    that misses the bar by no more than this, beside all whose 95 % interval reaches it; `[retry]` says what follows.
    """
    measured = parameters.judge(measure(case))
    share = parameters.share(measured)
    low, high = measured.interval
    over = "" if case.counted is None else " on average over the runs"
    reason = (
        f"{_percent(measured.value)} of {measured.judged:,} judged images{over} ({measured.correct:,} correct), "
        f"{_write_needed(parameters, share)}; 95 % interval {100 * low:.2f}-{_percent(high)}"
    )
    if parameters.linear is not None:
        reason += _write_counted(parameters, measured)
    elif measured.granted:
        reason += (
            f"; a network of {_short(parameters.threshold)} does no better {_often(parameters.chance(measured))}, "
            f"so {_short(parameters.threshold)} counts as reached"
        )
    if share <= 0:
        raise Failure(reason, _hint(case, measured))
    aim = "to reach the next step" if parameters.linear is None else "every gain in accuracy gives more points"
    hint = f"Train longer or improve the network{' ' if parameters.linear is None else ': '}{aim}."
    return Score(share, reason, "" if share >= 1 else hint)


def _write_needed(parameters: NeededAccuracy, share: float) -> str:
    if parameters.linear is not None:
        line = parameters.linear
        return (
            f"which gives {_share(share)} of the points (none at {_short(line.from_)}, all from {_short(line.to)} on)"
        )
    if parameters.bands is None:
        return f"{_short(parameters.threshold)} needed"
    steps = ", ".join(f"{_short(band.at)} for {_short(band.share)}" for band in parameters.rule)
    return f"which gives {_short(share)} of the points (needed: {steps})"


def _write_counted(parameters: NeededAccuracy, measured: Accuracy) -> str:
    """Which accuracy was looked up on the line, where `doubt` makes it another one than the measured."""
    counted = parameters.counted(measured)
    if parameters.doubt is None or counted <= parameters.threshold or measured.value >= parameters.rule[-1].at:
        return ""
    return (
        f"; a network of {_percent(counted)} does no better {_often(parameters.doubt)}, "
        f"so {_percent(counted)} counts as reached"
    )


def _share(share: float) -> str:
    """A share of the points, never rounded up to all of them or down to none."""
    return f"{min(max(round(100 * share, 1), 0.1), 99.9) if 0 < share < 1 else 100 * share:g} %"


def _often(chance: float) -> str:
    return f"{round(100 * chance)} times in 100"


def _hint(case: Case, measured: Accuracy) -> str:
    """What the number itself says about what went wrong."""
    threshold = measured.threshold or 0.0
    if not _finite(case):
        return "The model answers with numbers that are not finite: the training ran away. Lower the learning rate."
    reached = 1 - measured.value  # with its two classes exchanged
    if len(case.classes) == 2 and reached > 0.5 and (reached >= threshold or _swapped_in_training(case)):
        first, second = case.classes
        return (
            f"The two classes look swapped: {first} must be 0 and {second} must be 1. "
            f"With that mended this network would reach {_percent(reached)}."
        )
    if measured.interval[0] <= 1 / max(len(case.classes), 1):
        return (
            "That is no better than guessing: check that images and labels belong together, that the loss fits the "
            "labels, and that the test images are prepared as the training images are."
        )
    if measured.verdict == "borderline":
        return "It is so close that chance may have decided: a little more training should settle it."
    return "Train for more epochs or improve the network; compare training and validation accuracy to see which."


def _finite(case: Case) -> bool:
    if case.measured is not None:
        return case.measured.finite
    return case.outputs is None or bool(np.isfinite(case.outputs).all())


def _swapped_in_training(case: Case) -> bool:
    """Whether the network took the classes of training images for each other, too."""
    preparation = case.evidence.facts.judgement.preparation
    return preparation is not None and preparation.swapped


class BetterThan(Value):
    """`exercise`: the id of the assignment to be better than; `otherwise`: what is the bar for who has no result in it."""

    exercise: Annotated[str, Field(min_length=1)]
    otherwise: Literal["threshold", "baseline"] = "threshold"


@check(parameters=BetterThan, rests_on="facts", needs=("trained",), judged=True)
def better_than(case: Case, parameters: BetterThan) -> Score:
    """The model is better than the one of an earlier exercise.

    `exercise`: the id of the other assignment. Its accuracy is that of the same student; `otherwise = "threshold"` (the
    default) takes the accuracy that the exercise asks for where the student has none, `"baseline"` the mean of the course's
    recorded baseline. This model's must be strictly higher, on the same images. Where chance may have decided that, by
    McNemar's test or by the spread of the baseline, the reason says so.
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
    measured, other = measure(case), weigh(case, other)
    there = (
        f"{_percent(other.accuracy)}, {other.source}"
        if not other.judged
        else (f"{_percent(other.accuracy)} for {other.source}{_write_weight(other)}")
    )
    reason = f"{_percent(measured.value)} here, {there}"
    close = "; so small a difference may be chance" if may_be_chance(other, measured.value) else ""
    if measured.value > other.accuracy:
        return Score(1.0, reason + close)
    raise Failure(
        f"{reason}: not better{close}", "Improve this network, or train it longer, until it passes the other one."
    )


def weigh(case: Case, other: Comparison) -> Comparison:
    """With the images that one of the two networks alone recognised, where both were judged on the same ones."""
    there = unpack_right(other.right, other.judged)
    update: dict[str, object] = {"only_here": None, "only_there": None, "p_value": None}
    if case.outputs is not None and case.labels is not None and case.counted is None and there is not None:
        here = right_images(case.outputs, case.architecture, case.labels)
        if len(here) == len(there) and other.judged_on == case.evidence.judged_on:
            one, two = int((here & ~there).sum()), int((there & ~here).sum())
            update = {"only_here": one, "only_there": two, "p_value": mcnemar(one, two)}
    return other.model_copy(update=update)


def may_be_chance(other: Comparison, value: float) -> bool:
    """Whether chance may have decided the comparison of `value` with a weighed `other`."""
    if other.p_value is not None:
        return other.p_value >= SIGNIFICANT
    return other.lowest is not None and other.highest is not None and other.lowest <= value <= other.highest


def pack_right(right: NDArray[np.bool_]) -> str:
    """Booleans (n,) as bits in base64."""
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def unpack_right(packed: str, count: int) -> NDArray[np.bool_] | None:
    """`count` booleans from bits in base64; None where there are not as many."""
    try:
        bits = np.unpackbits(np.frombuffer(base64.b64decode(packed), dtype=np.uint8))
    except ValueError:
        return None
    return bits[:count].astype(bool) if packed and len(bits) - 7 <= count <= len(bits) else None


def _write_weight(other: Comparison) -> str:
    if other.p_value is not None:
        p = f"= {other.p_value:.2g}" if other.p_value >= 0.0001 else "under 0.0001"
        return (
            f" (of the same images {other.only_here:,} are recognised here alone and {other.only_there:,} there alone: "
            f"McNemar's p {p})"
        )
    if other.runs is not None and other.runs > 1 and other.lowest is not None and other.highest is not None:
        return f" (the mean of {other.runs} runs from {_percent(other.lowest)} to {_percent(other.highest)})"
    return ""


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


def _short(value: float) -> str:
    return f"{round(100 * value, 4):g} %"
