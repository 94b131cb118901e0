"""The doctor notices: a sandbox and a reader that were weakened on purpose are found out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grader.attacks import try_attacks
from grader.attacks.corpus import Finding, choose, load_corpus
from grader.attacks.try_attacks import examine
from grader.core.progress import Silent
from grader.sandbox import bubblewrap

Arguments = list[str]


def findings(*names: str) -> dict[str, Finding]:
    chosen = choose(load_corpus(), names)
    return {finding.name: finding for finding in examine(chosen, "bubblewrap", Silent())}


def replaced(arguments: Arguments, old: Arguments, new: Arguments) -> Arguments:
    """`arguments` with `new` in the place of `old`, which must stand there once."""
    places = [n for n in range(len(arguments)) if arguments[n : n + len(old)] == old]
    assert len(places) == 1, f"{old} is not there: the sandbox is built in another way than this test thinks"
    return [*arguments[: places[0]], *new, *arguments[places[0] + len(old) :]]


def with_the_network(arguments: Arguments) -> Arguments:
    return replaced(arguments, ["--unshare-all"], ["--unshare-all", "--share-net"])


def with_the_hosts_processes(arguments: Arguments) -> Arguments:
    shared = ["--unshare-ipc", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    arguments = replaced(arguments, ["--unshare-all"], shared)
    arguments = replaced(arguments, ["--as-pid-1"], [])
    return replaced(arguments, ["--proc", "/proc"], ["--dev-bind", "/proc", "/proc"])


def with_the_hosts_files(arguments: Arguments) -> Arguments:
    shown = [word for path in Path("/tmp").glob("grader-decoys-*") for word in ("--bind", str(path), str(path))]
    return replaced(arguments, ["--tmpfs", "/tmp"], ["--tmpfs", "/tmp", *shown])


WEAKENED: dict[str, tuple[Callable[[Arguments], Arguments], set[str]]] = {
    "network": (with_the_network, {"tcp", "udp", "dns", "abstract-socket"}),
    "processes": (with_the_hosts_processes, {"kill-process", "signal-all"}),
    "files": (
        with_the_hosts_files,
        {"other-submission", "labels", "write-host-file", "path-socket"},
    ),
}


@pytest.mark.parametrize("weakness", WEAKENED)
def test_a_sandbox_with_a_hole_is_found_out(monkeypatch: pytest.MonkeyPatch, weakness: str) -> None:
    weaken, holes = WEAKENED[weakness]
    whole = bubblewrap.bubblewrap_arguments

    def weakened(*arguments: Any, **options: Any) -> Arguments:
        return weaken(whole(*arguments, **options))

    outer = bubblewrap.outer_view
    monkeypatch.setattr(bubblewrap, "bubblewrap_arguments", weakened)
    if weakness == "processes":  # for root there is a second process namespace around the first
        monkeypatch.setattr(bubblewrap, "outer_view", lambda *given: [w for w in outer(*given) if w != "--unshare-pid"])
    found = findings(*holes, "shadow", "pipe")
    assert {name for name in holes if found[name].held} == set(), {name: found[name].detail for name in holes}
    assert all(found[name].ran for name in holes)
    assert found["shadow"].held, "only what the hole opens is not held"


def test_a_missing_system_call_filter_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "build_filter", lambda: None)
    found = findings("identity", "unseen-memory", "tcp")
    assert not found["identity"].held
    assert "no system call filter" in found["identity"].detail
    assert not found["unseen-memory"].held
    assert found["tcp"].held


def test_a_reader_that_follows_links_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_plainly(folder: int, name: str, *, at_most: int) -> bytes:
        return Path(f"/proc/self/fd/{folder}/{name}").read_bytes()

    monkeypatch.setattr(try_attacks, "read_artefact", read_plainly)
    found = findings("link", "folder-link", "pipe")
    assert "secret" in found["link"].detail
    assert "secret" in found["folder-link"].detail
    assert "hung" in found["pipe"].detail
    assert not any(found[name].held for name in ("link", "folder-link", "pipe"))
