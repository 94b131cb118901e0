# Exercise 1, Kwame Mensah
import keras
from keras import layers

BATCH = 128
EPOCHS = 4


def load():
    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    return (x_train / 255.0, y_train), (x_test / 255.0, y_test)


def build():
    # Flatten turns each 28 x 28 image into 784 numbers
    return keras.Sequential([
        layers.Input(shape=(28, 28)),
        layers.Flatten(),
        layers.Dense(300, activation="relu"),
        layers.Dense(100, activation="relu"),
        layers.Dropout(0.1),
        layers.Dense(10, activation="softmax"),
    ])


if __name__ == "__main__":
    train, test = load()
    net = build()
    net.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    net.fit(*train, batch_size=BATCH, epochs=EPOCHS, validation_data=test, verbose=2)
    print("test:", net.evaluate(*test, verbose=0))
