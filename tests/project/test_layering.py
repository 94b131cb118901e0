"""The shape of the house: who may import whom, who may print, how long a file may get."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

import pytest

from tests.conftest import COLLECTED, LONGEST, REAL

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "grader"
FILES = sorted(PACKAGE.rglob("*.py"))
HEAVY = ("tensorflow", "keras", "nbclient", "jinja2", "sqlalchemy")
COMMAND_LINE = {name for name in (str(path.relative_to(PACKAGE)) for path in FILES) if name.startswith("cli/")}
NOTEBOOK = "selfcheck/in_notebook.py"  # the face in a notebook, as the command line is the one in a terminal
LONGEST_FILE, LONGEST_FUNCTION = 600, 60  # lower caps split subjects
# What runs inside a sandbox finds nothing of the grader there but what is named here.
INSIDE = {
    "judge/worker.py": {"grader.judge.open_handed_in", "grader.sandbox.channel"},
    "judge/open_handed_in.py": set(),
    "sandbox/channel.py": set(),
    "functions/guest.py": {"grader.sandbox.channel"},
    "sandbox/launcher.py": set(),
    "sandbox/container_launcher.py": {"grader.sandbox.channel", "grader.sandbox.launcher", "grader.sandbox.measure"},
    "sandbox/measure.py": set(),
    "core/thumbnails.py": set(),
}
# The guest of a kernel is a folder of its own there: its files find one another.
GUEST = "grader.kernel.guest"
BOTH = "grader.core.thumbnails"  # of the host and of a kernel
GUESTS = [name for name in (path.relative_to(PACKAGE).as_posix() for path in FILES) if name.startswith("kernel/guest/")]


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree_of(path)))


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """import-linter with the contracts of pyproject.toml, for the package below `root`."""
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache",
         "--config", str(ROOT / "pyproject.toml")],
        capture_output=True, text=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip


def test_the_contracts_between_rooms_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("checks/base.py", "from grader.pages import html", "rooms import downward only"),
        ("gradebook/book.py", "from grader.run import batch", "rooms of one floor import one another in one direction"),
        ("run/collect.py", "from grader.kernel.guest import training_rows", "the host imports nothing of the guest"),
        ("marking/mark.py", "from grader.kernel import run_notebook", "marking reaches no sandbox"),
        ("checks/execution.py", "import subprocess", "marking reaches no sandbox"),
        ("judge/client.py", "import keras", "Keras and TensorFlow only inside sandboxes"),
        ("core/store.py", "import pickle", "nothing that crosses is unpickled"),
        ("attic/__init__.py", "import json", "rooms import downward only"),
    ],
)
def test_the_contracts_notice_a_violation(tmp_path: Path, file: str, line: str, contract: str) -> None:
    copy = tmp_path / "grader"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / file).parent.mkdir(exist_ok=True)
    with (copy / file).open("a", encoding="utf-8") as target:
        target.write(f"\n{line}\n")
    done = lint(tmp_path)
    broken = [row for row in done.stdout.splitlines() if row.rstrip().endswith("BROKEN") or " BROKEN" in row]
    assert done.returncode == 1, done.stdout + done.stderr
    assert any(row.startswith(contract) for row in broken), done.stdout


SPY = """
import json, sys
before = set(sys.modules)
{code}
print(json.dumps(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})))
"""
EVERY_HELP = """
import contextlib, io
from grader.cli import app
from typer.testing import CliRunner
for words in (
    "", "grade", "batch", "regrade", "report", "baseline", "demo", "doctor", "data", "data list", "data fetch",
    "check", "ci", "export", "new", "lint", "gradebook", "gradebook show", "gradebook override", "gradebook history",
):
    found = CliRunner().invoke(app, [*words.split(), "--help"])
    assert found.exit_code == 0 and "Usage" in found.output, words
"""


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SPY.format(code=code)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return set(found)


MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}
FROM_OUTSIDE = ("guest", "fork_server", "migrations", "__main__")  # run in a sandbox, by alembic, or as programs


def run_at_import(nodes: Iterable[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that happen when a module is imported: not those in functions, nor those for types alone."""
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If):
            for_types = "TYPE_CHECKING" in ast.unparse(node.test)
            yield from run_at_import(node.orelse if for_types else [*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            handled = [inner for handler in node.handlers for inner in handler.body]
            yield from run_at_import([*node.body, *handled, *node.orelse, *node.finalbody])
        elif isinstance(node, ast.With | ast.ClassDef):
            yield from run_at_import(node.body)


def needed_at_import(name: str) -> set[str]:
    """The modules of ours that have to be complete before `name` is; packages above what is imported are run first."""
    found = set()
    for node in run_at_import(tree_of(MODULES[name]).body):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            inner = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {full if full in MODULES else node.module or "" for full in inner.values()}
    above = {
        str(above).replace("/", ".") for target in found for above in PurePosixPath(target.replace(".", "/")).parents
    }
    return {target for target in found | above if target in MODULES and not f"{name}.".startswith(f"{target}.")}


def test_every_module_can_be_the_first_to_be_imported() -> None:
    # Where no module needs itself to be complete, the order is of no matter; each is imported once, to see that it can be.
    TopologicalSorter({name: needed_at_import(name) for name in MODULES}).prepare()
    names = [
        name for name, path in MODULES.items()
        if not set(path.relative_to(PACKAGE).with_suffix("").parts) & set(FROM_OUTSIDE) and name_of(path) not in INSIDE
    ]  # fmt: skip
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]


def test_what_is_needed_at_import_is_read_off_the_code() -> None:
    assert "grader.core.evidence" in needed_at_import("grader.marking.mark")
    assert "grader.run.context" not in needed_at_import("grader.cli.options"), "for types alone"
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


def test_import_grader_loads_nothing_else() -> None:
    assert loaded_by("import grader") - sys.stdlib_module_names == {"grader"}


def test_help_answers_without_loading_what_is_heavy() -> None:
    quick = {*HEAVY, "numpy", "PIL", "nbformat", "zmq", "jupyter_client", "rich", "distributed"}
    assert loaded_by(EVERY_HELP) & quick == set()


def test_marking_loads_no_notebook_library_and_no_tensorflow() -> None:
    loaded = loaded_by("import grader.marking.mark, grader.marking.regrade, grader.pages.terminal")
    assert loaded & {*HEAVY, "nbformat", "zmq", "jupyter_client", "ipykernel"} <= {"jinja2"}


def test_what_is_called_real_or_long_is_there() -> None:
    for name in (*REAL, *LONGEST):
        assert (Path(__file__).parents[1] / name).exists(), f"{name} in tests/conftest.py"


def test_collecting_loads_no_tensorflow_on_the_host() -> None:
    assert (
        loaded_by("import grader.run.batch, grader.authoring.baseline") & {"tensorflow", "keras", "h5py", "IPython"}
        == set()
    )


def test_reading_the_tests_loads_no_tensorflow(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.stash[COLLECTED] & {"tensorflow", "keras"} == set()


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in nodes_of(path) if isinstance(node, ast.Call))


def spelt(node: ast.expr) -> str:
    """A dotted name as it stands there; "" for anything else."""
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


@pytest.mark.parametrize("story", sorted(PACKAGE.glob("*/__init__.py")), ids=lambda path: path.parent.name)
def test_the_story_of_a_room_names_what_is_in_it(story: Path) -> None:
    room = story.parent
    there = {path.stem for path in room.rglob("*")}
    for path in room.rglob("*.py"):
        defined = ast.parse(path.read_text(encoding="utf-8")).body
        there |= {node.name for node in defined if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    told = set(re.findall(r"`([a-z_]+)`", ast.get_docstring(ast.parse(story.read_text(encoding="utf-8"))) or ""))
    assert told <= there, "a file that was renamed?"


def test_only_the_command_line_prints_and_progress_prints_to_the_stream_it_is_given() -> None:
    printing = {name_of(path) for path in FILES if any(spelt(call.func) == "print" for call in calls(path))}
    assert printing <= {*COMMAND_LINE, NOTEBOOK, "pages/progress.py"}
    for call in calls(PACKAGE / "pages/progress.py"):
        if spelt(call.func) == "print":
            assert "file" in {keyword.arg for keyword in call.keywords}
    writing = {"sys.stdout.write", "sys.stderr.write", "sys.__stdout__.write", "typer.echo", "rich.print"}
    assert not [name_of(path) for path in FILES if any(spelt(call.func) in writing for call in calls(path))]


def test_only_the_command_line_ends_the_process() -> None:
    ending = {"sys.exit", "exit", "quit", "SystemExit", "typer.Exit"}
    found = {name_of(path) for path in FILES for node in nodes_of(path) if isinstance(node, ast.Call | ast.Raise)
             for word in [spelt(node.func) if isinstance(node, ast.Call) else spelt(node.exc) if node.exc else ""]
             if word in ending}  # fmt: skip
    assert found <= COMMAND_LINE
    at_once = {name_of(path) for path in FILES if any(spelt(call.func) == "os._exit" for call in calls(path))}
    assert at_once <= {
        *COMMAND_LINE,
        "sandbox/launcher.py",
        "sandbox/container_launcher.py",
        "sandbox/fork_server.py",
    }, "PID 1 is a process of its own"


def test_only_the_command_line_reads_the_environment() -> None:
    words = {"environ", "environb", "getenv", "getenvb", "putenv"}
    found = {
        name_of(path)
        for path in FILES
        for node in nodes_of(path)
        if (isinstance(node, ast.Attribute) and node.attr in words)
        or (isinstance(node, ast.alias) and node.name in words)
    }
    assert found <= {*COMMAND_LINE, NOTEBOOK, "kernel/guest/backends.py", "sandbox/pip.py"}, (
        "in a kernel the environment is the notebook's; pip is passed the settings that it has on this machine"
    )


@pytest.mark.parametrize("name", [*INSIDE, *GUESTS])
def test_what_runs_in_a_sandbox_imports_nothing_of_the_host(name: str) -> None:
    found = set()
    for node in nodes_of(PACKAGE / name):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide where they lead"
            found.add(node.module or "")
    ours = {module for module in found if module.partition(".")[0] == "grader"}
    if name in INSIDE:
        assert ours == INSIDE[name]
    else:
        assert all(f"{module}.".startswith((f"{GUEST}.", f"{BOTH}.")) for module in ours)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    for node in nodes_of(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


def test_no_module_is_a_drawer_for_what_has_no_place() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
    assert not [name_of(path) for path in FILES if {*path.with_suffix("").relative_to(PACKAGE).parts} & drawers]


def test_the_one_package_that_can_be_imported_is_grader() -> None:
    content = [ROOT / name for name in ("assignments", "datasets", "reference", "reports", "examples", "docs")]
    assert not [folder for folder in content if (folder / "__init__.py").exists()]
