"""The filter as a program: what it answers is found by running it, instruction by instruction, for both machines."""

import errno
import platform
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.sandbox.seccomp import ALLOW, COMMON, ERRNO, FAMILIES, KILL, MACHINES, build_filter

EPERM, ENOSYS, NO_FAMILY = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS, ERRNO | errno.EAFNOSUPPORT


REFUSED = """
ptrace process_vm_readv process_vm_writev kcmp keyctl add_key request_key bpf perf_event_open userfaultfd unshare setns mount
umount2 pivot_root chroot open_by_handle_at name_to_handle_at fanotify_init kexec_load kexec_file_load init_module
finit_module delete_module swapon swapoff reboot acct quotactl syslog settimeofday clock_settime clock_adjtime adjtimex
vhangup memfd_create shmget msgget semget move_pages mbind migrate_pages set_mempolicy vmsplice pidfd_getfd process_madvise
io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr
quotactl_fd memfd_secret set_mempolicy_home_node open_tree_attr lookup_dcookie nfsservctl
"""
ONLY_X86 = "iopl ioperm modify_ldt uselib ustat sysfs _sysctl"
NEWER = {"open_tree_attr": 467}  # than the headers of some distributions


def answer(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the kernel would return: a small interpreter of the instructions that the filter uses."""
    program = build_filter(machine)
    assert program is not None
    data = struct.pack("<IIQ6Q", number, audit or MACHINES[machine].audit, 0, *[*arguments, *[0] * 6][:6])
    code = [struct.unpack_from("<HBBI", program, at) for at in range(0, len(program), 8)]
    place = accumulator = 0
    while True:
        operation, when_true, when_false, value = code[place]
        place += 1
        if operation == 0x06:
            return int(value)
        if operation == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
            continue
        taken = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[operation]
        place += when_true if taken else when_false


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_refused_is_refused_and_the_rest_is_allowed(machine: str) -> None:
    numbers = MACHINES[machine]
    for number in (*numbers.refused, *COMMON):
        assert answer(machine, number) == EPERM
    for number in set(range(600)) - {*numbers.refused, *COMMON, 435, numbers.socket}:
        assert answer(machine, number) == ALLOW, number
    assert answer(machine, 435) == ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
@given(family=st.integers(0, 2**32 - 1))
def test_only_four_families_of_sockets_are_left(machine: str, family: int) -> None:
    assert answer(machine, MACHINES[machine].socket, family) == (ALLOW if family in FAMILIES else NO_FAMILY)


@pytest.mark.parametrize("machine", MACHINES)
def test_threads_and_forks_are_allowed_and_new_namespaces_are_not(machine: str) -> None:
    clone = MACHINES[machine].clone
    assert answer(machine, clone, 0x003D0F00) == ALLOW  # a thread, as glibc makes it
    assert answer(machine, clone, 0x01200011) == ALLOW  # fork
    for flag in (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert answer(machine, clone, flag | 0x11) == EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_typing_into_a_terminal_is_refused_and_other_ioctls_are_allowed(machine: str) -> None:
    ioctl = MACHINES[machine].ioctl
    assert answer(machine, ioctl, 0, 0x5412) == EPERM
    assert answer(machine, ioctl, 0, 0x5401) == ALLOW


def test_calls_by_another_architecture_s_numbers_end_the_process_or_are_refused() -> None:
    assert answer("x86_64", 1, audit=0x40000003) == KILL  # i386
    assert answer("x86_64", 0x40000000 | 41) == EPERM  # x32


@pytest.mark.parametrize(
    ("machine", "header"),
    [("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), ("aarch64", "/usr/include/asm-generic/unistd.h")],
)
def test_the_numbers_are_those_of_the_kernel_s_headers(machine: str, header: str) -> None:
    if not Path(header).is_file():
        pytest.skip("the kernel's headers are not installed here")
    text = Path(header).read_text(encoding="utf-8")
    known = NEWER | {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    own = ONLY_X86 if machine == "x86_64" else ""
    assert {known[name] for name in f"{REFUSED} {own}".split()} == {*MACHINES[machine].refused, *COMMON}
    numbers = MACHINES[machine]
    assert (known["socket"], known["ioctl"], known["clone"]) == (numbers.socket, numbers.ioctl, numbers.clone)


def test_an_architecture_without_a_filter_is_named_by_none() -> None:
    assert build_filter("riscv64") is None
    assert platform.machine() not in MACHINES or build_filter() == build_filter(platform.machine())
