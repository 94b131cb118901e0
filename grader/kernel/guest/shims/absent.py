"""Imports of what is not here: they fail where it is used, not where it is imported.

One line for a package that nothing needs would cost all that the same cell imports and defines after it.
"""

import ast
import sys
from typing import Any, NoReturn

from grader.kernel.guest.notes import Notes

KEEPER = "grader_absent"  # the name of a `PutOff.keep` at the shell
TEMPLATE = f"""\
try:
    pass
except ImportError as __import_error__:
    NAME = __import__("IPython").get_ipython().{KEEPER}(__import_error__, WRITTEN, PACKAGE)
"""


class Absent:
    """Stands for what an import did not find: whatever is done with it raises the error of that import."""

    def __init__(self, error: ImportError) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and name != "__version__":  # IPython, copy and others ask every object for such names
            raise AttributeError(name)
        self._fail()

    def _fail(self, *arguments: object, **options: object) -> NoReturn:
        __tracebackhide__ = True
        error = self._error
        raise type(error)(*error.args, name=error.name, path=error.path) from None

    __call__ = __getitem__ = __iter__ = __len__ = __bool__ = __enter__ = __contains__ = _fail
    __mro_entries__ = __instancecheck__ = __subclasscheck__ = _fail
    __add__ = __radd__ = __mul__ = __rmul__ = __truediv__ = __or__ = _fail

    def __repr__(self) -> str:
        return f"<not imported: {self._error}>"


class PutOff(ast.NodeTransformer):
    """Lets the imports at the top of a cell go on without what they do not find; those in a `try` have their own way."""

    def __init__(self, shell: Any, notes: Notes) -> None:
        self._notes = notes
        setattr(shell, KEEPER, self.keep)

    def keep(self, error: ImportError, written: str, package: str) -> Any:
        """What stands for the name of an import that failed; `package`: what `import package.module` would bind."""
        self._notes.note(f"`{written}` was passed over ({error}): what uses it fails")
        return sys.modules.get(package) or Absent(error)

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Each import of a cell, name by name."""
        node.body = [made for statement in node.body for made in _each(statement)]
        return node


def _each(statement: ast.stmt) -> list[ast.stmt]:
    if isinstance(statement, ast.Import):
        return [_attempt(ast.Import(names=[alias]), alias, statement) for alias in statement.names]
    if isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
        if any(alias.name == "*" for alias in statement.names):
            return [statement]
        return [
            _attempt(ast.ImportFrom(module=statement.module, names=[alias], level=statement.level), alias, statement)
            for alias in statement.names
        ]
    return [statement]


def _attempt(single: ast.Import | ast.ImportFrom, alias: ast.alias, place: ast.stmt) -> ast.stmt:
    """The import of one name in a `try`, all of it in the place of the original."""
    name = alias.asname or alias.name.partition(".")[0]
    told = {"WRITTEN": ast.unparse(single), "PACKAGE": "" if alias.asname or name == alias.name else name}
    attempt = ast.parse(TEMPLATE).body[0]
    assert isinstance(attempt, ast.Try)
    attempt.body = [single]
    for node in ast.walk(attempt):
        if isinstance(node, ast.Name) and node.id == "NAME":
            node.id = name
        elif isinstance(node, ast.Call):
            node.args = [
                ast.Constant(told[item.id]) if isinstance(item, ast.Name) and item.id in told else item
                for item in node.args
            ]
        if "lineno" in node._attributes:
            ast.copy_location(node, place)
    return attempt
