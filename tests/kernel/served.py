"""A small course's data as it lies in a sandbox: photographs of cats and dogs, and an `mnist.npz` of noise."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLASSES = ("cat", "dog")
TRAINED, TESTED = 20, 10  # photographs of each class


def write_photographs(folder: Path) -> Path:
    """`train` and `test`, a folder a class: cats are dark, dogs are bright, no two alike."""
    noise = np.random.default_rng(3)
    for split, count in (("train", TRAINED), ("test", TESTED)):
        for label, name in enumerate(CLASSES):
            place = folder / split / name
            place.mkdir(parents=True)
            for number in range(1, count + 1):
                pixels = noise.integers(128 * label, 128 * label + 100, (16, 24, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{name}.{number}.jpg")
    return folder


def write_digits(folder: Path) -> Path:
    """An `mnist.npz` of MNIST's shapes: the first pixel of each image is its label, the second 1 in the training set."""
    arrays: dict[str, NDArray[np.uint8]] = {}
    for name, count in (("train", 60_000), ("test", 10_000)):
        images, labels = np.zeros((count, 28, 28), np.uint8), (np.arange(count) % 10).astype(np.uint8)
        images[:, 0, 0], images[:, 0, 1] = labels, name == "train"
        arrays |= {f"x_{name}": images, f"y_{name}": labels}
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "mnist.npz", allow_pickle=False, **arrays)
    return folder / "mnist.npz"
