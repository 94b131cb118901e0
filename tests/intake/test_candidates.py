"""Of several files the one that counts is taken only where they say which."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.errors import SubmissionError
from grader.intake.names import name_some, newest_uploads
from grader.intake.submissions import choose_main, meant_name
from tests.intake.zips import NOTEBOOK, another_notebook


def files(*names: str) -> dict[str, bytes]:
    return {name: another_notebook(name) for name in names}


@pytest.mark.parametrize(
    ("names", "main"),
    [
        (("work.ipynb", "work (1).ipynb", "work (12).ipynb"), "work (12).ipynb"),
        (("work(3).ipynb", "work (1).ipynb"), "work(3).ipynb"),
        (("work.ipynb", "work-1.ipynb", "work-2.ipynb"), "work-2.ipynb"),
        (("Work.ipynb", "work-1.ipynb"), "work-1.ipynb"),
        (("a/work.ipynb", "a/work-1.ipynb"), "a/work-1.ipynb"),
        (("work.ipynb", "work-checkpoint.ipynb"), "work.ipynb"),
        (("exercise1.ipynb", "exercise1-1.ipynb"), "exercise1-1.ipynb"),
    ],
)
def test_of_several_uploads_the_newest_counts_and_the_report_says_so(names: tuple[str, ...], main: str) -> None:
    choice = choose_main("ada", files(*names), assignment="exercise1")
    assert choice.main == main
    assert choice.notes[0] == f"{main} is the newest of several uploads of that name"
    assert all(name in choice.notes[1] for name in names)


@pytest.mark.parametrize(
    "names",
    [
        ("work-1.ipynb", "work-2.ipynb"),  # two tasks as well as two uploads
        ("work.ipynb", "other-1.ipynb"),
        ("a/work.ipynb", "b/work-1.ipynb"),
        ("work.ipynb", "work2.ipynb"),
        ("work.ipynb", "work-Copy1.ipynb"),
    ],
)
def test_numbers_that_may_mean_something_else_are_no_uploads(names: tuple[str, ...]) -> None:
    with pytest.raises(SubmissionError, match="2 files that could be the submission"):
        choose_main("ada", files(*names))


def test_a_file_called_after_the_assignment_goes_before_any_other() -> None:
    for name in ("exercise1.ipynb", "Exercise 1.ipynb", "exercise-1.ipynb", "EXERCISE_1.IPYNB"):
        others = ("exercise2.ipynb", "exercise.ipynb", "solution.ipynb")
        assert choose_main("ada", files(*others, name), assignment="exercise1").main == name


def test_the_same_file_twice_counts_once_and_the_report_says_so() -> None:
    same = {"final/ada.ipynb": NOTEBOOK, "work.ipynb": NOTEBOOK, "copy of work.ipynb": NOTEBOOK}
    choice = choose_main("ada", same)
    assert choice.main == "work.ipynb"
    assert choice.notes == ("work.ipynb was graded; beside it lay copy of work.ipynb, final/ada.ipynb",)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("work.ipynb.txt", "work.ipynb"),
        ("work.IPYNB.json", "work.IPYNB"),
        ("work.json", "work.ipynb"),
        ("work", "work.ipynb"),
        ("work.txt", "work.ipynb"),
    ],
)
def test_a_renamed_notebook_is_read_under_the_name_that_was_meant(name: str, meant: str) -> None:
    choice = choose_main("ada", {name: NOTEBOOK, "picture.png": b"x"})
    assert (choice.main, sorted(choice.files)) == (meant, sorted([meant, "picture.png"]))
    assert choice.notes == (f"{name} was read as {meant}",)


def test_text_and_data_are_no_renamed_notebooks() -> None:
    assert meant_name("data.json", b'{"cells": 3}') is None
    assert meant_name("notes.txt", b"In cells of nbformat 4 I wrote") is None
    assert meant_name("work.pdf", NOTEBOOK) is None
    assert meant_name("work.py.txt", b"a = 1") == "work.py"


def test_a_real_notebook_goes_before_a_renamed_one() -> None:
    assert choose_main("ada", {"old.ipynb.txt": b"{}", "work.ipynb": NOTEBOOK}).main == "work.ipynb"


def test_an_empty_hand_in_is_called_empty() -> None:
    with pytest.raises(SubmissionError, match="ada: is empty"):
        choose_main("ada", {})


def test_a_sentence_names_a_few_files_and_counts_the_rest() -> None:
    assert name_some(["b", "a"]) == "a, b"
    assert name_some(f"{number:02}" for number in range(30)).endswith("08, 09 and 20 more")


STEMS = st.builds(
    "{}{}".format,
    st.sampled_from(["a", "A", "b", "a/x", ""]),
    st.sampled_from(["", "-1", "-02", " (1)", "(2)", "-checkpoint"]),
)


@given(st.lists(st.builds("{}{}".format, STEMS, st.sampled_from([".ipynb", ".py"])), min_size=1, unique=True))
def test_of_any_names_at_least_one_upload_is_left_and_none_is_made_up(names: list[str]) -> None:
    left = newest_uploads(names, "a1")
    assert left
    assert set(left) <= set(names)
    assert {PurePosixPath(name).suffix for name in left} == {PurePosixPath(name).suffix for name in names}
    assert newest_uploads(left, "a1") == left or len(left) < len(names)
