"""What Keras says about a network that can't be loaded, in a student's words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.judge.refusals import explain_refusal


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
    ],
)  # fmt: skip
def test_known_refusals_say_what_to_change(keras: str, words: str) -> None:
    assert words in explain_refusal(keras)
    assert explain_refusal(keras).startswith("the network")


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
