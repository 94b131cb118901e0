"""Shell lines and magics of a notebook: what installs or downloads is left out with a note, all else runs."""

import ast
import os
import re
import runpy
import shlex
import sys
import zipfile
from typing import Any

from grader.kernel.guest.backends import backend_in_use
from grader.kernel.guest.notes import Notes

INSTALLERS = {"pip", "pip2", "pip3", "conda", "mamba", "micromamba", "apt", "apt-get", "add-apt-repository", "brew", "npm",
              "uv", "poetry", "easy_install"}  # fmt: skip
DOWNLOADERS = {"wget", "curl", "kaggle", "gdown", "git", "gsutil", "aria2c", "axel", "scp", "huggingface-cli", "rclone",
               "google-drive-ocamlfuse", "jovian"}  # fmt: skip
UNPACKERS = {"unzip"}
STARTERS = {"tensorboard", "streamlit", "ngrok", "jupyter", "nvidia-smi"}
PREFIXES = {"sudo", "time", "yes", "env", "nohup"}
INSTALLED = "packages can't be installed where notebooks are graded"
OFFLINE = "there is no network; the data of the exercise is there already"
NOBODY = "it does nothing where notebooks are graded"
BARE = re.compile(rf"^(?:{'|'.join(sorted(INSTALLERS | DOWNLOADERS | UNPACKERS))})[ \t]+[\w./-]")
JOINTS = re.compile(r"(&&|\|\||;|\n)(?=(?:[^'\"]|'[^'\n]*'|\"[^\"\n]*\")*$)")
MOST_LINES = 30  # bare commands of one cell
LONGEST_COMMAND = 10_000  # characters of a command that is looked into


def parts_of(command: str) -> list[tuple[str, str]]:
    """A command line in its parts, each with what joins it to the next."""
    if len(command) > LONGEST_COMMAND:
        return [(command, "")]
    pieces = JOINTS.split(command.replace("\\\n", " "))
    return list(zip(pieces[::2], [*pieces[1::2], ""], strict=True))


def why_left_out(part: str) -> str:
    """Why a part of a command may not run, in words; "" if it may."""
    for piece in part.split("|"):
        first = (words_of(piece) or [""])[0]
        for names, why in ((INSTALLERS, INSTALLED), (DOWNLOADERS, OFFLINE), (STARTERS, NOBODY)):
            if first in names:
                return why
    return ""


def words_of(piece: str) -> list[str]:
    """The words of a simple command from its program on: `sudo X=1 python3 -m pip install a` begins with pip."""
    try:
        words = shlex.split(piece, comments=True)
    except ValueError:
        words = piece.split()
    while words and (words[0] in PREFIXES or re.fullmatch(r"\w+=.*", words[0])):
        words = words[1:]
    if words:
        words[0] = words[0].rpartition("/")[2]
    if len(words) > 2 and re.fullmatch(r"python[\d.]*", words[0]) and words[1] == "-m":
        words = words[2:]
    return words


def program_of(command: str) -> list[str]:
    """The file and the arguments of `python train.py --epochs 5` where the command is nothing else, else nothing."""
    parts = [part for part, _ in parts_of(command) if part.strip()]
    if len(parts) != 1 or any(sign in parts[0] for sign in "|<>&$`*"):
        return []
    words = words_of(parts[0])
    if not words or not re.fullmatch(r"python[\d.]*|ipython3?", words[0]):
        return []
    given = words[1:]
    while given and given[0] in ("-u", "-B", "-O"):
        given = given[1:]
    return given if given and given[0].endswith(".py") else []


def archives_of(words: list[str]) -> tuple[list[str], str]:
    """What an `unzip` command unpacks, and where to."""
    archives, target, rest = [], ".", iter(words[1:])
    for word in rest:
        if word == "-d":
            target = next(rest, ".")
        elif word.startswith("-d") and len(word) > 2:
            target = word[2:]
        elif word == "-x":
            break
        elif not word.startswith("-"):
            archives.append(word)
    return archives[:1], target


def quote_bare_commands(lines: list[str]) -> list[str]:
    """A cell's lines in which `pip install x`, without its `!`, is a shell line; all others as they are."""
    lines = list(lines)
    for _ in range(MOST_LINES):
        try:
            ast.parse("".join(lines))
        except SyntaxError as error:
            at = (error.lineno or 0) - 1
        except (ValueError, RecursionError, MemoryError):
            return lines
        else:
            return lines
        if not 0 <= at < len(lines) or not BARE.match(lines[at].lstrip()):
            return lines
        code = lines[at].lstrip()
        indent = lines[at][: len(lines[at]) - len(code)]
        lines[at] = f"{indent}get_ipython().system({code.rstrip()!r})\n"
    return lines


LEFT_OUT = INSTALLERS | {"tensorflow_version", "tensorboard"}
SHELL_CELLS = {"bash", "sh", "script", "system", "sx", "!", "shell"}
LONGEST_SHOWN = 80  # characters of a command that a note shows


class ShellLines:
    """Takes the places of the shell's own methods; the source of a cell stays what it is."""

    def __init__(self, shell: Any, notes: Notes) -> None:
        self._notes, self._find = notes, shell.find_magic
        self._system, self._getoutput = shell.system, shell.getoutput
        self._line_magic, self._cell_magic = shell.run_line_magic, shell.run_cell_magic
        self._run_cell = shell.run_cell
        shell.system, shell.getoutput = self.system, self.getoutput
        shell.run_line_magic, shell.run_cell_magic = self.line_magic, self.cell_magic
        if not hasattr(shell, "magic"):  # what nbconvert wrote for years
            shell.magic = lambda line: self.line_magic(*line.lstrip("%").strip().partition(" ")[::2])
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
            self._notes.note(f"`{whole}` was run as `%matplotlib inline`: there is no screen for a window")
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
        if magic_name == "backend" and line.split():
            return self._backend_cell(magic_name, line, cell)
        if self._find(magic_name, "cell") is None:
            whole = _short(f"%%{magic_name} {line}")
            self._notes.note(
                f"the cell under `{whole}` was left out: this magic is not known where notebooks are graded"
            )
            return None
        return self._cell_magic(magic_name, line, cell)

    def _backend_cell(self, magic_name: str, line: str, cell: str) -> Any:
        """`%%backend jax`: a textbook's magic, which runs a cell on that backend alone; also where nothing has made it."""
        wanted, used = line.split()[-1], backend_in_use()
        if wanted != used:
            whole = _short(f"%%{magic_name} {line}")
            self._notes.note(f"the cell under `{whole}` was left out: in this run Keras' backend is '{used}'")
        if self._find(magic_name, "cell") is not None:
            return self._cell_magic(magic_name, line, cell)
        if wanted == used:
            self._run_cell(cell)
        return None

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


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SHOWN else line[:LONGEST_SHOWN] + "…"
