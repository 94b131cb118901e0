import numpy as np

convolve2d = "to do"


def max_pool(image, size, stride):
    rows = (image.shape[0] - size) // stride + 1
    columns = (image.shape[1] - size) // stride + 1
    print("max_pool", image)
    return np.array([[image[i * stride :, j * stride :][:size, :size].max() for j in range(columns)] for i in range(rows)])


def average_pool(image, size, stride):
    print(max_pool(image, size, stride))  # and returns nothing


def output_shape(m, n, f, p, s, filters):
    return [(m + 2 * p - f) // s + 1, (n + 2 * p - f) // s + 1, filters]


print(convolve2d(np.ones((3, 3)), np.ones((2, 2)), 0, 1))
