"""Treina um perceptron com os dígitos."""

import sys

from tensorflow import keras


def main():
    (x, y), (xt, yt) = keras.datasets.mnist.load_data()
    rede = keras.Sequential([keras.Input((784,)), keras.layers.Dense(128, activation="relu"), keras.layers.Dense(10, activation="softmax")])
    rede.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rede.fit(x.reshape(-1, 784) / 255, y, epochs=10, batch_size=128)
    print("exatidão no teste:", rede.evaluate(xt.reshape(-1, 784) / 255, yt)[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
