# Zadanie 1: perceptron wielowarstwowy
import numpy as np
from tensorflow.keras.datasets import mnist
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential


class SiecNeuronowa:
    def __init__(self, liczba_neuronow=128):
        self.liczba_neuronow = liczba_neuronow
        self.model = None

    def wczytaj_dane(self):
        (self.x_ucz, self.y_ucz), (self.x_test, self.y_test) = mnist.load_data()
        self.x_ucz = self.x_ucz.reshape(-1, 784) / 255.0
        self.x_test = self.x_test.reshape(-1, 784) / 255.0

    def zbuduj(self):
        self.model = Sequential([
            Dense(self.liczba_neuronow, activation="relu", input_shape=(784,)),
            Dense(10, activation="softmax"),
        ])
        self.model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    def ucz(self, epoki=10):
        return self.model.fit(self.x_ucz, self.y_ucz, epochs=epoki, batch_size=128)
