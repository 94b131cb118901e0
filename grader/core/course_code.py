"""Runs a course's own Python files: hidden cases, checks. A course's code is trusted, as its rubric is."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from grader.core.errors import RubricError


def run_course_file(path: Path) -> ModuleType:
    """The module that `path` makes; nothing is left in the course's folder. Raises RubricError, naming the file."""
    try:
        return _run(path)
    except OSError as error:
        raise RubricError(f"{path}: can't be read ({error.strerror}).", "Check the file.") from None
    except (Exception, SystemExit) as error:  # whatever the course's own code does: its author reads it
        raise RubricError(f"{path}: fails with {type(error).__name__}: {error}.", "Correct the file.") from error


def _run(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"grader_course_{path.stem}_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    with _known(module):
        spec.loader.exec_module(module)
    return module


@contextmanager
def _known(module: ModuleType) -> Iterator[None]:
    """While its code runs Python finds the module, as dataclasses need it; nothing is left in the folder of a course."""
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        sys.dont_write_bytecode = kept
        del sys.modules[module.__name__]
