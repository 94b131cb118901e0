"""Cats and dogs with a LeNet of 3 x 3 kernels; the photographs are read by Keras."""

import keras
from keras import layers

SIZE = 64
train = keras.utils.image_dataset_from_directory("dataset/train", image_size=(SIZE, SIZE), batch_size=32, seed=1)
test = keras.utils.image_dataset_from_directory("dataset/test", image_size=(SIZE, SIZE), batch_size=32, shuffle=False)

net = keras.Sequential([
    keras.Input(shape=(SIZE, SIZE, 3)),
    layers.Rescaling(1 / 255),
    layers.Conv2D(8, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Conv2D(16, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Flatten(),
    layers.Dense(64, activation="relu"),
    layers.Dense(1, activation="sigmoid"),
])
net.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
net.fit(train, validation_data=test, epochs=8, verbose=2)
print(net.evaluate(test, verbose=0))
