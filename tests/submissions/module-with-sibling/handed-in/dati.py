"""Carica MNIST e lo appiattisce."""
from tensorflow.keras.datasets import mnist


def carica():
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    return (x_train.reshape(-1, 784) / 255.0, y_train), (x_test.reshape(-1, 784) / 255.0, y_test)
