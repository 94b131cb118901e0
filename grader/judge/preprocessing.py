"""How raw images become what a model wants: candidates, and the choice among them by training images. Pure.

The host resizes, lays out and sends whole images; the judge only computes `(pixel - offset) / scale`. Candidates are
scored on training images, whose labels are no secret.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grader.dataset import Images
from grader.errors import Failure
from grader.evidence import Preparation

Channels = Literal["as they are", "grey", "BGR", "grey to RGB"]
RESIZES = ("bilinear", "nearest", "bicubic", "area")
MOST_PIXELS = 1 << 22  # of one prepared image: the host makes as many as there are judged images
CLOSE = 0.005  # a candidate that is not this much better does not replace an earlier one
SCALES: tuple[tuple[str, float, float], ...] = (
    ("pixels from 0 to 1 (divided by 255)", 255.0, 0.0),
    ("pixels from 0 to 255, as they are", 1.0, 0.0),
    ("pixels from -1 to 1 (divided by 127.5, minus 1)", 127.5, 127.5),
)


@dataclass(frozen=True)
class Recipe:
    """One way of preparing images; `shape` is what one prepared image looks like, without the batch axis."""

    shape: tuple[int, ...]
    size: tuple[int, int]  # height, width before laying out
    channels: Channels
    scale: float
    offset: float
    scale_words: str
    resize: str = "none"

    @property
    def words(self) -> str:
        """The recipe for a reader."""
        parts = [self.scale_words, f"shape {self.shape}"]
        if self.resize != "none":
            parts.append(f"resized to {self.size[0]}x{self.size[1]} ({self.resize})")
        if self.channels != "as they are":
            parts.append(
                {"grey": "in grey", "BGR": "channels blue, green, red", "grey to RGB": "grey on three channels"}[
                    self.channels
                ]
            )
        return ", ".join(parts)


def fit_shape(
    wanted: tuple[int | None, ...], image_shape: tuple[int, ...] | None, seen: tuple[int | None, ...] | None
) -> tuple[tuple[int, ...], tuple[int, int], int]:
    """The prepared shape, its height and width, and its channels, for a model input of shape `wanted`.

    `image_shape` is the raw images' (None: photographs of any size); `seen` is the shape that `fit` was given, used
    only where the model leaves a size free. Raises Failure where no image can be made to fit.
    """
    known = seen[1:] if seen and len(seen) == len(wanted) + 1 else (None,) * len(wanted)
    filled = tuple(size if size is not None else hint for size, hint in zip(wanted, known, strict=True))
    if len(filled) == 1:
        return _fit_flat(filled[0], image_shape)
    unfit = Failure(
        f"the network wants inputs of shape {wanted}, which no image of this exercise has",
        "Give the first layer the shape of one image.",
    )
    if len(filled) not in (2, 3):
        raise unfit
    raw = image_shape or (None, None, 3)
    height, width, channels = (
        size if size is not None else own for size, own in zip((*filled, 1)[:3], raw, strict=True)
    )
    if height is None or width is None or channels not in (1, 3) or not _drawable(height, width):
        raise unfit
    shape = (height, width) if len(filled) == 2 else (height, width, channels)
    return shape, (height, width), channels


def _drawable(height: int, width: int) -> bool:
    return height > 0 and width > 0 and height * width <= MOST_PIXELS


def _fit_flat(size: int | None, image_shape: tuple[int, ...] | None) -> tuple[tuple[int, ...], tuple[int, int], int]:
    if image_shape is not None and size in (None, math.prod(image_shape)):
        return (math.prod(image_shape),), (image_shape[0], image_shape[1]), image_shape[2]
    for channels in (3, 1) if image_shape is None else (1,):
        side = math.isqrt(max(size or 0, 0) // channels)
        if size and side * side * channels == size and _drawable(side, side):
            return (size,), (side, side), channels
    raise Failure(
        f"the network wants {size} numbers for each image, and no image of this exercise has so many",
        "Give the first layer the shape of one image.",
    )


def first_recipes(
    wanted: tuple[int | None, ...],
    image_shape: tuple[int, ...] | None,
    *,
    seen: tuple[int | None, ...] | None = None,
    seen_range: tuple[float, float] | None = None,
) -> tuple[Recipe, ...]:
    """A recipe for each scale, the one that `fit`'s recorded range suggests first. Raises Failure."""
    shape, size, channels = fit_shape(wanted, image_shape, seen)
    raw = image_shape[2] if image_shape is not None else 3
    how: Channels = "as they are" if raw == channels else "grey" if channels == 1 else "grey to RGB"
    resize = "none" if image_shape is not None and size == image_shape[:2] else RESIZES[0]
    recipes = [Recipe(shape, size, how, scale, offset, words, resize) for words, scale, offset in SCALES]
    if seen_range is None or not seen_range[0] <= seen_range[1]:  # the kernel's word: it may say anything
        return tuple(recipes)
    return tuple(sorted(recipes, key=lambda recipe: _distance(recipe, seen_range)))


def _distance(recipe: Recipe, seen_range: tuple[float, float]) -> float:
    low, high = -recipe.offset / recipe.scale, (255 - recipe.offset) / recipe.scale
    return abs(math.log((seen_range[1] - seen_range[0] + 1e-6) / (high - low))) + abs(low - seen_range[0]) / (
        high - low
    )


def refinements(chosen: Recipe) -> tuple[tuple[Recipe, ...], ...]:
    """What to try next, in rounds: other interpolations, then the order of channels."""
    rounds: list[tuple[Recipe, ...]] = []
    if chosen.resize != "none":
        rounds.append(tuple(replace(chosen, resize=name) for name in RESIZES[1:]))
    if chosen.channels == "as they are" and chosen.shape[-1] == 3 and len(chosen.shape) == 3:
        rounds.append((replace(chosen, channels="BGR"),))
    return tuple(rounds)


def choose_recipe(
    recipes: Iterable[Recipe], score: Callable[[Recipe], float]
) -> tuple[Recipe, float, dict[str, float]]:
    """The recipe with the best score, round by round, its score, and all that was tried. Earlier ones win near ties."""
    tried: dict[str, float] = {}
    best: tuple[Recipe, float] | None = None

    def attempt(recipe: Recipe) -> None:
        nonlocal best
        value = score(recipe)
        tried[recipe.words] = round(value, 4)
        if best is None or value > best[1] + CLOSE:
            best = (recipe, value)

    for recipe in recipes:
        attempt(recipe)
    if best is None:
        raise ValueError("no recipe to choose from")
    for number in range(len(refinements(best[0]))):
        for recipe in refinements(best[0])[number]:
            attempt(recipe)
    return best[0], best[1], tried


def prepare_images(images: Images, recipe: Recipe) -> NDArray[np.uint8]:
    """Images laid out for the recipe, uint8 (n, *shape); scaling is left to the judge."""
    if recipe.resize == "none" and isinstance(images, np.ndarray):
        stacked: NDArray[np.uint8] = images
    else:
        stacked = np.stack([_resize(image, recipe) for image in images])
    stacked = _set_channels(stacked, recipe.channels)
    return np.ascontiguousarray(stacked.reshape(len(images), *recipe.shape))


def _resize(image: NDArray[np.uint8], recipe: Recipe) -> NDArray[np.uint8]:
    """One image (height, width, channels) at the recipe's size.

    "bilinear" samples four neighbours with pixel centres aligned, as tf.image and OpenCV do; the others are Pillow's.
    """
    height, width = recipe.size
    if image.shape[:2] == (height, width):
        return image
    if recipe.resize == "bilinear":
        return _sample_bilinear(image, height, width)
    squeezed = image[..., 0] if image.shape[2] == 1 else image
    method = {
        "nearest": Image.Resampling.NEAREST,
        "bicubic": Image.Resampling.BICUBIC,
        "area": Image.Resampling.BILINEAR,
    }
    resized = np.asarray(Image.fromarray(squeezed).resize((width, height), method[recipe.resize]), dtype=np.uint8)
    return resized[..., None] if image.shape[2] == 1 else resized


def _sample_bilinear(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    down, down_share = _neighbours(image.shape[0], height)
    right, right_share = _neighbours(image.shape[1], width)
    below, beside = np.minimum(down + 1, image.shape[0] - 1), np.minimum(right + 1, image.shape[1] - 1)
    values = image.astype(np.float32)
    top = values[down][:, right] * (1 - right_share)[:, None] + values[down][:, beside] * right_share[:, None]
    bottom = values[below][:, right] * (1 - right_share)[:, None] + values[below][:, beside] * right_share[:, None]
    mixed: NDArray[np.uint8] = np.rint(
        top * (1 - down_share)[:, None, None] + bottom * down_share[:, None, None]
    ).astype(np.uint8)
    return mixed


def _neighbours(size: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each of `wanted` places: the pixel before it among `size`, and how far it lies towards the next."""
    place = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
    first = place.astype(np.int64)
    return first, (place - first).astype(np.float32)


def _set_channels(images: NDArray[np.uint8], channels: Channels) -> NDArray[np.uint8]:
    if channels == "grey":  # ITU-R BT.601 luma, as Pillow and OpenCV use
        luma: NDArray[np.uint8] = np.rint(images @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
        return luma[..., None]
    if channels == "BGR":
        return images[..., ::-1]
    if channels == "grey to RGB":
        return np.repeat(images, 3, axis=-1)
    return images


def describe_recipe(recipe: Recipe, *, accuracy: float, probed: int, tried: dict[str, float]) -> Preparation:
    """The chosen recipe as evidence."""
    return Preparation(
        scale=recipe.scale,
        offset=recipe.offset,
        resize=recipe.resize,
        channels=recipe.channels,
        shape=recipe.shape,
        accuracy=accuracy,
        probed=probed,
        tried=tried,
        description=recipe.words,
    )
