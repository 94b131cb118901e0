"""Exercise on operators: convolution and pooling in NumPy. Fill in the functions; README.md says what each must do."""

import numpy as np


def convolve2d(image, kernel, padding, stride):
    """Convolve an image (rows x columns) with one kernel; returns an array rows x columns."""
    raise NotImplementedError


def convolve_volume(volume, kernels, padding, stride):
    """Convolve a volume (rows x columns x channels) with kernels (f x f x channels x filters)."""
    raise NotImplementedError


def max_pool(image, size, stride):
    """The largest number of each window of size x size."""
    raise NotImplementedError


def average_pool(image, size, stride):
    """The mean of each window of size x size."""
    raise NotImplementedError


def output_shape(m, n, f, p, s, filters):
    """Rows, columns and filters of a convolution's output, as a tuple of three whole numbers."""
    raise NotImplementedError


if __name__ == "__main__":
    image = np.array(
        [
            [3, 0, 1, 2, 7, 4],
            [1, 5, 8, 9, 3, 1],
            [2, 7, 2, 5, 1, 3],
            [0, 1, 3, 1, 7, 8],
            [4, 2, 1, 6, 2, 8],
            [2, 4, 5, 2, 3, 9],
        ]
    )
    vertical_edges = np.array([[1, 0, -1]] * 3)
    print(convolve2d(image, vertical_edges, padding=0, stride=1))  # the first worked example
