import numpy as np


def convolve2d(image, kernel, padding, stride):
    image = np.pad(np.asarray(image, float), padding)
    rows, columns = image.shape[0] - kernel.shape[0] + 1, image.shape[1] - kernel.shape[1] + 1
    result = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            result[i, j] = np.sum(image[i : i + kernel.shape[0], j : j + kernel.shape[1]] * kernel)
    return result


def convolve_volume(volume, kernels, padding, stride):
    # adds up the channels, but knows one filter only
    return sum(convolve2d(volume[:, :, c], kernels[:, :, c, 0], padding, stride) for c in range(volume.shape[2]))[:, :, None]


def max_pool(image, size, stride):
    result = np.zeros((image.shape[0] // size, image.shape[1] // size))  # the largest of nothing is not 0
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            for value in image[i * size : (i + 1) * size, j * size : (j + 1) * size].ravel():
                if value > result[i, j]:
                    result[i, j] = value
    return result


def average_pool(image, size, stride):
    rows, columns = (image.shape[0] - size) // stride + 1, (image.shape[1] - size) // stride + 1
    return np.array([[np.mean(image[i * stride : i * stride + size, j * stride : j * stride + size])
                      for j in range(columns)] for i in range(rows)])


def output_shape(m, n, f, p, s, filters):
    return int((m + 2 * p - f) / s + 1), int((n + 2 * p - f) / s + 1), filters
