"""Wheels of the tests' own in a folder, and pip's settings by which it asks nobody else."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

ABOUT = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheel(folder: Path, name: str, version: str, files: Mapping[str, str], *, needs: str = "") -> None:
    """A wheel `name` with these files, which needs another package."""
    stem = f"{name.replace('-', '_')}-{version}"
    about = f"{stem}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (
        f"Requires-Dist: {needs}\n" if needs else ""
    )
    held = {**files, f"{about}/METADATA": metadata, f"{about}/WHEEL": ABOUT}
    record = "".join(f"{path},,\n" for path in (*held, f"{about}/RECORD"))
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        for path, text in {**held, f"{about}/RECORD": record}.items():
            archive.writestr(path, text)


def ask_nobody_else(folder: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Let pip know the wheels in the folder alone, and the grader a cache of its own."""
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull,
                        "XDG_CACHE_HOME": str(cache)}.items():  # fmt: skip
        monkeypatch.setenv(name, value)


def name_packages(root: Path, packages: Mapping[str, str]) -> None:
    """A `course.toml` that adds these packages."""
    lines = "".join(f'{name} = "{version}"\n' for name, version in packages.items())
    head = 'schema = 1\ntitle = "Networks"\n[environment.packages]\n'
    (root / "course.toml").write_text(head + lines, encoding="utf-8")
