"""Which preparation a network wants: the one with which it recognises training images, whose labels are not secret. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grader.core.evidence import Preparation
from grader.core.metrics import predicted_classes
from grader.judge.match_rows import RowMatch
from grader.judge.preparation import Recipe, refinements

CLOSE = 0.005  # of accuracy: a candidate that is not this much better does not replace an earlier one
TRUST = 0.1  # a recipe that recorded rows, or their range, tell of may be this much worse than one that was only tried
LESS = 0.02  # of accuracy, that a recipe of higher likelihood may have
DOUBT = 0.05  # so far below the notebook's own training accuracy more is tried
SIGNIFICANT = 2.0  # standard errors of the difference of two mean log-likelihoods on the same images
SWAPPED = 0.65  # of two classes: from this share of wrong answers on they are taken for each other


@dataclass(frozen=True)
class Scored:
    """What a network makes of prepared training images: accuracy, and log-probabilities (n,) of the right classes."""

    accuracy: float
    likelihood: NDArray[np.float64] | None = None
    two: bool = False  # classes, which can be taken for each other

    @property
    def fit(self) -> float:
        """How well the images suit the network. One that confuses two classes nearly always recognises them, swapped."""
        return 1 - self.accuracy if self.swapped else self.accuracy

    @property
    def swapped(self) -> bool:
        """Whether the network takes one class for the other."""
        return self.two and 1 - self.accuracy >= SWAPPED


@dataclass(frozen=True)
class ChosenPreparation:
    """The recipe, what it gives, and all that was tried: words to accuracy."""

    recipe: Recipe
    scored: Scored
    tried: dict[str, float]


def score_outputs(outputs: NDArray[np.float32], labels: NDArray[np.int64], *, activation: str) -> Scored:
    """Score outputs (n, units) for images of known classes (n,); `activation` is what they went through last."""
    predicted = predicted_classes(outputs, logits=activation == "linear")
    accuracy = float((predicted == labels).mean())
    two = outputs.shape[1] <= 2
    if not np.isfinite(outputs).all():
        return Scored(accuracy, None, two)
    return Scored(accuracy, log_likelihood(outputs, labels, activation=activation), two)


def log_likelihood(
    outputs: NDArray[np.float32], labels: NDArray[np.int64], *, activation: str
) -> NDArray[np.float64] | None:
    """The log-probability (n,) of the right class by outputs (n, units); None where a label has no unit."""
    values = outputs.astype(np.float64)
    if values.shape[1] == 1:
        one = values[:, 0]
        if activation == "linear":
            one = 1 / (1 + np.exp(-np.clip(one, -30, 30)))
        values = np.stack([1 - one, one], axis=1)
    elif activation == "linear":
        values = np.exp(values - values.max(axis=1, keepdims=True))
    if labels.max(initial=0) >= values.shape[1]:
        return None
    values = np.clip(values, 1e-7, None)
    chances: NDArray[np.float64] = values[np.arange(len(labels)), labels] / values.sum(axis=1)
    return np.log(np.clip(chances, 1e-7, 1.0))


def choose_recipe(
    recipes: Iterable[Recipe],
    score: Callable[[Recipe], Scored],
    *,
    matched: Recipe | None = None,
    told: bool = False,
    claimed: float | None = None,
    further: Iterable[Recipe] = (),
) -> ChosenPreparation:
    """The recipe that suits the network best. Earlier ones win near ties.

    `matched` was found in recorded rows; `told`: the first of `recipes` is what their range says. A network that has learnt
    little does nearly as well with any: chance must not displace what was recorded. `further` is tried where all others stay
    below the `claimed` training accuracy.
    """
    tried: dict[str, Scored] = {}
    best: tuple[Recipe, Scored] | None = None

    def attempt(recipe: Recipe, better: Callable[[Scored, Scored], bool]) -> None:
        nonlocal best
        if recipe.words in tried:
            return
        tried[recipe.words] = scored = score(recipe)
        if best is None or better(scored, best[1]):
            best = (recipe, scored)

    if matched is not None:
        attempt(matched, by_accuracy)
    first = None
    for recipe in recipes:
        first = first or recipe
        attempt(recipe, by_far if told and best is not None and best[0] == first else by_accuracy)
    if best is None:
        raise ValueError("no recipe to choose from")
    if matched is not None and tried[matched.words].fit >= best[1].fit - TRUST:
        best = (matched, tried[matched.words])
    else:
        for number in range(len(refinements(best[0]))):
            for recipe in refinements(best[0])[number]:
                attempt(recipe, by_likelihood)
        if claimed is not None and best[1].fit < claimed - DOUBT:
            for recipe in further:
                attempt(recipe, by_accuracy)
    return ChosenPreparation(best[0], best[1], {words: round(scored.accuracy, 4) for words, scored in tried.items()})


def by_accuracy(new: Scored, old: Scored) -> bool:
    """Whether one recipe is clearly better than another by accuracy."""
    return new.fit > old.fit + CLOSE


def by_far(new: Scored, old: Scored) -> bool:
    """Whether one recipe is so much better that what was recorded must be wrong."""
    return new.fit > old.fit + TRUST


def by_likelihood(new: Scored, old: Scored) -> bool:
    """The same by log-likelihood, image by image: much less is left to chance than in counts of right answers."""
    if new.likelihood is None or old.likelihood is None or new.swapped or old.swapped:
        return by_accuracy(new, old)
    difference = new.likelihood - old.likelihood
    error = float(difference.std()) / len(difference) ** 0.5
    return float(difference.mean()) > SIGNIFICANT * error and new.fit >= old.fit - LESS


def describe_choice(
    choice: ChosenPreparation,
    *,
    probed: int,
    match: RowMatch | None,
    labels: Sequence[int] = (),
    classes: Sequence[str] = (),
) -> Preparation:
    """The chosen recipe as evidence; `labels` are the recorded classes of the first rows, `classes` their names."""
    recipe, found = choice.recipe, match is not None and match.recipe == choice.recipe
    words = recipe.words
    if match is not None and found:
        words += f"; found in your first batch: {match.rows} of {match.of} rows are training images prepared like this"
    elif match is not None:
        words += (
            f"; your first batch looks like {match.recipe.words}, but with that the network recognises fewer images"
        )
    opposite = match is not None and choice.scored.two and match.opposite(labels)
    told = f" ({classes[0]} must be 0, {classes[1]} must be 1)" if len(classes) == 2 else ""
    rows = match.rows if match is not None and opposite else 0
    if choice.scored.swapped:
        own = f", and so do the labels of {rows} rows" if opposite else ""
        words += f"; the network takes the two classes for each other{told}{own}"
    elif opposite:
        words += f"; the labels of {rows} rows take the two classes for each other{told}"
    scale, offset = recipe.remaining
    return Preparation(
        scale=scale,
        offset=offset,
        resize=recipe.resize,
        channels=recipe.channels,
        shape=recipe.shape,
        accuracy=choice.scored.accuracy,
        probed=probed,
        tried=choice.tried,
        description=words,
        matched=match.rows if match is not None and found else 0,
        swapped=choice.scored.swapped or (opposite and choice.scored.accuracy < 0.5),
    )
