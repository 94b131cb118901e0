"""Grades deep-learning coursework: evidence first, then the grade.

A submission is run once in a sealed sandbox (`kernel`, `sandbox`), the model it trained is judged in a second
one that holds no student code (`judge`), and everything learnt is frozen as `evidence`: that is `grading.collect`, slow and
done once. `marking.mark` is a pure function of that evidence, so a class is re-marked in seconds (`regrading`), without
sandbox, kernel or judge. `cli` is the face.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.selfcheck.in_notebook import check as check

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`grader.check`, read when it is asked for: `import grader` costs nothing."""
    if name == "check":
        return _live().check
    raise AttributeError(f"module 'grader' has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext grader`: the magic `%grader exercise1`."""
    _live().register(shell)


def _live() -> Any:
    """What looks at a live network, once it is clear that it can. Raises UsageError."""
    from importlib import import_module

    installation = import_module("grader.core.installation")
    installation.require_supported_system()
    installation.require_packages()
    return import_module("grader.selfcheck.in_notebook")
