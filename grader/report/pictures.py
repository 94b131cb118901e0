"""Pictures that go into a page: looked at byte by byte, made lighter where they are heavy, and thumbnails. Pure.

Students' figures are PNG from the sandbox. Most go into the page as they are; those that weigh much are decoded here, by
Pillow's PNG reader alone and within bounds that are checked before, and written again as WebP.
"""

import base64
import binascii
import io
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grader.report.phrases import Text

PIXELS = 25_000_000  # of one figure: a small file can unpack to more memory than a browser has
WIDEST = 1_000  # pixels of a figure that was made lighter; a page shows it no wider
QUALITY = 72
THUMBNAIL = 96  # longest side of a photograph's
CHUNKS = 20_000  # of one figure: matplotlib writes one for every 64 kB
DECODED = 12_000_000  # pixels of a figure that is decoded here

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """A picture for a data URL; sizes in pixels."""

    base64: str
    width: int
    height: int
    alt: Text
    kind: str = "png"

    @property
    def url(self) -> str:
        """The picture as an address that asks nobody."""
        return f"data:image/{self.kind};base64,{self.base64}"


def read_png(encoded: str, alt: Text) -> Picture | None:
    """The picture if `encoded` is base64 of a whole, bounded PNG, else None."""
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) < 57 or not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR" or data[-8:-4] != b"IEND":
        return None
    length, width, height = struct.unpack(">I4xII", data[8:24])
    if length != 13 or zlib.crc32(data[12:29]) != int.from_bytes(data[29:33], "big"):
        return None
    if not (0 < width <= 20_000 and 0 < height <= 20_000 and width * height <= PIXELS):
        return None
    plain = _without_extras(data)
    return None if plain is None else Picture(base64.b64encode(plain).decode("ascii"), width, height, alt)


def _without_extras(data: bytes) -> bytes | None:
    """A PNG of the chunks alone that its pixels need, in their order; None where it is no such file.

    Of what else a PNG may hold, profiles, texts, animations, readers raise anything.
    """
    kept, place, count, pixels = [_SIGNATURE], len(_SIGNATURE), 0, False
    while place + 12 <= len(data) and count < CHUNKS:
        size, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        end = place + 12 + size
        if end > len(data) or (kind == b"IHDR") != (count == 0):
            return None
        if kind in (b"IHDR", b"IDAT", b"IEND") or (kind in (b"PLTE", b"tRNS") and not pixels):
            kept.append(data[place:end])
        if kind == b"IEND":
            return b"".join(kept)
        pixels, place, count = pixels or kind == b"IDAT", end, count + 1
    return None


def lighter(picture: Picture) -> Picture | None:
    """The picture scaled to the width of a page and written again; None where it can't be decoded or gets no lighter."""
    if picture.width * picture.height > DECODED:
        return None
    try:
        with Image.open(io.BytesIO(base64.b64decode(picture.base64)), formats=["PNG"]) as opened:
            if opened.size != (picture.width, picture.height):
                return None
            image = _on_white(opened)
            image.thumbnail((WIDEST, 4 * WIDEST), Image.Resampling.BILINEAR, reducing_gap=1.5)
            written = io.BytesIO()
            image.save(written, "WEBP", quality=QUALITY, method=1)
    except Exception:  # Pillow has no complete list of what a damaged picture makes it raise
        return None
    encoded = base64.b64encode(written.getvalue()).decode("ascii")
    if len(encoded) >= len(picture.base64):
        return None
    return Picture(encoded, image.width, image.height, picture.alt, "webp")


def thumbnail(pixels: NDArray[np.uint8], alt: Text) -> Picture:
    """A small picture of one image of a dataset, uint8 (height, width, 1 or 3)."""
    kind, encoded, width, height = _thumbnail(pixels.tobytes(), pixels.shape)
    return Picture(encoded, width, height, alt, kind)


@lru_cache(maxsize=2048)
def _thumbnail(data: bytes, shape: tuple[int, ...]) -> tuple[str, str, int, int]:
    """Remembered: in a class the same few images are hard for everybody."""
    pixels = np.frombuffer(data, dtype=np.uint8).reshape(shape)
    image = Image.fromarray(pixels[..., 0] if shape[-1] == 1 else pixels)
    written = io.BytesIO()
    if max(image.size) <= 64:
        image.save(written, "PNG", optimize=True)
        return "png", base64.b64encode(written.getvalue()).decode("ascii"), *image.size
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    image.save(written, "WEBP", quality=QUALITY, method=1)
    return "webp", base64.b64encode(written.getvalue()).decode("ascii"), *image.size


def _on_white(image: Image.Image) -> Image.Image:
    """RGB without transparency: a figure's background is white."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        coloured = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(coloured, mask=coloured.getchannel("A"))
        return paper
    return image.convert("RGB")
