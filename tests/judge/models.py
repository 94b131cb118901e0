"""Networks as Keras saves them, honest and not: written by one process of their own, for the whole test session."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from grader.course.dataset import Split

MAKE = """
import sys
from pathlib import Path
import numpy as np
import keras
from keras import layers, ops

folder = sys.argv[1]
keras.utils.set_random_seed(1)

def save(name, model):
    model.save(f"{folder}/{name}.keras")

def bright(shape, *between, units=2):
    # Says 1 for images whose pixels, divided by 255, are bright on average: no training needed.
    head = [layers.Flatten(), layers.Dense(units, activation="softmax", name="dense")]
    model = keras.Sequential([keras.Input(shape=shape), *between, *head])
    weights = model.layers[-1].get_weights()
    size = weights[0].shape[0]
    weights[0][:] = 0
    weights[0][:, 0] = -40.0 / size
    weights[0][:, 1] = 40.0 / size
    weights[1][:2] = [20.0, -20.0]
    model.layers[-1].set_weights(weights)
    return model

def functional(name, call, **how):
    first = keras.Input((8, 8, 1), **how)
    save(name, keras.Model(first, call(first)))

def pair(value):
    return ops.concatenate([value, -value], axis=-1)

def with_idle_convolution():
    # One convolution passes the image on, the other one is multiplied by zero.
    image = keras.Input((8, 8, 1))
    used = layers.Conv2D(1, 1, kernel_initializer="ones", name="used")(image)
    idle = layers.Conv2D(1, 3, padding="same", name="idle")(image) * 0.0
    model = keras.Model(image, layers.Dense(2, activation="softmax")(layers.Flatten()(used + idle)))
    model.layers[-1].set_weights(bright((64,)).layers[-1].get_weights())
    return model

def with_many_in_a_row():
    # As many convolutions one after another as images are asked: each passes the image on.
    image = value = keras.Input((8, 8, 1))
    for _ in range(32):
        value = layers.Conv2D(1, 1, kernel_initializer="ones")(value)
    model = keras.Model(image, layers.Dense(2, activation="softmax")(layers.Flatten()(layers.Add()([value, image * 0.0]))))
    model.layers[-1].set_weights(bright((64,)).layers[-1].get_weights())
    return model

save("row", with_many_in_a_row())
save("idle", with_idle_convolution())
save("flat", bright((64,)))
save("image", bright((8, 8, 1)))
save("resized", bright((16, 16, 1)))
save("colour", bright((8, 8, 3)))
save("raw", bright((8, 8, 1), layers.Rescaling(1 / 255)))
save("lambda", bright((8, 8, 1), layers.Lambda(lambda x: x * 1)))

class Mine(layers.Layer):
    def call(self, x):
        return x * 2
save("custom", keras.Sequential([keras.Input(shape=(8, 8, 1)), Mine(), layers.Flatten(), layers.Dense(2)]))

nan = bright((8, 8, 1))
nan.set_weights([np.full_like(weight, np.nan) for weight in nan.get_weights()])
save("nan", nan)
save("seven", bright((8, 8, 1), units=7))
first, second = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
save("two", keras.Model([first, second], layers.Dense(2)(layers.Flatten()(layers.Add()([first, second])))))
save("sound", bright((8, 8, 2)))

# Hostile ones. The first leaves a file behind if its code ever runs: proof that it would is made here and now.
marker = Path(folder, "escaped")
escape = bright((8, 8, 1), layers.Lambda(
    lambda x, marker: [x, __import__("pathlib").Path(marker).write_text("ran")][0], arguments={"marker": str(marker)}
))
save("escape", escape)
marker.unlink()
keras.saving.load_model(f"{folder}/escape.keras", safe_mode=False)
Path(folder, "escape-control").write_text(marker.read_text())
marker.unlink()

functional("outputs", lambda x: [layers.Dense(2)(layers.Flatten()(x)), layers.Dense(2)(layers.Flatten()(x))])
functional("dropout", lambda x: layers.Dense(2)(layers.Dropout(0.5)(layers.Flatten()(x), training=True)))
functional("position", lambda x: pair(ops.sin(1.6 * ops.cumsum(ops.ones_like(ops.mean(x, axis=(1, 2))), axis=0))))
functional("counter", lambda x: layers.Dense(2)(layers.LSTM(4, stateful=True)(layers.Reshape((1, 64))(x))), batch_size=100)
functional("text", lambda x: layers.StringLookup(vocabulary=["a", "b"], invert=True)(
    ops.cast(pair(ops.mean(x, axis=(1, 2))), "int64")))
functional("none", lambda x: ops.argmax(layers.Dense(2)(layers.Flatten()(x)), axis=-1))
functional("repeat", lambda x: layers.Dense(2)(layers.GlobalAveragePooling1D()(
    layers.RepeatVector(10**7)(layers.Flatten()(x)))))
functional("slow", lambda x: layers.Dense(2)(layers.LSTM(512)(layers.RepeatVector(5000)(
    layers.Dense(1)(layers.Flatten()(x))))))
"""


def make_models(folder: Path) -> Path:
    """Write every network of `MAKE` into `folder`."""
    done = subprocess.run([sys.executable, "-c", MAKE, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def images(count: int, seed: int) -> Split:
    """Grey images of 8 x 8; class 1 is bright."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(2, size=count).astype(np.int64)
    level = np.where(labels == 1, 200, 50)[:, None, None, None]
    return Split((level + generator.integers(-40, 40, size=(count, 8, 8, 1))).astype(np.uint8), labels)
