"""Rows that a network was trained on are found among raw training images again, and with them what was done to them."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from grader.course.dataset import Split
from grader.judge.match_rows import TrainingImageIndex, further_recipes, match_rows, small_copies
from grader.judge.preparation import RESIZES, Recipe, first_recipes, lay_out, prepare_images

DIGIT = (28, 28, 1)
Numbers = NDArray[np.float32]


def blobs(generator: np.random.Generator, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """A picture with edges and colours, unlike any other."""
    coarse = generator.integers(0, 256, (5, 5, channels), dtype=np.uint8)
    parts = [Image.fromarray(coarse[..., channel]).resize((width, height)) for channel in range(channels)]
    picture = np.stack([np.asarray(part) for part in parts], axis=-1).astype(np.int64)
    return np.asarray(np.clip(picture + generator.integers(-25, 26, picture.shape), 0, 255), np.uint8)


@functools.cache
def digits() -> Split:
    """300 small grey pictures, with a black border as digits have."""
    generator = np.random.default_rng(1)
    images = np.stack([blobs(generator, 28, 28, 1) for _ in range(300)])
    images[:, :3], images[:, -3:] = 0, 0
    return Split(images, generator.integers(10, size=300))


@functools.cache
def photographs() -> Split:
    """60 coloured pictures of different sizes."""
    generator = np.random.default_rng(2)
    sizes = [(generator.integers(60, 120), generator.integers(60, 120)) for _ in range(60)]
    images = [blobs(generator, int(height), int(width), 3) for height, width in sizes]
    return Split(images, generator.integers(2, size=60))


def rows_of(split: Split, recipe: Recipe, count: int = 20) -> tuple[Numbers, list[int]]:
    """The first rows of a training with `recipe`, in some order, and which pictures they are."""
    order = np.random.default_rng(3).permutation(len(split.labels))[:count]
    images = split.images[order] if isinstance(split.images, np.ndarray) else [split.images[i] for i in order]
    prepared = prepare_images(images, recipe).astype(np.float32)
    return (prepared - np.float32(recipe.offset)) / np.float32(recipe.scale), [int(index) for index in order]


def same(found: Recipe, wanted: Recipe) -> bool:
    return (found.resize, found.channels, found.lengths) == (wanted.resize, wanted.channels, wanted.lengths)


SCALES = st.tuples(st.floats(0.01, 300), st.booleans(), st.floats(-300, 300))


@settings(max_examples=40)
@given(scale=SCALES, shape=st.sampled_from([(784,), (28, 28), (28, 28, 1), (32, 32, 1), (14, 14, 1), (20, 36, 1)]))
def test_any_factor_and_offset_of_digits_is_recovered(scale: tuple[float, bool, float], shape: tuple[int, ...]) -> None:
    size, inverted, offset = scale
    plain = first_recipes(shape, DIGIT)[0]
    recipe = Recipe(shape, plain.size, plain.channels, -size if inverted else size, offset, "", plain.resize)
    rows, order = rows_of(digits(), recipe)
    match = match_rows(rows, TrainingImageIndex(digits()), shape, DIGIT)
    assert match is not None
    assert same(match.recipe, recipe)
    again, expected = (
        (lay_out(digits().images[:9], each) - each.remaining[1]) / each.remaining[0] for each in (match.recipe, recipe)
    )
    np.testing.assert_allclose(again, expected, atol=2 / abs(recipe.remaining[0]))
    assert dict(match.truth) == {place: int(digits().labels[order[place]]) for place, _ in match.truth}


@pytest.mark.parametrize("channels", ["as they are", "BGR", "grey", "grey of BGR"])
@pytest.mark.parametrize("resize", [*RESIZES, "lanczos", "corner", "centre", "padded", "cut"])
def test_resizing_and_channels_of_photographs_are_told_apart(resize: str, channels: str) -> None:
    depth = 1 if channels.startswith("grey") else 3
    recipe = Recipe((48, 48, depth), (48, 48), channels, 255.0, 0.0, "", resize)  # type: ignore[arg-type]
    rows, _ = rows_of(photographs(), recipe)
    match = match_rows(rows, TrainingImageIndex(photographs()), (48, 48, depth), None)
    assert match is not None
    assert same(match.recipe, recipe)
    assert (match.recipe.scale, match.recipe.offset) == (255.0, 0.0)
    assert match.rows >= 0.7 * match.of


def blurred(images: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Images that are by `share` the means of 3 x 3 pixels: made smaller in a way that none of ours quite is."""
    around = [np.roll(images, (down, right), axis=(1, 2)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return np.asarray((1 - share) * images + share * np.mean(around, axis=0))


@pytest.mark.parametrize("share", [0.05, 0.06, 0.065])
@pytest.mark.parametrize(("scale", "offset"), [(255.0, 0.0), (1.0, 0.0), (127.5, 127.5), (-255.0, 255.0)])
def test_a_usual_scale_is_told_where_another_fits_but_a_little_better(
    scale: float, offset: float, share: float
) -> None:
    pixels = blurred(np.asarray(digits().images)[:40].astype(np.float64), share)
    match = match_rows((pixels - offset) / scale, TrainingImageIndex(digits()), (28, 28, 1), DIGIT)
    assert match is not None
    assert (match.recipe.scale, match.recipe.offset) == (scale, offset)


def test_an_unusual_scale_stays_one() -> None:
    recipe = Recipe((48, 48, 3), (48, 48), "as they are", 240.0, 5.0, "", "bilinear")
    rows, _ = rows_of(photographs(), recipe)
    match = match_rows(rows, TrainingImageIndex(photographs()), (48, 48, 3), None)
    assert match is not None
    assert match.recipe.scale == pytest.approx(240, rel=0.01)
    assert match.recipe.offset == pytest.approx(5, abs=0.5)


@pytest.mark.parametrize("lengths", ["image", "columns", "rows"])
def test_lengths_are_recognised(lengths: str) -> None:
    recipe = Recipe((28, 28), (28, 28), "as they are", 1.0, 0.0, "", "none", lengths)  # type: ignore[arg-type]
    rows, _ = rows_of(digits(), recipe)
    match = match_rows(rows, TrainingImageIndex(digits()), (28, 28), DIGIT)
    assert match is not None
    assert match.recipe.lengths == lengths


@pytest.mark.parametrize(("scale", "shape"), [(255.0, (28, 28, 1)), (1.0, (784,)), (100.0, (28, 28))])
def test_a_mean_image_that_was_subtracted_is_recognised_though_it_was_that_of_a_part(
    scale: float, shape: tuple[int, ...]
) -> None:
    images = np.asarray(digits().images).astype(np.float64)
    rows = ((images[50:90] - images[:290].mean(axis=0)) / scale).astype(np.float32).reshape(40, *shape)
    match = match_rows(rows, TrainingImageIndex(digits()), shape, DIGIT)
    assert match is not None
    assert match.recipe.scale_words.startswith("each pixel less its mean over the training images")
    again = prepare_images(np.asarray(digits().images)[50:90], match.recipe)
    assert np.abs(again - rows).max() < 10 / scale


@pytest.mark.parametrize(("border", "low", "high"), [(127, 0.0, 1.0), (100, -1.0, 1.0)])
def test_pictures_in_black_and_white_are_recognised(border: int, low: float, high: float) -> None:
    images = np.asarray(digits().images)
    rows = np.where(images[5:65] > border, high, low).astype(np.float32)
    match = match_rows(rows, TrainingImageIndex(digits()), DIGIT, DIGIT)
    assert match is not None
    assert match.recipe.levels is not None
    assert match.recipe.levels[0] == pytest.approx(border, abs=1)
    assert match.recipe.levels[1:] == (low, high)
    again = prepare_images(images, match.recipe)
    assert (again == np.where(images > border, high, low)).mean() > 0.99


def test_the_middle_of_digits_is_recognised_though_a_smaller_picture_could_be_a_smaller_copy() -> None:
    rows = np.asarray(digits().images)[:40, 4:24, 4:24].astype(np.float32) / 255
    match = match_rows(rows, TrainingImageIndex(digits()), (20, 20, 1), DIGIT)
    assert match is not None
    assert match.recipe.resize == "cut"
    again = prepare_images(np.asarray(digits().images)[:40], match.recipe)
    np.testing.assert_array_equal(again, np.asarray(digits().images)[:40, 4:24, 4:24])


def test_a_standard_scaler_is_recognised_though_it_saw_only_a_part_of_the_images() -> None:
    flat = np.asarray(digits().images).reshape(300, 784).astype(np.float64)
    mean, deviation = flat[:280].mean(axis=0), flat[:280].std(axis=0)
    rows = ((flat[50:90] - mean) / np.where(deviation == 0, 1, deviation)).astype(np.float32)
    match = match_rows(rows, TrainingImageIndex(digits()), (784,), DIGIT)
    assert match is not None
    assert "each pixel less its mean" in match.recipe.scale_words
    again = prepare_images(np.asarray(digits().images)[50:90], match.recipe)
    assert np.median(np.abs(again - rows)) < 0.05


def test_means_of_channels_are_recognised() -> None:
    plain = Recipe((48, 48, 3), (48, 48), "BGR", 1.0, 0.0, "", "nearest")
    means = np.array([103.939, 116.779, 123.68], np.float32)
    rows, _ = rows_of(photographs(), plain)
    match = match_rows(rows - means, TrainingImageIndex(photographs()), (48, 48, 3), None)
    assert match is not None
    assert (match.recipe.channels, match.recipe.resize) == ("BGR", "nearest")
    again = prepare_images(photographs().images[:3], match.recipe)
    expected = prepare_images(photographs().images[:3], plain) - means
    np.testing.assert_allclose(again, expected, atol=0.1)


def test_means_of_channels_are_recognised_in_flat_rows() -> None:
    plain = Recipe((16 * 16 * 3,), (16, 16), "as they are", 1.0, 0.0, "", "bilinear")
    means, deviations = np.array([120.0, 110.0, 100.0], np.float32), np.array([60.0, 61.0, 62.0], np.float32)

    def standardised(pixels: Numbers) -> Numbers:
        return np.asarray(((pixels.reshape(-1, 16, 16, 3) - means) / deviations).reshape(-1, 768), np.float32)

    rows, _ = rows_of(photographs(), plain)
    match = match_rows(standardised(rows), TrainingImageIndex(photographs()), (768,), None)
    assert match is not None
    again = prepare_images(photographs().images[:3], match.recipe)
    np.testing.assert_allclose(
        again, standardised(prepare_images(photographs().images[:3], plain).astype(np.float32)), atol=0.01
    )


def test_rows_that_were_changed_at_random_are_not_taken_for_a_recipe() -> None:
    rows, _ = rows_of(digits(), first_recipes((28, 28, 1), DIGIT)[0])
    generator = np.random.default_rng(5)
    assert match_rows(np.roll(rows, 3, axis=2), TrainingImageIndex(digits()), (28, 28, 1), DIGIT) is None
    assert (
        match_rows(rows + generator.normal(0, 0.2, rows.shape), TrainingImageIndex(digits()), (28, 28, 1), DIGIT)
        is None
    )
    assert match_rows(generator.random((20, 28, 28, 1)), TrainingImageIndex(digits()), (28, 28, 1), DIGIT) is None


def test_a_few_changed_rows_do_not_hide_the_recipe_of_the_others() -> None:
    rows, _ = rows_of(digits(), first_recipes((28, 28, 1), DIGIT)[0])
    rows[::3] = np.roll(rows[::3], 2, axis=1)
    match = match_rows(rows, TrainingImageIndex(digits()), (28, 28, 1), DIGIT)
    assert match is not None
    assert match.recipe.scale == 255.0
    assert match.rows < match.of


ROWS = st.sampled_from([(), (5,), (0, 784), (5, 784), (5, 28, 28), (5, 28, 28, 1), (5, 3), (2, 2, 2, 2, 2)])
VALUES = st.sampled_from([0.0, 1.0, float("nan"), float("inf"), -1e30, 255.0])


@settings(max_examples=60)
@given(shape=ROWS, value=VALUES, kind=st.sampled_from(["f4", "f8", "u1", "?", "i8", "f2"]))
def test_whatever_a_kernel_left_as_rows_nothing_breaks(shape: tuple[int, ...], value: float, kind: str) -> None:
    with np.errstate(all="ignore"):
        rows = np.full(shape, value).astype(kind)
        assert match_rows(rows, TrainingImageIndex(digits()), (784,), DIGIT) is None


@pytest.mark.parametrize("wanted", [(784, 1), (28, 28, 3), (32, 32, 3), (1, 28, 28), (1, 900, 1), (56, 14, 1), (2352,)])
@pytest.mark.parametrize("made", ["noise", "constant", "centred", "one pixel"])
def test_rows_for_any_input_are_looked_at_in_good_order(wanted: tuple[int, ...], made: str) -> None:
    generator = np.random.default_rng(5)
    rows = {
        "noise": generator.random((20, *wanted)),
        "constant": np.ones((20, *wanted)),
        "centred": generator.random((20, *wanted)) - generator.random(wanted),
        "one pixel": np.eye(20, int(np.prod(wanted))).reshape(20, *wanted),
    }[made]
    assert match_rows(rows, TrainingImageIndex(digits()), wanted, DIGIT) is None


def test_digits_in_one_long_column_are_recognised() -> None:
    rows, _ = rows_of(digits(), first_recipes((784, 1), DIGIT)[0])
    match = match_rows(rows, TrainingImageIndex(digits()), (784, 1), DIGIT)
    assert match is not None
    assert (match.recipe.shape, match.recipe.resize, match.recipe.scale, match.rows) == ((784, 1), "none", 255.0, 20)


def test_small_copies_are_means_of_areas() -> None:
    image = np.arange(28 * 28, dtype=np.uint8).reshape(1, 28, 28, 1)
    expected = image.reshape(14, 2, 14, 2).mean(axis=(1, 3)).reshape(1, -1)
    np.testing.assert_allclose(small_copies(image), expected, rtol=1e-5)


def test_what_is_tried_last_is_ready_to_be_sent() -> None:
    for recipe in further_recipes(first_recipes((784,), DIGIT)[0], digits().images):
        prepared = prepare_images(digits().images[:4], recipe)
        assert prepared.shape == (4, 784)
        assert np.isfinite(prepared).all()
