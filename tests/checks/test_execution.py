import re
import string
import time

import pytest

from grader.checks.cell_and_line import Places
from grader.checks.hints import RUN_ALL, hint_for, hint_for_ending, read_hints
from grader.core.evidence import Cause, Ending
from grader.core.results import Outcome
from tests.checks.builders import case, cell, claims, fit, look, planned, run_checks


def test_a_run_without_errors_passes() -> None:
    result = look("executes", case(claims(cell(1), cell(2))))
    assert (result.outcome, result.points) == (Outcome.PASSED, 10)
    assert result.reason == "all 2 code cells ran without an error"
    assert result.rests_on == "claims"


def test_an_error_is_named_with_its_cell_and_message() -> None:
    said = claims(cell(1), cell(2, error=("ValueError", "bad value")), fits=[fit(cell=3)])
    result = look("executes", case(said))
    assert (result.outcome, result.points) == (Outcome.FAILED, 0)
    assert result.reason == "cell 2 failed: ValueError: bad value"


def test_an_error_after_the_last_fit_keeps_half_of_the_points() -> None:
    said = claims(cell(1), cell(2), cell(3, error=("KeyError", "'acc'")), fits=[fit(cell=2)])
    result = look("executes", case(said))
    assert (result.outcome, result.points) == (Outcome.PARTIAL, 5)
    assert "the training itself ran, so 50% of the points stay" in result.reason
    assert "history.history.keys()" in result.hint


def test_the_share_for_errors_after_training_is_the_rubrics() -> None:
    said = claims(cell(2), cell(3, error=("ValueError", "x")), fits=[fit(cell=2)])
    assert look("executes", case(said), {"after_training": 0.9}).points == 9
    assert look("executes", case(said), {"after_training": 0}).outcome is Outcome.FAILED
    assert look("executes", case(said), {"after_training": 1}).outcome is Outcome.PASSED


def test_an_error_below_a_finished_fit_in_the_same_cell_is_after_training() -> None:
    said = claims(cell(2, error=("ValueError", "x")), fits=[fit(cell=2)])
    assert look("executes", case(said)).outcome is Outcome.PARTIAL


def test_an_error_before_training_and_one_after_it_cost_all_points() -> None:
    failed = ("ValueError", "x")
    said = claims(cell(1, error=failed), cell(2), cell(3, error=failed), fits=[fit(cell=2)])
    result = look("executes", case(said))
    assert result.outcome is Outcome.FAILED
    assert "cell 1 failed" in result.reason and "cell 3 failed" in result.reason


def test_a_fit_that_raised_is_no_training_to_be_after() -> None:
    said = claims(cell(2, error=("ValueError", "x")), fits=[fit(cell=2, done=0, error="ValueError: x")])
    assert look("executes", case(said)).outcome is Outcome.FAILED


def test_of_many_errors_three_are_told_and_the_others_counted() -> None:
    said = claims(*(cell(number, error=("ValueError", "x")) for number in range(1, 7)))
    assert look("executes", case(said)).reason.endswith("cell 3 failed: ValueError: x; and 3 more")


def test_of_many_errors_each_hint_is_told_once_and_with_its_cell() -> None:
    missing, unknown = ("ModuleNotFoundError", "No module named 'keras_tuner'"), ("ValueError", "x")
    twice = claims(
        cell(1, error=missing), cell(2, error=unknown), cell(3, error=("NameError", "name 'kt' is not defined"))
    )
    hint = look("executes", case(twice)).hint
    assert hint.startswith("Cell 1: `keras_tuner` is not installed")
    assert " Cell 3: `kt` has no value yet" in hint
    assert "Cell 2" not in hint
    same = claims(cell(1, error=missing), cell(2, error=missing))
    assert look("executes", case(same)).hint.startswith("`keras_tuner` is not installed")


def test_a_limit_is_told_in_the_hosts_words() -> None:
    ending = Ending(cause=Cause.WALL_LIMIT, message="30 min were over", cell=2)
    result = look("executes", case(claims(cell(1), cell(2, executed=False)), ending=ending))
    assert result.reason == "the run ended early in cell 2: 30 min were over"
    assert "fewer epochs" in result.hint


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause not in (Cause.FINISHED, Cause.INFRASTRUCTURE)])
def test_every_other_ending_fails_with_a_hint(cause: Cause) -> None:
    result = look("executes", case(claims(cell(1)), ending=Ending(cause=cause, message="so it was", cell=1)))
    assert result.outcome is Outcome.FAILED
    assert "so it was" in result.reason
    assert result.hint


def test_a_limit_in_the_middle_of_the_last_fit_is_not_after_training() -> None:
    ending = Ending(cause=Cause.CELL_TIMEOUT, message="too long", cell=2)
    cut = case(claims(cell(2), fits=[fit(cell=2, epochs=5, done=3)]), ending=ending)
    whole = case(claims(cell(2), fits=[fit(cell=2, epochs=5, done=5)]), ending=ending)
    assert look("executes", cut).outcome is Outcome.FAILED
    assert look("executes", whole).outcome is Outcome.PARTIAL


def test_our_own_failure_is_broken_and_not_theirs() -> None:
    ending = Ending(cause=Cause.INFRASTRUCTURE, message="the disk is full")
    result = look("executes", case(claims(), ending=ending))
    assert result.outcome is Outcome.BROKEN
    assert "the disk is full" in result.reason


def test_empty_cells_need_not_be_run_but_others_must() -> None:
    assert look("executes", case(claims(cell(1), cell(2, "  \n", executed=False)))).outcome is Outcome.PASSED
    result = look("executes", case(claims(cell(1), cell(2, executed=False))))
    assert result.reason == "cell 2 was not run"


def test_a_submission_without_code_fails() -> None:
    assert look("executes", case(claims())).reason == "there is no code in it"


def test_long_coloured_messages_become_one_short_line() -> None:
    said = claims(cell(1, error=("ValueError", "\x1b[1mInput 0\x1b[0m\n\nof layer " + "x" * 1000)))
    reason = look("executes", case(said)).reason
    assert reason.startswith("cell 1 failed: ValueError: Input 0 of layer xxx")
    assert len(reason) < 400


@pytest.mark.parametrize(
    ("name", "message", "words"),
    [
        ("ImportError", "cannot import name 'np_utils' from 'keras.utils'", "from keras.utils import to_categorical"),
        ("ModuleNotFoundError", "No module named 'keras.utils.np_utils'", "to_categorical"),
        ("ImportError", "cannot import name 'ImageDataGenerator' from 'x'", "tensorflow.keras.preprocessing.image"),
        ("ModuleNotFoundError", "No module named 'keras.layers.core'", "import layers from `keras.layers`"),
        ("ModuleNotFoundError", "No module named 'torch'", "`torch` is another framework"),
        ("ModuleNotFoundError", "No module named 'my_helpers'", "hand it in beside the notebook"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'C:\\\\train'", "the way the exercise says"),
        ("MemoryError", "", "float32"),
        ("ResourceExhaustedError", "OOM when allocating tensor", "float32"),
        ("StdinNotImplementedError", "raw_input was called", "`input()`"),
        ("SyntaxError", "Missing parentheses in call to 'print'. Did you mean print(...)?", "Python 2"),
        ("SyntaxError", "invalid syntax (1.py, line 1)", "bracket"),
        ("IndentationError", "unexpected indent", "same place"),
        ("Exception", "URL fetch failure on https://x: None -- [Errno -2] Name or service not known", "no network"),
        ("KeyError", "'val_acc'", "history.history.keys()"),
        ("AttributeError", "'Sequential' object has no attribute 'predict_classes'", "`predict_classes` was taken out"),
        ("ValueError", "Argument(s) not recognized: {'lr': 0.01}", "learning_rate"),
        ("TypeError", "fit() got an unexpected keyword argument 'nb_epoch'", "`epochs`"),
        ("ValueError", 'Input 0 of layer "dense" is incompatible with the layer', ".shape"),
        ("SystemExit", "0", "exit()"),
        ("PermissionError", "[Errno 13] Permission denied: '/x'", "beside the notebook"),
        ("NameError", "name 'model' is not defined", "`model` has no value yet"),
        ("NameError", "name 'xrange' is not defined", "Python 2"),
        ("ModuleNotFoundError", "No module named 'urllib2'", "Python 2"),
        ("AttributeError", "'dict' object has no attribute 'iteritems'", "Python 2"),
        ("ModuleNotFoundError", "No module named 'tensorflow.examples'", "belongs to TensorFlow 1"),
        (
            "AttributeError",
            "module 'tensorflow' has no attribute 'placeholder'",
            "`tf.placeholder` belongs to TensorFlow 1",
        ),
        ("ModuleNotFoundError", "No module named 'keras.wrappers.scikit_learn'", "no `KerasClassifier`"),
        (
            "RuntimeError",
            "`tf.data.Dataset` only supports Python-style iteration in eager mode or within tf.function.",
            "`disable_eager_execution()`",
        ),
        ("ValueError", "You must call `compile()` before using the model.", "`model.compile("),
        (
            "ValueError",
            "EarlyStopping callback received monitor=val_acc, but Keras isn't able",
            'monitor="val_accuracy"',
        ),
        ("ValueError", "ModelCheckpoint callback received monitor=acc, but Keras", 'monitor="accuracy"'),
        ("ValueError", "EarlyStopping callback received monitor=val_f1, but Keras", "no metric of the name `val_f1`"),
        (
            "ValueError",
            "Arguments `target` and `output` must have the same rank (ndim). Received: target.shape=(None,), "
            "output.shape=(None, 10)",
            "sparse_categorical_crossentropy",
        ),
        (
            "ValueError",
            "Arguments `target` and `output` must have the same rank (ndim). Received: target.shape=(None, 2), "
            "output.shape=(None, 26, 26, 2)",
            "`Flatten()`",
        ),
        (
            "ValueError",
            "Argument `output` must have rank (ndim) `target.ndim - 1`. Received: target.shape=(32, 2)",
            '"categorical_crossentropy"',
        ),
        (
            "ValueError",
            "Arguments `target` and `output` must have the same shape. Received: target.shape=(None, 1), "
            "output.shape=(None, 2)",
            "single numbers",
        ),
        ("ValueError", "Input 0 is incompatible with the layer: expected min_ndim=4, found ndim=3", "(-1, 28, 28, 1)"),
        ("ValueError", "Expected shape (None, 784), but input has incompatible shape (None, 28, 28)", "(-1, 784)"),
        ("ValueError", "Data cardinality is ambiguous. Make sure", "one label for each image"),
        (
            "ValueError",
            "Argument `validation_split` is only supported for tensors or NumPy arrays.Found incompatible type in the input",
            "`np.array(y)`",
        ),
        ("Exception", "URL fetch failure on https://s/tensorflow/keras-applications/vgg16/v.h5: None", "ImageNet"),
        ("FileNotFoundError", "[Errno 2] Unable to synchronously open file (unable to open file)", "saved network"),
        ("FileNotFoundError", '[Errno 2] "dot" not found in path.', "graphviz"),
        ("ModuleNotFoundError", "No module named 'scikeras'", "not installed"),
        ("ModuleNotFoundError", "No module named 'marimo'", "marimo export ipynb"),
        ("ValueError", "Please provide a TPU Name to connect to.", "no TPU"),
        ("RuntimeError", "asyncio.run() cannot be called from a running event loop", "await main()"),
        ("RuntimeError", "This event loop is already running", "await main()"),
        ("NameError", "name '__file__' is not defined", "Path.cwd()"),
        ("ValueError", "I/O operation on closed file.", "contextlib.redirect_stdout"),
        ("InvalidArgumentError", "Received a label value of 1 which is outside the valid range of [0, 1).", "one unit"),
        (
            "InvalidArgumentError",
            "Received a label value of 10 which is outside the valid range of [0, 9).",
            "has 9 units",
        ),
        ("SyntaxError", "invalid non-printable character U+00A0", "web page"),
        ("SyntaxError", "invalid character '、' (U+3001)", "Markdown cell"),
        ("SystemExit", "2", "`argparse`"),
        ("ZeroDivisionError", "division by zero", "Restart the kernel"),
    ],
)
def test_common_errors_have_a_hint_that_says_what_to_change(name: str, message: str, words: str) -> None:
    failed = cell(1, error=(name, message))
    assert words in hint_for(failed, Places((failed,)))


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ("a, b, c, d = mnist.load_data()", ("ValueError", "not enough values to unpack (expected 4, got 2)"), "two pairs"),
        ("a, b = pair", ("ValueError", "too many values to unpack (expected 2)"), "Restart the kernel"),
        ("model.fit(x, epochs=range(5))", ("TypeError", "'range' object cannot be interpreted as an integer"), "epochs=5"),
        (
            "gpus = tf.config.list_physical_devices('GPU')\nprint(gpus[0])",
            ("IndexError", "list index out of range"), "no GPU",
        ),
        ("train(int(sys.argv[1]))", ("IndexError", "list index out of range"), "without arguments"),
        ("_, data, out = sys.argv", ("ValueError", "not enough values to unpack (expected 3, got 1)"), "without arguments"),
        ("names[7]", ("IndexError", "list index out of range"), "Restart the kernel"),
        ("library(keras)\nmnist <- dataset_mnist()", ("SyntaxError", "invalid syntax (1.py, line 2)"), "looks like R"),
        ("model %>% fit(x, y)", ("SyntaxError", "invalid syntax (1.py, line 1)"), "looks like R"),
        ("if a < -1\n    b", ("SyntaxError", "expected ':' (1.py, line 1)"), "A colon is missing"),
        ("cv2.imread('a.png').shape", ("AttributeError", "'NoneType' object has no attribute 'shape'"), "cv2.imread"),
    ],
)  # fmt: skip
def test_some_errors_are_understood_by_the_code_of_their_cell(source: str, error: tuple[str, str], words: str) -> None:
    failed = cell(1, source, error)
    assert words in hint_for(failed, Places((failed,)))


def test_a_name_that_a_failed_cell_would_have_defined_leads_to_that_cell() -> None:
    first = cell(1, "x_train = load()", ("ValueError", "bad"))
    failed = cell(2, "x_train", ("NameError", "name 'x_train' is not defined"))
    assert "cell 1, which failed" in hint_for(failed, Places((first, failed)))


def test_a_name_that_is_defined_in_a_later_cell_is_pointed_at() -> None:
    failed = cell(1, "print(x_train)", ("NameError", "name 'x_train' is not defined"))
    later = cell(4, "(x_train, y_train), _ = load()")
    assert "`x_train` is defined in cell 4" in hint_for(failed, Places((failed, later)))


@pytest.mark.parametrize("source", ["def helper():\n    pass", "from tools import other as helper", "helper = 3"])
def test_functions_imports_and_assignments_all_define_a_name(source: str) -> None:
    failed = cell(1, "helper()", ("NameError", "name 'helper' is not defined"))
    assert "defined in cell 2" in hint_for(failed, Places((failed, cell(2, source))))


def test_a_name_that_differs_only_in_case_is_pointed_at() -> None:
    first, failed = cell(1, "X_train = 3"), cell(2, "x_train", ("NameError", "name 'x_train' is not defined"))
    assert "Cell 1 defines `X_train`" in hint_for(failed, Places((first, failed)))


@pytest.mark.parametrize("padding", ["\n", " ", "a", "a, ", "x\n", "=", "("])
@pytest.mark.parametrize("name", ["SyntaxError", "NameError"])
def test_a_hint_for_a_very_long_cell_takes_no_time(name: str, padding: str) -> None:
    failed = cell(1, padding * 100_000, (name, "name 'y' is not defined"))
    started = time.monotonic()
    assert hint_for(failed, Places((failed, failed))) != ""
    assert time.monotonic() - started < 20, "what grows with the square takes minutes"


def test_an_error_is_told_without_the_path_that_a_library_has_on_this_machine() -> None:
    message = (
        "cannot import name 'Droput' from 'keras.layers' (/usr/lib/python3/site-packages/keras/layers/__init__.py)"
    )
    reason = look("executes", case(claims(cell(1, error=("ImportError", message))))).reason
    assert reason == "cell 1 failed: ImportError: cannot import name 'Droput' from 'keras.layers'"


def asked(source: str, error: tuple[str, str]) -> str:
    """The hint of a rubric that asks for an input and an output."""
    rubric = (
        planned("executes"), planned("input_shape", {"shapes": [[784], [28, 28]]}), planned("output_units", {"units": 10}),
    )  # fmt: skip
    return run_checks(rubric, case(claims(cell(1, source, error))))[0].hint


def test_what_the_exercise_asks_of_a_network_is_said_before_the_general_advice() -> None:
    unknown = ("ValueError", "something that nobody foresaw")
    asks = "The exercise asks for an input of (784,) or (28, 28) and 10 units with softmax at the end."
    assert asked("model.fit(x, y)", unknown) == f"{asks} Compare what you built and what `fit` is given with that."
    assert asked("x = 1 + y", unknown) == RUN_ALL
    ranks = "Argument `output` must have rank (ndim) `target.ndim - 1`. Received: target.shape=(32, 2)"
    assert asked("model.fit(x, y)", ("ValueError", ranks)).endswith(f'`loss="categorical_crossentropy"`. {asks}')
    assert "The exercise asks" not in asked("model.fit(x, y)", ("NameError", "name 'x' is not defined"))


def test_a_rubric_that_asks_nothing_of_a_network_says_nothing_of_it() -> None:
    failed = cell(1, "model.fit(x, y)", ("ValueError", "something that nobody foresaw"))
    assert look("executes", case(claims(failed))).hint == RUN_ALL


HOSTILE = (
    "' object has no attribute '", "Expected shape (None, ", "(", "1, ", "'x' sizes: 1", "<class 'a.", "target.shape=(", "[",
    "Received: ", "module 'a.", "missing 1 required positional argument: '", "concatenation axis. Received: input_shape=[",
    " ",
)  # fmt: skip


@pytest.mark.parametrize("part", HOSTILE)
@pytest.mark.parametrize(
    "name", ["ValueError", "TypeError", "AttributeError", "ImportError", "IndexError", "SyntaxError"]
)
def test_a_hint_for_a_long_message_that_was_made_to_be_dear_takes_no_time(name: str, part: str) -> None:
    failed = cell(1, "model.fit(x)", (name, (part * 2_000)[:2_000]))
    started = time.process_time()
    assert hint_for(failed, Places((failed,))) != ""
    assert time.process_time() - started < 1


def test_a_comparison_defines_nothing() -> None:
    failed = cell(1, "y", ("NameError", "name 'y' is not defined"))
    assert "has no value yet" in hint_for(failed, Places((failed, cell(2, "y == 3"))))


def test_a_cell_that_trains_nothing_and_never_ends_is_not_told_to_train_less() -> None:
    ending = Ending(cause=Cause.CELL_TIMEOUT, message="too long", cell=2)
    endless, training = (
        cell(2, source) for source in ("while True:\n    print(1)", "while True:\n    model.fit(x, y)")
    )
    assert "never ended" in hint_for_ending(ending, Places((cell(1), endless)))
    assert "fewer epochs" in hint_for_ending(ending, Places((cell(1), training)))


def test_every_hint_names_only_what_its_message_holds_and_every_ending_is_a_cause() -> None:
    for hint in read_hints().errors:
        named = {int(field) for _, field, _, _ in string.Formatter().parse(hint.text) if field is not None}
        assert max(named, default=0) <= re.compile(hint.message).groups, hint
    for ending in read_hints().endings:
        assert {Cause(cause) for cause in ending.causes}
