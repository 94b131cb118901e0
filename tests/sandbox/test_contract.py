"""What every sandbox promises, held against the real thing. Where one can't promise it, that is asserted too."""

import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from grader.core.errors import Failure, Infrastructure, SandboxUnavailable, SubmissionError
from grader.core.evidence import Cause, Isolation
from grader.core.limits import Limits
from grader.sandbox import open_sandbox
from grader.sandbox.artefacts import read_artefact
from grader.sandbox.interface import Confined, Input, Preload, Program, Sandbox, Scratch, Stopped
from grader.sandbox.measure import runs
from grader.sandbox.warm import WarmBubblewrap, with_warm_starts
from tests.core.test_workspace import a_full_disk

Held = Isolation | Literal["warm"]
EVERY: tuple[Held, ...] = ("bubblewrap", "warm", "none", "podman")
SEALED: tuple[Held, ...] = ("bubblewrap", "warm")
LIMITS = Limits(wall=30.0, memory=600 << 20, disk=8 << 20, processes=20)
NOTHING = Preload(entry="gc:collect", path="tmp")  # only that a program may be forked


@contextmanager
def opened(held: Held) -> Iterator[Sandbox]:
    """The sandbox of that name, `warm`: bubblewrap with warm starts, of which none may fail.

    Only an engine for containers may be missing: a test of it is skipped with its reason.
    """
    try:
        sandbox = open_sandbox("bubblewrap" if held == "warm" else held)
    except SandboxUnavailable as error:
        if held != "podman":
            raise
        pytest.skip(str(error))
    if held != "warm":
        yield sandbox
        return
    with with_warm_starts(sandbox, pytest.fail) as warm:
        yield warm


@pytest.fixture(params=EVERY)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with opened(request.param) as found:
        yield found


@pytest.fixture(params=SEALED)
def sealed(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with opened(request.param) as found:
        yield found


@contextmanager
def running(
    sandbox: Sandbox,
    code: str,
    *,
    limits: Limits = LIMITS,
    inputs: tuple[Input, ...] = (),
    files: dict[str, bytes] | None = None,
    links: dict[str, str] | None = None,
    descriptors: tuple[int, ...] = (),
) -> Iterator[Confined]:
    with sandbox.root() as root:
        program = Program(
            root=root,
            argv=(sys.executable, "-I", "-B", "-c", code),
            environment={"HOME": str(root / "tmp"), "ROOT": str(root)},
            folder="submission",
            limits=limits,
            inputs=inputs,
            scratch=(Scratch("submission", 8 << 20), Scratch("tmp", 4 << 20, shared=True)),
            files=files or {},
            links=links or {},
            descriptors=descriptors,
            results={"submission/out": 1 << 20},
            preload=NOTHING,
        )
        confined = sandbox.start(program)
        try:
            yield confined
        finally:
            confined.close()
        assert confined.wait().start == ("warm" if isinstance(sandbox, WarmBubblewrap) else "cold")


def run(sandbox: Sandbox, code: str, *, limits: Limits = LIMITS, files: dict[str, bytes] | None = None) -> Stopped:
    with running(sandbox, code, limits=limits, files=files) as confined:
        return confined.wait(120)


def test_a_program_that_ends_well_reports_its_exit_code_and_what_it_said(sandbox: Sandbox) -> None:
    stopped = run(sandbox, "print('hello'); raise SystemExit(3)")
    assert (stopped.code, stopped.signal, stopped.cause) == (3, None, None)
    assert "hello" in stopped.log


def test_files_and_inputs_are_there_and_what_it_writes_can_be_read_after_its_death(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "given.txt").write_text("data")
    code = "import os; r = os.environ['ROOT']; open('out', 'w').write(open('mine').read() + open(r + '/data/given').read())"
    inputs = (Input(tmp_path / "given.txt", "data/given"),)
    with running(sandbox, code, inputs=inputs, files={"submission/mine": b"own "}) as confined:
        assert confined.wait(120).code == 0
        assert read_artefact(confined.folders["submission"], "out", at_most=100) == b"own data"


def test_files_may_lie_in_folders_of_their_own(sandbox: Sandbox) -> None:
    files = {"submission/package/__init__.py": b"", "submission/package/part.py": b"x = 5"}
    code = "import sys; sys.path.insert(0, '.'); from package.part import x; raise SystemExit(x)"
    with running(sandbox, code, files=files) as confined:
        assert confined.wait(120).code == 5


@pytest.mark.parametrize("names", [("x" * 300,), ("part", "part/of/it")])
def test_a_file_that_can_not_be_written_inside_is_the_submissions_fault_by_name(
    sandbox: Sandbox, names: tuple[str, ...]
) -> None:
    with pytest.raises(SubmissionError, match=f"^{names[-1][:200]} .*: can't be written into the sandbox"):
        run(sandbox, "pass", files={f"submission/{name}": b"1" for name in names})


def test_a_full_disk_is_ours(sandbox: Sandbox) -> None:
    run(sandbox, "pass")  # a fork server is there already
    with a_full_disk(500), pytest.raises(Infrastructure, match="could not be written to"):
        run(sandbox, "pass", files={"submission/mine": bytes(1000)})


def test_too_much_memory_is_named(sandbox: Sandbox) -> None:
    code = "import time\nkept = []\nwhile True:\n    kept.append(bytearray(b'x' * (20 << 20))); time.sleep(0.05)"
    assert run(sandbox, code).cause is Cause.MEMORY_LIMIT


def test_too_many_processes_are_named(sandbox: Sandbox) -> None:
    code = "import os, time\nfor _ in range(40):\n    if os.fork() == 0: time.sleep(60)\ntime.sleep(60)"
    assert run(sandbox, code).cause is Cause.PROCESS_LIMIT


def test_too_much_time_is_named(sandbox: Sandbox) -> None:
    limits = LIMITS.model_copy(update={"wall": 1.0})
    started = time.monotonic()
    assert run(sandbox, "while True: pass", limits=limits).cause is Cause.WALL_LIMIT
    assert time.monotonic() - started < 60


def test_a_file_that_is_too_big_ends_in_an_error_inside(sandbox: Sandbox) -> None:
    stopped = run(sandbox, "open('big', 'wb').write(b'x' * (9 << 20))")
    assert stopped.code == 1 or stopped.signal == 25  # ENOSPC or EFBIG
    assert stopped.cause is None


def test_the_environment_holds_only_what_was_given(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADER_TOKEN", "secret")
    stopped = run(sandbox, "import os; print(sorted(os.environ))")
    assert "GRADER_TOKEN" not in stopped.log
    assert "'HOME'" in stopped.log


def test_killing_takes_children_along(sandbox: Sandbox) -> None:
    name = f"child-{time.monotonic_ns() % 10**8}"
    code = f"import os, time\nif os.fork() == 0:\n    os.setsid()\n{called(name)}\ntime.sleep(300)"
    with running(sandbox, code) as confined:
        for _ in range(2000):
            if len(processes(name)) >= 2:
                break
            time.sleep(0.05)
        else:
            pytest.fail("the look at processes below could not fail")
        started = time.monotonic()
        confined.kill()
        confined.wait(120)
        assert time.monotonic() - started < 60, "it would have slept for 300"
    assert not processes(name)


def called(name: str) -> str:
    """Code that gives its process a name (15 letters at most); a forked one has the command line of its server."""
    return f"open('/proc/self/comm', 'w').write({name!r})"


def processes(name: str) -> list[int]:
    """Those of that name: who called itself so, and whom it forked."""
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == name and runs(int(path.parent.name)):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_on_a_full_machine_it_is_the_program_that_goes_first(sandbox: Sandbox) -> None:
    assert run(sandbox, "print(open('/proc/self/oom_score_adj').read())").log == "1000"


@pytest.mark.parametrize(
    ("make", "word"),
    [
        ("os.symlink('/etc/passwd', 'out')", "refused"),
        ("os.mkfifo('out')", "regular"),
        ("os.mkdir('out')", "regular"),
        ("open('out', 'wb').truncate(5 << 20)", "bytes"),
    ],
)
def test_what_is_no_plain_small_file_is_refused(sandbox: Sandbox, make: str, word: str) -> None:
    with running(sandbox, f"import os; {make}") as confined:
        confined.wait(120)
        with pytest.raises(Failure, match=word):
            read_artefact(confined.folders["submission"], "out", at_most=1 << 20)


def test_no_name_leads_out_of_the_folder(sandbox: Sandbox) -> None:
    with running(sandbox, "import os; os.symlink('/', 'door')") as confined:
        confined.wait(120)
        for name in ("../tmp", "/etc/passwd", "door/etc/passwd"):
            with pytest.raises((Failure, FileNotFoundError)):
                read_artefact(confined.folders["submission"], name, at_most=1 << 20)


def _open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_descriptor_is_left_open(sandbox: Sandbox) -> None:
    run(sandbox, "pass")  # a fork server is kept
    before = _open_descriptors()
    for _ in range(3):
        run(sandbox, "pass")
    assert _open_descriptors() <= before


ATTACKS = {
    "network": "import socket; socket.create_connection(('127.0.0.1', PORT), timeout=3)",
    "shadow": "open('/etc/shadow').read()",
    "home": "import os; assert os.listdir('/home') or os.listdir('/root')",
    "host files": "open('SECRET').read()",
    "write to the environment": "import numpy; open(numpy.__file__, 'a').write('x')",
    "write to the system": "open('/usr/planted', 'w').write('x')",
    "core_pattern": "name = '/proc/sys/kernel/core_pattern'; old = open(name).read(); open(name, 'w').write(old)",
    "other processes": "import os; os.kill(OURS, 0)",
    "memory of pid 1": "open('/proc/1/mem', 'rb').read(1)",
    "new namespace": "import ctypes; assert ctypes.CDLL(None).unshare(0x10000000) == 0",
    "mount": "import ctypes; assert ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0",
    "root": "import os; os.setuid(0); open('/etc/planted', 'w')",
    "socket to the hypervisor": "import socket; socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
    "raw packets": "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "crypto sockets": "import socket; socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET, 0)",
    "unseen memory": "import os; os.memfd_create('x')",
    "tracing": "import ctypes; assert ctypes.CDLL(None).ptrace(0, 0, 0, 0) != -1",
}
if platform.machine() == "x86_64":  # by number: the C library has no function for them
    ATTACKS |= {
        "keys": "import ctypes; assert ctypes.CDLL(None).syscall(250, 0, -3, 0, 0, 0) != -1",
        "clone into a namespace": "import ctypes; assert ctypes.CDLL(None).syscall(56, 0x10000011, 0, 0, 0, 0) != -1",
    }


@pytest.mark.parametrize("attack", list(ATTACKS))
def test_the_sandbox_stops_what_would_work_outside(sealed: Sandbox, tmp_path: Path, attack: str) -> None:
    import socket

    (tmp_path / "secret").write_text("label 7")
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = ATTACKS[attack].replace("PORT", str(server.getsockname()[1])).replace("OURS", str(os.getpid()))
        stopped = run(sealed, f"{code.replace('SECRET', str(tmp_path / 'secret'))}\nprint('BREACH')")
    assert "BREACH" not in stopped.log
    assert stopped.code == 1


def test_the_attacks_are_real_where_there_is_no_sandbox(tmp_path: Path) -> None:
    """The control: without it, the test above could pass because its attacks are broken."""
    import socket

    (tmp_path / "secret").write_text("label 7")
    with socket.create_server(("127.0.0.1", 0)) as server:
        for attack in ("network", "host files", "other processes", "unseen memory", "tracing"):
            code = ATTACKS[attack].replace("PORT", str(server.getsockname()[1])).replace("OURS", str(os.getpid()))
            code = code.replace("SECRET", str(tmp_path / "secret"))
            assert "BREACH" in run(open_sandbox("none"), f"{code}\nprint('BREACH')").log


def test_the_kernel_is_not_root_and_has_no_capability(sealed: Sandbox) -> None:
    stopped = run(sealed, "import os; print(os.getuid()); print(open('/proc/self/status').read())")
    assert stopped.log.splitlines()[0] != "0"
    assert "CapEff:\t0000000000000000" in stopped.log
    assert "CapBnd:\t0000000000000000" in stopped.log
    assert "NoNewPrivs:\t1" in stopped.log


def test_only_the_scratch_folders_are_writable(sealed: Sandbox) -> None:
    code = (
        "import os\nfor top in ('/', '/dev', '/etc', '/run', '/data', '/usr'):\n"
        "    try:\n        open(top + '/planted', 'w'); print('WRITABLE', top)\n    except OSError: pass"
    )
    assert "WRITABLE" not in run(sealed, code).log


def test_neither_solutions_nor_labels_that_are_installed_can_be_read(sealed: Sandbox) -> None:
    code = (
        "import importlib.util as u\n"
        "for name in ('grader.course.course', 'mlxtend.data'):\n"
        "    try:\n        found = u.find_spec(name)\n    except ImportError:\n        found = None\n"
        "    print('FOUND' if found else 'absent', name)"
    )
    log = run(sealed, code).log
    assert "FOUND" not in log
    assert log.count("absent") == 2


def test_a_sandbox_that_is_not_there_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxUnavailable, match=r"podman is not installed .* --sandbox bubblewrap"):
        open_sandbox("podman")
