"""Drawings of cats and dogs that a small network can learn to tell apart, where there are no photographs.

They are seeded, so the same every time. A cat has a round head and two pointed ears that stand up; a dog has a longer head,
two ears that hang down, and a snout. Colours, place, size, light and noise vary: no single pixel gives the class away.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grader.core.errors import DataError
from grader.core.progress import Progress
from grader.course.dataset import Dataset, Naming, import_photographs

SEED = 20_260_101
SIDE = 96  # pixels
CAT, DOG = 0, 1
Plane = NDArray[np.float64]
Mask = NDArray[np.bool_]


def draw_collection(dataset: Dataset, folder: Path, progress: Progress) -> Path:
    """Draw `dataset` into `folder`, which appears whole, with its digests. Raises DataError."""
    progress.step(dataset.id, f"drawing {sum(split.count for split in dataset.split.values()):,} pictures")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{dataset.id}-", dir=folder.parent) as temporary:
            drawn, made = Path(temporary) / "the grader's own drawings", Path(temporary) / dataset.id
            write_drawings(dataset, drawn)
            import_photographs(dataset, drawn, made, Naming())
            if folder.is_dir():
                shutil.rmtree(folder)  # an empty one, or it would have been found
            made.rename(folder)
    except OSError as error:
        raise DataError(f"{folder}: could not be written ({error.strerror}).", "Make room there.") from None
    return folder


def write_drawings(dataset: Dataset, folder: Path, side: int = SIDE) -> None:
    """JPEGs at FOLDER/<split>/<class>/<class>.<number>.jpg, as many of each class. Raises OSError."""
    for number, split in enumerate(dataset.split.values()):
        random = np.random.default_rng((SEED, number))
        for label, name in enumerate(dataset.classes):
            place = folder / split.folder / name
            place.mkdir(parents=True)
            for index in range(split.count // len(dataset.classes)):
                Image.fromarray(draw(label, random, side)).save(place / f"{name}.{index}.jpg", quality=90)


def draw(label: int, random: np.random.Generator, side: int = SIDE) -> NDArray[np.uint8]:
    """One picture, uint8 (side, side, 3), of a cat (0) or a dog (1)."""
    down, right = np.mgrid[0:side, 0:side] / side
    slope = random.uniform(-0.3, 0.3, 2)
    picture = random.uniform(60, 200, 3) * (1 + slope[0] * (down - 0.5) + slope[1] * (right - 0.5))[..., None]
    fur, dark = random.uniform(40, 230, 3), random.uniform(5, 40, 3)
    inner = fur * random.uniform(0.55, 0.8)
    size = random.uniform(0.2, 0.3)
    middle = 0.5 + random.uniform(-0.12, 0.12, 2)
    # Coordinates of the head: (0, 0) is its middle, 1 is its radius; turned by up to a sixth of a right angle.
    turn = random.uniform(-0.26, 0.26)
    y, x = (down - middle[0]) / size, (right - middle[1]) / size
    y, x = y * np.cos(turn) - x * np.sin(turn), y * np.sin(turn) + x * np.cos(turn)
    for mask, colour in _shapes(label, y, x, fur, inner, dark):
        picture[mask] = colour
    picture = picture * random.uniform(0.75, 1.2) + random.normal(0, random.uniform(4, 14), picture.shape)
    pixels: NDArray[np.uint8] = np.clip(picture, 0, 255).astype(np.uint8)
    return pixels


def _shapes(label: int, y: Plane, x: Plane, fur: Plane, inner: Plane, dark: Plane) -> list[tuple[Mask, Plane]]:
    """What is painted, one over the other."""
    eyes = _ellipse(y + 0.2, abs(x) - 0.38, 0.13, 0.11)
    if label == CAT:
        ears, within = _triangle(y, abs(x), 1.0), _triangle(y, abs(x), 0.6)
        whiskers = (abs(y - 0.4 - 0.1 * abs(x)) < 0.03) & (abs(x) > 0.3) & (abs(x) < 1.25)
        nose = _ellipse(y - 0.28, x, 0.08, 0.11)
        return [
            (ears, fur),
            (within, inner),
            (_ellipse(y, x, 0.85, 1.0), fur),
            (eyes, dark),
            (nose, dark),
            (whiskers, dark),
        ]
    ears = _ellipse(y - 0.1, abs(x) - 0.95, 0.75, 0.28)
    snout = _ellipse(y - 0.55, x, 0.5, 0.42)
    nose = _ellipse(y - 0.35, x, 0.16, 0.22)
    tongue = _ellipse(y - 1.0, x, 0.25, 0.13)
    return [(_ellipse(y, x, 1.05, 0.85), fur), (ears, inner), (tongue, np.array([210.0, 90.0, 110.0])), (snout, fur * 1.1),
            (eyes, dark), (nose, dark)]  # fmt: skip


def _ellipse(y: Plane, x: Plane, height: float, width: float) -> Mask:
    return (y / height) ** 2 + (x / width) ** 2 < 1


def _triangle(y: Plane, x: Plane, scale: float) -> Mask:
    """An ear that stands up: its point at (-1.5, 0.75), narrower by `scale`."""
    return (y > -1.5) & (y < -0.3) & (abs(x - 0.68) < 0.36 * scale * (y + 1.5) / 1.2)
