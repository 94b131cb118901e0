"""Ziffern erkennen mit LeNet-5, objektorientiert."""

from keras.datasets import mnist
from keras.layers import AveragePooling2D, Conv2D, Dense, Flatten, Input
from keras.models import Sequential


class LeNet(Sequential):
    def __init__(self, eingabe, klassen):
        super().__init__()
        self.add(Input(eingabe))
        self.add(Conv2D(6, (3, 3), activation="relu"))
        self.add(AveragePooling2D((2, 2)))
        self.add(Conv2D(16, (3, 3), activation="relu"))
        self.add(AveragePooling2D((2, 2)))
        self.add(Flatten())
        self.add(Dense(120, activation="relu"))
        self.add(Dense(84, activation="relu"))
        self.add(Dense(klassen, activation="softmax"))
        self.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])


(bilder, ziffern), (test_bilder, test_ziffern) = mnist.load_data()
bilder = bilder[..., None].astype("float32") / 255
test_bilder = test_bilder[..., None].astype("float32") / 255

netz = LeNet((28, 28, 1), 10)
netz.fit(bilder, ziffern, batch_size=128, epochs=3, validation_split=0.1)
print("Genauigkeit:", netz.evaluate(test_bilder, test_ziffern, verbose=0)[1])
