"""Each promise tried against each sandbox: held where it is declared, and seen to be broken where it is not.

The second half is the control: an attack that fails without a sandbox as well would prove nothing.
"""

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.core.evidence import Cause
from grader.core.limits import Limits
from grader.sandbox.interface import Promise, Sandbox
from grader.sandbox.seccomp import build_filter
from tests.sandbox.test_contract import EVERY, LIMITS, Held, called, opened, processes, run, running

BREACH = "BREACH"
Attempt = Callable[[Sandbox, Path, pytest.MonkeyPatch], bool]


def stopped_from(code: str) -> Attempt:
    """Whether `code` got as far as its last line."""

    def attempt(sandbox: Sandbox, folder: Path, patch: pytest.MonkeyPatch) -> bool:
        text = code.replace("FOLDER", str(folder)).replace("OURS", str(os.getpid()))
        return BREACH not in run(sandbox, f"import ctypes, os, socket\n{text}\nprint('BREACH')").log

    return attempt


def ended_for(cause: Cause, code: str, limits: Limits = LIMITS) -> Attempt:
    """Whether `code` was ended, with that cause."""

    def attempt(sandbox: Sandbox, folder: Path, patch: pytest.MonkeyPatch) -> bool:
        return run(sandbox, f"import os, time\n{code}", limits=limits).cause is cause

    return attempt


def no_connection(sandbox: Sandbox, folder: Path, patch: pytest.MonkeyPatch) -> bool:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = f"socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), timeout=3)"
        return stopped_from(connect)(sandbox, folder, patch)


def no_variable(sandbox: Sandbox, folder: Path, patch: pytest.MonkeyPatch) -> bool:
    patch.setenv("GRADER_TOKEN", BREACH)
    return BREACH not in run(sandbox, "import os; print(os.environ)").log


def no_survivor(sandbox: Sandbox, folder: Path, patch: pytest.MonkeyPatch) -> bool:
    """A daemon that takes its parents with it, the launcher among them."""
    name = f"left-{time.monotonic_ns() % 10**8}"
    code = (
        f"import os, sys, time\n{called(name)}\nabove = os.getppid()\nif os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0:\n        os.kill(above, 9); time.sleep(60)\n    os._exit(0)\ntime.sleep(3)"
    )
    with running(sandbox, code) as confined:
        confined.wait(120)
    left = processes(name)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return not left


def processor_time(sandbox: Sandbox, folder: Path, patch: pytest.MonkeyPatch) -> bool:
    """With the slack for TensorFlow's import taken away: two seconds of two processes."""
    limits = LIMITS.model_copy(update={"threads": 1})
    for place in ("grader.sandbox.process", "grader.sandbox.podman"):
        patch.setattr(f"{place}.cpu_limit", lambda limits: 2.0)
    return ended_for(Cause.CPU_LIMIT, "os.fork()\nwhile True: pass", limits)(sandbox, folder, patch)


def usual_paths(sandbox: Sandbox, folder: Path, patch: pytest.MonkeyPatch) -> bool:
    code = "open('/content/note', 'w').write('x'); raise SystemExit(7 if open('note').read() == 'x' else 8)"
    with running(sandbox, code, links={"content": "submission", "kaggle/working": "submission"}) as confined:
        return confined.wait(120).code == 7


ATTEMPTS: dict[Promise, Attempt] = {
    Promise.ENVIRONMENT: no_variable,
    Promise.READING: stopped_from("open('FOLDER/secret').read()"),
    Promise.SOLUTIONS: stopped_from(
        "import importlib.util as u\nassert any(u.find_spec(name) for name in ('grader', 'mlxtend')), 'hidden'\n"
        "found = u.find_spec('grader') or u.find_spec('mlxtend')\nassert os.listdir(found.submodule_search_locations[0])"
    ),
    Promise.WRITING: stopped_from("open('FOLDER/planted', 'w').write('x')"),
    Promise.NETWORK: no_connection,
    Promise.PROCESSES_OF_OTHERS: stopped_from("os.kill(OURS, 0)"),
    Promise.SURVIVORS: no_survivor,
    Promise.PRIVILEGES: stopped_from("assert 'NoNewPrivs:\\t0' in open('/proc/self/status').read()"),
    Promise.SYSTEM_CALLS: stopped_from("os.memfd_create('x')"),
    Promise.MEMORY: ended_for(Cause.MEMORY_LIMIT, "kept = []\nwhile True: kept.append(bytearray(b'x' * (20 << 20)))"),
    Promise.PROCESSES: ended_for(
        Cause.PROCESS_LIMIT, "for _ in range(40):\n    if os.fork() == 0: time.sleep(60)\ntime.sleep(60)"
    ),
    Promise.FILE_SIZE: stopped_from("open('big', 'wb').truncate(9 << 20)\nopen('big', 'ab').write(b'x')"),
    Promise.DISK: stopped_from("for part in range(10): open(str(part), 'wb').write(b'x' * (1 << 20))"),
    Promise.FILES: ended_for(
        Cause.DISK_LIMIT, "for number in range(2500): open(f'file-{number}', 'w').close()\ntime.sleep(2)"
    ),
    Promise.CPU: processor_time,
    Promise.WALL: ended_for(Cause.WALL_LIMIT, "time.sleep(60)", LIMITS.model_copy(update={"wall": 1.0})),
    Promise.USUAL_PATHS: usual_paths,
}  # fmt: skip


@pytest.mark.parametrize("promise", list(Promise))
@pytest.mark.parametrize("held", EVERY)
def test_a_promise_is_held_and_what_is_not_promised_is_not(
    held: Held, promise: Promise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("label 7")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder.name.startswith(("test_", "pytest-")):
            folder.chmod(0o777)  # whoever the program runs as: it must be the sandbox that stops it
    with opened(held) as sandbox:
        assert ATTEMPTS[promise](sandbox, tmp_path, monkeypatch) == (promise in sandbox.promises)


def test_only_where_there_is_no_filter_a_sandbox_does_not_promise_everything() -> None:
    with opened("bubblewrap") as sandbox:
        missing = set(Promise) - sandbox.promises
    assert missing == (set() if build_filter() else {Promise.SYSTEM_CALLS})
