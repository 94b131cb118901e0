"""Pictures that stand where they should not are found, however they were prepared; others are not."""

import gzip
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from grader.core.evidence import Overlap
from grader.core.thumbnails import looks_like_pictures, small_copies
from grader.kernel.guest.training_rows import FirstRows, TimeLeft
from grader.run import leaked_images
from grader.run.leaked_images import ReferenceImages, copies_in_files, find_overlap, judged_in_files, reference_images

COUNT = 60


def blobs(seed: int, count: int, size: tuple[int, ...] = (28, 28, 1)) -> NDArray[np.uint8]:
    """Smooth pictures, no two alike."""
    noise = np.random.default_rng(seed).integers(0, 256, (count, 7, 7, size[2]), dtype=np.uint8)
    return np.stack([_enlarged(picture, size) for picture in noise])


def _enlarged(picture: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
    squeezed = picture[..., 0] if picture.shape[2] == 1 else picture
    enlarged = np.asarray(Image.fromarray(squeezed).resize((size[1], size[0]), Image.Resampling.BICUBIC))
    return enlarged.reshape(size)


def npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


JUDGED, TRAIN, TEST = (blobs(seed, COUNT) for seed in (1, 2, 3))


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> ReferenceImages:
    served = tmp_path_factory.mktemp("served") / "mnist.npz"
    np.savez(served, allow_pickle=False, x_train=TRAIN[..., 0], x_test=TEST[..., 0])
    return reference_images(JUDGED, np.concatenate([TRAIN, TEST]), served, photographs=False)


def found(rows: NDArray[Any], known: ReferenceImages) -> Overlap | None:
    copies = small_copies(rows)
    return None if copies is None else find_overlap(npy(copies), known)


def standardised(images: NDArray[np.uint8]) -> NDArray[Any]:
    return np.asarray((images.astype(float) - images.mean()) / images.std())


@pytest.mark.parametrize(
    "prepare",
    [
        lambda images: images,
        lambda images: images[..., 0] / 255,
        lambda images: images.reshape(len(images), -1).astype("float32") / 127.5 - 1,
        lambda images: 255 - images,
        standardised,
        lambda images: images.transpose(0, 3, 1, 2) / np.float16(255),
        lambda images: np.repeat(images, 3, axis=3),
        lambda images: np.stack([_enlarged(image, (56, 56, 1)) for image in images]),
        lambda images: np.clip(images + np.random.default_rng(0).normal(0, 3, images.shape), 0, 255),
    ],
    ids=["raw", "divided", "flat", "inverted", "standardised", "channels first", "three channels", "larger", "noisy"],
)
def test_judged_pictures_are_found_however_they_were_prepared(prepare: Any, known: ReferenceImages) -> None:
    rows = prepare(np.concatenate([TRAIN[:40], JUDGED[:7], TEST[:5]]))
    assert found(rows, known) == Overlap(rows=52, judged=7, test=5)


def test_other_pictures_are_not_found_and_flat_ones_are_none(known: ReferenceImages) -> None:
    assert found(np.concatenate([blobs(9, 50), np.zeros((5, 28, 28, 1), np.uint8)]), known) == Overlap(
        rows=50, judged=0, test=0
    )
    assert found(np.zeros((5, 28, 28)), known) is None
    assert found(np.full((5, 28, 28), np.nan), known) is None


def test_a_training_picture_that_looks_like_a_judged_one_is_a_training_picture(tmp_path: Path) -> None:
    twin = np.clip(JUDGED.astype(int) + 2, 0, 255).astype(np.uint8)
    known = reference_images(JUDGED, twin, None, photographs=False)
    assert found(twin, known) == Overlap(rows=COUNT, judged=0, test=0)


def test_served_openly_the_test_set_is_what_is_judged() -> None:
    known = reference_images(JUDGED, TRAIN, None, photographs=False)
    assert found(np.concatenate([JUDGED, TRAIN]), known) == Overlap(rows=2 * COUNT, judged=COUNT, test=0)


def test_photographs_are_found_smaller_mirrored_and_as_stand_ins(tmp_path: Path) -> None:
    judged, train = (list(blobs(seed, 20, (120, 160, 3))) for seed in (4, 5))
    for number, photograph in enumerate(train):
        (tmp_path / "test" / "cat").mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph[6:-6, 8:-8][:, ::-1].copy()).save(tmp_path / "test" / "cat" / f"cat.{number}.jpg")
    known = reference_images(judged, train, tmp_path, photographs=True)

    def smaller(photographs: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        return np.stack(
            [np.asarray(Image.fromarray(item).resize((64, 64), Image.Resampling.NEAREST)) for item in photographs]
        )

    stand_ins = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "test" / "cat").iterdir())]
    assert found(smaller(judged), known) == Overlap(rows=20, judged=20, test=0)
    assert found(smaller(judged)[:, :, ::-1] / 255, known) == Overlap(rows=20, judged=20, test=0)
    assert found(smaller(train), known) == Overlap(rows=20, judged=0, test=0)
    assert found(smaller(train)[:, :, ::-1], known) == Overlap(rows=20, judged=0, test=0)
    assert found(smaller(stand_ins), known) == Overlap(rows=20, judged=0, test=20)


@pytest.mark.parametrize(
    "copies",
    [
        np.zeros((3, 5), np.uint8),
        np.zeros((3, 196), np.float32),
        np.zeros(196, np.uint8),
        np.zeros((9000, 196), np.uint8),
    ],
)
def test_what_a_kernel_leaves_in_the_place_of_copies_is_passed_over(
    copies: NDArray[Any], known: ReferenceImages
) -> None:
    assert find_overlap(npy(copies), known) is None
    assert find_overlap(b"", known) is None


def archive(**arrays: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def opened(files: dict[str, bytes]) -> list[list[object]]:
    """What the process that opens files answers of them, here in this one: its copies, less the arrays without any."""
    sizes = json.dumps([[name, len(data)] for name, data in files.items()]).encode()
    header, _, _ = copies_in_files(b"\n".join([sizes, b"".join(files.values())])).partition(b"\n")
    return [told for told in json.loads(header) if told[1]]


def idx(images: NDArray[np.uint8]) -> bytes:
    sizes = b"".join(int(size).to_bytes(4, "big") for size in images.shape[:3])
    return b"\0\0\x08\x03" + sizes + images.tobytes()


def test_arrays_in_files_of_a_submission_are_looked_into(known: ReferenceImages) -> None:
    files = {
        "notebook.ipynb": b"{}",
        "own.npy": npy(TRAIN),
        "data/mnist.npz": archive(x_train=TRAIN[..., 0], x_test=JUDGED[..., 0], y_test=np.arange(COUNT)),
        "t10k-images-idx3-ubyte.gz": gzip.compress(idx(JUDGED)),
        "flat.npy": npy(JUDGED[:9].reshape(9, -1) / 255),
    }
    assert judged_in_files(files, known) == ({
        "data/mnist.npz": COUNT, "t10k-images-idx3-ubyte.gz": COUNT, "flat.npy": 9,
    }, "")  # fmt: skip
    assert judged_in_files({"notebook.ipynb": b"{}", "data.csv": b"1,2\n"}, known) == ({}, "")


def test_of_a_long_array_a_part_is_looked_at_and_the_whole_is_estimated(known: ReferenceImages) -> None:
    long = np.concatenate([np.repeat(JUDGED, 100, axis=0), np.repeat(TRAIN, 50, axis=0)])
    (count,) = judged_in_files({"long.npy": npy(long)}, known)[0].values()
    assert count == pytest.approx(6000, rel=0.01)


@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=300), name=st.sampled_from(["a.npy", "a.npz", "a.gz", "a-idx3-ubyte", "a.npy.gz"]))
def test_files_that_are_none_are_passed_over(data: bytes, name: str) -> None:
    broken = archive(x=JUDGED)
    for content in (data, broken[: len(data) + 40] + data, b"\0\0\x08\x03" + data, gzip.compress(data)[: len(data)]):
        assert opened({name: content}) == []


def test_an_encrypted_or_boastful_archive_is_passed_over() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("x.npy", b"\x93NUMPY\x01\x00")
    data = bytearray(buffer.getvalue())
    data[6] |= 1  # the flag of an encrypted member
    assert opened({"a.npz": bytes(data), "b.npz": buffer.getvalue()}) == []


def test_a_look_at_what_is_no_picture_is_none_and_the_time_for_looking_is_bounded() -> None:
    assert small_copies(np.zeros((5, 10))) is None
    assert small_copies(np.array([["a", "b"]])) is None
    assert small_copies(np.zeros((2, 3, 4, 5, 6))) is None
    rows = FirstRows(TimeLeft(0.0))
    rows.keep(TRAIN)
    assert (rows.copies, rows.wanted()) == ([], 0)
    rows = FirstRows(TimeLeft())
    rows.keep(object())
    assert rows.x is None
    rows.keep(np.zeros((100_000, 8, 8), np.uint8))
    assert 1000 < sum(map(len, rows.copies)) <= 2048
    rows.keep_parts(None)


def test_a_picture_that_nobody_trains_on_costs_nothing_and_is_none(known: ReferenceImages) -> None:
    long, flat = np.zeros((1, 1, 40_000_000), np.uint8), np.zeros((1, 5000 * 5000), np.uint8)
    tracemalloc.start()
    assert small_copies(long) is None
    assert small_copies(np.zeros((2, 28, 300, 1))) is None
    assert small_copies(flat) is None
    assert judged_in_files({"one picture.npz": archive(x=long), "wide.npy": npy(flat)}, known) == ({}, "")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 << 20, "what was handed in, and a little"
    assert small_copies(np.zeros((2, 30, 230, 1))) is not None


def test_files_that_would_take_too_much_are_passed_over_with_a_note(
    known: ReferenceImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaked_images, "OPENING_BYTES", 260 << 20)
    held, note = judged_in_files({"big.npz": archive(x=np.zeros((120 << 20,), np.uint8))}, known)
    assert held == {}
    assert "opening them needed more than 260 MiB of memory" in note


def test_what_nobody_trains_on_is_not_taken_for_pictures() -> None:
    pictures = ((28, 28), (1, 8), (2048, 2048), (2048, 256))
    assert all(looks_like_pictures(*size) for size in pictures)
    assert not any(looks_like_pictures(*size) for size in ((1, 9), (2049, 2049), (2048, 255), (0, 0), (0, 5)))
