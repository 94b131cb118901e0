"""Pictures in a page: made lighter without being trusted, and thumbnails of judged images."""

import base64
import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from grader.pages.cells import LARGEST_DECODED, WIDEST, Picture, lighter, read_png, thumbnail
from tests.pages.builders import png


def read(encoded: str) -> Picture:
    found = read_png(encoded, "words")
    assert found is not None
    return found


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture.base64)))


def encoded_png(image: Image.Image) -> str:
    target = io.BytesIO()
    image.save(target, "PNG")
    return base64.b64encode(target.getvalue()).decode()


def test_a_heavy_figure_becomes_lighter_and_no_wider_than_a_page() -> None:
    picture = read(png(1_600, 800))
    light = lighter(picture)
    assert light is not None and light.kind == "webp" and light.url.startswith("data:image/webp;base64,")
    assert (light.width, light.height) == (WIDEST, WIDEST // 2) == opened(light).size
    assert len(light.base64) < len(picture.base64) and light.alt == "words"


def test_what_is_transparent_stands_on_white() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (300, 300, 4), dtype=np.uint8)
    pixels[..., 3] = 0
    light = lighter(read(encoded_png(Image.fromarray(pixels, "RGBA"))))
    assert light is not None
    assert min(np.asarray(opened(light).convert("L")).ravel()) > 250


def test_a_figure_that_would_not_get_lighter_stays() -> None:
    assert lighter(read(encoded_png(Image.frombytes("1", (200, 200), random.Random(0).randbytes(5_000))))) is None


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _forged(width: int, height: int, *chunks: bytes) -> str:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + _chunk(b"IEND", b"")).decode()


@pytest.mark.parametrize(
    "encoded",
    [
        _forged(200, 200, _chunk(b"IDAT", b"no zlib at all")),
        _forged(200, 200),
        _forged(200, 200, _chunk(b"IDAT", zlib.compress(b"\0" * 50))),
        _forged(200, 200, _chunk(b"zTXt", b"k\0\0" + zlib.compress(b"\0" * (80 << 20))), _chunk(b"IDAT", b"")),
        _forged(200, 200, _chunk(b"IHDR", struct.pack(">IIBBBBB", 9_000, 9_000, 8, 2, 0, 0, 0))),
        _forged(200, 200, b"\xff\xff\xff\xff" + b"x" * 90),
        _forged(4_000, 4_000, _chunk(b"IDAT", zlib.compress(b"\0" * 100))),
    ],
    ids=["garbage", "empty", "cut short", "text bomb", "two headers", "a chunk of four gigabytes", "too many pixels"],
)
def test_a_forged_png_is_not_decoded_into_anything(encoded: str) -> None:
    picture = read_png(encoded, "")
    assert picture is None or lighter(picture) is None or len(lighter(picture).base64) < len(encoded)  # type: ignore[union-attr]


def test_a_figure_of_too_many_pixels_is_never_decoded() -> None:
    wide = Picture("not even base64", 4_000, LARGEST_DECODED // 4_000 + 1, "")
    assert lighter(wide) is None


@pytest.mark.parametrize(("shape", "kind"), [((28, 28, 1), "png"), ((64, 64, 3), "png"), ((180, 120, 3), "webp")])
def test_a_thumbnail_shows_the_image_and_is_small(shape: tuple[int, ...], kind: str) -> None:
    pixels = np.zeros(shape, dtype=np.uint8)
    pixels[: shape[0] // 2] = 200
    picture = thumbnail(pixels)
    seen = np.asarray(opened(picture).convert("L"), dtype=int)
    assert picture.kind == kind and len(picture.base64) < 8_000
    assert seen.shape == (picture.height, picture.width) and max(seen.shape) <= 96
    assert seen[2].mean() > 190 and seen[-3].mean() < 10


def test_of_a_figure_only_what_its_pixels_need_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = png(1_600, 800)
    data = base64.b64decode(encoded)
    odd = [
        _chunk(b"iCCP", b"a\0"),
        _chunk(b"zTXt", b"k"),
        _chunk(b"acTL", b""),
        _chunk(b"eXIf", b"x"),
        _chunk(b"tRNS", b""),
    ]
    for extra in odd:
        behind = base64.b64encode(data[:-12] + extra + data[-12:]).decode()
        assert read(behind).base64 == read(encoded).base64
        assert lighter(read(behind)) is not None
    before = base64.b64encode(data[:33] + odd[0] + data[33:]).decode()
    assert lighter(read(before)) is not None
    assert read_png(base64.b64encode(data + b"more").decode(), "") is None
    broken = read(encoded)
    monkeypatch.setattr("grader.pages.cells._on_white", lambda image: [][0])
    assert lighter(broken) is None, "whatever a reader of pictures raises costs the picture alone"
