"""Runs a course's own Python files: hidden cases, checks. A course's code is trusted, as its rubric is."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from grader.core.errors import RubricError


def run_course_file(path: Path) -> ModuleType:
    """The module that `path` makes; nothing is left in the course's folder. Raises RubricError, naming the file."""
    spec = spec_from_file_location(f"grader_course_{path.stem}_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.modules[module.__name__] = module  # while its code runs, Python finds it: dataclasses need that
    try:
        spec.loader.exec_module(module)
        return module
    except OSError as error:
        raise RubricError(f"{path}: can't be read ({error.strerror}).", "Check the file.") from None
    except (Exception, SystemExit) as error:  # whatever the course's own code does: its author reads it
        raise RubricError(f"{path}: fails with {type(error).__name__}: {error}.", "Correct the file.") from error
    finally:
        sys.dont_write_bytecode = kept
        del sys.modules[module.__name__]
