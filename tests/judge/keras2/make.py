"""Makes the files of this folder, each a few kB, beside itself: with Keras 2.15 what it saves, with Keras 3 its counterpart.

python3.11 -m venv old && old/bin/pip install "tensorflow-cpu==2.15.1" "keras==2.15.0" "numpy<2"
old/bin/python tests/judge/keras2/make.py && .venv/bin/python tests/judge/keras2/make.py
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

HERE = Path(__file__).parent
OLD = keras.__version__.startswith("2.")


def whole() -> keras.Model:
    """A convolution, a normalisation, a dropout, in a row."""
    first = layers.InputLayer(input_shape=(8, 8, 1)) if OLD else keras.Input((8, 8, 1))
    network = keras.Sequential([
        first, layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.MaxPooling2D(),
        layers.Dropout(0.3), layers.Flatten(), layers.Dense(2, activation="softmax"),
    ])  # fmt: skip
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


def branches() -> keras.Model:
    """Two branches that are added, and logits."""
    image = keras.Input((8, 8, 1))
    added = layers.Add()([layers.Conv2D(4, 3, padding="same")(image), layers.Conv2D(4, 1)(image)])
    return keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(added)))


def augmented() -> keras.Model:
    """As notebooks about photographs have it: augmentation and a network inside, a scale, one output."""
    augmentation = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)], name="augmentation")
    inside = keras.Input((8, 8, 1))
    base = keras.Model(inside, layers.SeparableConv2D(3, 3, activation="relu")(inside), name="base")
    image = keras.Input((8, 8, 1))
    value = base(layers.Rescaling(1 / 255)(augmentation(image)))
    value = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(value))
    network = keras.Model(image, layers.Dense(1, activation="sigmoid")(value))
    network.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return network


def train(network: keras.Model) -> None:
    """A few steps, so that the optimizer has something to save."""
    noise = np.random.default_rng(0)
    network.fit(noise.random((32, 8, 8, 1)) * 255, noise.integers(2, size=32), epochs=2, verbose=0)


def save_old() -> None:
    """What Keras 2 saves: whole networks in both forms, weights alone in both."""
    network = whole()
    train(network)
    network.save_weights(HERE / "old-weights.h5")
    network.save_weights(HERE / "new.weights.h5")
    inner = augmented()
    train(inner)
    for name, each in (("whole", network), ("branches", branches()), ("augmented", inner)):
        each.save(HERE / f"{name}.h5")
        each.save(HERE / f"{name}.keras")


if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    if OLD:
        save_old()
    else:
        whole().save(HERE / "built-by-keras-3.keras")
        augmented().save(HERE / "augmented-by-keras-3.keras")
