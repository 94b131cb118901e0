"""How a run ended: what the watchdog named goes before what the host saw, and that before the signal."""

import signal

import pytest

from grader.core.evidence import Cause
from grader.core.limits import Limits
from grader.kernel.outcome import describe_ending
from grader.sandbox.endings import classify
from grader.sandbox.interface import Stopped

SIGKILL, SIGSEGV, SIGABRT, SIGXCPU = signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGXCPU


def stopped(
    cause: Cause | None = None,
    *,
    died: int | None = None,
    code: int | None = None,
    log: str = "",
    cpu_s: float | None = 3.5,
) -> Stopped:
    return Stopped(cause=cause, signal=died, code=code, cpu_s=cpu_s, peak_mb=812.5, log=log)


@pytest.mark.parametrize(
    ("fault", "end", "cause"),
    [
        (Cause.FINISHED, stopped(), Cause.FINISHED),
        (Cause.FINISHED, stopped(died=SIGKILL), Cause.FINISHED),
        (Cause.FINISHED, stopped(Cause.WALL_LIMIT, died=SIGKILL), Cause.WALL_LIMIT),
        (Cause.CELL_TIMEOUT, stopped(died=SIGKILL), Cause.CELL_TIMEOUT),
        (Cause.CELL_TIMEOUT, stopped(Cause.MEMORY_LIMIT), Cause.MEMORY_LIMIT),
        (Cause.PROTOCOL_VIOLATION, stopped(Cause.OUTPUT_LIMIT), Cause.OUTPUT_LIMIT),
        (Cause.PROTOCOL_VIOLATION, stopped(code=0), Cause.PROTOCOL_VIOLATION),
        (None, stopped(Cause.MEMORY_LIMIT, died=SIGKILL), Cause.MEMORY_LIMIT),
        (None, stopped(Cause.PROCESS_LIMIT), Cause.PROCESS_LIMIT),
        (None, stopped(died=SIGXCPU), Cause.CPU_LIMIT),
        (None, stopped(died=SIGSEGV), Cause.CRASH),
        (None, stopped(died=signal.SIGBUS), Cause.CRASH),
        (None, stopped(died=signal.SIGILL), Cause.CRASH),
        (None, stopped(died=signal.SIGFPE), Cause.CRASH),
        (None, stopped(died=SIGABRT), Cause.CRASH),
        (None, stopped(died=SIGABRT, log="terminate called ... what():  std::bad_alloc"), Cause.MEMORY_LIMIT),
        (None, stopped(died=SIGSEGV, log="mmap: Cannot allocate memory"), Cause.MEMORY_LIMIT),
        (None, stopped(died=SIGABRT, log="std::bad_alloc" + "x" * 5000), Cause.CRASH),
        (None, stopped(died=SIGABRT, log="Thread tf_data creation via pthread_create() failed."), Cause.PROCESS_LIMIT),
        (None, stopped(died=SIGABRT, log="fork: Resource temporarily unavailable"), Cause.PROCESS_LIMIT),
        (None, stopped(died=SIGKILL), Cause.KILLED),
        (None, stopped(died=signal.SIGTERM, code=1), Cause.KILLED),
        (None, stopped(), Cause.KILLED),
        (None, stopped(code=0), Cause.KERNEL_EXITED),
        (None, stopped(code=1, log="std::bad_alloc"), Cause.KERNEL_EXITED),
    ],
)
def test_the_first_that_fits_is_the_cause(fault: Cause | None, end: Stopped, cause: Cause) -> None:
    assert classify(fault, end) is cause


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (stopped(Cause.CELL_TIMEOUT), "cell 7 ran longer than 20 min and was stopped"),
        (stopped(Cause.WALL_LIMIT), "the run took longer than 30 min and was stopped in cell 7"),
        (stopped(Cause.MEMORY_LIMIT), "cell 7 used more than 4 GiB of memory and was stopped"),
        (stopped(Cause.PROCESS_LIMIT), "cell 7 started more than 64 processes and was stopped"),
        (stopped(Cause.DISK_LIMIT), "cell 7 made more files than fit into 512 MiB and was stopped"),
        (stopped(Cause.OUTPUT_LIMIT), "cell 7 printed or drew more than 10 MiB and was stopped"),
        (stopped(Cause.CPU_LIMIT), "cell 7 used up its processor time and was stopped"),
        (stopped(died=SIGSEGV), "Python crashed in cell 7 (signal 11)"),
        (stopped(died=SIGKILL), "the kernel was killed in cell 7"),
        (stopped(code=3), "cell 7 ended the kernel itself, as exit() or os._exit() does"),
    ],
)
def test_a_student_reads_where_and_why_it_ended(end: Stopped, words: str) -> None:
    found = describe_ending(fault=None, stopped=end, cell=7, limits=Limits(), wall_s=12.3456)
    assert found.message == words
    assert (found.cell, found.wall_s, found.cpu_s, found.peak_mb) == (7, 12.35, 3.5, 812.5)


@pytest.mark.parametrize(
    ("cause", "what", "words"),
    [
        (Cause.OUTPUT_LIMIT, "8 MiB at once", "cell 7 printed or drew more than 8 MiB at once and was stopped"),
        (
            Cause.PROTOCOL_VIOLATION,
            "RecursionError",
            "sent the grader messages that no notebook sends (RecursionError)",
        ),
    ],
)
def test_what_could_not_pass_is_named(cause: Cause, what: str, words: str) -> None:
    found = describe_ending(fault=None, stopped=stopped(cause), cell=7, limits=Limits(), wall_s=1, what=what)
    assert words in found.message


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_its_words_with_and_without_a_cell(cause: Cause) -> None:
    for cell in (None, 1):
        found = describe_ending(
            fault=None, stopped=stopped(cause, died=SIGSEGV, cpu_s=None), cell=cell, limits=Limits(), wall_s=0
        )
        assert found.cause is cause
        assert found.message
        assert "None" not in found.message


def test_a_cell_behind_the_training_is_told_its_own_limit() -> None:
    limits = Limits(cell=900.0, cell_after_training=300.0)
    ending = describe_ending(
        fault=Cause.CELL_TIMEOUT,
        stopped=stopped(died=SIGKILL),
        cell=9,
        limits=limits,
        wall_s=400.0,
        after_training=True,
    )
    assert ending.message == "cell 9, after the training, ran longer than 5 min and was stopped"
    assert limits.of_cell(after_training=False) == 900
    assert Limits(cell=60.0).of_cell(after_training=True) == 60
