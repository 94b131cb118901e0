"""A `.npy` file holds as many numbers as its header says, or is refused; nothing is allocated by its word."""

import io
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from grader.core.files import read_npy

KINDS = st.sampled_from(["?", "i1", "u1", "<i2", ">i4", "<u8", "<f2", ">f4", "<f8"])


def npy(array: NDArray[Any], version: tuple[int, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=version, allow_pickle=False)
    return buffer.getvalue()


@given(KINDS.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, min_side=0))), st.booleans())
def test_what_numpy_wrote_comes_back(array: NDArray[Any], fortran: bool) -> None:
    known = np.asfortranarray(array) if fortran else array
    for version in ((1, 0), (2, 0)):
        found = read_npy(npy(known, version))
        assert (found.dtype, found.shape) == (known.dtype, known.shape)
        np.testing.assert_array_equal(found, known)


def header(text: str, payload: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text.encode("latin-1") + payload


def claiming(descr: str, shape: str, payload: bytes = b"", order: object = False) -> bytes:
    return header(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n", payload)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00", b"PK\x03\x04", header("", version=b"\x03\x00"), header(""), header("[]"),
        header("(" * 900), header("-" * 900 + "1"), header("{'descr': '<f4'"), header(" " * 2000), header("\0"),
        claiming("'|O'", "(1,)", b"\x80\x04N."), claiming("'<U1'", "(1,)", b"a\0\0\0"), claiming("'|V1'", "(1,)", b"a"),
        claiming("[('a', '<f4')]", "(1,)", bytes(4)), claiming("'f3'", "(1,)", bytes(3)), claiming("'f4,f4'", "(1,)"),
        claiming("'<f4'", "(1,)", bytes(4), 0), claiming("'<f4'", "(-1,)", bytes(4)), claiming("'<f4'", "(True,)", bytes(4)),
        claiming("'<f4'", "[1]", bytes(4)), claiming("'<f4'", "(1.0,)", bytes(4)), claiming("'<f4'", "(2,)", bytes(4)),
        claiming("'<f4'", "(1,)", bytes(5)), claiming("'<f4'", "(0, 9)", bytes(1)), claiming("'i0'", "(0,)"),
        claiming("'<f4'", "(1,)*1", bytes(4)), claiming("'<f4'", "(1,)", bytes(4), "False, 'more': 1"),
        claiming("'f1'", "(1,)", bytes(1)), claiming("'<f4'", f"({'1, ' * 40})", bytes(4)),
    ],
)  # fmt: skip
def test_what_is_no_array_of_numbers_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"a header|\.npy|bytes for|a shape|an array"):
        read_npy(data)


@pytest.mark.parametrize("shape", ["(1099511627775,)", "(4294967296, 4294967296)", "(1000000, 1000, 4)"])
def test_a_shape_that_claims_terabytes_allocates_nothing(shape: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="bytes for the shape"):
            read_npy(claiming("'<f4'", shape, bytes(80)))
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
