"""Pictures that stand where they should not: judged ones, or the served test set, among what a network was trained on.

Judged pictures never enter a sandbox, nor does anything that is made of them. The kernel leaves small grey copies of rows
that a network was trained on; they are compared here, on the host, with copies of the judged pictures, of those that are
served as the test set, and of the training pictures, to which a row must not be just as near. Arrays among the files of a
submission are looked at in the same way, and opened in a process with a time and a memory of its own. No foreign picture
is decoded: of files only plain arrays are read.

Two pictures count as one from a correlation of their copies on (`alike`). Of 4,000 training digits none comes nearer to
one of MNIST's 10,000 test digits than 0.995; a copy with noise of 10 grey levels still has 0.999. No two photographs of
the cats and dogs reach 0.9, and a photograph that is resized to 64 to 224 pixels, in whatever way, keeps 0.976.
"""

import gzip
import io
import json
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grader.core.errors import Infrastructure
from grader.core.evidence import Overlap
from grader.core.files import read_npy
from grader.core.thumbnails import SIDE, small_copies
from grader.course.dataset import Images
from grader.sandbox.limited_process import WorkLost, in_limited_process

Copies = NDArray[np.float32]
ALIKE_DIGITS, ALIKE_PHOTOGRAPHS = 0.998, 0.97
AS_NEAR = 1e-4  # a row that is as near to a training picture is one of these
MOST_COPIES, MOST_LOOKED_AT = 8192, 4096  # of a network's rows; of one array in a file
MOST_ARRAYS, MOST_ARRAY = 8, 128 << 20  # arrays of one submission that are looked into, bytes of one of them
PIECE = 1 << 20  # bytes that are unpacked at once
OPENING_S, OPENING_BYTES = 20, 1 << 30  # of the process that opens them
ROWS = 256  # of them that are looked at at once
DETAIL = 100  # pixels of a side that are enough of a photograph
PART = 500  # pictures compared at once: what comes out of a part stays in the processor's cache
PHOTOGRAPHS = {".jpg", ".jpeg", ".png"}
IDX_IMAGES = b"\0\0\x08\x03"  # unsigned bytes in three dimensions, as MNIST's own files begin
FAULTS = (ValueError, OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, kw_only=True)
class ReferenceImages:
    """Small copies of pictures of a dataset, each of length 1: arrays (n, SIDE * SIDE); `test` may be empty."""

    judged: Copies
    train: Copies
    test: Copies
    alike: float
    mirrored: bool  # whether a picture and its mirror image are taken for the same


def reference_images(judged: Images, train: Images, shown: Path | None, *, photographs: bool) -> ReferenceImages:
    """The pictures that rows are compared with; `shown`: the file or folder that is served, None if it is what is judged.

    Raises Infrastructure.
    """
    try:
        test = _copies_of(_read_shown(shown)) if shown is not None else np.zeros((0, SIDE * SIDE), np.float32)
    except FAULTS as error:
        raise Infrastructure(f"{shown}: what was served can't be read again ({type(error).__name__}).") from None
    return ReferenceImages(
        judged=_copies_of(judged),
        train=_copies_of(train),
        test=test,
        alike=ALIKE_PHOTOGRAPHS if photographs else ALIKE_DIGITS,
        mirrored=photographs,
    )


def find_overlap(seen: bytes, known: ReferenceImages) -> Overlap | None:
    """What the small copies that a kernel left (a `.npy`) have in common with known pictures; None where there are none."""
    try:
        copies = read_npy(seen)
    except ValueError:
        return None
    if copies.ndim != 2 or copies.shape[1] != SIDE * SIDE or copies.dtype != np.uint8 or len(copies) > MOST_COPIES:
        return None
    rows, judged, test = _compare(_unit(copies), known)
    return Overlap(rows=rows, judged=judged, test=test) if rows else None


def judged_in_files(files: Mapping[str, bytes], known: ReferenceImages) -> tuple[dict[str, int], str]:
    """About how many judged pictures the arrays in each file hold: `.npy`, `.npz`, and MNIST's own format.

    With it a note where the files could not be looked into: they are opened in a process of their own.
    """
    opened = {name: data for name, data in sorted(files.items()) if _may_hold_arrays(name, data)}
    if not opened:
        return {}, ""
    sizes = json.dumps([[name, len(data)] for name, data in opened.items()]).encode()
    try:
        answer = in_limited_process(
            f"{__name__}:copies_in_files", b"\n".join([sizes, b"".join(opened.values())]),
            seconds=OPENING_S, memory=OPENING_BYTES,
        )  # fmt: skip
    except WorkLost as lost:
        return {}, f"whether the arrays among the files hold judged images was not looked at: opening them {lost}"
    found: dict[str, int] = {}
    header, _, copies = answer.partition(b"\n")
    flat = np.frombuffer(copies, np.uint8).reshape(-1, SIDE * SIDE)
    for name, count, step in json.loads(header):
        judged = _compare(_unit(flat[:count]), known)[1]
        flat = flat[count:]
        if judged:
            found[name] = found.get(name, 0) + judged * step
    return found, ""


def _may_hold_arrays(name: str, data: bytes) -> bool:
    return name.lower().endswith((".npy", ".npz", ".gz")) or data.startswith(IDX_IMAGES)


def copies_in_files(data: bytes) -> bytes:
    """Small copies of pictures in files: JSON with [name, size] of each and a line end, then their bytes, one by one.

    The answer: JSON with [name, number of copies, of how many rows each stands for], a line end, then the copies.
    """
    header, _, rest = data.partition(b"\n")
    told: list[tuple[str, int, int]] = []
    kept: list[bytes] = []
    place = 0
    for name, size in json.loads(header):
        content, place = rest[place : place + size], place + size
        for array in _arrays_in(name, content):
            if len(told) >= MOST_ARRAYS:
                break
            copies, step = _copies_of_rows(array)
            told.append((name, len(copies), step))
            kept.append(copies.tobytes())
    return b"\n".join([json.dumps(told).encode(), b"".join(kept)])


def _copies_of_rows(array: NDArray[np.generic]) -> tuple[NDArray[np.uint8], int]:
    """Copies of the rows of an array, of every `step`-th one where there are many; none of what is no pictures."""
    none = np.zeros((0, SIDE * SIDE), np.uint8)
    if array.ndim < 2 or array.dtype.kind not in "biuf":
        return none, 1
    step = max(1, math.ceil(len(array) / MOST_LOOKED_AT))
    parts = (small_copies(array[start : start + step * ROWS : step]) for start in range(0, len(array), step * ROWS))
    made = [copies for copies in parts if copies is not None]
    return (np.concatenate(made) if made else none), step


def _compare(rows: Copies, known: ReferenceImages) -> tuple[int, int, int]:
    """How many rows there are, how many of them are judged pictures, how many are of the test set."""
    judged, test = (_nearest(rows, pictures, known.mirrored) for pictures in (known.judged, known.test))
    places = np.flatnonzero(np.maximum(judged, test) >= known.alike)
    if not len(places):
        return len(rows), 0, 0
    judged, test = judged[places], test[places]
    train = _nearest(rows[places], known.train, known.mirrored)
    is_judged = (judged >= known.alike) & (judged > train + AS_NEAR) & (judged >= test)
    is_test = (test >= known.alike) & (test >= train - AS_NEAR) & ~is_judged  # which is a part of the training images
    return len(rows), int(is_judged.sum()), int(is_test.sum())


def _nearest(rows: Copies, pictures: Copies, mirrored: bool) -> Copies:
    """The greatest correlation (n,) of each row, or of its negative, with any of the pictures; 0 where there are none."""
    best = np.zeros(len(rows), np.float32)
    turned = rows.reshape(-1, SIDE, SIDE)[:, :, ::-1].reshape(rows.shape)
    for start in range(0, len(pictures), PART):
        part = pictures[start : start + PART].T
        for way in (rows, turned) if mirrored else (rows,):
            best = np.maximum(best, np.abs(way @ part).max(axis=1, initial=0))
    return best


def _copies_of(images: Images) -> Copies:
    if isinstance(images, np.ndarray):
        made = [small_copies(images[start : start + PART]) for start in range(0, len(images), PART)]
    else:
        made = [small_copies(image[None]) for image in images]
    pictures = [
        copies for copies in made if copies is not None
    ]  # a picture eight times as long as wide is not compared
    return _unit(np.concatenate([np.zeros((0, SIDE * SIDE), np.uint8), *pictures]))


def _unit(copies: NDArray[Any]) -> Copies:
    """Copies (n, ...) less their mean, each of length 1; without those of one colour, which look like any other."""
    values = copies.astype(np.float32)
    values = values - values.mean(axis=1, keepdims=True)
    length = np.sqrt((values**2).sum(axis=1, keepdims=True))
    kept = length[:, 0] > 1e-6
    return np.asarray(values[kept] / length[kept], np.float32)


def _read_shown(served: Path) -> Images:
    """The test set as it was served: of an `mnist.npz`, or of a folder with the photographs in `test`."""
    if served.is_file():
        with np.load(served, allow_pickle=False) as arrays:
            return np.asarray(arrays["x_test"][..., None], np.uint8)
    return [
        _read_photograph(path) for path in sorted((served / "test").rglob("*")) if path.suffix.lower() in PHOTOGRAPHS
    ]


def _read_photograph(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        image.draft("RGB", (DETAIL, DETAIL))  # a JPEG is decoded no finer than it is needed
        return np.asarray(image.convert("RGB"))


def _arrays_in(name: str, data: bytes) -> Iterator[NDArray[np.generic]]:
    """The arrays in a file of a submission that can be read as plain numbers; what can't is passed over."""
    lower = name.lower()
    try:
        if lower.endswith(".gz"):
            with gzip.open(io.BytesIO(data)) as file:
                data = _unpacked(file)
        if lower.endswith(".npy"):
            yield read_npy(data)
        elif lower.endswith(".npz"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for member in archive.infolist()[:MOST_ARRAYS]:
                    yield from _member(archive, member)
        elif data.startswith(IDX_IMAGES):
            shape = tuple(int.from_bytes(data[start : start + 4], "big") for start in (4, 8, 12))
            yield np.frombuffer(data[16:], np.uint8).reshape(shape)
    except FAULTS:
        return


def _unpacked(file: IO[bytes] | gzip.GzipFile) -> bytes:
    """What a packed file holds, up to the most; in pieces, because the room for one read of all grows by great steps."""
    return b"".join(file.read(PIECE) for _ in range(MOST_ARRAY // PIECE))


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[NDArray[np.generic]]:
    try:
        with archive.open(member) as file:
            array = read_npy(_unpacked(file))
    except FAULTS:
        return
    yield array
