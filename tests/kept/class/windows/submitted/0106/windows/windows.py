"""A module that can't be loaded."""

import numpy as np

TABLE = np.arange(4).reshape(3, 2)


def output_shape(n, f, p, s):
    return (n + 2 * p - f) // s + 1
