"""Where bwrap mounts: nowhere below a student's bytes, and so that newer builds of it mount all of it as well."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

import grader
from grader.core.limits import Limits
from grader.core.notebook import Script
from grader.functions.module_process import ModuleJob, module_program
from grader.judge.client import judge_program
from grader.kernel.run_notebook import Job, kernel_program
from grader.sandbox import bubblewrap
from grader.sandbox.bubblewrap import (
    UNPRIVILEGED,
    Bubblewrap,
    Host,
    bubblewrap_arguments,
    hidden_packages,
    outer_view,
    sources,
)
from grader.sandbox.interface import Input, Program
from tests.sandbox.patched import mounts, refused

OURS = Path(grader.__file__).parent
ROOT = Path("/")
STUDENTS = {"work.ipynb": b"{}", "a/b.txt": b"x", "adas-own": b"y"}


def programs(served: Path) -> dict[str, Program]:
    """Each kind of program that works with a student's bytes, as the grader makes it."""
    limits = Limits()
    given = (Input(served, "submission/dataset"), Input(served / "mnist.npz", "data/mnist.npz"))
    notebook = Job(
        script=Script("work.ipynb", ("x = 1",)), files=STUDENTS, inputs=given, limits=limits, seed=0, units=(10,)
    )
    job = ModuleJob(
        script=Script("operators.py", ("x = 1",)), files=STUDENTS, wanted={"max_pool": 3}, limits=limits, seed=0
    )
    return {
        "kernel": kernel_program(notebook, ROOT, {}, tail=1, warm=False),
        "warm kernel": kernel_program(notebook, ROOT, {}, tail=1, warm=True),
        "judge": judge_program(ROOT, b"model", 5, limits),
        "module": module_program(ROOT, job, 5),
    }


KINDS = ("kernel", "warm kernel", "judge", "module")


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """The course's data, as it is served."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "mnist.npz").write_bytes(b"")
    return tmp_path / "served"


def arguments(host: Host, program: Program, *, nesting: bool = False) -> list[str]:
    return bubblewrap_arguments(host, program, passwd=7, group=8, nesting=nesting)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_mounted_below_a_tree_that_a_students_bytes_filled(kind: str, served: Path) -> None:
    host, program = Bubblewrap.on_this_host().host, programs(served)[kind]
    ours = [*host.trees, OURS, served, Path("/usr"), Path("/proc"), Path("/bin"), Path("/etc")]
    ours += [Path("/", name) for name in bubblewrap.SYSTEM_FOLDERS]
    made = mounts(arguments(host, program, nesting=kind == "warm kernel"))
    for place, source in made:
        assert source is None or any(source.is_relative_to(tree.resolve()) for tree in ours), f"{source}: whose is it?"
        below = [tree for tree, filled in made if filled is not None and place != tree and place.is_relative_to(tree)]
        assert not below or place in host.hidden or place == Path("/proc/sys"), f"{place} is mounted below {below}"
    assert not [word for word in arguments(host, program) if any(name in word for name in STUDENTS)]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives folders to another user")
@pytest.mark.parametrize("named", ["as it is", "by way of a link"])
@pytest.mark.parametrize("mode", [0o711, 0o700])
def test_newer_builds_mount_an_environment_below_folders_that_can_only_be_entered(
    tmp_path: Path, served: Path, mode: int, named: str
) -> None:
    home = tmp_path / "homes" / "ada"
    tree = home / "environment"
    (tree / "lib" / "grader").mkdir(parents=True)
    (tree / "package.py").write_text("x = 1\n")
    home.chmod(mode)
    (tmp_path / "homes").chmod(0o711)
    (tmp_path / "run").symlink_to(tmp_path / "homes")  # as /var/run is
    seen = tree if named == "as it is" else tmp_path / "run" / "ada" / "environment"
    host = Bubblewrap.on_this_host().host
    host = replace(host, trees=(*host.trees, seen), hidden=(*host.hidden, seen / "lib" / "grader"))
    for kind, program in programs(served).items():
        view = outer_view(host, sources(host, program))
        assert refused(view[: view.index("--")], uid=0) == [], kind
        assert refused(arguments(host, program), uid=UNPRIVILEGED) == [], kind
    with patch.object(bubblewrap, "package_files", lambda: [seen / "package.py"]):
        Bubblewrap(host).probe()  # this machine's build mounts it, too


def test_what_newer_builds_refuse_is_seen(tmp_path: Path) -> None:
    (tmp_path / "tree" / "entered" / "inner").mkdir(parents=True)
    (tmp_path / "tree" / "entered").chmod(0o711)
    (tmp_path / "tree" / "link").symlink_to("/etc")
    bind = ["--ro-bind", str(tmp_path / "tree"), "/tree"]
    assert refused([*bind, "--tmpfs", "/tree/entered/inner"], uid=UNPRIVILEGED) == [
        "/tree/entered/inner: /tree/entered can't be read"
    ]
    assert refused([*bind, "--dir", "/tree/link/made"], uid=0) == ["/tree/link/made: /tree/link is a symbolic link"]
    assert refused([*bind, "--ro-bind", "/usr", "/tree/link"], uid=0) == ["/tree/link: /tree/link is a symbolic link"]
    assert refused([*bind, "--tmpfs", "/tree", "--dir", "/tree/link/made"], uid=UNPRIVILEGED) == []


def test_packages_with_solutions_are_hidden_in_a_tree_that_is_named_by_way_of_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "environment" / "lib"
    (packages / "grader").mkdir(parents=True)
    (tmp_path / "run").symlink_to(tmp_path)
    seen = tmp_path / "run" / "environment"
    monkeypatch.setattr(sys, "path", [str(seen / "lib")])
    assert seen / "lib" / "grader" in hidden_packages([seen])
    assert packages / "grader" in hidden_packages([tmp_path / "environment"])
