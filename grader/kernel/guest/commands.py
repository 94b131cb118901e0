"""Shell commands as notebooks write them, read by their words. Pure."""

import ast
import re
import shlex

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
LONGEST = 10_000  # characters of a command that is looked into


def parts_of(command: str) -> list[tuple[str, str]]:
    """A command line in its parts, each with what joins it to the next."""
    if len(command) > LONGEST:
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
