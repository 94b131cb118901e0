"""Throw-away folders, and files that are written whole."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.errors import Infrastructure, UsageError


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder that is gone afterwards; readable by the sandbox' own uid."""
    with tempfile.TemporaryDirectory(prefix="grader-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


def write_whole(path: Path, data: bytes | str) -> None:
    """Write a file so that it is there whole or not at all. Raises Infrastructure, as for a full disk."""
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(raw)
        os.replace(partial, path)  # noqa: PTH105 - the word that says it
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise Infrastructure(
            f"{path}: could not be written ({error.strerror}).", "Make room or name another --out."
        ) from None


def write_json(path: Path, value: object) -> None:
    """Write plain values as JSON, whole."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def output_folder(path: Path) -> Path:
    """`path` as a folder that can be written to. Raises UsageError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: can't be used for the output ({error.strerror}).", "Name another --out.") from None
    if not os.access(path, os.W_OK):
        raise UsageError(f"{path}: can't be written to.", "Name another --out.")
    return path
