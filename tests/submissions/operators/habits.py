import numpy as np
import scipy.signal


def convolve2d(image, kernel, padding, stride):
    # turns the kernel around, ignores the stride
    return scipy.signal.convolve2d(np.pad(image, padding), kernel, mode="valid")


def convolve_volume(volume, kernels):
    return volume


def max_pool(image, size, stride):
    # a list, and not an array
    return [[image[i : i + size, j : j + size].max() for j in range(0, image.shape[1] - size + 1, stride)]
            for i in range(0, image.shape[0] - size + 1, stride)]


def average_pool(image, size, stride):
    # means are cut to whole numbers
    out = np.zeros(((image.shape[0] - size) // stride + 1, (image.shape[1] - size) // stride + 1), dtype=int)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = image[i * stride : i * stride + size, j * stride : j * stride + size].mean()
    return out


def output_shape(m, n, f, p, s, filters):
    # no floor
    return (m + 2 * p - f) / s + 1, (n + 2 * p - f) / s + 1, filters
