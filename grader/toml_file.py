"""TOML that a person wrote: one reader for rubrics, manifests and settings, and one way to say what is wrong with a file."""

import codecs
import tomllib
from pathlib import Path
from typing import Any

from grader.errors import GraderError

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_toml(path: Path, error: type[GraderError]) -> dict[str, Any]:
    """The tables of the file at `path`; a byte order mark, as Windows' Notepad writes it, is let pass.

    Raises `error` for a file that can't be read, naming the line where there is one.
    """
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise error(f"{path}: can't be read ({fault.strerror}).", "Check the file.") from None
    if data.startswith(UTF_16) or b"\0" in data[:4]:
        raise error(f"{path}: not a TOML file: it is UTF-16 text.", "Save it again with the encoding UTF-8.")
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise error(
            f"{path}: not a TOML file: line {line} is not UTF-8 text.", "Save it again with the encoding UTF-8."
        ) from None
    except RecursionError:
        raise error(f"{path}: not a TOML file: brackets stand too deep in each other.", "Mend the file.") from None
    except ValueError as fault:  # a number too long for Python too, of which no line is told
        remedy = "Mend the line it names." if isinstance(fault, tomllib.TOMLDecodeError) else "Mend the file."
        raise error(f"{path}: not a TOML file: {fault}.", remedy) from None
