"""Ends of sandboxes that go wrong: nothing leaks, nothing of ours raises in a `finally`, and no stranger is killed."""

import logging
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from grader.core.evidence import Cause
from grader.core.limits import Limits
from grader.kernel.run_notebook import _silent_log
from grader.sandbox import podman, warm
from grader.sandbox.endings import Held, classify, explain_ending
from grader.sandbox.interface import Program, Stopped
from grader.sandbox.podman import ContainerProcess
from grader.sandbox.process import LaunchedProcess, Log
from grader.sandbox.warm import Server, WarmStartFailed

PROGRAM = Program(root=Path("/"), argv=("/bin/true",), environment={}, folder="tmp", limits=Limits(), scratch=())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_log_of_kernels_does_not_grow_with_every_run() -> None:
    ours = [sum(type(handler) is logging.NullHandler for handler in _silent_log().handlers) for _ in range(3)]
    assert ours == [1, 1, 1]  # pytest adds some of its own to a log that is not passed on
    assert not _silent_log().propagate


def test_a_process_that_is_reaped_is_not_killed_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    process = subprocess.Popen(["/bin/true"], stdout=subprocess.PIPE, start_new_session=True)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    running = LaunchedProcess(process, ours, Log(process.stdout), Limits(), None)
    process.wait()
    monkeypatch.setattr(os, "killpg", lambda number, signal: killed.append(number))
    monkeypatch.setattr(os, "kill", lambda number, signal: killed.append(number))
    running.kill()
    assert killed == []  # by now the number may be anybody's
    theirs.close()
    running.close()


def test_one_that_runs_is_killed() -> None:
    process = subprocess.Popen(["/bin/sleep", "60"], stdout=subprocess.PIPE, start_new_session=True)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    running = LaunchedProcess(process, ours, Log(process.stdout), Limits(), None)
    theirs.close()
    running.close()
    assert process.returncode == -signal.SIGKILL


def test_a_container_that_does_not_die_is_let_go_without_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podman, "ENDING_S", 0.01)
    process = subprocess.Popen(
        ["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    ContainerProcess(process, PROGRAM, lambda: None).close()
    assert process.stdin is not None and process.stdin.closed
    assert process.wait(10) == 0


def test_a_child_that_ends_at_once_leaves_no_descriptor_open(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(subprocess.Popen(["/bin/true"], stdout=subprocess.PIPE), socket.socket())

    def ask(program: Program, kept: object) -> tuple[socket.socket, object]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.close()
        receiving, sending = os.pipe()
        os.close(sending)
        return ours, os.fdopen(receiving, "rb", 0)

    def refuse(pidfd: int) -> int:
        raise WarmStartFailed("its first process ended at once")

    monkeypatch.setattr(server, "_ask", ask)
    monkeypatch.setattr(warm, "await_ready", lambda control, count: ("ready", [os.open(os.devnull, os.O_RDONLY)]))
    monkeypatch.setattr(warm, "pid_of", refuse)
    before = descriptors()
    for _ in range(5):
        with pytest.raises(WarmStartFailed):
            server.start(PROGRAM, None, ())
    assert descriptors() == before
    server.close()


@pytest.mark.parametrize("held", ["notebook", "module", "network"])
@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_words_for_whatever_was_held(held: Held, cause: Cause) -> None:
    words = explain_ending(held, cause, Limits(), where="cell 3" if held == "notebook" else "", signal=11)
    assert words == words.strip() != ""
    assert not {"{", "}", "None"} & {*words, *words.split()}


def test_a_network_is_told_of_a_lack_of_memory_that_native_code_died_of() -> None:
    died = Stopped(cause=None, signal=signal.SIGABRT, code=None, cpu_s=1.0, peak_mb=1.0, log="std::bad_alloc")
    assert explain_ending("network", classify(None, died), Limits()).startswith("the network needs more memory than")
