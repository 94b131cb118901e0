"""Reads what a dead program left, beneath a descriptor, following nothing (openat2)."""

import ctypes
import errno
import os
import stat
import sys

from grader.core.errors import Failure

SYS_OPENAT2 = 437  # the same number on every Linux architecture
RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 0x01, 0x02, 0x04, 0x08


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def read_artefact(folder: int, name: str, *, at_most: int) -> bytes:
    """The bytes of the regular file `name` below the descriptor `folder`.

    Raises FileNotFoundError where there is none, and Failure for anything that is not a plain file of at most
    `at_most` bytes: a link, a FIFO, a device, a folder, a file that is too big.
    """
    descriptor = _open_beneath(folder, name)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Failure(f"`{name}` is not a regular file", "Save an ordinary file.")
        if status.st_size > at_most:
            raise Failure(f"`{name}` has {status.st_size:,} bytes; {at_most:,} are allowed", "Save less.")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            data = file.read(at_most + 1)
        if len(data) > at_most:
            raise Failure(f"`{name}` grew past {at_most:,} bytes", "Save less.")
        return data
    finally:
        os.close(descriptor)


def _open_beneath(folder: int, name: str) -> int:
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
    if sys.platform != "linux":
        return os.open(name, flags, dir_fd=folder)
    resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV
    how = _OpenHow(flags, 0, resolve)
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = int(libc.syscall(SYS_OPENAT2, folder, os.fsencode(name), ctypes.byref(how), ctypes.sizeof(how)))
    if descriptor >= 0:
        return descriptor
    code = ctypes.get_errno()
    if code == errno.ENOENT:
        raise FileNotFoundError(name)
    raise Failure(f"`{name}` was refused: {os.strerror(code)}", "Save an ordinary file, not a link.")
