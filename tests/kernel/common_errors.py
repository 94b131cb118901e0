"""The errors that students meet most often in exercises with Keras, each raised by a cell of its own behind `START`.

`python -m tests.kernel.common_errors` runs them in a real kernel, and writes docs/reference/hints.md of what came.
"""

import re
from pathlib import Path

from grader.checks.cell_and_line import Places
from grader.checks.execution import write_error
from grader.checks.hints import hint_for
from grader.core.evidence import Cell
from grader.core.limits import Limits
from grader.core.text import shorten
from grader.sandbox.interface import Sandbox
from tests.kernel.test_run_notebook import run

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hints.md"
LIMITS = Limits(wall=580.0, cell=200.0, memory=3 << 30)
LONGEST = 170  # characters of an error in the table
START = """\
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import layers
from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from tensorflow.keras.preprocessing.image import ImageDataGenerator

x_train, y_train = np.zeros((60, 28, 28)), np.arange(60) % 10
x_test, y_test = np.zeros((10, 28, 28)), np.arange(10)
one_hot = keras.utils.to_categorical(y_train)

def network(*stack, loss="sparse_categorical_crossentropy", metrics=("accuracy",)):
    made = keras.Sequential([*stack])
    made.compile(optimizer="adam", loss=loss, metrics=[*metrics])
    return made

model = network(keras.Input((28, 28)), Flatten(), Dense(10, activation="softmax"))
flat = network(keras.Input((784,)), Dense(10, activation="softmax"))
digits = network(keras.Input((28, 28, 1)), Conv2D(4, 3), Flatten(), Dense(10, activation="softmax"))
pets = network(keras.Input((64, 64, 3)), Conv2D(4, 3), Flatten(), Dense(1, activation="sigmoid"), loss="binary_crossentropy")
"""
# what went wrong -> the cell
ERRORS: dict[str, dict[str, str]] = {
    "Names": {
        "A variable is misspelt": "print(x_trian.shape)",
        "A package was not imported": 'pd.read_csv("train.csv")',
        "A layer was not imported": "BatchNormalization()",
        "What `fit` returns was not kept": 'model.fit(x_train, y_train, verbose=0)\nplt.plot(history.history["loss"])',
        "A word of another language": "Dense(10, use_bias=true)",
        "A layer is misspelt": "layers.Flaten()",
        "Upper and lower case of a layer": "tf.keras.layers.MaxPool2d()",
        "An import is misspelt": "from keras.layers import Droput\nDroput(0.5)",
        "A module is misspelt": "from keras.dataset import mnist\nmnist.load_data()",
        "An import from the wrong module": "from keras.models import LeakyReLU\nLeakyReLU()",
        "A method of the network is misspelt": 'model.complie(optimizer="adam", loss="mse")',
        "A function of NumPy is misspelt": "x_train.resahpe(-1, 784)",
        "An argument of a layer is misspelt": 'Dense(10, activaton="relu")',
        "An argument of `fit` is misspelt": "model.fit(x_train, y_train, epoch=5)",
        "An argument of `compile` is misspelt": 'flat.compile(optimizer="adam", loss="mse", metric=["accuracy"])',
        "An activation is misspelt": 'Dense(10, activation="Relu")',
        "An optimizer is misspelt": 'network(Dense(10)).compile(optimizer="adem", loss="mse")',
        "A loss is misspelt": (
            'network(Flatten(), Dense(10), loss="categorical_cross_entropy").fit(x_train, one_hot, verbose=0)'
        ),
        "A metric is misspelt": 'network(Flatten(), Dense(10), metrics=["acuracy"]).fit(x_train, y_train, verbose=0)',
    },
    "What Python can't read": {
        "A comma between layers is missing": "keras.Sequential([\n    Dense(64)\n    Dense(10)\n])",
        "A bracket is not closed": "model.fit(x_train, y_train",
        "Brackets are closed in the wrong order": "keras.Sequential([\n    Dense(64),\n    Dense(10),\n)",
        "A quote is missing": 'print("accuracy)',
        "A colon is missing": "for epoch in range(3)\n    print(epoch)",
        "A block is not indented": "for epoch in range(3):\nprint(epoch)",
        "A value stands behind a named one": 'Dense(activation="relu", 10)',
    },
    "Building the network": {
        "A layer without parentheses": "keras.Sequential([keras.Input((28, 28)), Flatten, Dense(10)])",
        "`Sequential` without parentheses": "made = Sequential\nmade.add(Dense(10))",
        "Layers without a list": "keras.Sequential(Flatten(), Dense(64), Dense(10))",
        "A list is added": "made = Sequential()\nmade.add([Dense(64), Dense(10)])",
        "The word of an activation as a layer": 'keras.Sequential([Dense(64), "relu", Dense(10)])',
        "`Conv2D` without the size of its kernel": "Conv2D(32)",
        "Half a unit": "Dense(65 / 2)",
        "A rate in per cent": "Dropout(50)",
        "A shape that is no tuple": "keras.Input(shape=784)",
        "More pooling than there is image": (
            "made = Sequential([keras.Input((28, 28, 1))])\n"
            "for _ in range(5):\n    made.add(Conv2D(8, 3))\n    made.add(MaxPooling2D())"
        ),
        "A cell that adds layers was run twice": (
            'made = Sequential([Dense(10, name="output")])\nmade.add(Dense(10, name="output"))'
        ),
        "A layer that is called with nothing": "keras.Model(keras.Input((784,)), Dense(10))",
        "Branches of different sizes": "layers.Concatenate()([keras.Input((28, 28, 8)), keras.Input((26, 26, 8))])",
        "A function of TensorFlow between layers": "tf.reshape(keras.Input((784,)), (-1, 28, 28, 1))",
        "`Reshape` to another count of numbers": "layers.Reshape((28, 29))(keras.Input((784,)))",
    },
    "Shapes of the images": {
        "Images for a network of flat ones": "flat.fit(x_train, y_train, verbose=0)",
        "Flat images for a convolution": "digits.fit(x_train.reshape(-1, 784), y_train, verbose=0)",
        "A convolution without a channel axis": "keras.Sequential([keras.Input((28, 28)), Conv2D(32, 3)])",
        "A convolution behind `Flatten`": "keras.Sequential([keras.Input((28, 28, 1)), Flatten(), Conv2D(32, 3)])",
        "Grey images for a network of coloured ones": "pets.fit(np.zeros((8, 64, 64, 1)), np.zeros(8), verbose=0)",
        "Images of another size": "pets.fit(np.zeros((8, 150, 150, 3)), np.zeros(8), verbose=0)",
        "A single image without a batch": "flat.predict(x_test[0].reshape(784), verbose=0)",
        "A single image for a convolution": "digits.predict(x_test[0].reshape(28, 28, 1), verbose=0)",
        "Numbers that do not fit a shape": "x_train.reshape(60000, 784)",
    },
    "Labels and loss": {
        "Whole numbers with `categorical_crossentropy`": (
            'network(Flatten(), Dense(10), loss="categorical_crossentropy").fit(x_train, y_train, verbose=0)'
        ),
        "One-hot labels with `sparse_categorical_crossentropy`": "model.fit(x_train, one_hot, verbose=0)",
        "Two units with `binary_crossentropy`": (
            'network(Flatten(), Dense(2), loss="binary_crossentropy").fit(x_train, y_train % 2, verbose=0)'
        ),
        "Another number of units than of classes": (
            'network(Flatten(), Dense(9), loss="categorical_crossentropy").fit(x_train, one_hot, verbose=0)'
        ),
        "One-hot labels for a single unit": "pets.fit(np.zeros((8, 64, 64, 3)), np.zeros((8, 2)), verbose=0)",
        "A label beyond the units": "network(Flatten(), Dense(9)).fit(x_train, y_train, verbose=0)",
        "One unit with a loss for classes": "network(Flatten(), Dense(1)).fit(x_train, y_train % 2, verbose=0)",
        "No `Flatten` behind the convolutions": (
            'network(Conv2D(4, 3), Dense(10), loss="categorical_crossentropy").fit(x_train[..., None], one_hot, verbose=0)'
        ),
        "`to_categorical` twice": (
            "twice = keras.utils.to_categorical(one_hot, 10)\n"
            'network(Flatten(), Dense(10), loss="categorical_crossentropy").fit(x_train, twice, verbose=0)'
        ),
        "More classes than `to_categorical` was told": "keras.utils.to_categorical(y_train, 9)",
        "More images than labels": "model.fit(x_train, y_test, verbose=0)",
        "Labels that are words": 'model.fit(x_test, np.array(["cat", "dog"] * 5), verbose=0)',
    },
    "Compiling and training": {
        "`fit` before `compile`": "keras.Sequential([Flatten(), Dense(10)]).fit(x_train, y_train)",
        "`compile` without a loss": (
            'made = keras.Sequential([Flatten(), Dense(10)])\nmade.compile("adam")\nmade.fit(x_train, y_train)'
        ),
        "`fit` without labels": "model.fit(x_train, verbose=0)",
        "A list instead of an array": "model.fit(x_train, list(y_train), verbose=0)",
        "`validation_split` of a list": "model.fit(x_train, list(y_train), validation_split=0.1, verbose=0)",
        "The test images in the place of the batch size": "model.fit(x_train, y_train, x_test, y_test)",
        "Half an epoch": "model.fit(x_train, y_train, epochs=2.5)",
        "The generator instead of what it makes": "pets.fit(ImageDataGenerator(rescale=1 / 255), epochs=1)",
        "Labels beside a generator": (
            "made = ImageDataGenerator().flow(np.zeros((8, 64, 64, 3)), np.zeros(8))\n"
            "pets.fit(made, np.zeros(8), verbose=0)"
        ),
        "A generator without channels": "ImageDataGenerator().flow(x_train, y_train)",
        "The network replaced by its history": (
            "made = network(Flatten(), Dense(10))\nmade = made.fit(x_train, y_train, verbose=0)\n"
            "made.evaluate(x_test, y_test)"
        ),
        "The network replaced by nothing": (
            'made = Sequential([Flatten(), Dense(10)]).compile("adam", "mse")\nmade.fit(x_train, y_train)'
        ),
        "A curve that the history does not hold": (
            'history = model.fit(x_train, y_train, verbose=0)\nplt.plot(history.history["val_accuracy"])'
        ),
        "Two numbers of `evaluate` without metrics": (
            "loss, accuracy = network(Flatten(), Dense(10), metrics=()).evaluate(x_test, y_test, verbose=0)"
        ),
        "Metrics that are no list": (
            'made = Sequential([Flatten(), Dense(10)])\n'
            'made.compile("adam", "mse", metrics="accuracy")\nmade.fit(x_train, one_hot)'
        ),
        "Counting what is not built": "Sequential([Flatten(), Dense(10)]).count_params()",
    },
    "Arrays": {
        "A list where an array is needed": "[[0, 1], [2, 3]].reshape(-1)",
        "The pair that `load_data` returns": "pair = (x_train, y_train)\npair.reshape(-1, 784)",
        "Whole numbers divided in place": 'x = x_train.astype("uint8")\nx /= 255.0',
        "Images of different sizes": "np.array([np.zeros((28, 28)), np.zeros((30, 28))])",
        "An entry that is not there": "x_test[10]",
        "More axes than there are": "x_train.reshape(-1, 784)[0, 1, 2]",
        "The channel axis of grey images": "channels = x_train.shape[3]",
        "`shape` is called": "x_train.shape()",
        "An array is called": "x_train(0)",
        "A module is called": "layers(10)",
        "A shape in two arguments": "np.zeros(28, 28)",
        "Arrays outside of a list": "np.concatenate(x_train, x_test)",
        "Part of a count": "x_train[:len(x_train) * 0.8]",
        "Shapes that do not go together": "x_train - x_test",
        "A tensor instead of an array": "tf.constant([1.0, 2.0]).reshape(2, 1)",
    },
    "Figures, scores and files": {
        "A flat image is drawn": "plt.imshow(x_train[0].reshape(784))",
        "A curve with too few numbers": "plt.plot(range(1, 11), [0.5, 0.4, 0.3])",
        "More pictures than places": "for number in range(10):\n    plt.subplot(3, 3, number + 1)",
        "`argmax` of labels that are classes": "np.argmax(y_test, axis=1)",
        "Probabilities instead of classes": (
            "from sklearn.metrics import confusion_matrix\nconfusion_matrix(y_test, np.random.rand(10, 10))"
        ),
        "A text and a number": 'print("accuracy: " + 0.97)',
        "A picture that is not there": "import cv2\ncv2.resize(cv2.imread('cat.jpg'), (64, 64))",
        "A file that is not there": "import pandas as pd\npd.read_csv('/content/drive/MyDrive/train.csv')",
        "A saved network that is not there": 'keras.models.load_model("best.keras")',
        "A file that is no picture": (
            "from PIL import Image\nwith open('Thumbs.db', 'w') as file:\n    file.write('x')\nImage.open('Thumbs.db')"
        ),
    },
}  # fmt: skip
HEAD = """\
# What errors are explained

A hint says what to do about an error of a submission. It stands with the check that failed by the error, and in the
list of cells that failed of `grader check`. These are the errors that students meet most often, as a real kernel
raised them with the Keras that `constraints.txt` pins, and what is said about each. All hints stand in
`grader/checks/hints.toml`, but for names that may be meant: `grader/checks/did_you_mean.py` looks for those among the
names of the notebook and of the libraries.
"""


def raised(warm: Sandbox | None = None) -> dict[str, tuple[Cell, str]]:
    """Each error as a kernel raised it, and its hint. Raises AssertionError where a cell ended without one."""
    told = {what: code for group in ERRORS.values() for what, code in group.items()}
    execution = run(START, *told.values(), limits=LIMITS, warm=warm)
    start, *cells = execution.claims.cells
    assert start.error is None, start.error
    found = dict(zip(told, cells, strict=True))
    without = [what for what, cell in found.items() if cell.error is None]
    assert not without, (without, execution.ending)
    return {what: (cell, hint_for(cell, Places((start, cell)))) for what, cell in found.items()}


def page(found: dict[str, tuple[Cell, str]]) -> str:
    """The page of all errors, group by group."""
    lines = [HEAD]
    for title, group in ERRORS.items():
        lines += [f"## {title}", "", "| what went wrong | the error | what is said |", "|---|---|---|"]
        lines += [f"| {what} | {_error(found[what][0])} | {_cell(found[what][1])} |" for what in group] + [""]
    return "\n".join(lines)


def _error(cell: Cell) -> str:
    """The error without what differs from machine to machine."""
    assert cell.error is not None
    words = re.sub(r" \(/\S+\)| at 0x[0-9a-f]+|(?<=\()\d+\.py, | Label values:.*", "", write_error(cell.error))
    return f"`{shorten(_cell(words).replace('`', '’'), LONGEST)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(raised()), encoding="utf-8")
