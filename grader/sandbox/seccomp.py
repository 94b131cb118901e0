"""The system call filter: what a notebook never needs is refused, all else is allowed.

Installed by bwrap or, in a container, by its PID 1. A classic BPF program (Linux,
Documentation/userspace-api/seccomp_filter.rst), assembled here for x86_64 and aarch64; elsewhere there is none, and
`build_filter` says so. Refused with EPERM: tracing and reading other processes, keys, bpf, perf, userfaultfd, io_uring,
namespaces and mounts, handles, modules, clocks, memory that the watchdog would not see (memfd, System V), and what
nothing has used for decades. Sockets are Unix, IPv4, IPv6 and netlink only: a network namespace does not confine AF_VSOCK.
"""

import errno
import platform
import struct
from collections.abc import Sequence
from dataclasses import dataclass

LOAD, RETURN = 0x20, 0x06  # BPF_LD|W|ABS, BPF_RET
JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT = 0x15, 0x35, 0x45  # BPF_JMP|...
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000  # SECCOMP_RET_*
NUMBER, ARCHITECTURE, FIRST, SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data; arguments by their lower half
FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
TERMINAL_TRICKS = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
NAMESPACES = 0x7E020000 | 0x80  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET; NEWTIME
X32 = 0x40000000  # system calls of the x32 ABI, which would pass by other numbers


@dataclass(frozen=True)
class Numbers:
    """One architecture: its audit number, the calls that need a look at their arguments, and those refused outright."""

    audit: int
    socket: int
    ioctl: int
    clone: int
    refused: tuple[int, ...]


# The same number since Linux 5.1: pidfd_getfd process_madvise | io_uring_setup io_uring_enter io_uring_register | open_tree
# move_mount fsopen fsconfig fsmount fspick mount_setattr open_tree_attr | quotactl_fd memfd_secret set_mempolicy_home_node
COMMON = (438, 440, 425, 426, 427, 428, 429, 430, 431, 432, 433, 442, 467, 443, 447, 450)
CLONE3 = 435  # its flags lie in memory where no filter can look: ENOSYS makes the C library fall back to clone
# ptrace process_vm_readv process_vm_writev kcmp | keyctl add_key request_key bpf perf_event_open userfaultfd | unshare setns
# mount umount2 pivot_root chroot | open_by_handle_at name_to_handle_at fanotify_init | kexec_load kexec_file_load
# init_module finit_module delete_module | swapon swapoff reboot acct quotactl syslog | settimeofday clock_settime
# clock_adjtime adjtimex vhangup | memfd_create shmget msgget semget | move_pages mbind migrate_pages set_mempolicy
# vmsplice lookup_dcookie nfsservctl, in this order; x86_64 ends with uselib ustat sysfs _sysctl iopl ioperm modify_ldt.
MACHINES = {
    "x86_64": Numbers(
        audit=0xC000003E,
        socket=41,
        ioctl=16,
        clone=56,
        refused=(
            101, 310, 311, 312, 250, 248, 249, 321, 298, 323, 272, 308, 165, 166, 155, 161, 304, 303, 300, 246, 320, 175,
            313, 176, 167, 168, 169, 163, 179, 103, 164, 227, 305, 159, 153, 319, 29, 68, 64, 279, 237, 256, 238, 278,
            212, 180, 134, 136, 139, 156, 172, 173, 154,
        ),
    ),
    "aarch64": Numbers(
        audit=0xC00000B7,
        socket=198,
        ioctl=29,
        clone=220,
        refused=(
            117, 270, 271, 272, 219, 217, 218, 280, 241, 282, 97, 268, 40, 39, 41, 51, 265, 264, 262, 104, 294, 105, 273,
            106, 224, 225, 142, 89, 60, 116, 170, 112, 266, 171, 58, 279, 194, 186, 190, 239, 235, 238, 237, 75, 18, 42,
        ),
    ),
}  # fmt: skip


def build_filter(machine: str | None = None) -> bytes | None:
    """The program's bytes for `machine` (this one by default); None for an architecture that it is not written for."""
    numbers = MACHINES.get(machine or platform.machine())
    return None if numbers is None else b"".join(_program(numbers))


def _program(numbers: Numbers) -> list[bytes]:
    code = [
        _instruction(LOAD, ARCHITECTURE),
        _instruction(JUMP_EQUAL, numbers.audit, 1, 0),
        _instruction(RETURN, KILL),
        _instruction(LOAD, NUMBER),
        *_when(JUMP_AT_LEAST, X32, errno.EPERM),
    ]
    for number in sorted((*numbers.refused, *COMMON)):
        code += _when(JUMP_EQUAL, number, errno.EPERM)
    code += _when(JUMP_EQUAL, CLONE3, errno.ENOSYS)
    code += _by_argument(numbers.clone, FIRST, _when(JUMP_ANY_BIT, NAMESPACES, errno.EPERM))
    ioctls = [instruction for trick in TERMINAL_TRICKS for instruction in _when(JUMP_EQUAL, trick, errno.EPERM)]
    code += _by_argument(numbers.ioctl, SECOND, ioctls)
    families = [
        instruction
        for family in FAMILIES
        for instruction in (_instruction(JUMP_EQUAL, family, 0, 1), _instruction(RETURN, ALLOW))
    ]
    code += _by_argument(numbers.socket, FIRST, [*families, _instruction(RETURN, ERRNO | errno.EAFNOSUPPORT)])
    return [*code, _instruction(RETURN, ALLOW)]


def _when(jump: int, value: int, error: int) -> list[bytes]:
    """Return `error` where the jump is taken, else go on."""
    return [_instruction(jump, value, 0, 1), _instruction(RETURN, ERRNO | error)]


def _by_argument(number: int, offset: int, look: Sequence[bytes]) -> list[bytes]:
    """For the system call `number`: load an argument and `look` at it; what it lets pass is allowed."""
    looked = [_instruction(LOAD, offset), *look, _instruction(RETURN, ALLOW)]
    return [_instruction(JUMP_EQUAL, number, 0, len(looked)), *looked]


def _instruction(code: int, value: int, when_true: int = 0, when_false: int = 0) -> bytes:
    """`struct sock_filter`: code, jumps, value."""
    return struct.pack("<HBBI", code, when_true, when_false, value)
