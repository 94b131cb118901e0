"""Runs cells in a plain process, without a sandbox: the control of an attack, and the processes that serve as decoys.

A program of its own: `cell_runner.py ORDERS ANSWERS`. It becomes the user that a sandbox would have, and forks once, so
that the cells have a parent of the same user. Standard library only.
"""

import ast
import contextlib
import ctypes
import importlib
import io
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PR_SET_DUMPABLE = 4


def main() -> None:
    """Read the orders, change the user, run the cells, write what each of them printed."""
    orders = json.loads(Path(sys.argv[1]).read_bytes())
    import_what_is_imported([orders["prelude"], *orders["cells"].values()])
    if orders["uid"] is not None:
        become(orders["uid"])
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            os.kill(os.getpid(), os.WTERMSIG(status))  # the host reads how the cells ended from this process
        return
    answers = run_cells(orders["facts"], orders["prelude"], orders["cells"])
    Path(sys.argv[2]).write_text(json.dumps(answers), encoding="utf-8")


def become(uid: int) -> None:
    """Become that user for good, and be as visible to it as any of its processes."""
    os.chown(".", uid, uid)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def import_what_is_imported(cells: Iterable[str]) -> None:
    """Import what the cells will: afterwards the interpreter's own folder may be closed to this process."""
    importlib.import_module("encodings.idna")  # which sockets ask for
    for cell in cells:
        for node in ast.walk(ast.parse(cell)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                with contextlib.suppress(ImportError):
                    importlib.import_module(name)


def run_cells(facts: Mapping[str, Any], prelude: str, cells: Mapping[str, str]) -> dict[str, str]:
    """What each cell printed, its exception at the end if it had one."""
    namespace: dict[str, Any] = {**facts, "__name__": "__main__"}
    exec(compile(prelude, "prelude", "exec"), namespace)
    answers = {}
    for name, code in cells.items():
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                exec(compile(code, name, "exec"), namespace)
        except BaseException as error:
            said.write(f"\n{type(error).__name__}: {error}")
        answers[name] = said.getvalue()
    return answers


if __name__ == "__main__":
    main()
