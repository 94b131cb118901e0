"""Convolution and pooling in NumPy: a solution of the exercise on operators."""

import numpy as np


def convolve2d(image, kernel, padding, stride):
    """Lay the kernel over every window of the padded image, multiply, and add up."""
    image = np.pad(np.asarray(image, dtype=float), padding)
    kernel = np.asarray(kernel, dtype=float)
    height, width = kernel.shape
    rows, columns, _ = output_shape_of(image.shape, kernel.shape, stride)
    result = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = image[i * stride : i * stride + height, j * stride : j * stride + width]
            result[i, j] = (window * kernel).sum()
    return result


def convolve_volume(volume, kernels, padding, stride):
    """Each filter adds up what its kernels find in the channels; the filters lie behind each other."""
    channels, filters = kernels.shape[2:]
    maps = [
        sum(convolve2d(volume[:, :, c], kernels[:, :, c, f], padding, stride) for c in range(channels))
        for f in range(filters)
    ]
    return np.stack(maps, axis=-1)


def max_pool(image, size, stride):
    """The largest number of each window."""
    return pool(image, size, stride, np.max)


def average_pool(image, size, stride):
    """The mean of each window."""
    return pool(image, size, stride, np.mean)


def output_shape(m, n, f, p, s, filters):
    """The size rule: floor((m + 2p - f) / s + 1) x floor((n + 2p - f) / s + 1) x filters."""
    return (m + 2 * p - f) // s + 1, (n + 2 * p - f) // s + 1, filters


def output_shape_of(image, kernel, stride):
    """The size rule for an image that is padded already, and a kernel that need not be square."""
    return (image[0] - kernel[0]) // stride + 1, (image[1] - kernel[1]) // stride + 1, 1


def pool(image, size, stride, summary):
    """One number for each window, as `summary` finds it."""
    rows, columns, _ = output_shape_of(image.shape, (size, size), stride)
    result = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            result[i, j] = summary(image[i * stride : i * stride + size, j * stride : j * stride + size])
    return result
