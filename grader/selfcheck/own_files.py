"""Which file a self-check is about: the one that was named, or the notebook of the current folder, with its modules.

Modules beside it that it imports belong to it. For `--watch`: whether it was saved again.
"""

import ast
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from grader.checks.hints import parse_cell
from grader.core.errors import UsageError
from grader.core.notebook import Script
from grader.intake import Submission, is_leftover, read_path, submission_of
from grader.intake.submissions import CODE, MAIN_NAMES, is_work

EVERY_S = 0.5  # between two looks at a file that is watched
LISTED = 6  # files in one sentence
Stamp = tuple[tuple[str, int, int], ...]


def read_own(path: Path) -> Submission:
    """The submission at `path` with the modules beside it that it imports. Raises UsageError, SubmissionError."""
    alone = read_path(path)
    if not path.is_file() or path.suffix.lower() not in CODE:
        return alone
    beside = files_beside(path, alone.script)
    if not beside:
        return alone
    note = f"it imports {', '.join(sorted(beside))} from the same folder: hand in everything together"
    files = {path.name: path.read_bytes(), **beside}
    return submission_of(files, path.name, student=alone.student, notes=(note,))


def pick_file(folder: Path, assignment: str) -> Path:
    """The notebook of `folder`, or its module: the only one, or the one whose name says so. Raises UsageError."""
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
    for names in ({assignment.lower()}, MAIN_NAMES):
        named = [path for path in found if path.stem.lower() in names]
        if len(named) == 1:
            return named[0]
    within = [path for path in found if assignment.lower() in path.stem.lower()]
    if len(within) == 1:
        return within[0]
    several = ", ".join(path.name for path in found[:LISTED]) + (", ..." if len(found) > LISTED else "")
    raise UsageError(f"Several files here could be meant: {several}.", f"Name one: `{command} '{found[0].name}'`.")


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
    """The first names of all that a source imports; of one that is not Python, by its words."""
    tree = parse_cell(source)
    if tree is None:
        return set(re.findall(r"(?m)^[ \t]*(?:from|import)\s+(\w+)", source))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def stamp(path: Path) -> Stamp:
    """What changes when a file, or code in a folder, is saved; empty while it is not there."""
    return stamp_of((item for item in path.rglob("*") if item.suffix in CODE) if path.is_dir() else [path])


def stamp_of(files: Iterable[Path]) -> Stamp:
    """What changes when one of these files does; without those that are not there."""
    seen = []
    for file in sorted(files):
        with suppress(OSError):  # an editor that writes anew takes the old one away first
            state = file.stat()
            seen.append((str(file), state.st_mtime_ns, state.st_size))
    return tuple(seen)


def wait_for_save(path: Path, before: Stamp, sleep: Callable[[float], None] = time.sleep) -> Stamp:
    """Return once `path` differs from `before` and has been the same for one more look."""
    last = before
    while True:
        sleep(EVERY_S)
        now = stamp(path)
        if now and now != before and now == last:
            return now
        last = now
