"""Sealed serving: what a submission is given as data, none of it judged.

A notebook finds every file and shape it may have hard-coded, but the split that decides the mark never enters the
kernel. MNIST: of the 60,000 training images 10,000 are set aside and served as the test set; their places are
taken by copies of others, shifted by one pixel. Photographs: the training folder is served as it is. The test folder
holds mirrored and cropped copies of training photographs; a course that judges with private ones serves the photographs
of the split that is then free. The scheme is the same for everyone and every seed.

Open serving, for practice, gives the data as it is, the judged split with its labels as the test set.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grader.core.errors import DataError, Infrastructure
from grader.core.evidence import Serve
from grader.course.dataset import UNREADABLE, Dataset, Split, list_photographs, load_split, read_photograph
from grader.sandbox.interface import Input

# In the evidence key: a changed scheme is other data.
SCHEMES: dict[Serve, str] = {"sealed": "sealed-1", "open": "open-1"}
SEED = 20_260_000
MNIST_TRAIN, MNIST_TEST = 60_000, 10_000
SHIFTS = ((-1, 0), (1, 0), (0, -1), (0, 1))
PROBES = {"photographs": 400}  # fewer than digits: they are bigger
MOST_PROBES, SMOKE_PROBES = 1000, 64


@dataclass(frozen=True, kw_only=True)
class Served:
    """Served data: read-only inputs of the sandbox, training images the judge may probe with, and the digest."""

    inputs: tuple[Input, ...]
    probe: Split
    digest: str
    train: Split | None = None  # all training images, to find the rows among that a network was trained on


def serve(
    dataset: Dataset, folder: Path | None, workspace: Path, how: Serve = "sealed", *, smoke: bool = False
) -> Served:
    """Write the data of `dataset` below `workspace`, which must be empty. Raises DataError, Infrastructure.

    `smoke`: nothing will be judged, so photographs that are served as they are are not decoded but for a few.
    """
    photographs = dataset.kind == "photographs"
    try:
        if smoke and photographs and how == "open" and folder is not None:
            return _serve_unseen(dataset, folder, workspace)
        train = load_split(dataset, dataset.train, folder)
        if photographs:
            inputs = _serve_photographs(dataset, folder, train, workspace, how)
        elif how == "open":
            inputs = _write_digits(*open_digits(train, load_split(dataset, dataset.judged, folder)), workspace)
        else:
            inputs = _write_digits(*seal_digits(train), workspace)
    except OSError as error:
        raise Infrastructure(
            f"{workspace}: the served data could not be written: {error}.", "Free some disk."
        ) from None
    probes = SMOKE_PROBES if smoke and photographs else PROBES.get(dataset.kind, MOST_PROBES)
    return Served(inputs=inputs, probe=_probe(train, probes), digest=served_digest(dataset, how), train=train)


def _serve_unseen(dataset: Dataset, folder: Path, workspace: Path) -> Served:
    """The photographs of a folder as they are, unverified, with a few to probe with."""
    served = workspace / "dataset"
    _copy(dataset, dataset.train, folder, served / "train")
    _copy(dataset, dataset.judged, folder, served / "test")
    probe = sample_split(dataset, folder, SMOKE_PROBES)
    return Served(inputs=(Input(served, "submission/dataset"),), probe=probe, digest=served_digest(dataset, "open"))


def sample_split(dataset: Dataset, folder: Path | None, most: int | None = None) -> Split:
    """Training images to probe with, as `serve` picks them; photographs that are not among them are not decoded."""
    if dataset.kind != "photographs" or folder is None:
        return _probe(load_split(dataset, dataset.train, folder), most or MOST_PROBES)
    listed = list_photographs(dataset, folder / dataset.split[dataset.train].folder)
    chosen = _choose_probes(len(listed), most or PROBES["photographs"])
    labels = np.array([listed[index][1] for index in chosen], np.int64)
    return Split([_read(listed[index][0]) for index in chosen], labels)


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        return read_photograph(path)
    except UNREADABLE as error:
        raise DataError(f"{path}: can't be read: {error}.", "Put the data there again.") from None


def served_digest(dataset: Dataset, how: Serve) -> str:
    """The name of what is served of a dataset, in the evidence key."""
    return hashlib.sha256(f"{SCHEMES[how]}:{dataset.digest}".encode()).hexdigest()


def open_digits(train: Split, judged: Split) -> tuple[Split, Split]:
    """The (training, test) of digits as they are; a smaller collection is stretched to MNIST's shapes."""
    generator = np.random.default_rng(SEED)
    return tuple(  # type: ignore[return-value]
        split if len(split.labels) == count else _stretch(split, np.arange(len(split.labels)), count, generator)
        for split, count in ((train, MNIST_TRAIN), (judged, MNIST_TEST))
    )


def seal_digits(train: Split) -> tuple[Split, Split]:
    """The served (training, test) of digits: 60,000 and 10,000 images, all made from `train`, whatever its size."""
    generator = np.random.default_rng(SEED)
    images, labels = np.asarray(train.images), train.labels
    aside = np.sort(generator.permutation(len(labels))[: len(labels) // 6])
    kept = np.setdiff1d(np.arange(len(labels)), aside)
    if len(labels) != MNIST_TRAIN:  # a smaller collection is stretched to MNIST's shapes
        return _stretch(train, kept, MNIST_TRAIN, generator), _stretch(train, aside, MNIST_TEST, generator)
    donors = generator.choice(kept, size=len(aside))
    served_images, served_labels = images.copy(), labels.copy()
    served_images[aside], served_labels[aside] = _shifted(images[donors], generator), labels[donors]
    return Split(served_images, served_labels), Split(images[aside], labels[aside])


def _stretch(split: Split, chosen: NDArray[np.int64], count: int, generator: np.random.Generator) -> Split:
    images = np.asarray(split.images)
    donors = np.concatenate([chosen, generator.choice(chosen, size=count - len(chosen))])
    stretched = np.concatenate([images[chosen], _shifted(images[donors[len(chosen) :]], generator)])
    order = generator.permutation(count)
    return Split(stretched[order], split.labels[donors][order])


def _shifted(images: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Each image (n, height, width, 1) moved by one pixel in one of four directions, zeros moving in."""
    moved = np.zeros_like(images)
    which = generator.integers(len(SHIFTS), size=len(images))
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = images.shape[1:3]
    for index, (down, right) in enumerate(SHIFTS):
        rows = which == index
        moved[rows] = padded[rows, 1 - down : 1 - down + height, 1 - right : 1 - right + width]
    return moved


def _write_digits(training: Split, test: Split, workspace: Path) -> tuple[Input, ...]:
    path = workspace / "mnist.npz"
    np.savez(
        path,
        x_train=np.asarray(training.images)[..., 0],
        y_train=training.labels.astype(np.uint8),
        x_test=np.asarray(test.images)[..., 0],
        y_test=test.labels.astype(np.uint8),
    )
    path.chmod(0o444)
    return (Input(path, "data/mnist.npz"),)


def _serve_photographs(
    dataset: Dataset, folder: Path | None, train: Split, workspace: Path, how: Serve
) -> tuple[Input, ...]:
    if folder is None:
        raise Infrastructure(f"`{dataset.id}` has no folder.")
    served = workspace / "dataset"
    shown = dataset.judged if how == "open" else free_split(dataset)
    _copy(dataset, dataset.train, folder, served / "train")
    if shown is None:
        _write_stand_ins(dataset, train, served / "test")
    else:
        load_split(dataset, shown, folder)  # verified before it is shown
        _copy(dataset, shown, folder, served / "test")
    return (Input(served, "submission/dataset"),)


def _copy(dataset: Dataset, split: str, folder: Path, into: Path) -> None:
    for path, label in list_photographs(dataset, folder / dataset.split[split].folder):
        _write(into / dataset.classes[label] / path.name, path.read_bytes())


def free_split(dataset: Dataset) -> str | None:
    """The split that is neither trained with nor judged: a course with private photographs has one."""
    return next((name for name in dataset.split if name not in (dataset.train, dataset.judged)), None)


def _write_stand_ins(dataset: Dataset, train: Split, folder: Path) -> None:
    """Copies of training photographs, as many as are judged at most, the same ones every time."""
    generator = np.random.default_rng(SEED)
    wanted = dataset.split[dataset.judged].count // len(dataset.classes)
    for label, name in enumerate(dataset.classes):
        chosen = generator.permutation(np.flatnonzero(train.labels == label))[:wanted]
        for number, index in enumerate(sorted(chosen.tolist()), 1):
            _write(folder / name / f"{name}.{number}.jpg", stand_in(train.images[index]))


def stand_in(photograph: NDArray[np.uint8]) -> bytes:
    """A JPEG that stands in for a judged photograph: mirrored, with the outer twentieth of each side cut away."""
    height, width = photograph.shape[:2]
    top, left = height // 20, width // 20
    cut = photograph[top : height - top, left : width - left][:, ::-1]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(cut)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _probe(train: Split, count: int) -> Split:
    """Training images to find a model's preparation with, the same for everyone."""
    chosen = _choose_probes(len(train.labels), count)
    images = train.images
    picked = images[chosen] if isinstance(images, np.ndarray) else [images[int(index)] for index in chosen]
    return Split(picked, train.labels[chosen])


def _choose_probes(there: int, count: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(SEED + 1).permutation(there)[:count]).astype(np.int64)
