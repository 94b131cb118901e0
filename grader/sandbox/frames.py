"""The one way into and out of a container: the bytes of several channels as frames over two pipes. Standard library only.

A frame is a channel (2 bytes), a length (4 bytes, big-endian) and as many bytes; an empty one ends its channel. Channel 0
carries JSON, then come the program's descriptors, its sockets and its results.
"""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Mapping
from typing import IO, Any

HEADER = struct.Struct(">HI")
CONTROL, DESCRIPTORS, SOCKETS, RESULTS = 0, 1, 100, 200
MOST_BYTES = 64 << 10


class FrameError(Exception):
    """What came is not one of our frames."""


class FrameLink:
    """One end of the pipes: writes whole frames, from several threads, and knows the sockets of its channels."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.sockets: dict[int, socket.socket] = {}
        self._pipe, self._lock = pipe, threading.Lock()

    def send(self, channel: int, data: bytes, *, patience: float = -1) -> bool:
        """Write a frame of at most `MOST_BYTES`; False where another thread's did not end within `patience` seconds."""
        if not self._lock.acquire(timeout=patience):
            return False
        try:
            self._pipe.write(HEADER.pack(channel, len(data)) + data)
            self._pipe.flush()
        finally:
            self._lock.release()
        return True

    def send_words(self, words: Mapping[str, Any]) -> None:
        """Send JSON on the control channel."""
        self.send(CONTROL, json.dumps(words).encode())

    def send_from_socket(self, channel: int) -> None:
        """Send all that the channel's socket receives, then its end."""
        with contextlib.suppress(OSError, ValueError):  # one of the two is closed
            while data := self.sockets[channel].recv(MOST_BYTES):
                self.send(channel, data)
        with contextlib.suppress(OSError, ValueError):
            self.send(channel, b"")

    def write_to_socket(self, channel: int, data: bytes) -> None:
        """Write what a frame brought to the channel's socket, which may be closed at its other end."""
        with contextlib.suppress(OSError):
            if data:
                self.sockets[channel].sendall(data)
            else:
                self.sockets[channel].shutdown(socket.SHUT_WR)


def read_frame(pipe: IO[bytes]) -> tuple[int, bytes] | None:
    """The next channel and its bytes; None at the end. Raises FrameError."""
    header = pipe.read(HEADER.size)
    if not header:
        return None
    if len(header) < HEADER.size:
        raise FrameError("half a header")
    channel, length = HEADER.unpack(header)
    if length > MOST_BYTES:
        raise FrameError(f"a frame of {length:,} bytes")
    data = pipe.read(length)
    if len(data) < length:
        raise FrameError("half a frame")
    return channel, data
