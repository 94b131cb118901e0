"""PID 1 of the fork server's sandbox: trusted, does once what programs begin with, then forks one child a request.

A child makes namespaces of its own, becomes their PID 1 and does what `launcher` does for a cold start: it writes files,
hands over descriptors, sets limits, starts the program, reaps and reports. The program is not executed but forked: it finds
done what `entry` has done here. Standard library only; nothing of a submission is ever read in the server itself.

Usage: fork_server.py SOCKET ORDERS, two inherited descriptors. ORDERS holds a line of JSON (`entry`, `path`, `files`), then
the files' bytes. A request is a JSON list, the numbers that the program's descriptors shall have, and carries descriptors:
the child's socket, its orders, its log, then those of the program. To the host goes `refused` with the reason, or `ready`.
"""

import contextlib
import ctypes
import fcntl
import gc
import importlib
import json
import os
import random
import signal
import socket
import stat
import struct
import sys
import traceback
import types
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # `-P` knows no folder of a script

from grader.sandbox.launcher import (
    PR_SET_NO_NEW_PRIVS,
    attend,
    become_program,
    become_visible,
    close_others,
    hand_over,
    hide_from_program,
    read_orders,
    write_files,
)

OURS = str(Path(__file__).resolve().parents[2])
MOST_DESCRIPTORS = 64
REQUEST_BYTES = 4096
LOWEST_OWN = 64  # descriptors of ours are moved above this, and above those that the program expects
FAILED = 70


def main() -> None:
    """Try the namespaces, prepare, serve; what returns from `serve` is a child that is to be a program."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    os.umask(0o077)
    with os.fdopen(int(sys.argv[2]), "rb") as file:
        orders = read_orders(file)
    hide_from_program()
    reason = try_namespaces()
    if not reason:
        prepare(orders)
        reason = shared_memory(Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace"))
    requests.send(json.dumps({"refused": reason} if reason else {"ready": True}).encode())
    if not reason:
        run_program(serve(requests))


def try_namespaces() -> str:
    """Why a child can't have namespaces of its own on this machine; "" where it can."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            become_visible()
            enter_namespaces()
            if os.fork():
                os.wait()
            else:
                mount_writable_places([("/tmp", 1 << 20, "1777")], [])
                drop_privileges()
                os.write(sending, b"made")
        except BaseException as error:
            os.write(sending, (getattr(error, "strerror", None) or str(error)).encode()[:1000])
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    os.waitpid(child, 0)
    return "" if said == "made" else said or "a child of the fork server ended without a word"


def prepare(orders: dict[str, Any]) -> None:
    """Call the entry (module:function): what it imports and makes will be there in every child."""
    sys.path.insert(0, orders["path"])
    module, _, function = orders["entry"].partition(":")
    getattr(importlib.import_module(module), function)()
    for path in (orders["path"], OURS):
        sys.path.remove(path)
    for name in [name for name in sys.modules if name.startswith("grader.sandbox")]:
        del sys.modules[name]  # a program's own modules are none of ours
    gc.collect()
    gc.freeze()


def shared_memory(maps: str) -> str:
    """A line of /proc/self/maps whose memory all children would write into, which must not be; "" without any."""
    shared = (line for line in maps.splitlines() if "w" in line.split()[1] and line.split()[1].endswith("s"))
    return next((f"children would share memory: {line}" for line in shared), "")


def serve(requests: socket.socket) -> list[str]:
    """Fork a child for each request until the host is gone. Returns in a child alone: the command line of its program."""
    signal.signal(signal.SIGCHLD, reap_children)
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, REQUEST_BYTES, MOST_DESCRIPTORS)
        if not request:
            os._exit(0)
        if fork() == 0:
            requests.close()
            return confine(json.loads(request), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def reap_children(*_: object) -> None:
    """Wait for children that have ended: how they did is told by PID 1 of each, and seen at its pidfd."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def fork() -> int:
    """The child's pid, 0 in the child; -1 where there can be none: the host sees its socket closed."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: OpenBLAS ends its own before a fork
            return os.fork()
    except OSError:
        return -1


def confine(wanted: list[int], descriptors: list[int]) -> list[str]:
    """Become PID 1 of a sandbox and start its program. Returns in the program alone: its command line."""
    try:
        log = descriptors.pop(2)
        os.dup2(log, 1)
        os.dup2(log, 2)
        control, orders = arrange(wanted, descriptors)
        become_visible()  # the files of /proc that a user namespace is made with are only then ours
        enter_namespaces()
        if os.fork():
            os._exit(0)
        return run_as_init(control, orders)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(FAILED)


def arrange(wanted: list[int], descriptors: list[int]) -> tuple[int, int]:
    """Give the program's descriptors their numbers, move ours out of the way, close all others; socket and orders."""
    high = max([LOWEST_OWN, *wanted, *descriptors]) + 1
    control, orders, *given = (fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, high) for descriptor in descriptors)
    close_others({0, 1, 2, control, orders, *given})
    for number, descriptor in zip(wanted, given, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
    return control, orders


def run_as_init(descriptor: int, orders_file: int) -> list[str]:
    """PID 1: mount, write files, export, start, reap, report. Returns in the program alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    control = socket.socket(fileno=descriptor)
    with os.fdopen(orders_file, "rb") as file:
        orders: dict[str, Any] = json.loads(file.readline())
        mount_writable_places([(path, size, mode) for path, size, mode in orders["scratch"]], orders["kept"])
        write_files(orders, file)
    drop_privileges()
    hide_from_program(with_parent=False)  # which is gone already: this namespace ends with the server's
    held = hand_over(control, orders)
    if control.recv(16) != b"go":  # the host makes us a member of a control group first
        os._exit(FAILED)
    if program := os.fork():
        attend(control, program, [*held, *orders["descriptors"]])
    control.detach()
    become_program(orders)
    argv: list[str] = orders["argv"]
    return argv


def run_program(argv: list[str]) -> None:
    """Run a Python command line (options, then `-c CODE` or a file, then arguments) as this interpreter would have."""
    random.seed()  # or all children would draw the same
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()
    at = next(index for index, word in enumerate(argv) if index and (word == "-c" or not word.startswith("-")))
    main_module = types.ModuleType("__main__")
    if argv[at] == "-c":
        code = compile(argv[at + 1], "<string>", "exec")
        sys.argv = ["-c", *argv[at + 2 :]]
    else:
        code = compile(Path(argv[at]).read_bytes(), argv[at], "exec")
        sys.argv = argv[at:]
        main_module.__file__ = argv[at]
    sys.orig_argv = list(argv)
    sys.modules["__main__"] = main_module
    exec(code, vars(main_module))


# What bwrap does for a cold start, a child does for itself. It is of an unprivileged uid and has all capabilities in a user
# namespace of its own, until `drop_privileges`. The file system is the server's, read-only and without anything of the host;
# every place where something can be written is covered by a fresh tmpfs. Numbers are those of linux/sched.h, linux/mount.h
# and linux/prctl.h.
NEW_MOUNTS, NEW_CGROUP, NEW_UTS, NEW_IPC, NEW_USER, NEW_PID, NEW_NET = (
    0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
ALL_NAMESPACES = NEW_MOUNTS | NEW_CGROUP | NEW_UTS | NEW_IPC | NEW_USER | NEW_PID | NEW_NET
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
SET_INTERFACE_FLAGS, UP, RUNNING = 0x8914, 0x1, 0x40
PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 47, 4
CAPABILITY_VERSION = 0x20080522
MOST_CAPABILITIES = 64


def call(function: str, *arguments: object) -> None:
    """Call a function of the C library that returns 0 for success. Raises OSError."""
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
    """Enter new namespaces with the same uid; the next child is PID 1 of a process namespace. Raises OSError."""
    uid, gid = os.getuid(), os.getgid()
    call("unshare", ALL_NAMESPACES)
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{uid} {uid} 1")
    write("/proc/self/gid_map", f"{gid} {gid} 1")


def mount_writable_places(scratch: Iterable[tuple[str, int, str]], kept: Sequence[str]) -> None:
    """As PID 1: mount fresh writable places (path, bytes, mode), what of `kept` they cover, /proc, terminals, loopback.

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
    """Mount what `descriptor` refers to, which is covered now, at `path` again: read-only, as it was."""
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        Path(path).mkdir(0o755, parents=True)
    else:
        Path(path).parent.mkdir(0o755, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o444))
    mount(f"/proc/self/fd/{descriptor}", path, "", BIND | RECURSIVE)
    os.close(descriptor)


def drop_privileges() -> None:
    """Give up every capability for good. Raises OSError."""
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


if __name__ == "__main__":
    main()
