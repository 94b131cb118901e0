"""The images that a network was most surely wrong about, for a page that may show them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grader.checks.kinds import output_activation
from grader.dataset import Images
from grader.evidence import Architecture
from grader.judge.metrics import predicted_classes
from grader.report.phrases import Phrase, say
from grader.report.pictures import Picture, thumbnail
from grader.report.visible import one_line, shorten

SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the images were judged by: outputs (n, units) of a network, true classes (n,), and the images themselves."""

    outputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    images: Images


@dataclass(frozen=True)
class Mistake:
    """An image, what it shows, what the network said, and how sure it was of that."""

    picture: Picture
    true: str
    called: str
    sure: str


def find_mistakes(judged: Judged, architecture: Architecture | None, classes: Sequence[str]) -> tuple[Mistake, ...]:
    """The wrong images in the order of the probability that the network gave to its wrong answer; at most twelve.

    None where the three parts of `judged` are not of the same images, or the network is not known.
    """
    if architecture is None or not len(judged.outputs) == len(judged.labels) == len(judged.images):
        return ()
    logits = output_activation(architecture) == "linear"
    predicted = predicted_classes(judged.outputs, logits=logits)
    sure = confidence(judged.outputs, logits=logits)
    wrong = np.flatnonzero((predicted != judged.labels) & np.isfinite(sure))
    order = wrong[np.argsort(-sure[wrong], kind="stable")][:SHOWN]
    return tuple(
        _mistake(
            judged, int(i), _named(classes, int(predicted[i])), _named(classes, int(judged.labels[i])), float(sure[i])
        )
        for i in order
    )


def confidence(outputs: NDArray[np.float32], *, logits: bool) -> NDArray[np.float64]:
    """The probability of the predicted class (n,) from raw outputs: softmax or sigmoid is made up for where it lacks."""
    values = outputs.astype(np.float64)
    if values.shape[1] == 1:
        with np.errstate(over="ignore"):
            second = 1 / (1 + np.exp(-values[:, 0])) if logits else values[:, 0]
        return np.maximum(second, 1 - second)
    if logits:
        with np.errstate(invalid="ignore", over="ignore"):
            raised = np.exp(values - values.max(axis=1, keepdims=True))
            values = raised / raised.sum(axis=1, keepdims=True)
    return np.asarray(values.max(axis=1))


def _mistake(judged: Judged, index: int, called: str, true: str, sure: float) -> Mistake:
    share = f"{min(100 * sure, 99.9):.1f}\u00a0%" if sure < 1 else "100\u00a0%"
    alt: Phrase = say("an image of {true} that the network took for {called}", true=true, called=called)
    return Mistake(thumbnail(judged.images[index], alt), true, called, share)


def _named(classes: Sequence[str], number: int) -> str:
    """The name of a class; a network may have more outputs than there are classes."""
    return shorten(one_line(classes[number]), 30) if number < len(classes) else str(number)
