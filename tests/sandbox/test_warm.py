"""Warm starts: each child is alone, its death is its own, and a dead server costs a second try.

What any sandbox promises is tried against warm children in `test_contract` and `test_promises`.
"""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grader.core.evidence import Cause
from grader.core.limits import Limits
from grader.sandbox import warm as warm_module
from grader.sandbox.artefacts import read_artefact
from grader.sandbox.bubblewrap import Bubblewrap, bubblewrap_arguments
from grader.sandbox.fork_server import shared_memory
from grader.sandbox.interface import Confined, Input, Preload, Program, Scratch, Stopped
from grader.sandbox.measure import process_tree, runs
from grader.sandbox.warm import WarmBubblewrap
from tests.sandbox.test_contract import LIMITS, NOTHING, called, processes

HOST = Bubblewrap.on_this_host().host
SCRATCH = (
    Scratch("dev/shm", 4 << 20, shared=True),
    Scratch("submission", 8 << 20),
    Scratch("tmp", 4 << 20, shared=True),
)


def program(code: str, **changes: Any) -> Program:
    like = Program(
        root=Path("/"), argv=(sys.executable, "-s", "-P", "-B", "-c", code), environment={"HOME": "/tmp"},
        folder="submission", limits=LIMITS, scratch=SCRATCH, preload=NOTHING,
    )  # fmt: skip
    return replace(like, **changes)


@pytest.fixture
def warm() -> Iterator[WarmBubblewrap]:
    with closing(WarmBubblewrap(HOST, pytest.fail)) as sandbox:
        yield sandbox


def run(sandbox: WarmBubblewrap, code: str, **changes: Any) -> Stopped:
    with closing(sandbox.start(program(code, **changes))) as confined:
        return confined.wait(120)


def server_of(confined: Confined) -> int:
    """The fork server's pid: the first process above the child whose own parent is bwrap."""
    pid = confined.pid
    while True:
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        if Path(f"/proc/{parent}/comm").read_text().strip() == "bwrap":
            return pid
        pid = parent


def wait_until(holds: Callable[[], object], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def test_an_environment_below_a_scratch_folder_is_seen_as_it_is_cold(tmp_path: Path) -> None:
    tree = tmp_path / "venv"
    (tree / "solutions").mkdir(parents=True)
    (tree / "module.py").write_text("")
    (tree / "solutions" / "best.py").write_text("")
    host = replace(HOST, trees=(*HOST.trees, tree), hidden=(*HOST.hidden, tree / "solutions"))
    code = (
        f"import os; seen = sum(len(files) for _, _, files in os.walk({str(tree)!r}))\n"
        f"try: open({str(tree / 'more')!r}, 'w')\n"
        f"except OSError as error: raise SystemExit(10 * seen + (error.errno == {errno.EROFS}))"
    )
    with closing(WarmBubblewrap(host, pytest.fail)) as sandbox:
        assert run(sandbox, code, preload=None).code == 11
        assert run(sandbox, code).code == 11


def test_a_program_finds_done_what_its_server_has_done(warm: WarmBubblewrap) -> None:
    code = "import sys; raise SystemExit(3 + ('getpass' in sys.modules))"
    assert run(warm, code, preload=None).code == 3
    assert run(warm, code, preload=Preload(entry="getpass:getuser", path="tmp")).code == 4


def test_children_share_one_server_and_nothing_is_left_of_them(warm: WarmBubblewrap) -> None:
    parents = set()
    for number in range(3):
        with closing(warm.start(program(f"raise SystemExit({number})"))) as confined:
            parents.add(server_of(confined))
            assert confined.wait(120).code == number
    (server,) = parents
    wait_until(lambda: not process_tree(server))
    warm.close()
    wait_until(lambda: not runs(server))


TRACES = """\
import ctypes, os, random, socket, sys
for folder in ("/submission", "/tmp", "/dev/shm"):
    with open(folder + "/trace", "w") as file: file.write("secret")
os.openpty()
listener = socket.socket(socket.AF_UNIX); listener.bind("\\0trace"); listener.listen()
server = socket.create_server(("127.0.0.1", 4444))
sys.modules["json"] = None
import gc; gc.collect = None
os.environ["TRACE"] = "secret"
"""
PLACES = ("/submission", "/tmp", "/dev/shm", "/dev/pts")
ALWAYS = {"ptmx"} | {  # and where the environment itself lies below one of them
    tree.relative_to(place).parts[0] for tree in HOST.trees for place in PLACES if tree.is_relative_to(place)
}
LOOK = f"""\
import gc, json, os, socket
found = [folder for folder in {PLACES} if set(os.listdir(folder)) - {ALWAYS}]
found += [name for name in os.listdir("/proc") if name.isdigit() and int(name) > 2]
found += [name for name in os.listdir("/proc/self/fd") if int(name) > 3]
found += ["environment"] if "TRACE" in os.environ else []
found += ["module"] if gc.collect is None else []
for family, address in ((socket.AF_UNIX, "\\0trace"), (socket.AF_INET, ("127.0.0.1", 4444))):
    try:
        socket.socket(family).connect(address); found.append(str(address))
    except OSError: pass
maps = [line for line in open("/proc/self/maps") if line.split()[1].endswith("s") and "w" in line.split()[1]]
print("FOUND", found + maps)
"""


def test_no_child_finds_a_trace_of_another_one_before_or_beside_it(warm: WarmBubblewrap) -> None:
    code = f"{TRACES}\nopen('/submission/up', 'w').close()\nimport time; time.sleep(60)"
    with closing(warm.start(program(code))) as beside:
        wait_until(lambda: "up" in os.listdir(beside.folders["submission"]))  # noqa: PTH208 - a descriptor
        assert run(warm, LOOK).log.endswith("FOUND []")
    assert run(warm, LOOK).log.endswith("FOUND []")
    assert "secret" not in run(warm, f"{TRACES}\n{LOOK.replace('import gc, json, os, socket', 'import gc')}").log
    seen = run(warm, f"{TRACES}\nlistener.listen()\n{LOOK.replace('json, ', '')}").log
    for trace in ("/tmp", "/dev/pts", "environment", "module", "4444"):
        assert trace in seen, "the look at traces could not fail"


def test_the_end_of_one_child_is_its_own(warm: WarmBubblewrap) -> None:
    hungry = "import time; kept = b'x' * (400 << 20); time.sleep(60)"
    bomb = "kept = []\nwhile True: kept.append(bytearray(b'x' * (20 << 20)))"
    with closing(warm.start(program(hungry, limits=LIMITS.model_copy(update={"wall": 120.0})))) as other:
        assert run(warm, bomb).cause is Cause.MEMORY_LIMIT
        assert run(warm, "import os; os.kill(os.getpid(), 11)").signal == signal.SIGSEGV
        assert run(warm, "while True: pass", limits=LIMITS.model_copy(update={"wall": 0.5})).cause is Cause.WALL_LIMIT
        killed = "import os\nfor pid in range(-1, 5000):\n    try: os.kill(pid, 9)\n    except OSError: pass"
        assert run(warm, killed).cause is None
        assert other.poll() is None, other.wait().cause
        assert run(warm, "raise SystemExit(4)").code == 4


def test_the_death_of_the_server_is_ours_and_the_next_program_gets_another_one(warm: WarmBubblewrap) -> None:
    with closing(warm.start(program("import time; time.sleep(60)"))) as confined:
        server = server_of(confined)
        os.kill(server, signal.SIGKILL)
        assert confined.wait(120).cause is Cause.INFRASTRUCTURE
    with closing(warm.start(program("raise SystemExit(5)"))) as confined:
        assert server_of(confined) != server
        assert confined.wait(120).code == 5


def test_whoever_hears_nothing_more_of_a_child_learns_that_its_server_died(warm: WarmBubblewrap) -> None:
    ours, theirs = socket.socketpair()
    with ours, closing(warm.start(program("import time; time.sleep(60)", descriptors=(theirs.fileno(),)))) as confined:
        theirs.close()
        os.kill(server_of(confined), signal.SIGKILL)
        assert ours.recv(1) == b"", "its end is closed, and it may be dying still"
        confined.kill()
        assert confined.wait(120).cause is Cause.INFRASTRUCTURE


def test_a_limit_that_was_passed_before_stays_the_cause(warm: WarmBubblewrap) -> None:
    with closing(warm.start(program("import time; time.sleep(60)"))) as confined:
        server = server_of(confined)
        confined.kill(Cause.OUTPUT_LIMIT)
        os.kill(server, signal.SIGKILL)
        assert confined.wait(120).cause is Cause.OUTPUT_LIMIT


def test_children_draw_different_random_numbers(warm: WarmBubblewrap) -> None:
    code = "import random; print(random.random())"
    preload = Preload(entry="random:random", path="tmp")
    assert len({run(warm, code, preload=preload).log for _ in range(3)}) == 3


def test_what_is_served_in_a_writable_folder_is_there_and_can_not_be_changed(
    warm: WarmBubblewrap, tmp_path: Path
) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "one").write_text("picture")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder.name.startswith(("test_", "pytest-")):
            folder.chmod(0o755)
    inputs = (Input(tmp_path / "served", "submission/dataset"), Input(tmp_path / "served" / "one", "submission/file"))
    code = (
        "open('mine', 'w').write(open('dataset/one').read() + open('file').read())\n"
        "for name in ('dataset/one', 'dataset/new', 'file'):\n"
        "    try: open(name, 'w')\n    except OSError as error: print(error.errno)\n"
    )
    with closing(warm.start(program(code, inputs=inputs, files={"submission/own": b"x"}))) as confined:
        stopped = confined.wait(120)
        assert read_artefact(confined.folders["submission"], "mine", at_most=100) == b"picturepicture"
    assert stopped.log.split() == ["30"] * 3, "EROFS"
    assert stopped.start == "warm"
    assert [path.name for path in (tmp_path / "served").iterdir()] == ["one"]


def test_a_program_of_another_kind_is_started_cold_without_a_word(warm: WarmBubblewrap) -> None:
    assert run(warm, "pass").start == "warm"
    assert run(warm, "pass", environment={"HOME": "/tmp", "PYTHONHASHSEED": "7"}).start == "cold"
    assert run(warm, "pass", preload=None).start == "cold"
    assert run(warm, "pass").start == "warm"


def test_where_namespaces_can_not_be_nested_all_is_cold_and_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(*arguments: Any, nesting: bool, **options: Any) -> list[str]:
        return bubblewrap_arguments(*arguments, nesting=False, **options)

    monkeypatch.setattr(warm_module, "bubblewrap_arguments", refusing)
    said: list[str] = []
    with closing(WarmBubblewrap(HOST, said.append)) as sandbox:
        assert [run(sandbox, "raise SystemExit(6)").code for _ in range(2)] == [6, 6]
        assert run(sandbox, "pass").start == "cold"
    (line,) = said
    assert line.startswith("no warm starts, everything is started cold: this machine refuses what they need: unshare:")


def test_a_server_that_can_not_prepare_is_no_reason_to_stop() -> None:
    said: list[str] = []
    with closing(WarmBubblewrap(HOST, said.append)) as sandbox:
        assert run(sandbox, "raise SystemExit(7)", preload=Preload(entry="no_such_module:f", path="tmp")).code == 7
    assert "No module named 'no_such_module'" in said[0]


def test_the_server_and_its_children_die_with_the_grader() -> None:
    name = f"forked-{time.monotonic_ns() % 10**7}"
    code = (
        "import sys, time\nfrom tests.sandbox.test_warm import HOST, WarmBubblewrap, program\n"
        f"sandbox = WarmBubblewrap(HOST, print)\nconfined = sandbox.start(program({called(name)!r} + '; import time; "
        "time.sleep(90)'))\nprint(confined.pid, flush=True)\ntime.sleep(90)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as grader:
        assert grader.stdout is not None
        assert int(grader.stdout.readline()) > 1
        wait_until(lambda: processes(name))
        grader.kill()
    wait_until(lambda: not processes(name))


def test_memory_that_children_would_share_is_found() -> None:
    assert shared_memory("7f00-7f01 r--s 00000000 fe:00 3 /usr/lib/gconv.cache\n7f02-7f03 rw-p 0 0 0\n") == ""
    assert "zero" in shared_memory("7f00-7f01 rw-s 00000000 00:01 3 /dev/zero (deleted)\n")


def test_a_control_group_holds_a_child_and_not_its_server(warm: WarmBubblewrap) -> None:
    if HOST.groups is None:
        pytest.skip("no control group may be made on this machine")
    with closing(warm.start(program("import time; time.sleep(60)", limits=Limits(memory=300 << 20)))) as confined:
        own, servers = (Path(f"/proc/{pid}/cgroup").read_text() for pid in (confined.pid, server_of(confined)))
        assert "grader-" in own
        assert "grader-" not in servers


def slow(name: str) -> Preload:
    """A server of that name (it may not write to /proc/self/comm) that takes its time."""
    code = f"import ctypes, time\ndef prepare():\n    ctypes.CDLL(None).prctl(15, {name.encode()!r}); time.sleep(2)"
    return Preload(entry="prepared:prepare", path="tmp", files={"tmp/prepared.py": code.encode()})


def test_a_server_for_what_will_come_is_prepared_while_others_start(warm: WarmBubblewrap) -> None:
    name = f"slow-{time.monotonic_ns() % 10**8}"
    preload = slow(name)
    warm.prepare_server(program("", preload=preload))
    wait_until(lambda: processes(name))
    (prepared,) = processes(name)
    assert run(warm, "raise SystemExit(3)").code == 3
    with closing(warm.start(program("raise SystemExit(4)", preload=preload))) as confined:
        assert server_of(confined) == prepared
        assert confined.wait(120).code == 4


def test_a_sandbox_that_is_closed_ends_a_server_that_is_being_started(warm: WarmBubblewrap) -> None:
    name = f"slow-{time.monotonic_ns() % 10**8}"
    warm.prepare_server(program("", preload=slow(name)))
    wait_until(lambda: processes(name))
    warm.close()
    wait_until(lambda: not processes(name))
