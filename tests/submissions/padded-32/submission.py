# Exercice 2 : LeNet-5
import numpy as np
from tensorflow.keras.datasets import mnist
from tensorflow.keras.layers import AveragePooling2D, Conv2D, Dense, Flatten
from tensorflow.keras.models import Sequential

(x_app, y_app), (x_test, y_test) = mnist.load_data()
# images de 32 x 32, comme dans l'article de LeCun
x_app = np.pad(x_app, ((0, 0), (2, 2), (2, 2)))[..., np.newaxis].astype("float32") / 255
x_test = np.pad(x_test, ((0, 0), (2, 2), (2, 2)))[..., np.newaxis].astype("float32") / 255

lenet = Sequential([
    Conv2D(6, 5, activation="tanh", input_shape=(32, 32, 1)),
    AveragePooling2D(2),
    Conv2D(16, 5, activation="tanh"),
    AveragePooling2D(2),
    Flatten(),
    Dense(84, activation="tanh"),
    Dense(10, activation="softmax"),
])
lenet.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
lenet.fit(x_app, y_app, epochs=5, batch_size=128, validation_data=(x_test, y_test), verbose=2)
