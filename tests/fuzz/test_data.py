"""Images on an instructor's disk: `mnist.npz`, IDX files, photographs. Decoded and verified, or refused."""

import gzip
import io
import shutil
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from grader.core.errors import DataError
from grader.course.dataset import Dataset, digest_images, digest_labels, load_labels, load_split
from tests.fuzz.cases import cases, only, spoilt
from tests.fuzz.test_stored import NPY, npy
from tests.judge.hostile import patched

MOST_PEAK = 768 << 20  # for a picture of 40 million pixels; Pillow makes room for them at its header's word
PIXELS = np.random.default_rng(1).integers(0, 256, (3, 4, 4), dtype=np.uint8)
LABELS = np.array([0, 1, 1], np.int64)
FILES = {"images": "images.gz", "labels": "labels.gz"}


def dataset(kind: str) -> Dataset:
    """Three grey images of 4 x 4 of two classes."""
    photographs = [np.repeat(image[..., None], 3, axis=-1) for image in PIXELS]
    images = digest_images(photographs if kind == "photographs" else PIXELS[..., None])
    manifest = {"count": 3, "images": images, "labels": digest_labels(LABELS), "files": FILES, "folder": "test"}
    return Dataset.model_validate(
        {"id": "tiny", "schema": 1, "title": "t", "source": "s", "kind": kind, "classes": ["a", "b"], "judged": "test",
         "judged_title": "three", "split": {"test": manifest, "train": manifest}}
    )  # fmt: skip


def npz(images: bytes, labels: bytes, method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.writestr("x_test.npy", images)
        file.writestr("y_test.npy", labels)
    return buffer.getvalue()


def idx(magic: int, shape: tuple[int, ...], data: bytes) -> bytes:
    return struct.pack(">I", magic) + struct.pack(f">{len(shape)}I", *shape) + data


def png(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


METHODS = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
NPZ = st.builds(npz, spoilt(st.just(npy(PIXELS))) | NPY, spoilt(st.just(npy(LABELS))) | NPY, METHODS)
SIZES = st.sampled_from([0, 1, 3, 4, 28, 1 << 16, 1 << 31, (1 << 32) - 1])
MAGICS = st.sampled_from([0x803, 0x801, 0x800, 0x8FF, 0xD03, 0, 0xFFFFFFFF])
IDX = st.builds(
    idx, MAGICS, st.lists(SIZES, max_size=4).map(tuple), st.binary(max_size=60)
) | spoilt(st.just(idx(0x803, PIXELS.shape, PIXELS.tobytes())))  # fmt: skip
PACKED = IDX | IDX.map(gzip.compress) | spoilt(IDX.map(gzip.compress)) | st.just(gzip.compress(bytes(1 << 20)))
IDX_LABELS = spoilt(st.just(idx(0x801, (3,), bytes([0, 1, 1])))) | PACKED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("data")
    yield made
    shutil.rmtree(made)


def load(known: Dataset, folder: Path) -> None:
    with only(DataError):
        assert load_labels(known, "test", folder).tolist() == LABELS.tolist()
    with only(DataError):
        split = load_split(known, "test", folder)
        assert split.labels.tolist() == LABELS.tolist()


@cases
@given(NPZ | spoilt(NPZ))
@example(npz(npy(PIXELS), npy(LABELS), zipfile.ZIP_STORED))
@example(npz(b"PK\x03\x04", npy(LABELS), zipfile.ZIP_STORED))
@example(patched(npz(npy(PIXELS), npy(LABELS), zipfile.ZIP_STORED), "x_test.npy", 6, b"\x40\0"))
@example(npz(npy(PIXELS), npy(LABELS + 256), zipfile.ZIP_STORED))
def test_any_npz_is_the_data_or_refused(folder: Path, data: bytes) -> None:
    (folder / "npz").mkdir(exist_ok=True)
    (folder / "npz" / "mnist.npz").write_bytes(data)
    load(dataset("idx"), folder / "npz")


@cases
@given(PACKED, IDX_LABELS)
@example(gzip.compress(idx(0x803, PIXELS.shape, PIXELS.tobytes())), b"\0\0\x08\0\1")
@example(idx(0x803, PIXELS.shape, PIXELS.tobytes()), gzip.compress(idx(0x801, (3,), bytes([0, 1, 1]))))
def test_any_idx_files_are_the_data_or_refused(folder: Path, images: bytes, labels: bytes) -> None:
    (folder / "idx").mkdir(exist_ok=True)
    (folder / "idx" / FILES["images"]).write_bytes(images)
    (folder / "idx" / FILES["labels"]).write_bytes(labels)
    load(dataset("idx"), folder / "idx")


@cases
@given(spoilt(st.just(png(PIXELS[0]))), st.sampled_from([".png", ".jpg", ".PNG"]))
@example(png(PIXELS[0])[:33] + b"\x7f\xff\xff\xff" + png(PIXELS[0])[37:], ".png")
def test_any_photograph_is_the_data_or_refused(folder: Path, image: bytes, ending: str) -> None:
    place = folder / "photographs"
    shutil.rmtree(place, ignore_errors=True)
    for name, data in ((f"a/0{ending}", image), ("b/0.png", png(PIXELS[1])), ("b/1.png", png(PIXELS[2]))):
        (place / "test" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "test" / name).write_bytes(data)
    load(dataset("photographs"), place)
