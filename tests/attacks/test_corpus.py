"""The corpus is complete, can be read, and says of each attack what it is."""

import ast
import sys

import pytest

from grader.attacks import cell_runner
from grader.attacks.corpus import FOLDER, GROUPS, Attack, choose, load_corpus, prelude, read_attack
from grader.core.errors import Infrastructure, UsageError
from grader.core.evidence import Cause
from grader.core.limits import Limits
from tests.attacks.pages_and_marks import CLAIMS, NETWORK, REPORTS

CORPUS = load_corpus()
TRIED_IN_TESTS = (*CLAIMS, *REPORTS)  # the same on every machine
SEEN = {  # what the host looks at, by the name that a header gives it
    "tcp", "udp", "dns", "abstract", "path", "lured", "changed", "planted", "killed", "signalled", "parent", "outlived",
    "page", "log", "gradebook", "folders",
}  # fmt: skip
# What a red team tries at the least, and the attacks that stand for it.
RED_TEAM = {
    "/etc/shadow": "shadow", "other submissions": "other-submission", "labels": "labels solutions",
    "environment": "environment", "/proc of others": "process-environment process-memory init-memory", "TCP": "tcp",
    "UDP": "udp", "DNS": "dns", "abstract and path sockets": "abstract-socket path-socket", "AF_VSOCK": "vsock",
    "kill": "kill-process kill-parent signal-all signal-grader", "write": "write-environment write-system write-data",
    "mount": "mount remount", "user namespaces": "new-namespace clone-namespace", "pivot_root": "pivot-root",
    "ptrace": "ptrace read-memory", "pidfd_getfd": "steal-descriptor", "core_pattern": "core-pattern",
    "sysrq": "settings", "devices": "devices", "bpf": "bpf", "perf": "perf-event", "userfaultfd": "userfaultfd",
    "io_uring": "io-uring", "keyctl": "keys", "memfd": "unseen-memory", "setuid": "setuid identity raise-limits",
    "leaked descriptors": "descriptors", "TIOCSTI": "terminal", "daemons": "daemon",
    "connection file": "connection-file", "socket swapped for a link": "socket-link",
    "outputs": "link folder-link magic-link pipe sparse oversized unreadable", "zip bombs": "zip-bomb",
    "messages": "malformed-messages deep-message huge-number wrong-types forged-reply giant-message message-flood",
    "forged text": "forged-text edited-output", "patched": "patched-evaluate patched-save patched-showtraceback",
    "lying floats": "lying-floats forged-record", "exits": "os-exit sys-exit",
    "bombs": "fork-bomb threads memory-bomb shared-memory-bomb disk-bomb inode-bomb output-flood endless-loop",
    "notices in CI": "workflow-command", "HTML and script": "markup", "formula": "formula", "../../x": "path-name",
}  # fmt: skip


@pytest.mark.parametrize("topic", RED_TEAM)
def test_the_red_teams_list_is_covered(topic: str) -> None:
    assert set(RED_TEAM[topic].split()) <= {attack.name for attack in (*CORPUS, *TRIED_IN_TESTS)}


def test_names_are_unique_and_are_no_groups() -> None:
    names = [attack.name for attack in (*CORPUS, *TRIED_IN_TESTS)]
    assert len(names) == len(set(names)) >= 109
    assert not set(names) & {*GROUPS, "sandbox"}
    assert {attack.group for attack in CORPUS} == set(GROUPS)


def test_no_file_of_the_corpus_is_left_out() -> None:
    assert {path.stem for path in (FOLDER / "cells").rglob("*") if path.is_file()} == {attack.name for attack in CORPUS}


@pytest.mark.parametrize("attack", [*CORPUS, *TRIED_IN_TESTS], ids=lambda attack: attack.name)
def test_each_attack_says_what_it_is_and_can_be_read(attack: Attack) -> None:
    assert len(attack.title) > 10
    assert attack.remedy.endswith(".")
    assert set(attack.seen) <= SEEN
    Limits.model_validate(attack.limits)
    ast.parse(attack.code)
    assert max(map(len, attack.code.splitlines())) <= 120
    assert bool(attack.leaves) == (attack.how == "file")
    if attack.how in ("cell", "file") and attack in CORPUS:
        assert (attack.endings, attack.limits) == ((Cause.FINISHED,), {}), "it shares its run with others"


@pytest.mark.parametrize("attack", [attack for attack in CORPUS if attack.unsafe], ids=lambda attack: attack.name)
def test_what_is_unsafe_is_never_run_as_a_control(attack: Attack) -> None:
    assert not attack.controlled


def test_the_first_cells_are_python() -> None:
    ast.parse(prelude())
    ast.parse(NETWORK)


def test_what_runs_without_a_sandbox_needs_the_standard_library_only() -> None:
    assert cell_runner.__file__ is not None
    with open(cell_runner.__file__, encoding="utf-8") as file:  # noqa: PTH123
        tree = ast.parse(file.read())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ("# title: x\n# control: open", "remedy"),
        ("# title: x\n# control: open\n# remedy: y\n# colour: red", "colour"),
        ("# title: x\n# control: perhaps\n# remedy: y", "control"),
        ("# title: x\n# control: none\n# remedy: y", "control"),
        ("# title: x\n# control: open\n# remedy: y\n# how: gently", "how"),
        ("# title: x\n# control: open\n# remedy: y\n# endings: badly", "badly"),
        ("# title: x\n# control: open\n# remedy: y\n# limits: memory", "spare"),
        ("print(1)", "title"),
    ],
)
def test_a_header_that_is_wrong_is_refused_with_its_file(header: str, word: str) -> None:
    with pytest.raises(Infrastructure, match=r"files/spare\.cell") as caught:
        read_attack(f"{header}\nprint('DONE')", name="spare", group="files")
    assert word in caught.value.message


def test_the_code_begins_behind_the_header() -> None:
    attack = read_attack(
        "# title: x\n# control: none: why\n# remedy: y\n# A comment.\nprint(1)", name="n", group="files"
    )
    assert attack.code == "# A comment.\nprint(1)\n"
    assert attack.control == "none: why"


def test_probes_are_chosen_by_name_and_by_group() -> None:
    assert choose(CORPUS, ()) == CORPUS
    assert [attack.name for attack in choose(CORPUS, ("udp", "tcp"))] == ["tcp", "udp"]
    assert {attack.group for attack in choose(CORPUS, ("network", "shadow"))} == {"network", "files"}


def test_a_probe_that_is_not_there_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean `shadow`"):
        choose(CORPUS, ("shadows",))
    with pytest.raises(UsageError, match="network"):
        choose(CORPUS, ("qqqq",))
