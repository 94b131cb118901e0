"""Recorded rows against raw training images: which picture each row is, and what was done to it. Pure.

Rows are the kernel's word. They are looked for by small grey copies, whatever was done to brightness and size
(`TrainingImageIndex`, which serves all judges of a batch from as many threads as there are). Then each way of resizing is
applied to the pictures that were found, and numbers are fitted to what is left: one factor for all, one for each channel,
for each pixel, each picture by its own length, or two levels. What fits to within rounding is a recipe.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.core.errors import Failure
from grader.core.thumbnails import areas, looks_like_pictures
from grader.course.dataset import Images, Split
from grader.judge.preparation import (
    LUMA,
    MOST_PADDING,
    OTHER_RESIZES,
    RESIZES,
    SCALES,
    STANDARD_WORDS,
    Channels,
    Lengths,
    Numbers,
    Recipe,
    divide_by_length,
    fit_shape,
    framed,
    go_on,
    lay_out,
    pick_images,
)

Way = tuple[str, tuple[int, int] | None, bool]  # frame, the size where it tells on the frame, by luma
BETWEEN = tuple((one + other) / 2 for one, other in zip(LUMA, LUMA[::-1], strict=True))
ALIKE = 0.9  # correlation of small copies from which on two pictures may be one
PART = 10_000  # pictures compared at once
MOST_BYTES = 192 << 20  # of copies: those of 60,000 digits are 45 MiB


class TrainingImageIndex:
    """A training split; rows are looked up in it. What that takes is made when it is first asked for, and kept."""

    def __init__(self, split: Split) -> None:
        self.images, self.labels = split.images, split.labels
        self._copies: OrderedDict[Way, Numbers] = OrderedDict()
        self._standard: tuple[Numbers, Numbers] | None = None
        self._lock = threading.Lock()

    def find(
        self, rows: Numbers, frame: str, size: tuple[int, int], before_each: Callable[[], None] = go_on
    ) -> NDArray[np.int64]:
        """For each row (n, height, width, channels) the place of the picture most like it, -1 where none is alike.

        What `before_each` raises before a picture is made small ends the work.
        """
        copies = self._small(frame, size, rows.shape[3], before_each)
        return _most_alike(_normalised(small_copies(rows)), len(copies), lambda part: copies[part], np.abs)

    def find_by_pixels(self, rows: Numbers, *, divided: bool) -> NDArray[np.int64]:
        """The same for rows that were standardised pixel by pixel: by each pixel's mean and, if `divided`, its deviation."""
        mean, deviation = self.standard()

        def values(part: slice) -> Numbers:
            centred = np.asarray(self.images[part], np.float32) - mean
            return _normalised((centred / deviation if divided else centred).reshape(len(centred), -1))

        return _most_alike(_normalised(rows.reshape(len(rows), -1)), len(self.images), values, lambda alike: alike)

    def overall(self) -> tuple[float, float] | None:
        """Mean and deviation of all pixels together; None for photographs of many sizes."""
        if not isinstance(self.images, np.ndarray):
            return None
        mean, deviation = (part.astype(np.float64) for part in self.standard())
        return float(mean.mean()), float(np.sqrt((deviation**2 + mean**2).mean() - mean.mean() ** 2))

    def standard(self) -> tuple[Numbers, Numbers]:
        """Mean and deviation of each pixel over all pictures, which must be of one size."""
        with self._lock:
            if self._standard is None:
                self._standard = standardise(np.asarray(self.images))
            return self._standard

    def _small(self, frame: str, size: tuple[int, int], channels: int, before_each: Callable[[], None]) -> Numbers:
        """The small copies (n, SIDE * SIDE) of all pictures, each of length 1; the ways used longest ago are let go."""
        way = (frame, size if frame != "stretched" else None, channels == 1)
        with self._lock:
            copies = self._copies.pop(way, None)
            if copies is None:
                copies = _normalised(_copies_of(self.images, frame, size, channels, before_each))
            self._copies[way] = copies
            while len(self._copies) > 1 and sum(kept.nbytes for kept in self._copies.values()) > MOST_BYTES:
                self._copies.popitem(last=False)
        return copies


def _most_alike(
    rows: Numbers, count: int, part_of: Callable[[slice], Numbers], strength: Callable[[Numbers], Numbers]
) -> NDArray[np.int64]:
    """Of `count` pictures, a part at a time, the place of the one most like each row, -1 where none is alike."""
    best, score = np.full(len(rows), -1), np.full(len(rows), ALIKE, np.float32)
    for start in range(0, count, PART):
        alike = strength(rows @ part_of(slice(start, start + PART)).T)
        place = alike.argmax(axis=1)
        value = alike[np.arange(len(rows)), place]
        best, score = np.where(value > score, place + start, best), np.maximum(value, score)
    return best


def _copies_of(
    images: Images, frame: str, size: tuple[int, int], channels: int, before_each: Callable[[], None]
) -> Numbers:
    def small(pictures: NDArray[np.uint8]) -> Numbers:
        before_each()
        return small_copies(framed(pictures, frame, size), channels)

    if isinstance(images, np.ndarray):
        step = max(1, PART // MOST_PADDING) if frame == "padded" else PART
        parts = (images[start : start + step] for start in range(0, len(images), step))
        return np.concatenate([small(part) for part in parts])
    return np.concatenate([small(image[None]) for image in images])


def small_copies(images: NDArray[np.generic], channels: int = 3) -> Numbers:
    """Grey copies of images (n, height, width, channels) by the means of areas: float32 (n, SIDE * SIDE).

    `channels`: those of the rows that they are compared with. Grey rows were made by one of two luma formulas.
    """
    if images.shape[3] == 3 and channels == 1:
        grey = np.asarray(images @ np.asarray(BETWEEN), np.float32)
    else:
        grey = np.asarray(images.mean(axis=3, dtype=np.float32))
    down, right = areas(grey.shape[1]), areas(grey.shape[2])
    return np.asarray((down @ grey @ right.T).reshape(len(images), -1), np.float32)


def _normalised(flat: Numbers) -> Numbers:
    centred = flat - flat.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    return np.asarray(centred / np.where(length < 1e-9, 1, length), np.float32)


def standardise(images: NDArray[np.uint8]) -> tuple[Numbers, Numbers]:
    """Mean and deviation of each pixel over all training images; a pixel that never changes has deviation 1."""
    total = np.zeros(images.shape[1:], np.float64)
    squares = np.zeros(images.shape[1:], np.float64)
    for start in range(0, len(images), PART):
        part = images[start : start + PART].astype(np.float32)
        total += part.sum(axis=0, dtype=np.float64)
        squares += (part**2).sum(axis=0, dtype=np.float64)
    mean = total / len(images)
    deviation = np.sqrt(np.maximum(squares / len(images) - mean**2, 0))
    return mean.astype(np.float32), np.where(deviation < 1e-6, 1, deviation).astype(np.float32)


MOST_PICTURES = 12  # that every way of resizing is tried on
EXACT = 1.5  # grey levels, root mean square: decoders of JPEG differ by one or two
CLEARLY = 0.8  # of the residual: so much smaller it must be to displace a simpler recipe
FEWEST, SHARE = 3, 0.1  # rows that must fit, and of those that were found
ROUND = 0.004  # relative: factors that are so near a usual one are meant to be it
USUAL = (*SCALES, ("pixels from 1 to 0 (inverted, divided by 255)", -255.0, 255.0))
FRAMES = ("padded", "centre", "cut")  # ways of resizing that add to a picture or cut it
LENGTH_WORDS: dict[Lengths, str] = {
    "image": "each image divided by its length",
    "columns": "each column of pixels divided by its length",
    "rows": "each row of pixels divided by its length",
}
EACH_PIXEL = "each pixel less its mean, divided by its standard deviation over the training images"
STEADY = 0.01  # relative spread of the factors of single pictures that are one factor


@dataclass(frozen=True)
class RowMatch:
    """A recipe, and how many of the recorded rows it explains; `truth`: the classes of these rows by their place."""

    recipe: Recipe
    rows: int
    of: int
    truth: tuple[tuple[int, int], ...] = ()

    def opposite(self, labels: Sequence[int]) -> bool:
        """Whether the recorded labels of the matched rows are the other ones of two classes."""
        known = [(labels[place], truth) for place, truth in self.truth if place < len(labels)]
        return bool(known) and sum(told == 1 - truth for told, truth in known) >= 0.9 * len(known)


@dataclass(frozen=True)
class _Fitted:
    recipe: Recipe
    residual: float  # grey levels
    good: NDArray[np.bool_]  # which of the compared rows it explains


def match_rows(
    rows: NDArray[np.generic], train: TrainingImageIndex, wanted: tuple[int | None, ...],
    image_shape: tuple[int, ...] | None, before_each: Callable[[], None] = go_on,
) -> RowMatch | None:  # fmt: skip
    """What was done to training images to make `rows` (n, ...) for an input of shape `wanted`; None: not recognised.

    What `before_each` raises before a picture is looked at ends the work.
    """
    try:
        shape, size, channels = fit_shape(wanted, image_shape, rows.shape)
    except Failure:
        return None
    if rows.ndim < 2 or np.prod(rows.shape[1:]) != np.prod(shape) or not len(rows) or not looks_like_pictures(*size):
        return None
    values = rows.reshape(len(rows), *size, channels).astype(np.float32)
    if not np.isfinite(values).all() or np.abs(values).max() > 1e6:
        return None
    plain = Recipe(shape, size, "as they are", 1.0, 0.0, "", "none")
    recipes = list(_ways(plain, image_shape, channels))
    fixed = isinstance(train.images, np.ndarray) and recipes[0].resize == "none"
    for frame in ("stretched",) if fixed else ("stretched", *FRAMES):
        ways = [recipe for recipe in recipes if (recipe.resize if recipe.resize in FRAMES else "stretched") == frame]
        found = train.find(values, frame, size, before_each)
        fitted = _fit_all(values, train.images, found, ways, before_each)
        if fitted is not None:
            return _matched(fitted, found, train)
    if fixed and recipes[0].channels == "as they are" and isinstance(train.images, np.ndarray):
        for fit, divided in ((_fit_pixels, True), (_fit_centred, False)):
            found = train.find_by_pixels(values, divided=divided)
            if len(compared := _compared(found)) < FEWEST:
                continue
            fitted = fit(values[compared], train.images[found[compared]], recipes[0], train.standard())
            if fitted is not None:
                return _matched(fitted, found, train)
    return None


def _matched(fitted: _Fitted, found: NDArray[np.int64], train: TrainingImageIndex) -> RowMatch:
    """The number of matched rows: of those that were not compared, the same share is taken as matched."""
    compared = _compared(found)
    places = compared[fitted.good]
    truth = tuple((int(place), int(train.labels[found[place]])) for place in places)
    rows = round(len(places) / len(compared) * int((found >= 0).sum()))
    return RowMatch(fitted.recipe, max(len(places), rows), len(found), truth)


def _ways(plain: Recipe, image_shape: tuple[int, ...] | None, channels: int) -> Iterator[Recipe]:
    """Every way of resizing and of arranging channels that makes pictures of the right size, the usual ones first."""
    raw = image_shape[2] if image_shape is not None else 3
    arranged: tuple[Channels, ...] = ("as they are",)
    if raw != channels:
        arranged = ("grey", "grey of BGR") if channels == 1 else ("grey to RGB",)
    elif channels == 3:
        arranged = ("as they are", "BGR")
    same = image_shape is not None and plain.size == image_shape[:2]
    for resize in ("none",) if same else (*RESIZES, *OTHER_RESIZES):
        for how in arranged:
            yield replace(plain, resize=resize, channels=how)


def _compared(found: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places of the rows that are looked at closely: those whose picture was found, the first ones."""
    return np.flatnonzero(found >= 0)[:MOST_PICTURES]


def _fit_all(
    rows: Numbers, images: Images, found: NDArray[np.int64], recipes: Sequence[Recipe], before_each: Callable[[], None]
) -> _Fitted | None:
    """The recipe that explains the rows best, if any does to within rounding; one factor for all before anything else."""
    compared = _compared(found)
    if len(compared) < FEWEST:
        return None
    values, pictures = rows[compared], pick_images(images, found[compared])
    tried = [(recipe, lay_out(pictures, recipe, before_each)) for recipe in recipes]
    for fit in (_fit_one, _fit_lengths, _fit_channels, _fit_levels):
        best: _Fitted | None = None
        for recipe, laid_out in tried:
            before_each()
            fitted = fit(values, laid_out, recipe)
            if fitted is None or fitted.good.sum() < max(FEWEST, SHARE * len(compared)):
                continue
            if best is None or fitted.residual < CLEARLY * best.residual - 1e-3:
                best = fitted
        if best is not None:
            return best
    return None


def _fit_one(rows: Numbers, laid_out: NDArray[np.uint8], recipe: Recipe) -> _Fitted | None:
    """One factor and one offset for all."""
    factor, offset, residual = _lines(rows, laid_out)
    good = residual <= EXACT
    if good.sum() < FEWEST:
        return None
    middle, shift = float(np.median(factor[good])), float(np.median(offset[good]))
    if np.abs(factor[good] / middle - 1).max() > STEADY:
        return None
    left = float(np.median(residual[good]))
    scaled = _usual_scale(rows[good], laid_out[good], recipe, left) or _with_scale(recipe, middle, shift)
    return _Fitted(scaled, left, good)


def _usual_scale(rows: Numbers, laid_out: NDArray[np.uint8], recipe: Recipe, left: float) -> Recipe | None:
    """The recipe with the usual scale that leaves not clearly more than the best line, which leaves `left` grey levels.

    Where pictures were resized in a way that none of ours quite is, the best line makes up for a part of the difference.
    """
    for words, scale, middle in USUAL:
        apart = rows.astype(np.float64) * scale + middle - laid_out.reshape(rows.shape)
        if float(np.median(np.sqrt((apart**2).mean(axis=(1, 2, 3))))) <= left / CLEARLY:
            return replace(recipe, scale=scale, offset=middle, scale_words=words)
    return None


def _fit_lengths(rows: Numbers, laid_out: NDArray[np.uint8], recipe: Recipe) -> _Fitted | None:
    """Each picture, or each of its columns or rows, by its own length."""
    for lengths, words in LENGTH_WORDS.items():
        expected = divide_by_length(laid_out, lengths)
        apart = np.sqrt(((rows - expected) ** 2).mean(axis=(1, 2, 3))) / max(float(expected.max()), 1e-9) * 255
        if (apart <= EXACT).sum() >= FEWEST:
            scaled = replace(recipe, lengths=lengths, scale_words=words)
            return _Fitted(scaled, float(np.median(apart[apart <= EXACT])), apart <= EXACT)
    return None


def _lines(rows: Numbers, laid_out: NDArray[np.uint8] | Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """For each picture the factor and offset (n,) that lead to its row by least squares, and what is left in levels."""
    x = laid_out.reshape(len(laid_out), -1).astype(np.float64)
    y = rows.reshape(len(rows), -1).astype(np.float64)
    x_mean, y_mean = x.mean(axis=1, keepdims=True), y.mean(axis=1, keepdims=True)
    variance = ((x - x_mean) ** 2).mean(axis=1)
    factor = ((x - x_mean) * (y - y_mean)).mean(axis=1) / np.where(variance < 1e-9, 1, variance)
    factor = np.where(np.abs(factor) < 1e-12, 1e-12, factor)
    left = (y - y_mean) - factor[:, None] * (x - x_mean)
    residual = np.sqrt((left**2).mean(axis=1)) / np.abs(factor)
    residual = np.where(variance < 1e-9, np.inf, residual)  # a picture of one colour says nothing
    offset = y_mean[:, 0] - factor * x_mean[:, 0]
    return factor.astype(np.float32), offset.astype(np.float32), residual.astype(np.float32)


def _with_scale(recipe: Recipe, factor: float, offset: float) -> Recipe:
    """The recipe for `row = factor * pixel + offset`, as one of the usual scales where it is one."""
    for words, scale, middle in USUAL:
        if abs(factor * scale - 1) < ROUND and abs(offset + middle / scale) < 2 * ROUND * 255 / abs(scale):
            return replace(recipe, scale=scale, offset=middle, scale_words=words)
    scale, middle = 1 / factor, -offset / factor
    words = f"pixels less {middle:.4g}, divided by {scale:.4g}"
    return replace(recipe, scale=scale, offset=middle, scale_words=words)


def _fit_channels(rows: Numbers, laid_out: NDArray[np.uint8], recipe: Recipe) -> _Fitted | None:
    """A factor and an offset for each of three channels."""
    if rows.shape[3] != 3:
        return None
    fits = [_lines(rows[..., channel : channel + 1], laid_out[..., channel : channel + 1]) for channel in range(3)]
    residual = np.max([fit[2] for fit in fits], axis=0)
    good = residual <= EXACT
    if good.sum() < FEWEST:
        return None
    factors = np.array([np.median(fit[0][good]) for fit in fits], np.float32)
    offsets = np.array([np.median(fit[1][good]) for fit in fits], np.float32)
    if max(float(np.abs(fit[0][good] / factor - 1).max()) for fit, factor in zip(fits, factors, strict=True)) > STEADY:
        return None
    mean, deviation = (np.asarray(numbers, np.float32) for numbers in (-offsets / factors, 1 / factors))
    words = f"each channel less {_few(mean)}, divided by {_few(deviation)}"
    return _Fitted(
        replace(recipe, scale=deviation, offset=mean, scale_words=words), float(np.median(residual[good])), good
    )


def _fit_levels(rows: Numbers, laid_out: NDArray[np.uint8], recipe: Recipe) -> _Fitted | None:
    """Pixels above a border are one number, all others another."""
    low, high = float(rows.min()), float(rows.max())
    if low == high or not np.isin(rows, (low, high)).all():
        return None
    bright, pixels = (rows == high).reshape(len(rows), -1), laid_out.reshape(len(rows), -1).astype(np.int16)
    darkest = np.where(bright, pixels, 256).min(axis=1)
    brightest = np.where(bright, -1, pixels).max(axis=1)
    good = brightest < darkest
    if good.sum() < FEWEST or brightest[good].max() >= darkest[good].min():
        return None
    border = (int(brightest[good].max()) + int(darkest[good].min()) - 1) / 2
    words = f"pixels above {border:.4g} as {high:.4g}, all others as {low:.4g}"
    return _Fitted(replace(recipe, levels=(border, low, high), scale_words=words), 0.0, good)


def _few(values: NDArray[np.floating[Any]]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _fit_pixels(
    rows: Numbers, laid_out: NDArray[np.uint8], recipe: Recipe, standard: tuple[Numbers, Numbers]
) -> _Fitted | None:
    """Each pixel by its own mean and deviation: those of the training images, mended where the rows tell better."""
    mean, deviation = standard
    expected = (laid_out.astype(np.float32) - mean) / deviation
    apart = np.sqrt(np.median((rows - expected) ** 2, axis=(1, 2, 3)))
    near = apart <= 0.05  # of a standard deviation: the student may have used a part of the images
    if near.sum() < FEWEST:
        return None
    scaled = replace(recipe, scale=deviation, offset=mean, scale_words=EACH_PIXEL)
    return _Fitted(scaled, float(np.median(apart[near])), near)


def _fit_centred(
    rows: Numbers, laid_out: NDArray[np.uint8], recipe: Recipe, standard: tuple[Numbers, Numbers]
) -> _Fitted | None:
    """Each pixel less its own mean over the training images, with one factor for all."""
    mean, _ = standard
    factor, offset, residual = _lines(rows, laid_out.astype(np.float32) - mean)
    good = (residual <= EXACT) & (np.abs(offset / factor) <= EXACT)
    if good.sum() < FEWEST:
        return None
    middle = float(np.median(factor[good]))
    if np.abs(factor[good] / middle - 1).max() > STEADY:
        return None
    scale = next((usual for _, usual, _ in USUAL if abs(middle * usual - 1) < ROUND), 1 / middle)
    words = "each pixel less its mean over the training images" + (f", divided by {scale:.4g}" if scale != 1 else "")
    return _Fitted(replace(recipe, scale=scale, offset=mean, scale_words=words), float(np.median(residual[good])), good)


def further_recipes(first: Recipe, images: Images) -> tuple[Recipe, ...]:
    """What is tried where nothing usual will do: lengths, standardised values, other ways of resizing."""
    found = [replace(first, lengths=lengths, scale_words=words) for lengths, words in LENGTH_WORDS.items()]
    if isinstance(images, np.ndarray):
        mean, deviation = float(images.mean()), float(images.std())
        found.append(replace(first, scale=deviation, offset=mean, scale_words=STANDARD_WORDS))
        if first.resize == "none" and first.channels == "as they are":
            each_mean, each_deviation = standardise(images)
            found.append(replace(first, scale=each_deviation, offset=each_mean, scale_words=EACH_PIXEL))
    return tuple(found)
