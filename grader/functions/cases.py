"""What a course writes in `cases.py`: oracles with the arguments to try them on. Course code is trusted, as a rubric is."""

import hashlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.errors import RubricError

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Arguments = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Cases of one kind: `examples` are tried first, then `number` arguments drawn from `draws`, each time others.

    Each is a tuple of the function's arguments: NumPy arrays of numbers, ints, floats and strings.
    """

    title: str
    examples: tuple[Arguments, ...] = ()
    draws: "SearchStrategy[Arguments] | None" = None
    number: int = 20


@dataclass(frozen=True)
class Function:
    """A function that is asked for: its oracle, which gives the right answer, and groups of cases."""

    oracle: Callable[..., Any]
    groups: tuple[Group, ...]

    @property
    def name(self) -> str:
        """Its name, which is the oracle's."""
        return self.oracle.__name__

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(inspect.signature(self.oracle).parameters)

    @property
    def signature(self) -> str:
        """How it is called: "convolve2d(image, kernel, padding, stride)"."""
        return f"{self.name}({', '.join(self.parameters)})"


@dataclass(frozen=True, kw_only=True)
class Functions:
    """All functions of an exercise by name, and the digest of the file that they come from."""

    by_name: dict[str, Function]
    digest: str


def cases(*groups: Group) -> Callable[[Callable[..., Any]], Function]:
    """Make a `Function` of an oracle; `groups` say what it is tried on."""
    return lambda oracle: Function(oracle, groups)


def load_functions(path: Path) -> Functions:
    """The functions that the course file `path` asks for. Raises RubricError, naming the file and what is wrong."""
    try:
        source = path.read_bytes()
        spec = spec_from_file_location(f"grader_course_cases_{path.parent.name}", path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # nothing is left in the folder of a course
        try:
            spec.loader.exec_module(module)
        finally:
            sys.dont_write_bytecode = kept
    except OSError as error:
        raise RubricError(f"{path}: can't be read ({error.strerror}).", "Check the file.") from None
    except Exception as error:  # whatever the course's own code does: its author reads it
        raise RubricError(f"{path}: fails with {type(error).__name__}: {error}.", "Mend the file.") from error
    found = [value for value in vars(module).values() if isinstance(value, Function)]
    if not found:
        raise RubricError(f"{path}: asks for no function.", "Decorate an oracle with @cases(Group(...), ...).")
    for function in found:
        _require_groups(path, function)
    return Functions(by_name={item.name: item for item in found}, digest=hashlib.sha256(source).hexdigest())


def _require_groups(path: Path, function: Function) -> None:
    titles = [group.title for group in function.groups]
    if not titles or len(set(titles)) < len(titles):
        raise RubricError(f"{path}: `{function.name}` has no groups, or two of one title.", "Name each group once.")
    for group in function.groups:
        if not group.examples and group.draws is None:
            raise RubricError(f"{path}: `{function.name}`, group `{group.title}`: holds no case.", "Give it examples.")
        for example in group.examples:
            if len(example) != len(function.parameters):
                raise RubricError(
                    f"{path}: `{function.name}`, group `{group.title}`: an example has {len(example)} arguments.",
                    f"`{function.signature}` takes {len(function.parameters)}.",
                )
