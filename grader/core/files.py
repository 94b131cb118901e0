"""Files that anybody may have written: arrays of plain numbers, and what a file is by its first bytes. Pure."""

import ast
import math
import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 1000  # characters; NumPy writes 80 for plain numbers
NUMBERS = re.compile(r"[<>|=]?(?:\?|[biuf][1248]|b1)")


def read_npy(data: bytes) -> NDArray[np.generic]:
    """The array of a `.npy` file of booleans, integers or floats (numpy.lib.format, versions 1 and 2); read-only.

    Nothing is allocated by its header's word: NumPy's own reader makes room for whatever that claims, and its parser of
    headers raises what its lexer raises. Raises ValueError alone.
    """
    width = 4 if data[6:7] == b"\x02" else 2
    start = len(MAGIC) + 2 + width
    if not data.startswith(MAGIC) or data[6:8] not in (b"\x01\x00", b"\x02\x00") or len(data) < start:
        raise ValueError("no .npy file of version 1 or 2")
    size = int.from_bytes(data[start - width : start], "little")
    if size > LONGEST_HEADER:
        raise ValueError(f"a header of {size:,} characters")
    dtype, fortran, shape = _read_header(data[start : start + size].decode("latin-1"))
    held, count = max(0, len(data) - start - size), math.prod(shape)
    if count * dtype.itemsize != held:
        raise ValueError(f"{held:,} bytes for the shape {shape}")
    numbers = np.frombuffer(data, dtype, count, start + size) if count else np.zeros(0, dtype)
    return numbers.reshape(shape, order="F" if fortran else "C")


def _read_header(text: str) -> tuple[np.dtype[np.generic], bool, tuple[int, ...]]:
    try:
        header = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValueError("a header that is no dictionary") from None
    if not isinstance(header, dict) or header.keys() != {"descr", "fortran_order", "shape"}:
        raise ValueError("a header that is no dictionary of three")
    descr, fortran, shape = header["descr"], header["fortran_order"], header["shape"]
    if not isinstance(descr, str) or NUMBERS.fullmatch(descr) is None:
        raise ValueError("an array of something else than numbers")
    if not isinstance(shape, tuple) or not all(type(size) is int and 0 <= size < 1 << 40 for size in shape):
        raise ValueError("a shape that is none")
    if not isinstance(fortran, bool) or len(shape) > 32:
        raise ValueError("a shape that is none")
    try:
        return np.dtype(descr), fortran, shape
    except TypeError:
        raise ValueError("an array of something else than numbers") from None


class Kind(NamedTuple):
    """What a file is, in words that follow "is", and what to do then."""

    title: str
    remedy: str


LFS = b"version https://git-lfs.github.com/spec/"
PAGE = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)
CONFLICT = ("<<<<<<< ", "=======", ">>>>>>> ")  # the lines that Git writes, in this order
CONFLICT_LINE = re.compile(rf"^(?:{'|'.join(CONFLICT)})", re.MULTILINE)
LOOKED_AT = 2000  # bytes at the beginning
UTF_16 = Kind("UTF-16 text", "Open it in a text editor and save it with the encoding UTF-8.")
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
BEGINNINGS: tuple[tuple[bytes, Kind], ...] = (
    (LFS, Kind(
        "a pointer of Git LFS, not the file that it stands for",
        "Fetch the files (`git lfs pull`; in a GitHub workflow `lfs: true` for actions/checkout), and try again.",
    )),
    (b"\0\5\x16\7", Kind("what macOS keeps beside a file (`._` and its name)", "Hand in the file without `._`.")),
    (b"PK\3\4", Kind("a zip archive", "Call it .zip, or hand in the file that is in it.")),
    (b"\x1f\x8b", Kind("a gzip archive", "Hand in the file that is in it, or pack a zip.")),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7z archive", "Hand in the file that is in it, or pack a zip.")),
    (b"Rar!", Kind("a RAR archive", "Hand in the file that is in it, or pack a zip.")),
    (b"%PDF", Kind("a PDF", "Hand in the notebook (.ipynb) itself, not a print of it.")),
    (b"\x89PNG", Kind("a picture", "Hand in the notebook (.ipynb) itself, not a picture of it.")),
    (b"\x89HDF", Kind("a saved network (HDF5)", "Hand in the code that makes it.")),
)  # fmt: skip


def kind_of(data: bytes) -> Kind | None:
    """What a file is by its first bytes, where that is no code of any kind; else None."""
    if known := next((kind for beginning, kind in BEGINNINGS if data.startswith(beginning)), None):
        return known
    if data and not data[:LOOKED_AT].strip(b"\0"):
        return Kind("nothing but zero bytes: it was not written to the end", "Save your work and hand it in again.")
    if PAGE.match(data[:LOOKED_AT]):
        return Kind(
            "a web page (HTML), not the file that was meant",
            "Download the file itself (GitHub: Raw; Drive: Download; Jupyter: .ipynb, not HTML) and hand that in.",
        )
    return None


def encoding_of(data: bytes) -> Kind | None:
    """Which other text it may be that is not UTF-8, with the first line that shows it; None where that is open."""
    pairs = (data[0:LOOKED_AT:2], data[1:LOOKED_AT:2])
    if data.startswith(UTF_16_MARKS) or any(len(part) > 1 and part.count(0) * 2 > len(part) for part in pairs):
        return UTF_16
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Kind(
            f"text in another encoding, by its line {line} (Windows-1252 or Latin-1, most often)",
            "Open it in a text editor and save it with the encoding UTF-8.",
        )
    return None


def conflict_line(text: str) -> int | None:
    """The line in which Git's first conflict markers begin; None where there are none."""
    begins, place = 0, 0
    for line in CONFLICT_LINE.finditer(text):
        if line[0] == CONFLICT[0]:
            begins, place = line.start(), 1
        elif place and line[0] == CONFLICT[place]:
            place += 1
            if place == len(CONFLICT):
                return text.count("\n", 0, begins) + 1
    return None
