"""What Keras says about a network that can't be loaded, in a student's words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.judge.client import explain_refusal


@pytest.mark.parametrize(
    ("keras", "words"),
    [
        ("TypeError: Could not locate class 'MyLayer'. Make sure custom classes are", "uses `MyLayer`, which exists only"),
        ("ValueError: Could not locate function 'my_loss'", "uses `my_loss`"),
        ("TypeError: Could not locate class '__main__>Residual'. Make sure", "uses `Residual`"),
        ("ValueError: Requested the deserialization of a Lambda layer whose `function` is a Python lambda", "Lambda layer"),
        ("ValueError: ... this carries a potential risk of arbitrary code execution", "not loaded by the grader"),
        ("ResourceExhaustedError: OOM when allocating tensor with shape[10000,10000]", "more memory than the limit"),
        ("MemoryError: Unable to allocate 7.5 GiB", "fewer units or filters"),
        ("ValueError: the network has several inputs or outputs", "several inputs or outputs"),
        ("AttributeError: The layer sequential has never been called and thus has no input.", "keras.Input(shape=...)"),
        ("ValueError: This model has not been built yet", "begin it with"),
        ("ValueError: Cannot deserialize `keras.utils.get_file` because it is not a model", "uses `keras.utils.get_file`"),
        ("ValueError: Could not deserialize 'keras.src.x.y' because it is not a KerasSaveable", "neither a layer nor"),
        ("ValueError: Requested the deserialization of a `TFSMLayer`, which ... arbitrary code", "another program's model"),
        ("ValueError: Requested the loading of a vocabulary file outside of ... unsafe", "a vocabulary from a file"),
        ("OSError: Unable to synchronously open file (file signature not found)", "is damaged and can't be opened"),
        ("JSONDecodeError: Expecting value: line 1 column 1 (char 0)", "is damaged and can't be opened"),
        ("ValueError: could not convert string to float: b'cat'", "predicts text"),
        ("ValueError: Exception encountered when calling LSTM.call().\n\n\x1b[1mIf an RNN is stateful, the batch size of "
         "the input sequences must be the same\n- Expected batch size: 100\x1b[0m\n\nArguments received by LSTM.call():",
         "a fixed number of images"),
    ],
)  # fmt: skip
def test_known_refusals_say_what_to_change(keras: str, words: str) -> None:
    assert words in explain_refusal(keras)
    assert explain_refusal(keras).startswith("the network")


CONFIG = "config={'module': 'keras', 'layers': [{'class_name': 'Lambda'}], 'build_input_shape': [None, 8], 'x': 'OOM'}"


@pytest.mark.parametrize(
    ("keras", "words"),
    [
        (f"TypeError: <class 'Sequential'> could not be deserialized properly.\n\n{CONFIG}.\n\nException encountered: "
         f"Could not locate function 'mine'. Make sure ...\nFull object config: {CONFIG}", "uses `mine`"),
        (f"TypeError: Could not locate class 'Mine'. Make sure ... Full object config: {CONFIG * 2000}", "uses `Mine`"),
        (f"TypeError: {CONFIG * 2000}.\n\nException encountered: Could not locate class 'Deep'. Make", "uses `Deep`"),
        ("ValueError: A total of 1 objects could not be loaded. Example error message for object <Dense name=OOM>:\n\n"
         "Not allowed: H5 file with ExternalLink\n\nList of objects that could not be loaded:\n[<Lambda>]", "other files"),
        (f"ValueError: odd.\n\n{CONFIG}.\n\nException encountered: something else\nFull object config: {CONFIG}",
         "outside the notebook: ValueError: something else"),
    ],
)  # fmt: skip
def test_the_reason_is_found_behind_the_configurations_that_keras_puts_before_it(keras: str, words: str) -> None:
    assert words in explain_refusal(keras)


def test_colours_and_new_lines_of_a_refusal_stay_out() -> None:
    found = explain_refusal("ValueError: \x1b[1mbad\tshape\x1b[0m\nmore")
    assert found == "the network could not be loaded or run outside the notebook: ValueError: bad shape"


def test_an_unknown_refusal_is_quoted_by_its_first_line() -> None:
    found = explain_refusal("ValueError: bad HDF5 signature\nTraceback ...\n  File ...")
    assert found == "the network could not be loaded or run outside the notebook: ValueError: bad HDF5 signature"


def test_without_words_it_says_so() -> None:
    for words in ("", "\n \n"):
        assert explain_refusal(words).endswith("no reason given")


def test_a_long_refusal_is_cut() -> None:
    assert len(explain_refusal("x" * 4000)) < 400


@settings(deadline=None)
@given(st.text() | st.text().map("Could not locate class '{}".format) | st.sampled_from(["{name}", "{0}", "%s", "{"]))
def test_any_words_are_explained_in_words(words: str) -> None:
    found = explain_refusal(words)
    assert found.startswith("the network")
    assert len(found) < 600 + len(words)
