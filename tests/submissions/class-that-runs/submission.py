# Zadanie 1: perceptron wielowarstwowy
from tensorflow.keras.datasets import mnist
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Model


class SiecNeuronowa:
    def __init__(self, liczba_neuronow):
        wejscie = Input(shape=(784,))
        ukryta = Dense(liczba_neuronow, activation="relu")(wejscie)
        wyjscie = Dense(10, activation="softmax")(ukryta)
        self.model = Model(wejscie, wyjscie)
        self.model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        (self.x_ucz, self.y_ucz), (self.x_test, self.y_test) = mnist.load_data()

    def ucz(self, epoki):
        self.historia = self.model.fit(self.x_ucz.reshape(-1, 784) / 255.0, self.y_ucz, epochs=epoki, batch_size=128)

    def ocen(self):
        return self.model.evaluate(self.x_test.reshape(-1, 784) / 255.0, self.y_test)[1]


siec = SiecNeuronowa(64)
siec.ucz(3)
print("Dokładność na zbiorze testowym:", siec.ocen())
