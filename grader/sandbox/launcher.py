"""PID 1 of a sandbox: trusted, started before any submitted byte is read. Standard library only, `python -I -S -B`.

It reads its orders from a file, writes the program's own files (the host can't: its uid is unknown to the sandbox'
file systems), sends descriptors of the scratch folders and of itself over a socket, starts the program under resource
limits, reaps orphans, and reports how the program ended: the pid namespace makes that report unforgeable from inside.

Usage: launcher.py SOCKET ORDERS, two inherited descriptors. ORDERS holds a line of JSON, then the files' bytes.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import struct
import sys
from typing import IO, Any, NoReturn

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 36, 38
SECCOMP_MODE_FILTER = 2
UNWRITTEN = "can't be written in the sandbox: "  # and the file, below the program's folder


def read_orders(file: IO[bytes]) -> dict[str, Any]:
    """The host's orders; the program's files are written as they say."""
    orders: dict[str, Any] = json.loads(file.readline())
    write_files(orders, file)
    return orders


def write_files(orders: dict[str, Any], file: IO[bytes]) -> None:
    """The program's files, whose bytes follow the line of orders. Raises RuntimeError with the one that can't be written."""
    for path, size in orders["files"]:
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "xb") as target:
                target.write(file.read(size))
        except (OSError, ValueError) as error:
            if not path.startswith(orders["folder"] + "/"):
                raise
            name = ascii(path[len(orders["folder"]) + 1 :])[1:-1][:200]
            raise RuntimeError(f"{UNWRITTEN}{name} ({getattr(error, 'strerror', None) or error})") from None


def set_process(option: int, value: int) -> None:
    """prctl(2); nothing where there is none."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def hide_from_program(*, with_parent: bool = True) -> None:
    """Close /proc/self/{mem,fd,environ,root} to the program, which has our uid; adopt orphans; end with the parent."""
    set_process(PR_SET_DUMPABLE, 0)
    set_process(PR_SET_CHILD_SUBREAPER, 1)
    if with_parent:
        set_process(PR_SET_PDEATHSIG, signal.SIGKILL)


def become_visible() -> None:
    """Be as visible to one's own uid as any process: execve does that too, but files of /proc need it earlier."""
    set_process(PR_SET_DUMPABLE, 1)


def install_filter(program: bytes) -> None:
    """Refuse system calls from here on (struct sock_fprog of linux/filter.h). Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(described), 0, 0):
        raise OSError(ctypes.get_errno(), "the system call filter was refused")


def start_program(orders: dict[str, Any]) -> int:
    """Fork and execute the program with no descriptor but the ordered ones, its output where errors go; its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        become_program(orders)
        os.execve(orders["argv"][0], orders["argv"], orders["environment"])
    except OSError as error:
        os.write(2, f"{orders['argv'][0]}: {error}\n".encode())
        os._exit(127)


def become_program(orders: dict[str, Any]) -> None:
    """In the child: set up all of the program but its code. Raises OSError."""
    become_visible()
    set_process(PR_SET_PDEATHSIG, signal.SIGKILL)  # where no namespace ends it when the grader is killed
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        os.chdir(orders["folder"])
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # on a full machine this goes first, not the grader
    except OSError:
        pass
    for name, (soft, hard) in orders["rlimits"].items():
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (soft, hard))
    close_others({0, 1, 2, *orders["descriptors"]})
    if orders.get("filter"):
        install_filter(bytes.fromhex(orders["filter"]))


def close_others(kept: set[int]) -> None:
    """Close every descriptor but the `kept` ones."""
    try:
        found = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        found = list(range(1024))
    for descriptor in found:
        if descriptor not in kept:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def hand_over(control: socket.socket, orders: dict[str, Any]) -> list[int]:
    """Send the host descriptors of the scratch folders and of this process, which are returned."""
    held = [os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for path in orders["export"]]
    if hasattr(os, "pidfd_open"):
        held.append(os.pidfd_open(os.getpid()))
    socket.send_fds(control, [b"ready"], held)
    return held


def attend(control: socket.socket, program: int, held: list[int]) -> NoReturn:
    """Close what is `held`, reap all children until `program` ends, report it, and end as it did."""
    for descriptor in held:
        os.close(descriptor)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    while True:
        pid, status, usage = os.wait3(0)
        if pid != program:
            continue
        with contextlib.suppress(OSError):  # the host is gone; so shall we be
            control.send(json.dumps(describe_exit(status, usage)).encode())
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def describe_exit(status: int, usage: resource.struct_rusage) -> dict[str, Any]:
    """How a child ended, for the host."""
    return {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
    }


def main() -> None:
    """Read orders, write files, export, start, reap, report."""
    control = socket.socket(fileno=int(sys.argv[1]))
    os.umask(0o077)
    with os.fdopen(int(sys.argv[2]), "rb") as file:
        orders = read_orders(file)
    hide_from_program()
    held = hand_over(control, orders)
    attend(control, start_program(orders), [*held, *orders["descriptors"]])


if __name__ == "__main__":
    main()
