"""Arrays from files that anybody may have written: plain numbers, as many as there are bytes for. Pure."""

import ast
import math
import re

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
