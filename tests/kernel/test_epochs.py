"""Which epoch a training is in, from what is printed."""

from hypothesis import given
from hypothesis import strategies as st

from grader.kernel.run_notebook import EVERY_S, EpochReader


def fed(*texts: str, apart: float = 1.0) -> list[str | None]:
    reader = EpochReader()
    return [reader.feed(text, apart * number) for number, text in enumerate(texts)]


def test_the_last_epoch_that_keras_printed_is_told() -> None:
    bar = "\r\x1b[1m1875/1875\x1b[0m ━━━━━━━━━━━━━━ \x1b[1m4s\x1b[0m 2ms/step - accuracy: 0.87\n"
    assert fed("Epoch 1/5\n", bar, "Epoch 2/5\n" + bar + "Epoch 3/5\n", "done\n") == [
        "epoch 1 of 5", None, "epoch 3 of 5", None,
    ]  # fmt: skip


def test_a_line_may_come_in_two_messages() -> None:
    assert fed("x\nEpo", "ch 4/1", "0\n") == [None, None, "epoch 4 of 10"]


def test_other_numbers_are_no_epochs() -> None:
    assert fed("MyEpoch 1/2\n", "Epoch 1\n", "epoch 1/2\n", "Epoch 1234567/2\n", "Epoch a/b\n") == [None] * 5


def test_a_notebook_that_prints_thousands_is_told_now_and_then() -> None:
    told = fed(*(f"Epoch {number}/999\n" for number in range(100)), apart=EVERY_S / 10)
    assert 8 <= sum(word is not None for word in told) <= 11


@given(st.lists(st.text(max_size=300), max_size=20))
def test_whatever_is_printed_the_words_are_short_and_plain(texts: list[str]) -> None:
    for word in fed(*texts):
        assert word is None or (len(word) < 40 and word.isprintable())
