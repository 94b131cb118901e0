"""Splits are decoded from whatever container they come in, and compared with their digests before anyone uses them."""

import contextlib
import gzip
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from grader.core.errors import DataError
from grader.course.dataset import (
    UNREADABLE,
    Dataset,
    SplitManifest,
    digest_images,
    digest_labels,
    load_labels,
    load_split,
    read_photograph,
    with_own_digests,
)
from tests.fakes import data_of, photographs, write_course
from tests.judge.hostile import patched

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1), dtype=np.uint8)
CLASSES = np.array([0, 1, 1, 0, 1], np.int64)
FILES = {"images": "images.gz", "labels": "labels.gz"}


def digits() -> Dataset:
    split = SplitManifest(count=5, images=digest_images(IMAGES), labels=digest_labels(CLASSES), files=FILES)
    return Dataset.model_validate(
        {
            "id": "digits", "schema": 1, "title": "Digits", "source": "here", "kind": "idx", "classes": ("0", "1"),
            "judged": "test", "judged_title": "the test images", "image_shape": (28, 28, 1),
            "split": {"train": split, "test": split},
        }
    )  # fmt: skip


def idx(values: NDArray[np.uint8]) -> bytes:
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


def write_idx(folder: Path, *, packed: bool = True) -> Path:
    pack = gzip.compress if packed else bytes
    (folder / FILES["images"]).write_bytes(pack(idx(IMAGES[..., 0])))
    (folder / FILES["labels"]).write_bytes(pack(idx(CLASSES.astype(np.uint8))))
    return folder


def write_npz(folder: Path, **changes: NDArray[Any]) -> Path:
    parts = {f"{axis}_{part}": values for part in ("train", "test") for axis, values in (
        ("x", IMAGES[..., 0]), ("y", CLASSES.astype(np.uint8)))} | changes  # fmt: skip
    np.savez(folder / "mnist.npz", allow_pickle=False, **parts)
    return folder


@pytest.mark.parametrize("container", ["gz", "plain", "npz"])
def test_the_same_pixels_are_found_in_every_container(tmp_path: Path, container: str) -> None:
    folder = write_npz(tmp_path) if container == "npz" else write_idx(tmp_path, packed=container == "gz")
    split = load_split(digits(), "test", folder)
    assert isinstance(split.images, np.ndarray)
    assert split.images.dtype == np.uint8
    assert split.labels.dtype == np.int64
    np.testing.assert_array_equal(split.images, IMAGES)
    np.testing.assert_array_equal(split.labels, CLASSES)
    np.testing.assert_array_equal(load_labels(digits(), "test", folder), CLASSES)


def test_one_changed_pixel_is_noticed(tmp_path: Path) -> None:
    changed = IMAGES[..., 0].copy()
    changed[3, 14, 14] ^= 1
    write_idx(tmp_path)
    (tmp_path / FILES["images"]).write_bytes(idx(changed))
    with pytest.raises(DataError, match="SHA-256 of the decoded arrays differs"):
        load_split(digits(), "test", tmp_path)
    with pytest.raises(DataError, match="SHA-256"):
        load_split(digits(), "train", write_npz(tmp_path, x_train=changed))


def test_one_changed_label_is_noticed(tmp_path: Path) -> None:
    write_idx(tmp_path)
    (tmp_path / FILES["labels"]).write_bytes(idx(1 - CLASSES.astype(np.uint8)))
    with pytest.raises(DataError, match="SHA-256"):
        load_split(digits(), "test", tmp_path)
    with pytest.raises(DataError, match="labels of `test`"):
        load_labels(digits(), "test", tmp_path)


def test_another_number_of_images_is_said_in_numbers(tmp_path: Path) -> None:
    write_idx(tmp_path)
    (tmp_path / FILES["images"]).write_bytes(idx(IMAGES[:4, ..., 0]))
    with pytest.raises(DataError, match="has 4 images; the manifest says 5"):
        load_split(digits(), "test", tmp_path)


def damages(data: bytes) -> dict[str, bytes]:
    packed = gzip.compress(data)
    middle = bytearray(packed)
    middle[len(middle) // 2] ^= 0xFF
    return {
        "nothing": b"", "short": data[:3], "no sizes": data[:6], "cut": data[:-1], "longer": data + b"x",
        "other magic": b"\0\0\x0d" + data[3:], "text": b"<html>404</html>", "cut gzip": packed[:-9],
        "cut gzip data": packed[: len(packed) // 2], "damaged gzip": bytes(middle), "gzip header": packed[:2] + b"xxxxxx",
        "huge": b"\0\0\x08\x03" + b"\xff" * 12, "no axes": b"\0\0\x08\0",
    }  # fmt: skip


@pytest.mark.parametrize("damage", damages(b"x"))
def test_a_damaged_idx_file_is_a_data_error(tmp_path: Path, damage: str) -> None:
    write_idx(tmp_path)
    (tmp_path / FILES["images"]).write_bytes(damages(idx(IMAGES[..., 0]))[damage])
    with pytest.raises(DataError, match=str(tmp_path)):
        load_split(digits(), "test", tmp_path)
    (tmp_path / FILES["labels"]).write_bytes(damages(idx(CLASSES.astype(np.uint8)))[damage])
    with pytest.raises(DataError, match=str(tmp_path)):
        load_labels(digits(), "test", tmp_path)


@pytest.mark.parametrize("size", [0, 10, 200, -30])
def test_a_damaged_npz_is_a_data_error(tmp_path: Path, size: int) -> None:
    path = write_npz(tmp_path) / "mnist.npz"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError, match="can't be read"):
        load_split(digits(), "test", tmp_path)


def test_an_npz_with_pickled_objects_is_refused_unopened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (pytest.fail, ("it was unpickled",))

    np.savez(tmp_path / "mnist.npz", x_test=np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="can't be read"):
        load_split(digits(), "test", tmp_path)


def test_an_npz_of_something_else_than_whole_numbers_or_of_other_axes_is_a_data_error(tmp_path: Path) -> None:
    values: NDArray[Any]
    for values in (CLASSES.astype(np.float32), np.zeros((5, 2), np.uint8), np.array(1), np.array(["0"] * 5)):
        with pytest.raises(DataError, match=r"y_test\.npy|can't be read"):
            load_split(digits(), "test", write_npz(tmp_path, y_test=values))


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("shift", [256, -256])
def test_an_npz_of_numbers_that_are_the_right_ones_only_as_bytes_is_a_data_error(
    tmp_path: Path, axis: str, shift: int
) -> None:
    right = IMAGES[..., 0] if axis == "x" else CLASSES
    with pytest.raises(DataError, match="numbers that are not bytes"):
        load_split(digits(), "test", write_npz(tmp_path, **{f"{axis}_test": right.astype(np.int64) + shift}))


def test_an_npz_whose_member_is_no_array_or_claims_terabytes_is_a_data_error(tmp_path: Path) -> None:
    huge = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000, 1000), }"
    for member in (b"PK\x03\x04", b"", b"\x93NUMPY\x01\x00" + len(huge).to_bytes(2, "little") + huge):
        with zipfile.ZipFile(tmp_path / "mnist.npz", "w") as file:
            file.writestr("x_test.npy", member)
        with pytest.raises(DataError, match="can't be read"):
            load_split(digits(), "test", tmp_path)


@pytest.mark.parametrize(("at", "value"), [(6, b"\x40\0"), (8, b"\1\0"), (10, b"\x63\0")])
def test_an_npz_of_another_version_encrypted_or_packed_in_an_unknown_way_is_a_data_error(
    tmp_path: Path, at: int, value: bytes
) -> None:
    path = write_npz(tmp_path) / "mnist.npz"
    path.write_bytes(patched(path.read_bytes(), "x_test.npy", at, value))
    with pytest.raises(DataError, match="can't be read"):
        load_split(digits(), "test", tmp_path)


def test_labels_without_an_axis_are_a_data_error(tmp_path: Path) -> None:
    (write_idx(tmp_path) / FILES["labels"]).write_bytes(b"\0\0\x08\0" + b"\1")
    for load in (load_split, load_labels):
        with pytest.raises(DataError, match="can't be read"):
            load(digits(), "test", tmp_path)


def test_an_origin_that_is_no_text_is_left_out(tmp_path: Path) -> None:
    dataset = write_course(tmp_path).dataset("tiny")
    digests = ["origin = 0x" + "f" * 5000]
    for name, split in dataset.split.items():
        digests.append(f'[split.{name}]\ncount = {split.count}\nimages = "{split.images}"\nlabels = "{split.labels}"')
    (tmp_path / "digests.toml").write_text("\n".join(digests))
    assert with_own_digests(dataset, tmp_path).source == "imported from a folder"


def test_a_missing_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be read"):
        load_split(digits(), "test", tmp_path)


def test_photographs_are_decoded_class_by_class_then_by_name(tmp_path: Path) -> None:
    dataset = write_course(tmp_path).dataset("tiny")
    split = load_split(dataset, "judged", data_of(tmp_path) / "tiny")
    for found, made in zip(split.images, photographs(2, 10), strict=True):
        np.testing.assert_array_equal(found, made)
    assert split.labels.tolist() == [0] * 5 + [1] * 5
    assert load_labels(dataset, "judged", data_of(tmp_path) / "tiny").tolist() == split.labels.tolist()


def test_a_picture_that_claims_sixty_million_pixels_is_refused_before_room_is_made_for_them(tmp_path: Path) -> None:
    import zlib

    path = tmp_path / "huge.png"
    Image.new("RGB", (4, 4)).save(path)
    head = b"IHDR" + struct.pack(">II", 30_000, 2_000) + path.read_bytes()[24:29]
    data = path.read_bytes()
    path.write_bytes(data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:])
    with pytest.raises(OSError, match=r"huge\.png says that it has 30,000 x 2,000 pixels"):
        read_photograph(path)


def test_no_room_is_made_for_two_gigabytes_that_a_damaged_picture_announces(tmp_path: Path) -> None:
    path = tmp_path / "damaged.png"
    Image.new("RGB", (4, 4)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:33] + struct.pack(">I", 0x7FFFFFFF) + data[37:])
    tracemalloc.start()
    try:
        with contextlib.suppress(*UNREADABLE):
            read_photograph(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_grey_and_palette_photographs_become_rgb(tmp_path: Path) -> None:
    dataset = write_course(tmp_path).dataset("tiny")
    folder = data_of(tmp_path) / "tiny"
    with Image.open(folder / "judged" / "left" / "000.png") as picture:
        picture.convert("L").save(folder / "judged" / "left" / "000.png")
    with pytest.raises(DataError, match="SHA-256"):
        load_split(dataset, "judged", folder)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"\xff\xd8\xff\xe0 cut"])
def test_a_photograph_that_is_none_is_a_data_error(tmp_path: Path, data: bytes) -> None:
    dataset = write_course(tmp_path).dataset("tiny")
    (data_of(tmp_path) / "tiny" / "judged" / "right" / "002.png").write_bytes(data)
    with pytest.raises(DataError, match="split `judged`"):
        load_split(dataset, "judged", data_of(tmp_path) / "tiny")


def test_any_cut_through_a_photograph_is_a_data_error(tmp_path: Path) -> None:
    dataset = write_course(tmp_path).dataset("tiny")
    path = data_of(tmp_path) / "tiny" / "judged" / "right" / "002.png"
    whole = path.read_bytes()
    for size in range(0, len(whole) - 20, 50):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError):
            load_split(dataset, "judged", data_of(tmp_path) / "tiny")


def test_a_missing_class_is_named(tmp_path: Path) -> None:
    dataset = write_course(tmp_path).dataset("tiny")
    folder = data_of(tmp_path) / "tiny"
    (folder / "judged" / "right").rename(folder / "judged" / "Right")
    for load in (load_split, load_labels):
        with pytest.raises(DataError, match=r"judged/right: there is no such folder"):
            load(dataset, "judged", folder)


def test_other_files_and_folders_among_photographs_do_not_count(tmp_path: Path) -> None:
    dataset = write_course(tmp_path).dataset("tiny")
    folder = data_of(tmp_path) / "tiny" / "judged" / "left"
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / "more.jpg").mkdir()
    assert len(load_split(dataset, "judged", data_of(tmp_path) / "tiny").images) == 10


def test_data_without_a_folder_is_a_data_error() -> None:
    with pytest.raises(DataError, match="no folder"):
        load_split(digits(), "test", None)


OWN = """\
origin = "my photographs"
[split.train]
count = 8
folder = "train"
images = "aa"
labels = "bb"
[split.judged]
count = 10
folder = "judged"
images = "cc"
labels = "dd"
"""


def test_imported_data_brings_its_own_digests(tmp_path: Path) -> None:
    dataset = write_course(tmp_path).dataset("tiny")
    folder = data_of(tmp_path) / "tiny"
    assert with_own_digests(dataset, folder) == dataset
    assert with_own_digests(dataset, None) == dataset
    (folder / "digests.toml").write_text(OWN)
    own = with_own_digests(dataset, folder)
    assert own.digest != dataset.digest
    assert own.source == "imported from my photographs"
    with pytest.raises(DataError, match="SHA-256"):
        load_split(own, "judged", folder)


@pytest.mark.parametrize(
    "text",
    ["", "split = 5", "[split]", "[split.train]", OWN.replace("[split.judged]", "[split.other]"), OWN.replace("10", "0"),
     "origin = ", "[split.train]\ncount = 8\nwrong = 1\n", "split = []", "a = " + "[" * 100_000],
)  # fmt: skip
def test_own_digests_that_can_not_be_read_are_a_data_error(tmp_path: Path, text: str) -> None:
    dataset = write_course(tmp_path).dataset("tiny")
    path = data_of(tmp_path) / "tiny" / "digests.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=r"digests\.toml: (key `split[^`]*`|not a TOML file)"):
        with_own_digests(dataset, path.parent)
