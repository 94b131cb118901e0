"""The recipe that a network does best with is taken; recorded rows may propose one, and training images decide."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.judge.choose_preparation import (
    CLOSE,
    DOUBT,
    LESS,
    TRUST,
    ChosenPreparation,
    Scored,
    by_accuracy,
    by_likelihood,
    choose_recipe,
    describe_choice,
    log_likelihood,
    score_outputs,
)
from grader.judge.match_rows import RowMatch
from grader.judge.preparation import Recipe


def a_recipe(words: str = "a", **changes: object) -> Recipe:
    values: dict[str, object] = {
        "shape": (28, 28, 1), "size": (28, 28), "channels": "as they are", "scale": 255.0, "offset": 0.0,
        "scale_words": words,
    }  # fmt: skip
    return Recipe(**(values | changes))  # type: ignore[arg-type]


def scores(known: Mapping[str, float]) -> Callable[[Recipe], Scored]:
    """A score by scale words, 0.1 for what is not named."""
    return lambda recipe: Scored(known.get(recipe.scale_words, 0.1))


def test_the_best_recipe_is_chosen_and_all_that_was_tried_is_told() -> None:
    choice = choose_recipe([a_recipe(word) for word in "abc"], scores({"a": 0.5, "b": 0.9, "c": 0.7}))
    assert (choice.recipe.scale_words, choice.scored.accuracy) == ("b", 0.9)
    assert sorted(choice.tried.values()) == [0.5, 0.7, 0.9]


@pytest.mark.parametrize(("better", "chosen"), [(0.0, "a"), (CLOSE, "a"), (CLOSE * 0.9, "a"), (CLOSE * 1.1, "b")])
def test_of_near_ties_the_earlier_one_stays(better: float, chosen: str) -> None:
    choice = choose_recipe([a_recipe("a"), a_recipe("b")], scores({"a": 0.5, "b": 0.5 + better}))
    assert choice.recipe.scale_words == chosen


def test_interpolation_and_the_order_of_channels_are_tried_for_the_best_scale_alone() -> None:
    recipes = [a_recipe(word, shape=(64, 64, 3), size=(64, 64), resize="bilinear") for word in "ab"]
    seen: list[str] = []

    def score(recipe: Recipe) -> Scored:
        seen.append(f"{recipe.scale_words} {recipe.resize} {recipe.channels}")
        known = {"b bilinear as they are": 0.6, "b bicubic as they are": 0.8, "b bicubic BGR": 0.9}
        return Scored(known.get(seen[-1], 0.2))

    chosen = choose_recipe(recipes, score).recipe
    assert (chosen.scale_words, chosen.resize, chosen.channels) == ("b", "bicubic", "BGR")
    assert seen == [
        "a bilinear as they are", "b bilinear as they are", "b nearest as they are", "b bicubic as they are",
        "b area as they are", "b bicubic BGR",
    ]  # fmt: skip


def test_without_recipes_there_is_nothing_to_choose() -> None:
    with pytest.raises(ValueError, match="no recipe"):
        choose_recipe([], scores({}))


@pytest.mark.parametrize(("matched", "chosen"), [(0.9, "m"), (0.9 - TRUST, "m"), (0.9 - 1.1 * TRUST, "b"), (0.1, "b")])
def test_recorded_rows_propose_and_training_images_decide(matched: float, chosen: str) -> None:
    recipes = [a_recipe("a"), a_recipe("b")]
    choice = choose_recipe(recipes, scores({"a": 0.3, "b": 0.9, "m": matched}), matched=a_recipe("m"))
    assert choice.recipe.scale_words == chosen


@pytest.mark.parametrize(("better", "chosen"), [(2 * CLOSE, "a"), (0.9 * TRUST, "a"), (1.1 * TRUST, "b")])
def test_what_the_recorded_range_says_gives_way_to_what_is_far_better(better: float, chosen: str) -> None:
    known = scores({"a": 0.54, "b": 0.54 + better, "c": 0.54})
    recipes = [a_recipe(word) for word in "abc"]
    assert choose_recipe(recipes, known, told=True).recipe.scale_words == chosen
    assert choose_recipe(recipes, known).recipe.scale_words == "b"


def test_once_the_recorded_range_is_wrong_the_others_are_compared_as_ever() -> None:
    recipes = [a_recipe(word) for word in "abc"]
    choice = choose_recipe(recipes, scores({"a": 0.1, "b": 0.9, "c": 0.9 + 2 * CLOSE}), told=True)
    assert choice.recipe.scale_words == "c"


@pytest.mark.parametrize(("claimed", "tried"), [(None, False), (0.6, False), (0.6 + DOUBT / 2, False), (0.99, True)])
def test_more_is_tried_only_where_the_notebook_says_that_it_did_better(claimed: float | None, tried: bool) -> None:
    recipes, further = [a_recipe("a")], [a_recipe("z")]
    choice = choose_recipe(recipes, scores({"a": 0.6, "z": 0.98}), claimed=claimed, further=further)
    assert choice.recipe.scale_words == ("z" if tried else "a")


def test_a_network_that_is_always_wrong_has_understood_its_images() -> None:
    def score(recipe: Recipe) -> Scored:
        return Scored({"a": 0.5, "b": 0.04}[recipe.scale_words], two=True)

    choice = choose_recipe([a_recipe("a"), a_recipe("b")], score)
    assert choice.recipe.scale_words == "b"
    told = describe_choice(choice, probed=400, match=None, classes=("cat", "dog"))
    assert (told.accuracy, told.swapped) == (0.04, True)
    assert "takes the two classes for each other (cat must be 0, dog must be 1)" in told.description


def test_of_ten_classes_none_is_another_for_being_wrong() -> None:
    assert not Scored(0.05).swapped
    assert Scored(0.05).fit == 0.05


def test_log_likelihood_sees_a_difference_that_counting_does_not() -> None:
    generator = np.random.default_rng(1)
    plain = np.log(generator.uniform(0.3, 0.9, 400))
    old, new, noise = Scored(0.80, plain), Scored(0.80, plain + 0.05), Scored(0.80, generator.permutation(plain))
    assert by_likelihood(new, old)
    assert not by_likelihood(old, new)
    assert not by_likelihood(noise, old)
    assert not by_accuracy(new, old)
    assert not by_likelihood(Scored(0.80 - 1.1 * LESS, plain + 0.05), old)


@pytest.mark.parametrize(
    ("outputs", "activation", "expected"),
    [
        ([[0.25, 0.75]], "softmax", 0.75), ([[0.8]], "sigmoid", 0.8), ([[0.0]], "linear", 0.5),
        ([[1.0, 1.0]], "linear", 0.5), ([[0.2, 0.6]], "sigmoid", 0.75), ([[0.0, 0.0]], "softmax", 0.5),
        ([[1e9, -1e9]], "linear", 1e-7),
    ],
)  # fmt: skip
def test_the_probability_of_the_right_class(outputs: list[list[float]], activation: str, expected: float) -> None:
    found = log_likelihood(np.array(outputs, np.float32), np.array([1]), activation=activation)
    assert found is not None
    assert np.exp(found[0]) == pytest.approx(expected, rel=1e-4)


def test_outputs_that_are_no_numbers_have_no_likelihood_and_a_missing_unit_neither() -> None:
    labels: NDArray[np.int64] = np.array([0, 1])
    assert score_outputs(np.full((2, 2), np.nan, np.float32), labels, activation="softmax").likelihood is None
    assert log_likelihood(np.ones((2, 2), np.float32), np.array([0, 7]), activation="softmax") is None


def test_how_the_recipe_was_found_is_told() -> None:
    recipe = a_recipe("divided by 255")
    match = RowMatch(recipe, 31, 32, ((0, 1), (1, 0), (2, 1)))
    found = describe_choice(ChosenPreparation(recipe, Scored(0.9), {}), probed=400, match=match)
    assert "found in your first batch: 31 of 32 rows are training images prepared like this" in found.description
    assert found.matched == 31
    other = describe_choice(ChosenPreparation(a_recipe("as they are"), Scored(0.9), {}), probed=400, match=match)
    assert "your first batch looks like divided by 255" in other.description
    assert other.matched == 0


def test_labels_that_are_the_other_way_round_are_noticed() -> None:
    match = RowMatch(a_recipe(), 3, 3, ((0, 1), (1, 0), (2, 1)))
    assert match.opposite([0, 1, 0])
    assert not match.opposite([1, 0, 1])
    assert not match.opposite([])


@pytest.mark.parametrize(("accuracy", "swapped"), [(0.45, True), (0.62, False)])
def test_labels_tell_of_swapped_classes_where_a_network_is_too_weak_to_show_it(accuracy: float, swapped: bool) -> None:
    recipe = a_recipe()
    match = RowMatch(recipe, 3, 3, ((0, 1), (1, 0), (2, 1)))
    choice = ChosenPreparation(recipe, Scored(accuracy, two=True), {})
    told = describe_choice(choice, probed=400, match=match, labels=[0, 1, 0], classes=("cat", "dog"))
    assert told.swapped is swapped
    assert "the labels of 3 rows take the two classes for each other (cat must be 0, dog must be 1)" in told.description
    assert not describe_choice(choice, probed=400, match=match, labels=[1, 0, 1]).swapped
