"""Pooling and the size rule."""

import numpy as np


def max_pool(image, size, stride):
    rows = (image.shape[0] - size) // stride + 1
    columns = (image.shape[1] - size) // stride + 1
    pooled = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            pooled[i, j] = image[i * stride : i * stride + size, j * stride : j * stride + size].max()
    return pooled


def output_shape(n, f, p, s):
    return (n + 2 * p - f) // s + 1
