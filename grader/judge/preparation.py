"""How raw images become what a network wants: recipes, and what they make of images. Pure.

A recipe resizes, arranges channels, and then computes `(pixel - offset) / scale`, with single numbers or with numbers for
each channel or pixel. Single numbers are left to the judge, which is sent bytes; everything else the host computes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grader.core.errors import Failure
from grader.course.dataset import Images

Numbers = NDArray[np.float32]
Channels = Literal["as they are", "grey", "BGR", "grey to RGB", "grey of BGR"]
Lengths = Literal["", "image", "columns", "rows"]
RESIZES = ("bilinear", "nearest", "bicubic", "area")
# Known from rows, or tried where nothing else will do.
OTHER_RESIZES = ("corner", "box", "lanczos", "centre", "padded", "cut")
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow and OpenCV use
SMALL = 32  # pixels of a side: such images are padded, not enlarged and then padded
SAME_RANGE = 0.02  # relative: a batch of images holds pixels near black and near white
MOST_PADDING = 16  # times a picture's own area
MOST_PIXELS = 1 << 22  # of one prepared image: the host makes as many as there are judged images
SCALES: tuple[tuple[str, float, float], ...] = (
    ("pixels from 0 to 1 (divided by 255)", 255.0, 0.0),
    ("pixels from 0 to 255, as they are", 1.0, 0.0),
    ("pixels from -1 to 1 (divided by 127.5, minus 1)", 127.5, 127.5),
)


STANDARD_WORDS = "pixels less their mean, divided by their standard deviation"
RESIZE_WORDS = {"padded": "padded", "centre": "cut from the middle, resized", "cut": "cut from the middle"}
CHANNEL_WORDS = {
    "grey": "in grey", "BGR": "channels blue, green, red", "grey to RGB": "grey on three channels",
    "grey of BGR": "in grey with red and blue exchanged",
}  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """One way of preparing images; `shape` is what one prepared image looks like, without the batch axis.

    A prepared number is `(pixel - offset) / scale`; both may be arrays that are broadcast to (height, width, channels).
    Instead of that, `lengths` divides by the Euclidean length of the whole image or of each of its columns or rows, and
    `levels` holds a pixel and two numbers: pixels above it become the second, all others the first. Recipes of the same
    words are equal.
    """

    shape: tuple[int, ...]
    size: tuple[int, int]  # height, width before laying out
    channels: Channels
    scale: float | Numbers = field(compare=False)
    offset: float | Numbers = field(compare=False)
    scale_words: str
    resize: str = "none"
    lengths: Lengths = ""
    levels: tuple[float, float, float] | None = None

    @property
    def remaining(self) -> tuple[float, float]:
        """Scale and offset that the judge applies to what it is sent; 1 and 0 where the host computes all of it."""
        if self.lengths or self.levels or isinstance(self.scale, np.ndarray) or isinstance(self.offset, np.ndarray):
            return 1.0, 0.0
        return self.scale, self.offset

    @property
    def words(self) -> str:
        """The recipe for a reader."""
        parts = [self.scale_words, f"shape {self.shape}"]
        if self.resize != "none":
            parts.append(f"{RESIZE_WORDS.get(self.resize, 'resized')} to {self.size[0]}x{self.size[1]} ({self.resize})")
        if self.channels != "as they are":
            parts.append(CHANNEL_WORDS[self.channels])
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
    whole = tuple(size for size in filled if size is not None)
    if image_shape is not None and len(whole) == len(filled) and math.prod(whole) == math.prod(image_shape):
        return whole, (image_shape[0], image_shape[1]), image_shape[2]  # all its numbers in their order, as (784, 1)
    if len(filled) == 3 and filled[0] == 1 and filled[2] != 1:  # the channel first, which is the same order of numbers
        _, size, _ = fit_shape((*filled[1:], 1), image_shape, None)
        return (1, *size), size, 1
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
    standard: tuple[float, float] | None = None,
) -> tuple[Recipe, ...]:
    """A recipe for each scale, the one that `fit`'s recorded range suggests first. Raises Failure.

    `standard`, mean and deviation of all training pixels, is a scale where that range is just what it gives.
    """
    shape, size, channels = fit_shape(wanted, image_shape, seen)
    raw = image_shape[2] if image_shape is not None else 3
    how: Channels = "as they are" if raw == channels else "grey" if channels == 1 else "grey to RGB"
    resize = "none" if image_shape is not None and size == image_shape[:2] else RESIZES[0]
    recipes = [Recipe(shape, size, how, scale, offset, words, resize) for words, scale, offset in SCALES]
    if standard is not None:
        standardised = replace(recipes[0], scale=standard[1], offset=standard[0], scale_words=STANDARD_WORDS)
        recipes += [standardised] if is_told(standardised, seen_range) else []
    if seen_range is None or not seen_range[0] <= seen_range[1]:  # the kernel's word: it may say anything
        return tuple(recipes)
    return tuple(sorted(recipes, key=lambda recipe: _distance(recipe, seen_range)))


def is_told(recipe: Recipe, seen_range: tuple[float, float] | None) -> bool:
    """Whether the recorded range is just the one that this recipe gives."""
    return seen_range is not None and seen_range[0] < seen_range[1] and _distance(recipe, seen_range) <= SAME_RANGE


def _distance(recipe: Recipe, seen_range: tuple[float, float]) -> float:
    scale, offset = recipe.remaining
    low, high = -offset / scale, (255 - offset) / scale
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


def go_on() -> None:
    """Do nothing: the `before_each` of callers without a deadline."""


def prepare_images(
    images: Images, recipe: Recipe, before_each: Callable[[], None] = go_on
) -> NDArray[np.uint8] | Numbers:
    """Images prepared by the recipe, (n, *shape): uint8, whose scaling is left to the judge, or float32 and ready.

    What `before_each` raises before an image is resized ends the work.
    """
    pixels = lay_out(images, recipe, before_each)
    prepared: NDArray[np.uint8] | Numbers = pixels
    if recipe.levels is not None:
        border, low, high = recipe.levels
        prepared = np.where(pixels > border, np.float32(high), np.float32(low))
    elif recipe.lengths:
        prepared = divide_by_length(pixels, recipe.lengths)
    elif isinstance(recipe.scale, np.ndarray) or isinstance(recipe.offset, np.ndarray):
        prepared = np.asarray((pixels - recipe.offset) / recipe.scale, np.float32)
    prepared = prepared.reshape(len(images), *recipe.shape)
    return prepared if prepared.flags.c_contiguous else prepared.copy()


def divide_by_length(pixels: NDArray[np.uint8], lengths: Lengths) -> Numbers:
    """Each image, column or row of images (n, height, width, channels) by its length, as `keras.utils.normalize` does."""
    values = pixels.astype(np.float32)
    axes = {"image": (1, 2, 3), "columns": (1,), "rows": (2,)}[lengths or "image"]
    each = np.sqrt((values**2).sum(axis=axes, keepdims=True))
    return np.asarray(values / np.where(each == 0, 1, each), np.float32)


def lay_out(images: Images, recipe: Recipe, before_each: Callable[[], None] = go_on) -> NDArray[np.uint8]:
    """Images in the recipe's size and channels, (n, height, width, channels)."""

    def resized(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        before_each()
        return _resize(image, recipe)

    if recipe.resize == "none" and isinstance(images, np.ndarray):
        stacked: NDArray[np.uint8] = images
    else:
        stacked = np.stack([resized(image) for image in images])
    return _set_channels(stacked, recipe.channels)


def pick_images(images: Images, chosen: NDArray[np.int64]) -> Images:
    """The images at these places."""
    return images[chosen] if isinstance(images, np.ndarray) else [images[int(index)] for index in chosen]


def _resize(image: NDArray[np.uint8], recipe: Recipe) -> NDArray[np.uint8]:
    """One image (height, width, channels) at the recipe's size.

    "bilinear" samples four neighbours with pixel centres aligned, as tf.image and OpenCV do; "corner" takes the pixel at
    the upper left, as slicing and OpenCV's nearest do; "centre" cuts and "padded" fills up with black first, so that
    nothing is stretched; "cut" only cuts; the others are Pillow's.
    """
    height, width = recipe.size
    if image.shape[:2] == (height, width):
        return image
    if recipe.resize == "corner":
        down, right = (np.arange(height) * image.shape[0]) // height, (np.arange(width) * image.shape[1]) // width
        return np.ascontiguousarray(image[down][:, right])
    if recipe.resize in ("centre", "padded", "cut"):
        image = framed(image[None], recipe.resize, recipe.size)[0]
        if image.shape[:2] == (height, width):
            return image
    if recipe.resize in ("bilinear", "centre", "padded", "cut"):
        return _sample_bilinear(image, height, width)
    squeezed = image[..., 0] if image.shape[2] == 1 else image
    method = {
        "nearest": Image.Resampling.NEAREST,
        "bicubic": Image.Resampling.BICUBIC,
        "area": Image.Resampling.BILINEAR,
        "box": Image.Resampling.BOX,
        "lanczos": Image.Resampling.LANCZOS,
    }
    resized = np.asarray(Image.fromarray(squeezed).resize((width, height), method[recipe.resize]), dtype=np.uint8)
    return resized[..., None] if image.shape[2] == 1 else resized


def framed(images: NDArray[np.uint8], frame: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Images (n, height, width, channels) in the proportion of `size`: cut to it ("centre"), surrounded with black
    ("padded"), or as they are. A small image is surrounded up to `size` itself; "cut": its middle of just that size.
    """
    height, width = images.shape[1:3]
    if frame == "cut":
        top, left = max(0, height - size[0]) // 2, max(0, width - size[1]) // 2
        return images[:, top : top + size[0], left : left + size[1]]
    if frame == "centre":
        tall = min(height, max(1, int(width * size[0] / size[1])))
        wide = min(width, max(1, int(height * size[1] / size[0])))
        top, left = (height - tall) // 2, (width - wide) // 2
        return images[:, top : top + tall, left : left + wide]
    if frame != "padded":
        return images
    if max(height, width) <= SMALL and height <= size[0] and width <= size[1]:
        tall, wide = size
    else:
        tall, wide = max(height, round(width * size[0] / size[1])), max(width, round(height * size[1] / size[0]))
    if tall * wide > MOST_PADDING * height * width:
        return images  # nobody surrounds a picture with so much, and a batch of them fits into no memory
    top, left = (tall - height) // 2, (wide - width) // 2
    around = ((0, 0), (top, tall - height - top), (left, wide - width - left), (0, 0))
    return np.pad(images, around)


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
    if channels in ("grey", "grey of BGR"):
        weights = np.array(LUMA if channels == "grey" else LUMA[::-1])
        luma: NDArray[np.uint8] = np.rint(images @ weights).astype(np.uint8)
        return luma[..., None]
    if channels == "BGR":
        return images[..., ::-1]
    if channels == "grey to RGB":
        return np.repeat(images, 3, axis=-1)
    return images
