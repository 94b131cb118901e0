"""Shell commands are read by their words; what isn't one is left as it is."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.kernel.guest.shell import archives_of, parts_of, program_of, quote_bare_commands, why_left_out, words_of


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("pip install x", ["pip", "install", "x"]),
        ("sudo PIP=1 /usr/bin/pip3 install x", ["pip3", "install", "x"]),
        ("python3.11 -m pip install 'a b'", ["pip", "install", "a b"]),
        ("  # a comment", []),
        ("it's", ["it's"]),
    ],
)
def test_a_command_begins_with_its_program(part: str, words: list[str]) -> None:
    assert words_of(part) == words


@pytest.mark.parametrize(
    "part", ["pip install x", "yes | pip uninstall y", "echo a | wget -i -", "kaggle d", "nvidia-smi"]
)
def test_installers_and_downloaders_are_refused_wherever_they_stand(part: str) -> None:
    assert why_left_out(part)


@pytest.mark.parametrize(
    "part", ["ls -la", "echo pip install", "mkdir wget", "python train.py", "", "cat pip.txt | head"]
)
def test_other_commands_are_not(part: str) -> None:
    assert not why_left_out(part)


def test_a_line_is_cut_where_the_shell_would_cut_it() -> None:
    assert parts_of("a && b; c") == [("a ", "&&"), (" b", ";"), (" c", "")]
    assert parts_of("echo 'a; b' && c") == [("echo 'a; b' ", "&&"), (" c", "")]
    assert parts_of("wget x \\\n -O y") == [("wget x   -O y", "")]


@given(st.text(st.sampled_from("ab'\";&|\n \\"), max_size=60))
def test_the_parts_of_a_command_are_the_whole_command(command: str) -> None:
    assert "".join(part + joint for part, joint in parts_of(command)) == command.replace("\\\n", " ")


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("unzip -q a.zip", (["a.zip"], ".")),
        ("unzip -o -qq /content/a.zip -d data", (["/content/a.zip"], "data")),
        ("unzip a.zip -dhere -x b", (["a.zip"], "here")),
        ("unzip", ([], ".")),
    ],
)
def test_what_an_unzip_unpacks_is_found(command: str, found: tuple[list[str], str]) -> None:
    assert archives_of(command.split()) == found


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("python train.py", ["train.py"]),
        ("python3 -u src/train.py --epochs 5 'a b'", ["src/train.py", "--epochs", "5", "a b"]),
        ("/usr/bin/python3.11 train.py", ["train.py"]),
        ("python train.py > log.txt", []),
        ("cd src && python train.py", []),
        ("python -m pip install x", []),
        ("python -c 'print(1)'", []),
        ("python", []),
        ("cat train.py", []),
        ("", []),
    ],
)
def test_a_command_that_only_runs_a_program_is_known_with_its_arguments(command: str, program: list[str]) -> None:
    assert program_of(command) == program


def test_a_bare_command_becomes_a_shell_line_and_the_rest_stays() -> None:
    lines = ["import os\n", "pip install x\n", "if os:\n", "    wget http://example.org/it's\n", "    y = 1\n"]
    quoted = quote_bare_commands(lines)
    ast.parse("".join(quoted))
    assert quoted[1] == "get_ipython().system('pip install x')\n"
    assert quoted[3].startswith("    get_ipython().system(")
    assert [quoted[0], quoted[2], quoted[4]] == [lines[0], lines[2], lines[4]]


@given(
    st.lists(
        st.sampled_from(["pip = 3\n", "x = 1\n", "prose it is\n", "pip install x\n", "git\n", "def f(:\n"]), max_size=8
    )
)
def test_lines_stay_as_many_and_code_and_prose_stay_as_they_are(lines: list[str]) -> None:
    quoted = quote_bare_commands(lines)
    assert len(quoted) == len(lines)
    for before, after in zip(lines, quoted, strict=True):
        assert after == before or before == "pip install x\n"
