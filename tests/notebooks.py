"""Small notebooks for tests."""

import json

DIGITS = """\
import keras
from keras.datasets import mnist
(x_train, y_train), (x_test, y_test) = mnist.load_data()
x_train = x_train[:6000].reshape(-1, 784) / 255.0
y_train = y_train[:6000]
"""
PERCEPTRON = """\
model = keras.Sequential([
    keras.Input(shape=(784,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=2, batch_size=64, verbose=2,
                    validation_data=(x_test.reshape(-1, 784)[:500] / 255.0, y_test[:500]))
"""
PLOT = """\
import matplotlib.pyplot as plt
plt.plot(history.history["accuracy"])
plt.show()
"""


def notebook(*cells: str) -> bytes:
    """A notebook of format 4 with these code cells."""
    coded: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "id": f"cell-{n}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for n, source in enumerate(cells)
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": coded}).encode()
