"""Which file is meant: the one that was named, or the notebook of the folder one stands in."""

import ast
import re
from pathlib import Path

from grader.errors import UsageError
from grader.intake import is_leftover
from grader.intake.candidates import is_work
from grader.notebook import Script

TELLING = ("solution", "submission", "main")
LISTED = 6


def pick_file(folder: Path, assignment: str) -> Path:
    """The notebook of `folder`, or its module: the only one, or the one with a telling name. Raises UsageError."""
    there = sorted(path for path in folder.iterdir() if path.is_file() and not is_leftover(path.name))
    notebooks = [path for path in there if path.suffix.lower() == ".ipynb"]
    modules = [path for path in there if path.suffix.lower() == ".py" and is_work(path.stem)]
    found = notebooks or modules
    if len(found) == 1:
        return found[0]
    command = f"grader check {assignment}"
    if not found:
        raise UsageError(
            "There is no notebook (.ipynb) and no module (.py) in this folder.", f"Name one: `{command} FILE`."
        )
    for telling in ({assignment.lower()}, set(TELLING)):
        named = [path for path in found if path.stem.lower() in telling]
        if len(named) == 1:
            return named[0]
    within = [path for path in found if assignment.lower() in path.stem.lower()]
    if len(within) == 1:
        return within[0]
    names = ", ".join(path.name for path in found[:LISTED]) + (", ..." if len(found) > LISTED else "")
    raise UsageError(f"Several files here could be meant: {names}.", f"Name one: `{command} '{found[0].name}'`.")


def files_beside(path: Path, script: Script) -> dict[str, bytes]:
    """Modules in the folder of `path` that its code imports, by name: they have to be handed in with it."""
    found: dict[str, bytes] = {}
    waiting = [*script.cells]
    while waiting:
        for name in _imported(waiting.pop()):
            module = path.with_name(f"{name}.py")
            if module.name not in found and module != path and module.is_file() and not module.is_symlink():
                found[module.name] = module.read_bytes()
                waiting.append(found[module.name].decode("utf-8", "replace"))
    return found


def _imported(source: str) -> set[str]:
    """The first names of all that a source imports; of one that is no Python, by its words."""
    try:
        tree = ast.parse(re.sub(r"(?m)^([ \t]*)[!%].*$", r"\1pass", source))
    except (SyntaxError, ValueError, RecursionError):
        return set(re.findall(r"(?m)^[ \t]*(?:from|import)\s+(\w+)", source))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
