"""The doctor on this very machine: all of it is held behind bubblewrap, and honestly reported where nothing holds."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from grader.attacks import try_attacks as examination
from grader.attacks.corpus import NO_SANDBOX, Attack, Finding, choose, load_corpus
from grader.cli import doctor
from grader.core.errors import SandboxUnavailable
from grader.core.progress import Silent
from tests.fakes import run_cli

CORPUS = load_corpus()
REAL = [attack for attack in CORPUS if attack.control == "open"]  # they work on any Linux, where nothing holds them


@pytest.fixture(scope="module")
def probes() -> Mapping[str, dict[str, Any]]:
    """The whole corpus, once, as a machine reads it."""
    said = run_cli("doctor", "--json")
    assert said.code in (0, 1, 3), said.err
    found = {probe["name"]: probe for probe in json.loads(said.out)["probes"]}
    assert said.code == (0 if all(probe["held"] for probe in found.values()) else said.code)
    return found


def test_the_table_for_machines_has_a_row_for_the_sandbox_and_one_for_each_attack(
    probes: Mapping[str, dict[str, Any]],
) -> None:
    assert list(probes) == ["sandbox", *(attack.name for attack in CORPUS)]
    for probe in probes.values():
        assert set(probe) == {"name", "held", "control", "detail", "remedy"}
        assert isinstance(probe["held"], bool)
        assert all(isinstance(probe[key], str) for key in ("name", "control", "detail", "remedy"))
        assert probe["control"].startswith(("open", "closed: ", "none: ", "failed: "))


@pytest.mark.parametrize("name", ["sandbox", *(attack.name for attack in CORPUS)])
def test_every_attack_is_held_on_this_machine(probes: Mapping[str, dict[str, Any]], name: str) -> None:
    """A probe that could not be run is not held: nothing is skipped."""
    assert probes[name]["held"], probes[name]["detail"]
    assert probes[name]["detail"]
    assert not probes[name]["remedy"]


@pytest.mark.parametrize("attack", REAL, ids=lambda attack: attack.name)
def test_the_attack_is_real_without_the_sandbox(probes: Mapping[str, dict[str, Any]], attack: Attack) -> None:
    assert probes[attack.name]["control"] == "open"


@pytest.mark.parametrize("attack", [attack for attack in CORPUS if attack.controlled], ids=lambda attack: attack.name)
def test_no_control_fails(probes: Mapping[str, dict[str, Any]], attack: Attack) -> None:
    assert not probes[attack.name]["control"].startswith("failed")


OPEN_WITHOUT = {  # of the groups below, what nothing holds where there is no sandbox, for an ordinary user too
    "labels", "other-submission", "write-host-file", "write-temporary", "tcp", "udp", "dns", "abstract-socket",
    "path-socket", "kill-process", "signal-all", "process-environment", "unseen-memory", "kill-parent",
}  # fmt: skip


@pytest.fixture(scope="module")
def without() -> Mapping[str, Finding]:
    chosen = choose(CORPUS, (*OPEN_WITHOUT, "daemon", "fork-bomb", "environment", "os-exit", "link", "pipe"))
    return {finding.name: finding for finding in examination.examine(chosen, "none", Silent())}


@pytest.mark.parametrize("name", sorted(OPEN_WITHOUT))
def test_without_a_sandbox_what_is_not_held_is_reported_so(without: Mapping[str, Finding], name: str) -> None:
    assert not without[name].held
    assert without[name].ran, without[name].detail
    assert without[name].remedy == NO_SANDBOX


@pytest.mark.parametrize("name", ["daemon", "environment", "os-exit", "link", "pipe"])
def test_what_the_grader_holds_by_itself_is_held_without_a_sandbox_too(
    without: Mapping[str, Finding], name: str
) -> None:
    assert without[name].held, without[name].detail


def test_without_a_sandbox_what_would_harm_this_machine_is_not_run(without: Mapping[str, Finding]) -> None:
    assert not without["fork-bomb"].held
    assert "not run" in without["fork-bomb"].detail
    assert not without["sandbox"].held


def test_nothing_is_left_on_the_machine(without: Mapping[str, Finding], probes: Mapping[str, dict[str, Any]]) -> None:
    assert not list(Path("/tmp").glob("decoy*"))
    names = [path.read_text() for path in Path("/proc").glob("[0-9]*/comm") if os.access(path, os.R_OK)]
    assert not [name for name in names if name.startswith("decoy")]


def test_where_there_is_no_sandbox_to_be_had_that_is_the_one_row_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(isolation: str, *, warm: bool) -> None:
        raise SandboxUnavailable("bubblewrap does not work on this machine: uid map.", "Load the profile.")

    monkeypatch.setattr(examination, "open_classroom", refuse)
    said = run_cli("doctor", "--json")
    assert said.code == 1
    (probe,) = json.loads(said.out)["probes"]
    assert (probe["name"], probe["held"], probe["remedy"]) == ("sandbox", False, "Load the profile.")
    told = run_cli("doctor")
    assert told.code == 1
    assert f"none of the {len(CORPUS)} attacks was tried" in told.out
    assert "Load the profile." in told.out


def test_a_probe_that_could_not_be_run_ends_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_notebook(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setitem(examination.WAYS, "cell", no_notebook)
    said = run_cli("doctor", "--only", "tcp")
    assert said.code == doctor.NOT_RUN
    assert "could not be run: tcp" in said.out
    assert "no space left on device" in said.out


def test_the_table_for_people_is_grouped_and_ends_in_one_line() -> None:
    said = run_cli("doctor", "--only", "tcp", "--only", "link")
    assert said.code == 0, said.out
    assert said.out.index("The network") < said.out.index("tcp") < said.out.index("What is left behind")
    assert "3 of 3 held" in said.out
    assert re.search(r"^bubblewrap [\d.]+ \(/.*bwrap\)", said.out, re.MULTILINE), (
        "which bwrap it was, and what is known of it"
    )
    assert "docs/explanation/trust.md" in said.out
    assert "[1/2]" in said.err


def test_an_unknown_probe_is_wrong_usage() -> None:
    said = run_cli("doctor", "--only", "tpc")
    assert said.code == 2
    assert "did you mean `tcp`?" in said.err
