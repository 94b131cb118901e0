"""Wrong words on the command line: answered in our words, with what is wanted, and never with the parser's."""

import shlex
from pathlib import Path

import pytest

from tests.fakes import run_cli

OF_THE_PARSER = ("Error:", "Invalid value", "Input should", "Value error", "No such", "Traceback", "Usage:", "[type=")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("grad x", "There is no command `grad` (did you mean `grade`?). Available: grade, batch, "),
        ("exercise1 check", "the command comes first. Type `grader check exercise1`."),
        ("export out csv", "`out` is not a format: the format comes first. Type `grader export csv out`."),
        ("gradebook shwo out", "There is no command `shwo` (did you mean `show`?). Available: show, override, "),
        ("--debug check", "`--debug` stands before the command."),
        ("grade exercise1 x --outt y", "`grader grade` has no option --outt (did you mean `--out`?). Available: --out,"),
        ("export csv x --scale", "`grader export csv` has no option --scale"),
        ("gradebook points out ada c -5", "A number below zero stands behind two dashes: `-- -5`."),
        ("batch exercise1 x --jobs two", "--jobs two: is not a whole number from 1 on."),
        ("batch exercise1 x --jobs=two", "--jobs two: is not a whole number from 1 on."),
        ("batch exercise1 x -jtwo", "--jobs two: is not a whole number from 1 on."),
        ("batch exercise1 x -j 0", "--jobs 0: is not a whole number from 1 on."),
        ("baseline --seeds 101", "--seeds 101: is not a whole number from 1 to 100."),
        ("batch exercise1 x --jobs", "--jobs needs a value behind it."),
        ("check exercise1 --json=3", "--json takes no value."),
        ("grade exercise1 x -s docker", "--sandbox docker: is not known. Available: bubblewrap, podman, none."),
        ("grade exercise1 x -s pod", "Available: bubblewrap, podman, none."),
        ("grade exercise1 x -s podmann", "is not known (did you mean `podman`?)"),
        ("demo dogs", "PART: is not known. Available: mnist, pets."),
        ("grade", "ASSIGNMENT is missing: the assignment's id, as in `grader grade exercise1`. Write `grader grade "
                  "ASSIGNMENT SUBMISSION`. Available: exercise1, "),
        ("grade exercise1", "SUBMISSION is missing: a notebook, a module, "),
        ("grade work.ipynb", "Available: exercise1, "),
        ("data fetch", "DATASET is missing: the dataset's id, as in `grader data fetch mnist`. Write `grader data fetch "
                       "DATASET`. Available: mnist, "),
        ("grade exercise1 a b", "Write `grader grade ASSIGNMENT SUBMISSION`. A folder of them is graded by `grader batch`."),
        ("data list x", "`grader data list` got more words than it takes. It takes options only."),
    ],
)  # fmt: skip
def test_what_the_parser_refuses_is_said_in_our_words(typed: str, said: str) -> None:
    answer = run_cli(*shlex.split(typed))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("grader: ") and answer.err.count("\n") == 1
    assert said in answer.err
    assert not any(words in answer.err for words in OF_THE_PARSER)


def test_a_name_with_spaces_that_the_shell_took_apart_is_put_in_quotation_marks(tmp_path: Path) -> None:
    (tmp_path / "my own work.ipynb").write_text("{}")
    answer = run_cli("check", "exercise1", "my", "own", "work.ipynb")
    assert answer.code == 2
    assert "A name with spaces stands in quotation marks: 'my own work.ipynb'." in answer.err


@pytest.mark.parametrize("command", ["grade", "batch", "regrade"])
def test_exchanged_arguments_are_noticed_and_the_right_line_is_shown(command: str) -> None:
    answer = run_cli(command, "my work.ipynb", "exercise1", "--course", Path(__file__).parents[2])
    assert answer.code == 2
    assert "`my work.ipynb` is not an assignment: the assignment comes first." in answer.err
    assert f"Type `grader {command} exercise1 'my work.ipynb' --course " in answer.err


def test_check_takes_exchanged_arguments_as_they_are_meant_and_says_so() -> None:
    answer = run_cli("check", "nowhere.ipynb", "exercise1")
    assert answer.code == 2
    assert answer.err.splitlines() == [
        "note: the assignment comes first; this is taken as `grader check exercise1 nowhere.ipynb`.",
        "grader: nowhere.ipynb: there is no such file or folder. Check the path.",
    ]


def test_check_of_a_file_alone_asks_for_the_assignment() -> None:
    answer = run_cli("check", "work.ipynb")
    assert answer.code == 2
    assert "the assignment comes first, as in `grader check exercise1 work.ipynb`. Available: exercise1, " in answer.err
