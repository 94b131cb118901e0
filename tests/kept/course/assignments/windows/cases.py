"""The right answers, and what the students' functions are tried on."""

import numpy as np
from grader.functions.cases import Group, cases
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.lib.stride_tricks import sliding_window_view

FOUR = np.array([[2, 3, 1, 9], [4, 7, 3, 5], [8, 2, 2, 2], [1, 3, 4, 5]])


@st.composite
def windows(draw, *, overlap=False):
    """Arguments of a pooling: windows side by side, or overlapping."""
    size = draw(st.integers(2, 3))
    stride = 1 if overlap else size
    shape = tuple(size + (draw(st.integers(1, 3)) - 1) * stride for _ in range(2))
    return draw(arrays(float, shape, elements=st.integers(-9, 9).map(float), fill=st.nothing())), size, stride


@cases(
    Group(title="the worked example", examples=((FOUR, 2, 2),)),
    Group(title="windows side by side", draws=windows()),
    Group(title="overlapping windows", draws=windows(overlap=True)),
)
def max_pool(image, size, stride):
    """Rows x columns of largest numbers."""
    return sliding_window_view(image, (size, size))[::stride, ::stride].max(axis=(2, 3))


@cases(
    Group(title="the worked example", examples=((6, 3, 0, 1),)),
    Group(title="no padding, stride 1", draws=st.tuples(st.integers(9, 99), st.integers(1, 9), st.just(0), st.just(1))),
    Group(title="padding and strides",
          draws=st.tuples(st.integers(9, 99), st.integers(1, 9), st.integers(1, 3), st.integers(2, 4))),
)
def output_shape(n, f, p, s):
    """The side of a convolution's output."""
    return (n + 2 * p - f) // s + 1
