"""La rete: un perceptron multistrato."""
from tensorflow.keras import layers, models


def costruisci(neuroni):
    modello = models.Sequential([
        layers.Dense(neuroni, activation="relu", input_shape=(784,)),
        layers.Dense(10, activation="softmax"),
    ])
    modello.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return modello
