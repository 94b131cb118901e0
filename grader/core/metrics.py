"""Numbers over predictions: classes from raw outputs, accuracy, confusion, the exact interval. Pure.

SciPy is imported where it is used: that takes half a second, and a self-check that judges nothing does without.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from grader.core.results import Accuracy


def predicted_classes(outputs: NDArray[np.float32], *, logits: bool) -> NDArray[np.int64]:
    """Classes (n,) from outputs (n, units): argmax, or for one unit 0.5 (a logit: 0) and above is class 1."""
    if outputs.shape[1] == 1:
        return (outputs[:, 0] >= (0.0 if logits else 0.5)).astype(np.int64)
    return np.asarray(outputs.argmax(axis=1), dtype=np.int64)


def exact_interval(correct: int, judged: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval for a proportion (Biometrika 26, 1934), by the beta distribution."""
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = 0.0 if correct == 0 else float(betaincinv(correct, judged - correct + 1, tail))
    high = 1.0 if correct == judged else float(betaincinv(correct + 1, judged - correct, 1 - tail))
    return low, high


def chance_of_at_most(correct: int, judged: int, *, accuracy: float) -> float:
    """How probable it is that a network of this true accuracy recognises `correct` of `judged` images or fewer."""
    from scipy.special import bdtr

    return float(bdtr(correct, judged, accuracy))


def mcnemar(only_one: int, only_other: int) -> float:
    """The p-value that two networks are equally good, from images that one alone recognised: exact and two-sided.

    McNemar's test (Psychometrika 12, 1947), by the binomial distribution.
    """
    from scipy.special import bdtr

    discordant = only_one + only_other
    return min(1.0, 2 * float(bdtr(min(only_one, only_other), discordant, 0.5))) if discordant else 1.0


NOT_BY_TRAINING = 0.025  # how often an honest network, trained again, is worse than an audit allows: two deviations
UNLIKELY = 0.05


def chance_of_catching(cheats: int, *, of: int, audited: int) -> float:
    """How likely a lot of `audited` among `of` names at least one of so many cheats."""
    if cheats <= 0 or of <= 0:
        return 0.0
    honest, audited = max(of - cheats, 0), min(audited, of)
    return 1.0 - math.comb(honest, audited) / math.comb(of, audited)


def more_than_chance(failed: int, audited: int) -> bool:
    """Whether so many failures among so many audits are more than honest trainings explain."""
    return failed > 0 and 1.0 - chance_of_at_most(failed - 1, audited, accuracy=NOT_BY_TRAINING) < UNLIKELY


def mean_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float]:
    """The interval for the mean of two or more values by Student's t distribution (Biometrika 6, 1908)."""
    from scipy.special import stdtrit

    mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
    reach = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * deviation / len(values) ** 0.5
    return mean - reach, mean + reach


def confusion_matrix(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> tuple[tuple[int, ...], ...]:
    """Counts (classes, classes): row i, column j is how often class i was called j."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return tuple(tuple(int(cell) for cell in row) for row in counts)


def measure_accuracy(labels: NDArray[np.int64], predicted: NDArray[np.int64], *, classes: int) -> Accuracy:
    """Accuracy of predicted classes (n,) against labels (n,), with interval and confusion; no threshold yet."""
    correct = int((labels == predicted).sum())
    return Accuracy(
        value=correct / len(labels),
        correct=correct,
        judged=len(labels),
        interval=exact_interval(correct, len(labels)),
        confusion=confusion_matrix(labels, predicted, classes),
    )
