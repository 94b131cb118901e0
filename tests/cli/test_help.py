"""What `--help` says: whole sentences, in the width of a terminal, and one meaning for each short option."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from grader.cli import app

GROUPS = ("", "export", "gradebook", "data")


def help_of(*words: str, width: int = 80) -> str:
    command = [sys.executable, "-m", "grader", *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"COLUMNS": str(width)})
    return done.stdout


def all_commands(group: Any = None) -> Iterator[Any]:
    known: Any = group or typer.main.get_command(app)
    for command in known.commands.values():
        yield from all_commands(command) if hasattr(command, "commands") else [command]


@pytest.mark.parametrize("group", GROUPS)
def test_a_list_of_commands_says_a_whole_sentence_of_each_on_one_line(group: str) -> None:
    listed = help_of(*group.split()).split("Commands:\n")[1].rstrip().splitlines()
    for line in listed:
        name, _, told = line.strip().partition("  ")
        assert name and told.strip()[0].isupper(), line
        assert told.endswith((".", "?")), line
        assert "..." not in line and len(line) <= 80


def test_help_fits_the_width_of_the_terminal() -> None:
    for width in (50, 65, 80):
        for words in ((), ("check",), ("batch",), ("gradebook", "override")):
            longest = max(help_of(*words, width=width).splitlines(), key=len)
            assert len(longest) <= width, longest


def test_minus_h_is_help_everywhere() -> None:
    for words in ((), ("check",), ("export",), ("export", "csv")):
        command = [sys.executable, "-m", "grader", *words]
        short, full = (subprocess.run([*command, how], capture_output=True, text=True) for how in ("-h", "--help"))
        assert (short.returncode, short.stdout) == (0, full.stdout)


def test_a_short_option_means_the_same_in_every_command() -> None:
    meanings: dict[str, set[str]] = {}
    for command in all_commands():
        for item in command.params:
            for short in (word for word in item.opts if len(word) == 2):
                meanings.setdefault(short, set()).add(next(word for word in item.opts if word.startswith("--")))
    assert {"-o", "-j", "-q", "-v", "-s", "-d", "-c", "-a", "-g"} <= set(meanings)
    assert meanings.pop("-o") == {"--out", "--into"}  # where it goes, either way
    assert all(len(options) == 1 for options in meanings.values()), meanings


def test_an_option_with_a_short_form_has_it_in_every_command() -> None:
    shorts: dict[str, set[tuple[str, ...]]] = {}
    for command in all_commands():
        for item in command.params:
            if item.param_type_name == "option":
                name = next(word for word in item.opts if word.startswith("--"))
                shorts.setdefault(name, set()).add(tuple(word for word in item.opts if len(word) == 2))
    assert all(len(forms) == 1 for forms in shorts.values()), shorts


def test_every_option_and_argument_is_explained_by_a_whole_sentence() -> None:
    for command in all_commands():
        for item in command.params:
            assert item.help and item.help.endswith(".") and item.help[:1].isupper(), (command.name, item.name)
            if item.param_type_name == "option":
                assert item.is_flag or item.metavar, (command.name, item.name)
