"""Words and numbers as people write them."""

import pytest

from grader.core.text import nearest, number


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (50.0, "50"), (7.5, "7.5"), (100 / 3, "33.33"), (0.125, "0.13"), (-1e-9, "0"), (-0.004, "0"), (-3.0, "-3"),
        (123456789.5, "123456789.5"), (1e10, "10000000000"),
    ],
)  # fmt: skip
def test_points_are_written_out_with_two_digits_at_most_and_no_sign_of_nothing(value: float, written: str) -> None:
    assert number(value) == written


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("Grades", ("Grade", "GRADE"), "Grade"),
        ("GRADES", ("Grade", "GRADE"), "GRADE"),
        ("stftspectrogram", ("MelSpectrogram", "STFTSpectrogram"), "STFTSpectrogram"),
        ("conv2d", ("Conv1D", "Conv2D"), "Conv2D"),
    ],
)
def test_what_is_meant_is_found_whatever_its_case_and_as_it_is_written(
    word: str, known: tuple[str, ...], meant: str
) -> None:
    assert nearest(word, known) == f" (did you mean `{meant}`?)"
    assert nearest(word, known[::-1]) == f" (did you mean `{meant}`?)", "whatever their order"


def test_of_words_that_are_far_none_is_meant() -> None:
    assert nearest("Dense", ("Flatten", "Conv2D")) == ""
    assert nearest("Dense", ()) == ""
