"""What bwrap does for a cold start, done by a child of the fork server for itself: namespaces, mounts, no privileges.

Standard library only. The child is of an unprivileged uid and has all capabilities in a user namespace of its own, until
`drop_privileges`. The file system is the server's, read-only and without anything of the host; every place where something
can be written is covered by a fresh tmpfs. Numbers are those of linux/sched.h, linux/mount.h and linux/prctl.h.
"""

import ctypes
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

NEW_MOUNTS, NEW_CGROUP, NEW_UTS, NEW_IPC, NEW_USER, NEW_PID, NEW_NET = (
    0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
ALL_NAMESPACES = NEW_MOUNTS | NEW_CGROUP | NEW_UTS | NEW_IPC | NEW_USER | NEW_PID | NEW_NET
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
SET_INTERFACE_FLAGS, UP, RUNNING = 0x8914, 0x1, 0x40
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 38, 47, 4
CAPABILITY_VERSION = 0x20080522
MOST_CAPABILITIES = 64


def call(function: str, *arguments: object) -> None:
    """A function of the C library that returns 0. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments):
        code = ctypes.get_errno()
        raise OSError(code, f"{function}: {os.strerror(code)}")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2). Raises OSError, naming the target."""
    try:
        call("mount", source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    except OSError as error:
        raise OSError(error.errno, f"mount {kind} on {target}: {os.strerror(error.errno or 0)}") from None


def enter_namespaces() -> None:
    """Be in namespaces of one's own, with the same uid; the next child is PID 1 of a process namespace. Raises OSError."""
    uid, gid = os.getuid(), os.getgid()
    call("unshare", ALL_NAMESPACES)
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{uid} {uid} 1")
    write("/proc/self/gid_map", f"{gid} {gid} 1")


def mount_writable_places(scratch: Iterable[tuple[str, int, str]], kept: Sequence[str]) -> None:
    """As PID 1: fresh writable places (path, bytes, mode), what of `kept` they cover again, /proc, terminals, loopback.

    Raises OSError.
    """
    mount("none", "/", "", RECURSIVE | PRIVATE)
    folders = sorted(scratch, key=lambda item: item[0].count("/"))
    covered = [path for path in kept if any(path.startswith(f"{folder}/") for folder, _, _ in folders)]
    held = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in covered}
    for path, size, mode in folders:
        mount("tmpfs", path, "tmpfs", NO_SUID | NO_DEV, f"size={size},mode={mode}")
    for path, descriptor in held.items():
        put_back(path, descriptor)
    mount("proc", "/proc", "proc", NO_SUID | NO_DEV | NO_EXEC)
    write("/proc/sys/user/max_user_namespaces", "0")
    mount("/proc/sys", "/proc/sys", "", BIND | RECURSIVE)
    mount("none", "/proc/sys", "", REMOUNT | BIND | READ_ONLY | NO_SUID | NO_DEV | NO_EXEC)
    mount("devpts", "/dev/pts", "devpts", NO_SUID | NO_EXEC, "newinstance,ptmxmode=0666,mode=620")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as some:
        fcntl.ioctl(some, SET_INTERFACE_FLAGS, struct.pack("16sH14x", b"lo", UP | RUNNING))


def put_back(path: str, descriptor: int) -> None:
    """Make what `descriptor` stands for, now covered, visible at `path` again: read-only, as it was."""
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        Path(path).mkdir(0o755, parents=True)
    else:
        Path(path).parent.mkdir(0o755, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o444))
    mount(f"/proc/self/fd/{descriptor}", path, "", BIND | RECURSIVE)
    os.close(descriptor)


def drop_privileges() -> None:
    """No capability in any set, none to be had again. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(MOST_CAPABILITIES):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            break  # past the last one that this kernel knows
    call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    call("capset", struct.pack("Ii", CAPABILITY_VERSION, 0), bytes(24))
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def write(path: str, text: str) -> None:
    """One write to a file of /proc. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
