"""The right answers of the exercise on operators, and what the students' functions are tried on.

This file runs on the grader's own side and never enters a sandbox. Convolution means what it means in a convolutional
network: the kernel is laid over the image as it is, not turned around (signal processing calls that a correlation).
"""

import numpy as np
from grader.functions.cases import Group, cases
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import correlate

VERTICAL_EDGES = np.array([[1, 0, -1]] * 3)
SIX = np.array(
    [
        [3, 0, 1, 2, 7, 4],
        [1, 5, 8, 9, 3, 1],
        [2, 7, 2, 5, 1, 3],
        [0, 1, 3, 1, 7, 8],
        [4, 2, 1, 6, 2, 8],
        [2, 4, 5, 2, 3, 9],
    ]
)
SEVEN = np.array(
    [
        [2, 3, 7, 4, 6, 2, 9],
        [6, 6, 9, 8, 7, 4, 3],
        [3, 4, 8, 3, 8, 9, 7],
        [7, 8, 3, 6, 6, 3, 4],
        [4, 2, 1, 8, 3, 4, 6],
        [3, 2, 4, 1, 9, 8, 3],
        [0, 1, 3, 9, 2, 1, 4],
    ]
)
SLIDE_KERNEL = np.array([[3, 4, 4], [1, 0, 2], [-1, 0, 3]])
FOUR = np.array([[2, 3, 1, 9], [4, 7, 3, 5], [8, 2, 2, 2], [1, 3, 4, 5]])

WHOLE = st.integers(-9, 9).map(float)  # whole numbers are read more easily in a report, and shrink to 0 and 1
FRACTIONS = st.integers(-80, 80).map(lambda eighths: eighths / 8)  # exact in 32 bits: no sum of theirs is rounded


def table(shape, elements):
    """An array in which every number is drawn, so that each can be made smaller."""
    return arrays(float, shape, elements=elements, fill=st.nothing())


@st.composite
def images(draw, *, elements=WHOLE, paddings=0, strides=1, square=True, channels=None, filters=None):
    """Arguments of a convolution: an image of 1 to 5 rows, and a kernel that fits into it with its padding."""
    rows = draw(st.integers(1, 5))
    columns = rows if square else draw(st.integers(1, 5).filter(lambda size: size != rows))
    padding = draw(st.integers(min(paddings, 1), paddings))
    height = draw(st.integers(1, min(rows + 2 * padding, 3)))
    width = height if square else draw(st.integers(1, min(columns + 2 * padding, 3)))
    stride = draw(st.integers(min(strides, 2), strides))
    image = draw(table((rows, columns) if channels is None else (rows, columns, channels), elements))
    shape = (height, width) if channels is None else (height, width, channels, filters)
    return image, draw(table(shape, elements)), padding, stride


@st.composite
def bytes_and_kernels(draw):
    """An image as it comes from a file, in 8 bits: sums of its pixels need more."""
    rows, columns, size = draw(st.integers(2, 5)), draw(st.integers(2, 5)), draw(st.integers(1, 2))
    image = draw(arrays(np.uint8, (rows, columns), elements=st.integers(0, 255)))
    return image, draw(arrays(np.int8, (size, size), elements=st.integers(-128, 127))), 0, 1


@st.composite
def windows(draw, *, elements=WHOLE, overlap=False, even=True):
    """Arguments of a pooling: windows side by side, or overlapping; filling the image, or leaving a rest."""
    size = draw(st.integers(2, 3))
    stride = draw(st.integers(1, size - 1)) if overlap else size
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    rest = 0 if even else draw(st.integers(1, stride - 1)) if stride > 1 else 0
    shape = (size + (rows - 1) * stride + rest, size + (columns - 1) * stride + rest)
    return draw(table(shape, elements)), size, stride


@cases(
    Group(title="the worked examples", examples=((SIX, VERTICAL_EDGES, 0, 1), (SEVEN, SLIDE_KERNEL, 0, 2)), shown=True),
    Group(title="no padding, stride 1", draws=images()),
    Group(title="padding", draws=images(paddings=2)),
    Group(title="strides", draws=images(strides=3)),
    Group(title="images and kernels that are not square", draws=images(square=False, paddings=1, strides=2)),
    Group(title="fractions", draws=images(elements=FRACTIONS)),
    Group(
        title="images of 8 bits",
        examples=((np.full((2, 2), 200, np.uint8), np.ones((2, 2), np.int8), 0, 1),),
        draws=bytes_and_kernels(),
    ),
)
def convolve2d(image, kernel, padding, stride):
    """Rows x columns, with a border of zeros around the image."""
    padded = np.pad(np.asarray(image, dtype=float), padding)
    return correlate(padded, np.asarray(kernel, dtype=float), mode="valid", method="direct")[::stride, ::stride]


@cases(
    Group(title="one channel, one filter", draws=images(channels=1, filters=1)),
    Group(title="channels are added up", draws=images(channels=3, filters=1)),
    Group(title="several filters", draws=images(channels=2, filters=3)),
    Group(title="padding and strides", draws=images(channels=2, filters=2, paddings=1, strides=2)),
    Group(title="images and kernels that are not square", draws=images(channels=2, filters=2, square=False)),
)
def convolve_volume(volume, kernels, padding, stride):
    """Rows x columns x filters, of a volume rows x columns x channels and kernels f x f x channels x filters."""
    padded = np.pad(np.asarray(volume, dtype=float), ((padding, padding), (padding, padding), (0, 0)))
    patches = sliding_window_view(padded, kernels.shape[:2], axis=(0, 1))[::stride, ::stride]
    return np.einsum("ijcab,abcf->ijf", patches, kernels)


@cases(
    Group(title="the worked example", examples=((FOUR, 2, 2),), shown=True),
    Group(title="windows side by side", draws=windows()),
    Group(
        title="negative numbers",
        examples=((-np.ones((2, 2)), 2, 2),),
        draws=windows(elements=st.integers(-9, -1).map(float)),
    ),
    Group(title="overlapping windows", draws=windows(overlap=True)),
    Group(title="a rest that no window covers", draws=windows(even=False)),
)
def max_pool(image, size, stride):
    """Rows x columns of largest numbers."""
    return sliding_window_view(image, (size, size))[::stride, ::stride].max(axis=(2, 3))


@cases(
    Group(title="the worked example", examples=((FOUR, 2, 2),), shown=True),
    Group(title="windows side by side", draws=windows(elements=FRACTIONS)),
    Group(title="whole numbers whose mean is none", examples=((np.array([[1, 2], [3, 4]]), 2, 2),), draws=windows()),
    Group(title="overlapping windows", draws=windows(overlap=True)),
    Group(title="a rest that no window covers", draws=windows(even=False)),
)
def average_pool(image, size, stride):
    """Rows x columns of means."""
    return sliding_window_view(np.asarray(image, dtype=float), (size, size))[::stride, ::stride].mean(axis=(2, 3))


@st.composite
def sizes(draw, *, padding=0, stride=1):
    """Arguments of the size rule, of layers that exist: the kernel fits into the padded image."""
    f, p = draw(st.integers(1, 11)), draw(st.integers(0, padding))
    least = max(1, f - 2 * p)
    m, n = draw(st.integers(least, least + 224)), draw(st.integers(least, least + 224))
    return m, n, f, p, draw(st.integers(1, stride)), draw(st.integers(1, 512))


@cases(
    Group(title="the worked examples", examples=((6, 6, 3, 0, 1, 1), (7, 7, 3, 0, 2, 1)), shown=True),
    Group(
        title="layers of LeNet-5 and AlexNet",
        examples=((32, 32, 5, 0, 1, 6), (227, 227, 11, 0, 4, 96), (27, 27, 5, 2, 1, 256), (55, 55, 3, 0, 2, 96)),
        shown=True,
    ),
    Group(title="no padding, stride 1", draws=sizes()),
    Group(title="padding", draws=sizes(padding=3)),
    Group(title="strides", draws=sizes(stride=4)),
    Group(title="padding and strides", draws=sizes(padding=3, stride=4)),
)
def output_shape(m, n, f, p, s, filters):
    """Rows, columns and filters of a convolution's output, by the size rule."""
    return (m + 2 * p - f) // s + 1, (n + 2 * p - f) // s + 1, filters
