"""What was meant by a name that is not there: of the notebook's own names, and of what is installed here."""

import subprocess
import sys
import time

import pytest

from grader.checks.cell_and_line import Places
from grader.checks.did_you_mean import methods_of, nearest, parameters_of, read_library, what_was_meant
from grader.checks.hints import hint_for
from grader.core.evidence import CellError
from tests.checks.builders import cell


def offer(message: str) -> str:
    return what_was_meant(CellError(name="Error", message=message))


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        ("module 'keras.layers' has no attribute 'Flaten'", "`Flatten`"),
        ("module 'keras._tf_keras.keras.layers' has no attribute 'MaxPool2d'", "`tf.keras.layers` has no `MaxPool2d`"),
        ("module 'matplotlib.pyplot' has no attribute 'imshw'", "`imshow`"),
        ("module 'numpy' has no attribute 'resahpe'", "`reshape`"),
        ("module 'tensorflow' has no attribute 'zeross'", "`zeros`"),
        ("module 'tensorflow._api.v2.nn' has no attribute 'softmx'", "`tf.nn` has no `softmx`: did you mean `softmax`?"),
        ("cannot import name 'Droput' from 'keras.layers' (/x/__init__.py)", "`Dropout`"),
        ("cannot import name 'Conv2d' from 'tensorflow.keras.layers' (/x)", "`Conv2D`"),
        ("cannot import name 'Dense' from 'keras.models' (/x)", "it is in `keras.layers`. Write `from keras.layers import"),
        ("No module named 'keras.dataset'", "`keras.datasets`"),
        ("No module named 'matplotlib.pyplt'", "`matplotlib.pyplot`"),
        ("No module named 'Keras'", "did you mean `keras`?"),
        ("'Sequential' object has no attribute 'complie'", "`compile`"),
        ("'Functional' object has no attribute 'evalute'", "`evaluate`"),
        ("'numpy.ndarray' object has no attribute 'resahpe'", "`reshape`"),
        ("'str' object has no attribute 'formt'", "`format`"),
        ("Could not interpret activation function identifier: Relu", "`relu`"),
        ("Could not interpret optimizer identifier: adem", "`adam`"),
        ("Could not interpret metric identifier: acuracy", "`accuracy`"),
        ("Could not interpret loss identifier: categorical_cross_entropy", "`categorical_crossentropy`"),
        ("Unrecognized keyword arguments passed to Dense: {'activaton': 'relu'}", "`activation=`"),
        ("TensorFlowTrainer.fit() got an unexpected keyword argument 'epoch'", "`epochs=`"),
        ("Trainer.compile() got an unexpected keyword argument 'metric'", "`metrics=`"),
    ],
)  # fmt: skip
def test_a_name_that_is_nearly_one_of_a_library_is_offered_the_right_one(message: str, meant: str) -> None:
    assert meant in offer(message)


@pytest.mark.parametrize(
    "message",
    [
        "module 'keras.layers' has no attribute 'Qwertyuiop'",
        "module 'os' has no attribute 'pth'",  # of libraries alone
        "module 'keras.../../../etc' has no attribute 'passwd'",
        "No module named 'torch'",
        "Could not interpret weather identifier: rain",
        "'Sequential' object has no attribute 'q'",
        "module '" + "a." * 5_000 + "' has no attribute 'b'",
        "Unrecognized keyword arguments passed to " + "A" * 5_000,
        "",
    ],
)
def test_nothing_is_offered_for_what_is_like_no_known_name(message: str) -> None:
    assert offer(message) == ""


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        ("x_train = 1", "x_trian", "did you mean `x_train`, which cell 1 defines?"),
        ("(x_train, y_train), (x_test, y_test) = load()", "xtrain", "`x_train`"),
        ("def build_model():\n    pass", "bulid_model", "`build_model`"),
        ("x = 1", "np", "write `import numpy as np`"),
        ("x = 1", "Dense", "`from keras.layers import Dense`"),
        ("x = 1", "EarlyStopping", "`from keras.callbacks import EarlyStopping`"),
        ("x = 1", "mnist", "`from keras.datasets import mnist`"),
        ("x = 1", "Flaten", "did you mean `Flatten`? Write `from keras.layers import Flatten`."),
        ("x = 1", "pritn", "did you mean `print`?"),
        ("x = 1", "true", "Python writes `True` for `true`."),
        ("x = 1", "xrange", "This is Python 2"),
        ("x = 1", "weather", "`weather` has no value yet"),
    ],
)
def test_a_name_without_a_value_is_looked_for_among_the_notebooks_own_and_the_librarys(
    source: str, name: str, words: str
) -> None:
    first, failed = cell(1, source), cell(2, f"print({name})", ("NameError", f"name '{name}' is not defined"))
    assert words in hint_for(failed, Places((first, failed)))


def test_a_name_of_the_same_cell_is_called_so_and_one_of_a_later_cell_is_not_offered() -> None:
    failed = cell(1, "images = 1\nimage", ("NameError", "name 'image' is not defined"))
    assert "`images`, which this cell defines?" in hint_for(failed, Places((failed,)))
    early = cell(1, "modle", ("NameError", "name 'modle' is not defined"))
    assert "did you mean" not in hint_for(early, Places((early, cell(2, "model = 1"))))


@pytest.mark.parametrize(
    ("name", "message", "words"),
    [
        (
            "AttributeError", "module 'numpy' has no attribute 'int'.\n`np.int` was a deprecated alias.",
            "NumPy took `np.int` out",
        ),
        ("ModuleNotFoundError", "No module named 'wandb'", "`wandb` is not installed"),
        ("ModuleNotFoundError", "No module named 'helpers'", "hand it in beside the notebook"),
        ("AttributeError", "module 'keras' has no attribute 'nothing'", "Restart the kernel"),
        ("AttributeError", "module 'tensorflow' has no attribute 'placeholder'", "belongs to TensorFlow 1"),
    ],
)  # fmt: skip
def test_what_was_taken_out_or_is_nobodys_is_no_misspelling(name: str, message: str, words: str) -> None:
    failed = cell(1, "x", (name, message))
    assert words in hint_for(failed, Places((failed,)))


def test_names_are_compared_without_regard_to_upper_and_lower_case_and_no_word_is_its_own_neighbour() -> None:
    assert nearest("RELU", ["relu", "selu"]) == "relu"
    assert nearest("relu", ["relu"]) == ""
    assert nearest("x" * 61, ["x" * 60]) == ""


def test_libraries_are_read_as_text_and_only_those_that_a_course_uses() -> None:
    assert {"Dense", "Flatten", "Conv2D"} <= read_library("keras.layers").names
    assert read_library("os").names == read_library("keras.no.such.module").names == frozenset()
    assert {"fit", "compile", "summary"} <= methods_of("Sequential")
    assert methods_of("Anything") == frozenset()
    assert parameters_of("Dense")[:2] == ("units", "activation")
    assert {"epochs", "validation_data"} <= {*parameters_of("fit")}
    assert parameters_of("system") == ()


def test_no_library_is_imported_for_an_offer() -> None:
    code = (
        "import sys\nfrom grader.checks.did_you_mean import what_was_meant\nfrom grader.core.evidence import CellError\n"
        "said = what_was_meant(CellError(name='x', message=\"module 'keras.layers' has no attribute 'Flaten'\"))\n"
        "assert 'Flatten' in said\nassert not {'keras', 'tensorflow', 'matplotlib'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_many_names_of_a_notebook_take_no_time() -> None:
    many = cell(1, "\n".join(f"x_train{number} = 1" for number in range(20_000)))
    failed = cell(2, "x_trian", ("NameError", "name 'x_trian' is not defined"))
    started = time.process_time()
    assert "did you mean" in hint_for(failed, Places((many, failed)))
    assert time.process_time() - started < 2
