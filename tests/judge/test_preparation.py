"""Raw images become what a network wants, and the way there is found by trying on training images."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from grader.core.errors import Failure
from grader.judge.preparation import (
    MOST_PIXELS,
    RESIZES,
    SCALES,
    Recipe,
    first_recipes,
    fit_shape,
    framed,
    is_told,
    prepare_images,
    refinements,
)
from tests.fakes import photographs

Pixels = NDArray[np.uint8]
DIGIT = (28, 28, 1)
DIGITS: Pixels = np.random.default_rng(1).integers(0, 256, (5, *DIGIT), dtype=np.uint8)
PHOTOGRAPHS = photographs(3, 5)
Shape = tuple[int | None, ...]


@pytest.mark.parametrize(
    ("wanted", "shape", "size", "channels"),
    [
        ((784,), (784,), (28, 28), 1),
        ((28, 28, 1), (28, 28, 1), (28, 28), 1),
        ((28, 28), (28, 28), (28, 28), 1),
        ((None, None, 1), (28, 28, 1), (28, 28), 1),
        ((None, None), (28, 28), (28, 28), 1),
        ((None,), (784,), (28, 28), 1),
        ((32, 32, 1), (32, 32, 1), (32, 32), 1),
        ((32, 32, 3), (32, 32, 3), (32, 32), 3),
        ((28, 28, None), (28, 28, 1), (28, 28), 1),
        ((1024,), (1024,), (32, 32), 1),
        ((14, 28, 1), (14, 28, 1), (14, 28), 1),
        ((784, 1), (784, 1), (28, 28), 1),
        ((1, 784), (1, 784), (28, 28), 1),
        ((49, 16, 1), (49, 16, 1), (28, 28), 1),
        ((1, 1, 784), (1, 1, 784), (28, 28), 1),
    ],
)
def test_a_digit_is_laid_out_as_the_network_wants_it(
    wanted: Shape, shape: tuple[int, ...], size: tuple[int, int], channels: int
) -> None:
    assert fit_shape(wanted, DIGIT, None) == (shape, size, channels)


@pytest.mark.parametrize(
    ("wanted", "seen", "shape", "size", "channels"),
    [
        ((64, 48, 3), None, (64, 48, 3), (64, 48), 3),
        ((64, 64, 1), None, (64, 64, 1), (64, 64), 1),
        ((64, 64), None, (64, 64), (64, 64), 1),
        ((12_288,), None, (12_288,), (64, 64), 3),
        ((4096,), None, (4096,), (64, 64), 1),
        ((None, None, 3), (2000, 150, 160, 3), (150, 160, 3), (150, 160), 3),
        ((None, 64, None), (None, 32, 99, 1), (32, 64, 1), (32, 64), 1),
        ((64, 64, 3), (2000, 150, 150, 3), (64, 64, 3), (64, 64), 3),
        ((None,), (2000, 12_288), (12_288,), (64, 64), 3),
    ],
)
def test_photographs_take_the_networks_size_or_the_one_that_fit_was_given(
    wanted: Shape, seen: Shape | None, shape: tuple[int, ...], size: tuple[int, int], channels: int
) -> None:
    assert fit_shape(wanted, None, seen) == (shape, size, channels)


@pytest.mark.parametrize(
    ("wanted", "image_shape", "seen"),
    [
        ((), DIGIT, None), ((), None, None), ((2, 28, 28, 1), DIGIT, None), ((28, 28, 2), DIGIT, None),
        ((28, 28, 4), None, None), ((783,), DIGIT, None), ((7,), None, None), ((None,), None, None), ((0,), DIGIT, None),
        ((None, None, 3), None, None), ((None, None, 3), None, (5, 5)), ((0, 28, 1), DIGIT, None),
        ((None, None, 3), None, (10, -5, -5, 3)), ((None, None, 3), None, (10, 0, 64, 3)),
        ((None, None, 3), None, (10, 10**9, 10**9, 3)), ((None, None, 3), None, (10, None, None, 3)),
        ((4096, 4096, 1), DIGIT, None), ((3 * 10**12,), None, None), ((10**12,), DIGIT, None), ((-784,), None, None),
        ((-1, -1, 3), None, None), ((10**400, 1, 1), DIGIT, None),
    ],
)  # fmt: skip
def test_a_shape_that_no_image_has_is_the_networks_fault(
    wanted: Shape, image_shape: tuple[int, ...] | None, seen: Shape | None
) -> None:
    with pytest.raises(Failure) as caught:
        fit_shape(wanted, image_shape, seen)
    assert "no image of this exercise has" in caught.value.reason
    assert caught.value.hint


SIZES = st.none() | st.integers(-5, 300) | st.sampled_from([784, 12_288, 10**6, 10**15, 2**63])


@settings(max_examples=300, deadline=None)
@given(st.lists(SIZES, max_size=5), st.sampled_from([DIGIT, None]), st.none() | st.lists(SIZES, max_size=5))
def test_any_shape_is_drawn_at_a_bounded_size_or_refused(
    wanted: list[int | None], image_shape: tuple[int, ...] | None, seen: list[int | None] | None
) -> None:
    try:
        shape, size, channels = fit_shape(tuple(wanted), image_shape, tuple(seen) if seen is not None else None)
    except Failure:
        return
    assert math.prod(shape) == math.prod(size) * channels
    assert min(size) > 0
    assert math.prod(size) <= MOST_PIXELS


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(st.none() | st.tuples(NUMBERS, NUMBERS))
def test_whatever_range_a_kernel_claims_every_scale_is_tried(claimed: tuple[float, float] | None) -> None:
    recipes = first_recipes(DIGIT, DIGIT, seen_range=claimed)
    assert {recipe.scale for recipe in recipes} == {scale for _, scale, _ in SCALES}


@pytest.mark.parametrize(
    ("seen_range", "scale"),
    [(None, 255), ((0.0, 1.0), 255), ((0.0, 255.0), 1), ((-1.0, 1.0), 127.5), ((0.0, 0.98), 255), ((3.0, 251.0), 1),
     ((5.0, -5.0), 255)],
)  # fmt: skip
def test_the_scale_that_the_recorded_range_suggests_is_tried_first(
    seen_range: tuple[float, float] | None, scale: float
) -> None:
    assert first_recipes(DIGIT, DIGIT, seen_range=seen_range)[0].scale == scale


def test_standardised_pixels_are_tried_first_where_the_range_is_just_theirs_and_never_else() -> None:
    standard = (33.3, 78.6)
    told = first_recipes(DIGIT, DIGIT, seen_range=(-0.4237, 2.8206), standard=standard)
    assert (told[0].offset, told[0].scale) == standard
    assert is_told(told[0], (-0.4237, 2.8206))
    for other in ((0.0, 1.0), (-1.0, 1.0), None):
        assert len(first_recipes(DIGIT, DIGIT, seen_range=other, standard=standard)) == 3


@pytest.mark.parametrize(
    ("wanted", "image_shape", "channels", "resize"),
    [
        ((28, 28, 1), DIGIT, "as they are", "none"), ((28, 28, 3), DIGIT, "grey to RGB", "none"),
        ((32, 32, 1), DIGIT, "as they are", "bilinear"), ((64, 64, 3), None, "as they are", "bilinear"),
        ((64, 64, 1), None, "grey", "bilinear"), ((28, 28, 1), (28, 28, 3), "grey", "none"),
    ],
)  # fmt: skip
def test_channels_and_size_follow_from_the_shapes(
    wanted: Shape, image_shape: tuple[int, ...] | None, channels: str, resize: str
) -> None:
    for recipe in first_recipes(wanted, image_shape):
        assert (recipe.channels, recipe.resize) == (channels, resize)


def a_recipe(shape: tuple[int, ...] = (28, 28, 1), **changes: object) -> Recipe:
    values: dict[str, object] = {
        "shape": shape, "size": shape[:2] if len(shape) > 1 else (28, 28), "channels": "as they are", "scale": 255.0,
        "offset": 0.0, "scale_words": "divided by 255",
    }  # fmt: skip
    return Recipe(**(values | changes))  # type: ignore[arg-type]


def test_raw_digits_are_only_laid_out() -> None:
    for shape in ((784,), (28, 28), (28, 28, 1)):
        prepared = prepare_images(DIGITS, a_recipe(shape))
        assert prepared.dtype == np.uint8
        assert prepared.flags.c_contiguous
        np.testing.assert_array_equal(prepared, DIGITS.reshape(5, *shape))


def test_grey_is_repeated_on_three_channels() -> None:
    prepared = prepare_images(DIGITS, a_recipe((28, 28, 3), channels="grey to RGB"))
    for channel in range(3):
        np.testing.assert_array_equal(prepared[..., channel], DIGITS[..., 0])


def test_grey_of_a_photograph_is_pillows_to_within_rounding() -> None:
    recipe = a_recipe((20, 24, 1), channels="grey", resize="bilinear")
    same = [photograph for photograph in PHOTOGRAPHS if photograph.shape[0] == 20]
    prepared = prepare_images(same, recipe)
    for found, photograph in zip(prepared, same, strict=True):
        pillow = np.asarray(Image.fromarray(photograph).convert("L"), dtype=int)
        assert np.abs(found[..., 0].astype(int) - pillow).max() <= 1


def test_bgr_is_the_other_way_round() -> None:
    recipe = a_recipe((20, 24, 3), channels="BGR", resize="nearest")
    np.testing.assert_array_equal(prepare_images([PHOTOGRAPHS[0]], recipe)[0], PHOTOGRAPHS[0][..., ::-1])


@pytest.mark.parametrize(
    ("resize", "method"),
    [("nearest", Image.Resampling.NEAREST), ("bicubic", Image.Resampling.BICUBIC), ("area", Image.Resampling.BILINEAR)],
)
@pytest.mark.parametrize("size", [(10, 12), (33, 17), (64, 64)])
def test_these_interpolations_are_pillows(resize: str, method: Image.Resampling, size: tuple[int, int]) -> None:
    prepared = prepare_images(PHOTOGRAPHS, a_recipe((*size, 3), size=size, resize=resize))
    for found, photograph in zip(prepared, PHOTOGRAPHS, strict=True):
        pillow = np.asarray(Image.fromarray(photograph).resize((size[1], size[0]), method))
        np.testing.assert_array_equal(found, pillow)


def test_a_photograph_of_the_right_size_is_not_touched() -> None:
    for resize in RESIZES:
        recipe = a_recipe(PHOTOGRAPHS[0].shape, resize=resize)
        np.testing.assert_array_equal(prepare_images([PHOTOGRAPHS[0]], recipe)[0], PHOTOGRAPHS[0])


def like_tensorflow(image: Pixels, height: int, width: int) -> NDArray[np.float64]:
    """`tf.image.resize(image, (height, width))`, pixel by pixel: half-pixel centres, no antialiasing."""
    found = np.zeros((height, width, image.shape[2]))
    for y in range(height):
        for x in range(width):
            down = (y + 0.5) * image.shape[0] / height - 0.5
            right = (x + 0.5) * image.shape[1] / width - 0.5
            for row, row_share in ((math.floor(down), 1 - down % 1), (math.floor(down) + 1, down % 1)):
                for column, column_share in ((math.floor(right), 1 - right % 1), (math.floor(right) + 1, right % 1)):
                    inside = (min(max(row, 0), image.shape[0] - 1), min(max(column, 0), image.shape[1] - 1))
                    found[y, x] += row_share * column_share * image[inside]
    return found


@pytest.mark.parametrize("size", [(4, 4), (10, 31), (40, 48), (7, 5), (1, 1), (20, 50)])
def test_bilinear_samples_as_tensorflow_does(size: tuple[int, int]) -> None:
    prepared = prepare_images(PHOTOGRAPHS, a_recipe((*size, 3), size=size, resize="bilinear"))
    for found, photograph in zip(prepared, PHOTOGRAPHS, strict=True):
        assert np.abs(found - like_tensorflow(photograph, *size)).max() <= 0.51


def test_bilinear_of_four_pixels_by_hand() -> None:
    image = np.array([[0, 100], [200, 40]], np.uint8)[..., None]
    prepared = prepare_images([image], a_recipe((4, 4, 1), resize="bilinear"))[0, ..., 0]
    expected = [[0, 25, 75, 100], [50, 59, 76, 85], [150, 126, 79, 55], [200, 160, 80, 40]]
    assert np.abs(prepared.astype(int) - expected).max() <= 1
    assert prepared[0].tolist() == [0, 25, 75, 100]


def test_a_flat_network_for_photographs_gets_its_numbers_in_order() -> None:
    recipe = first_recipes((12_288,), None)[0]
    square = first_recipes((64, 64, 3), None)[0]
    flat = prepare_images(PHOTOGRAPHS, recipe)
    assert flat.shape == (5, 12_288)
    np.testing.assert_array_equal(flat, prepare_images(PHOTOGRAPHS, square).reshape(5, -1))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]), st.sampled_from(RESIZES), st.booleans())
def test_any_fitting_shape_is_prepared_as_bytes_of_that_shape(
    height: int, width: int, channels: int, resize: str, digits: bool
) -> None:
    import dataclasses

    images: Pixels | list[Pixels] = DIGITS if digits else PHOTOGRAPHS
    first = first_recipes((height, width, channels), DIGIT if digits else None)[0]
    recipe = first if first.resize == "none" else dataclasses.replace(first, resize=resize)
    prepared = prepare_images(images, recipe)
    assert prepared.shape == (5, height, width, channels)
    assert prepared.dtype == np.uint8


@pytest.mark.parametrize(
    ("recipe", "rounds"),
    [
        (a_recipe(), []), (a_recipe((784,)), []), (a_recipe((28, 28, 3), channels="grey to RGB"), []),
        (a_recipe((28, 28, 3)), [1]), (a_recipe((64, 64, 1), resize="bilinear"), [3]),
        (a_recipe((64, 64, 3), resize="bilinear"), [3, 1]), (a_recipe((12_288,), resize="bilinear"), [3]),
    ],
)  # fmt: skip
def test_only_what_can_differ_is_refined(recipe: Recipe, rounds: list[int]) -> None:
    assert [len(candidates) for candidates in refinements(recipe)] == rounds


def test_a_recipe_is_told_in_words() -> None:
    recipe = a_recipe((64, 48, 3), size=(64, 48), resize="area", channels="BGR")
    assert recipe.words == "divided by 255, shape (64, 48, 3), resized to 64x48 (area), channels blue, green, red"
    assert a_recipe().words == "divided by 255, shape (28, 28, 1)"


def test_the_channel_may_come_first() -> None:
    assert fit_shape((1, 28, 28), DIGIT, None) == ((1, 28, 28), (28, 28), 1)
    prepared = prepare_images(DIGITS, first_recipes((1, 28, 28), DIGIT)[0])
    np.testing.assert_array_equal(prepared[:, 0], DIGITS[..., 0])


def test_slicing_takes_the_pixels_that_it_names() -> None:
    prepared = prepare_images(DIGITS, a_recipe((14, 14, 1), size=(14, 14), resize="corner"))
    np.testing.assert_array_equal(prepared, DIGITS[:, ::2, ::2])


def test_a_digit_is_padded_with_black_and_a_photograph_keeps_its_proportion() -> None:
    padded = prepare_images(DIGITS, a_recipe((32, 32, 1), size=(32, 32), resize="padded"))
    np.testing.assert_array_equal(padded, np.pad(DIGITS, ((0, 0), (2, 2), (2, 2), (0, 0))))
    wide = np.full((40, 80, 3), 200, np.uint8)
    whole = prepare_images([wide], a_recipe((64, 64, 3), size=(64, 64), resize="padded"))[0]
    cut = prepare_images([wide], a_recipe((64, 64, 3), size=(64, 64), resize="centre"))[0]
    assert (whole[:14] == 0).all()
    assert (whole[20:44] == 200).all()
    assert (cut == 200).all()


@pytest.mark.parametrize("size", [(1, 2800), (2000, 2000), (4096, 1)])
def test_no_picture_is_surrounded_with_much_more_than_itself(size: tuple[int, int]) -> None:
    assert framed(DIGITS, "padded", size) is DIGITS


@pytest.mark.parametrize(("lengths", "axis"), [("image", (1, 2)), ("columns", 1), ("rows", 2)])
def test_lengths_are_those_of_numpy_and_what_has_none_stays_black(lengths: str, axis: int | tuple[int, int]) -> None:
    digits = DIGITS.copy()
    digits[0] = 0
    prepared = prepare_images(digits, a_recipe((28, 28), lengths=lengths))
    length = np.sqrt((digits[..., 0].astype(float) ** 2).sum(axis=axis, keepdims=True))
    expected = digits[..., 0] / np.where(length == 0, 1, length)
    assert prepared.dtype == np.float32
    np.testing.assert_allclose(prepared, expected, rtol=1e-5)


def test_each_pixel_can_have_its_own_mean_and_deviation() -> None:
    mean, deviation = np.full((28, 28, 1), 3, np.float32), np.arange(1, 785, dtype=np.float32).reshape(28, 28, 1)
    prepared = prepare_images(DIGITS, a_recipe((784,), offset=mean, scale=deviation))
    np.testing.assert_allclose(prepared, (DIGITS.reshape(5, 784) - 3.0) / deviation.ravel(), rtol=1e-5)


@pytest.mark.parametrize(
    ("seen_range", "told"),
    [((0.0, 1.0), True), ((0.004, 0.996), True), ((0.0, 255.0), True), ((-1.0, 1.0), True), ((-2.1, 2.4), False),
     ((0.0, 0.4), False), ((1.0, 0.0), False), ((math.nan, 1.0), False), ((0.0, math.inf), False), (None, False)],
)  # fmt: skip
def test_a_range_tells_of_a_scale_that_it_fills_from_end_to_end(
    seen_range: tuple[float, float] | None, told: bool
) -> None:
    recipes = first_recipes((64, 64, 3), None, seen_range=seen_range)
    assert is_told(recipes[0], seen_range) is told
