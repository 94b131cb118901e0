"""Control groups: found where the kernel says they are, made with the limits, and exact where this machine grants them."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from grader.core.evidence import Cause
from grader.core.limits import Limits
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.cgroup import Hierarchy, candidates, find_hierarchy, settings
from tests.sandbox.test_contract import LIMITS, run

SOCKETS_FULL = """\
import socket
kept = []
for _ in range(300):
    pair = socket.socketpair()
    pair[0].setblocking(False)
    pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)
    kept.append(pair)
    try:
        while True: pair[0].send(b"x" * 65536)
    except BlockingIOError: pass
print("all of it")
"""


def tree(folder: Path, *groups: str) -> Path:
    """A picture of a cgroup file system of version 2: `groups` pass their controllers on."""
    mount = folder / "cgroup"
    for group in groups:
        (mount / group).mkdir(parents=True, exist_ok=True)
        (mount / group / "cgroup.subtree_control").write_text("cpu memory pids\n")
    (mount / "cgroup.controllers").write_text("cpu memory pids\n")
    return mount


def own(folder: Path, text: str) -> Path:
    (folder / "own").write_text(text)
    return folder / "own"


def test_the_nearest_group_that_passes_both_controllers_on_comes_first(tmp_path: Path) -> None:
    mount = tree(tmp_path, "user.slice/user-7", "user.slice/user-7/app.slice")
    (mount / "user.slice/user-7/app.slice/term.scope").mkdir()
    found = list(candidates(mount, own(tmp_path, "0::/user.slice/user-7/app.slice/term.scope\n")))
    places = [mount / "user.slice/user-7/app.slice", mount / "user.slice/user-7"]
    assert found == [Hierarchy(2, place, place) for place in places]


def test_a_group_that_passes_memory_on_but_not_processes_is_none(tmp_path: Path) -> None:
    mount = tree(tmp_path, "one")
    (mount / "one" / "cgroup.subtree_control").write_text("memory\n")
    assert list(candidates(mount, own(tmp_path, "0::/one\n"))) == []


def test_version_1_is_taken_where_version_2_has_no_memory(tmp_path: Path) -> None:
    mount = tmp_path / "cgroup"
    for name, file in (("memory/mine", "memory.limit_in_bytes"), ("pids", "cgroup.procs")):
        (mount / name).mkdir(parents=True)
        (mount / name / file).touch()
    found = list(candidates(mount, own(tmp_path, "4:memory:/mine\n8:pids:/\n0::/\n")))
    assert found == [Hierarchy(1, mount / "memory/mine", mount / "pids")]


@pytest.mark.parametrize("text", ["", "0::/gone\n", "3:cpu:/x\n"])
def test_where_there_is_nothing_to_be_had_there_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "cgroup").mkdir()
    assert find_hierarchy(tmp_path / "cgroup", own(tmp_path, text)) is None


def test_a_place_that_looks_right_but_can_not_be_used_is_none(tmp_path: Path) -> None:
    """The picture has no `memory.max`: whatever is written there limits nothing."""
    assert find_hierarchy(tree(tmp_path, "one"), own(tmp_path, "0::/one\n")) is None
    assert [path.name for path in (tmp_path / "cgroup/one").iterdir()] == ["cgroup.subtree_control"]


def test_the_limit_is_written_before_anything_else_and_swap_is_none() -> None:
    assert next(iter(settings(2, 100, 7).items())) == ("memory.max", "100")
    assert next(iter(settings(1, 100, 7).items())) == ("memory.limit_in_bytes", "100")
    assert settings(2, 100, 7)["memory.swap.max"] == "0"
    assert settings(1, 100, 7)["memory.memsw.limit_in_bytes"] == "100"
    assert settings(2, 100, 7)["pids.max"] == settings(1, 100, 7)["pids.max"] == "7"


def granted() -> Hierarchy:
    found = find_hierarchy()
    if found is None:
        pytest.skip("this machine grants no control group")
    return found


def test_what_joins_a_group_and_all_it_starts_are_members() -> None:
    hierarchy = granted()
    group = hierarchy.make(Limits(), tasks=50)
    try:
        command = [*group.joining(), "/bin/sh", "-c", "(cat /proc/self/cgroup)"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    finally:
        group.close()
    assert said.count(f"grader-{os.getpid()}-") >= len(group.folders)
    assert not any(folder.exists() for folder in group.folders)


def test_groups_of_graders_that_are_gone_are_removed_and_those_of_living_ones_are_not() -> None:
    hierarchy = granted()
    gone, ours = hierarchy.memory / "grader-999999999-0", hierarchy.memory / f"grader-{os.getpid()}-kept"
    gone.mkdir()
    ours.mkdir()
    try:
        find_hierarchy()
        assert not gone.exists()
        assert ours.exists()
    finally:
        ours.rmdir()


def test_memory_that_no_look_at_processes_would_see_is_counted() -> None:
    """The buffers of sockets belong to no process. Without a group the same program goes on: the control."""
    granted()
    sandbox = Bubblewrap.on_this_host()
    limits = LIMITS.model_copy(update={"memory": 100 << 20})
    assert run(sandbox, SOCKETS_FULL, limits=limits).cause is Cause.MEMORY_LIMIT
    without = Bubblewrap(replace(sandbox.host, groups=None))
    assert "all of it" in run(without, SOCKETS_FULL, limits=limits).log


def test_a_child_that_the_kernel_killed_for_its_memory_ends_the_run() -> None:
    granted()
    code = "import os, time\nif os.fork() == 0:\n    kept = bytearray(b'x' * (700 << 20))\nos.wait(); time.sleep(30)"
    assert run(Bubblewrap.on_this_host(), code).cause is Cause.MEMORY_LIMIT


def test_no_group_is_left_behind() -> None:
    hierarchy = granted()
    before = set(hierarchy.memory.glob(f"grader-{os.getpid()}-*"))  # those of servers that last for the session
    run(Bubblewrap.on_this_host(), "pass")
    assert not set(hierarchy.memory.glob(f"grader-{os.getpid()}-*")) - before


def test_without_groups_memory_is_limited_all_the_same_and_people_are_told() -> None:
    sandbox = Bubblewrap.on_this_host()
    without = Bubblewrap(replace(sandbox.host, groups=None))
    assert "every 0.1 s" in without.accounting
    code = "import time\nkept = []\nwhile True:\n    kept.append(bytearray(b'x' * (20 << 20))); time.sleep(0.05)"
    assert run(without, code).cause is Cause.MEMORY_LIMIT
    if sandbox.host.groups is not None:
        assert "exactly" in sandbox.accounting


def test_as_root_a_sandbox_without_an_unprivileged_uid_is_refused() -> None:
    from grader.core.errors import SandboxUnavailable

    if os.geteuid() != 0:
        pytest.skip("only root could start bwrap as root")
    with pytest.raises(SandboxUnavailable, match="/proc/sys"):
        run(Bubblewrap(replace(Bubblewrap.on_this_host().host, run_as=None)), "pass")
