"""Stands between IPython and its shell lines and magics: what installs or downloads is left out with a note."""

import os
import runpy
import sys
import zipfile
from typing import Any

from grader.kernel.guest.commands import (
    INSTALLED,
    INSTALLERS,
    NOBODY,
    OFFLINE,
    UNPACKERS,
    archives_of,
    parts_of,
    program_of,
    quote_bare_commands,
    why_left_out,
    words_of,
)
from grader.kernel.guest.notes import Notes

LEFT_OUT = INSTALLERS | {"tensorflow_version", "tensorboard"}
SHELL_CELLS = {"bash", "sh", "script", "system", "sx", "!", "shell"}
LONGEST = 80  # characters of a command that a note shows


class Lines:
    """Takes the places of the shell's own methods; the source of a cell stays what it is."""

    def __init__(self, shell: Any, notes: Notes) -> None:
        self._notes, self._find = notes, shell.find_magic
        self._system, self._getoutput = shell.system, shell.getoutput
        self._line_magic, self._cell_magic = shell.run_line_magic, shell.run_cell_magic
        shell.system, shell.getoutput = self.system, self.getoutput
        shell.run_line_magic, shell.run_cell_magic = self.line_magic, self.cell_magic
        if not hasattr(shell, "magic"):  # what nbconvert wrote for years
            shell.magic = lambda line: self.line_magic(*_first_word(line.lstrip("%")))
        shell.input_transformers_post.append(quote_bare_commands)

    def system(self, command: str) -> None:
        """`!command`."""
        program = program_of(command)
        if program and os.path.isfile(program[0]):  # noqa: PTH113 - a name as the command has it
            self._run(program)
            return
        kept = self._kept(command)
        if kept:
            self._system(kept)

    def _run(self, program: list[str]) -> None:
        """A program of the submission's own in this process, where its data is served and its training is seen."""
        self._notes.note(f"`!python {_short(' '.join(program))}` was run in the notebook's own process")
        before, sys.argv = sys.argv, program
        beside = os.path.dirname(program[0])  # noqa: PTH120
        sys.path.insert(0, beside)
        try:
            runpy.run_path(program[0], run_name="__main__")
        except SystemExit as end:
            if end.code not in (None, 0):
                raise
        finally:
            sys.argv = before
            if beside in sys.path:
                sys.path.remove(beside)

    def getoutput(self, command: str, split: bool = True, depth: int = 0) -> Any:
        """`lines = !command`."""
        return self._getoutput(self._kept(command) or "true", split=split, depth=depth)

    def line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        """`%magic_name line`."""
        whole = _short(f"%{magic_name} {line}")
        if magic_name == "matplotlib" and line.split()[:1] not in ([], ["inline"], ["--list"], ["-l"]):
            self._notes.note(f"`{whole}` was taken for `%matplotlib inline`: nobody is there to look at a window")
            line = "inline"
        if magic_name in LEFT_OUT or self._find(magic_name) is None:
            self._notes.note(f"`{whole}` was left out: {INSTALLED if magic_name in INSTALLERS else NOBODY}")
            return None
        if magic_name in ("sx", "system"):
            return self.getoutput(line)
        if magic_name != "load_ext":
            return self._line_magic(magic_name, line, _stack_depth + 1)
        try:
            return None if line.strip() == "tensorboard" else self._line_magic(magic_name, line)
        except ImportError:
            self._notes.note(f"`{whole}` was left out: it is not installed where notebooks are graded")
        return None

    def cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        """`%%magic_name line` above a cell."""
        if magic_name in SHELL_CELLS:
            return self.system(cell)
        if self._find(magic_name, "cell") is None:
            whole = _short(f"%%{magic_name} {line}")
            self._notes.note(
                f"the cell under `{whole}` was left out: this magic is not known where notebooks are graded"
            )
            return None
        return self._cell_magic(magic_name, line, cell)

    def _kept(self, command: str) -> str:
        """What of a command is to be run by the shell."""
        kept = ""
        for part, joint in parts_of(command):
            why = why_left_out(part) or self._unpack(part)
            if why:
                self._notes.note(f"`!{_short(part)}` was left out: {why}")
            elif part.strip() and words_of(part)[:1] not in ([name] for name in UNPACKERS):
                kept += part + joint
        return kept.strip().rstrip("&|; ")

    def _unpack(self, part: str) -> str:
        """Does what `unzip` would: the program need not be there. Says what was wrong, or nothing."""
        words = words_of(part)
        if not words or words[0] not in UNPACKERS:
            return ""
        archives, target = archives_of(words)
        for archive in archives:
            try:
                with zipfile.ZipFile(archive) as opened:
                    opened.extractall(target)
            except FileNotFoundError:
                return OFFLINE
            except (OSError, zipfile.BadZipFile, RuntimeError) as error:
                return f"{type(error).__name__}: {error}"
        return ""


def _first_word(line: str) -> tuple[str, str]:
    name, _, rest = line.strip().partition(" ")
    return name, rest


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[:LONGEST] + "…"
