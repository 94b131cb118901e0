"""How bytes cross the border of a sandbox. Standard library only: this file runs on both sides.

`Channel`: messages between the host and a worker, over a socket: a line of JSON, then as many raw bytes as it says; both are
bounded. A worker says {"ready": versions} once, before any request; what is asked and answered then is told at the head of
`judge/worker.py` and `functions/guest.py`.

`FrameLink`: everything that goes into and out of a container, over two pipes. A frame is a channel (2 bytes), a length
(4 bytes, big-endian) and as many bytes; an empty one ends its channel. Channel 0 carries JSON, then come the program's
descriptors, its sockets and its results.
"""

import json
import socket
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

HEADER_BYTES = 4 << 20
PAYLOAD_BYTES = 1 << 30
MOST_ENTRIES = 2000  # of one list or object, characters of one text, where a message is to be kept
MOST_NUMBER = 1 << 63


class ProtocolError(Exception):
    """The other side closed the connection, or sent something that is not a message or a frame."""


class Channel:
    """One end of the conversation, over a stream socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Send a message; `bytes` in the header is set from the payload."""
        line = json.dumps({**header, "bytes": len(payload)}).encode() + b"\n"
        self._connection.sendall(line)
        if payload:
            self._connection.sendall(payload)

    def receive(self, *, at_most: int = PAYLOAD_BYTES) -> tuple[dict[str, Any], bytes]:
        """The next message. Raises ProtocolError, and TimeoutError by the socket's own timeout."""
        try:
            line = self._file.readline(HEADER_BYTES + 1)
            header = json.loads(line, parse_constant=_nothing) if line.endswith(b"\n") else None
            json.dumps(header, ensure_ascii=False, allow_nan=False).encode()  # infinity or half a character: unstorable
            size = header.get("bytes") if isinstance(header, dict) else None
            if not isinstance(header, dict) or not isinstance(size, int) or not 0 <= size <= at_most:
                raise ProtocolError("no message" if not line else "a malformed message")
            payload = self._file.read(size)
        except (ValueError, RecursionError, ConnectionError) as error:
            raise ProtocolError(f"unreadable: {type(error).__name__}") from None
        if len(payload) != size:
            raise ProtocolError("the message ended early")
        return header, payload

    def close(self) -> None:
        """Close this end."""
        self._file.close()
        self._connection.close()


def is_bounded(value: object) -> bool:
    """Whether no list, object, text or number in a JSON value is larger than a description of a network needs."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, (str, list, dict)) and len(part) > MOST_ENTRIES:
            return False
        if isinstance(part, int) and abs(part) >= MOST_NUMBER:
            return False
        if isinstance(part, dict):
            waiting += [*part, *part.values()]
        elif isinstance(part, list):
            waiting += part
    return True


def _nothing(constant: str) -> None:
    """None in the place of NaN and Infinity, which JSON does not have but Python writes."""


FRAME_HEADER = struct.Struct(">HI")
CONTROL, DESCRIPTORS, SOCKETS, RESULTS = 0, 1, 100, 200
FRAME_BYTES = 64 << 10


class FrameLink:
    """One end of the pipes: writes whole frames, from several threads, and knows the sockets of its channels."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.sockets: dict[int, socket.socket] = {}
        self._pipe, self._lock = pipe, threading.Lock()

    def send(self, channel: int, data: bytes, *, patience: float = -1) -> bool:
        """Write a frame of at most `FRAME_BYTES`; False where another thread's did not end within `patience` seconds."""
        if not self._lock.acquire(timeout=patience):
            return False
        try:
            self._pipe.write(FRAME_HEADER.pack(channel, len(data)) + data)
            self._pipe.flush()
        finally:
            self._lock.release()
        return True

    def send_words(self, words: Mapping[str, Any]) -> None:
        """Send JSON on the control channel."""
        self.send(CONTROL, json.dumps(words).encode())

    def send_from_socket(self, channel: int) -> None:
        """Send all that the channel's socket receives, then its end."""
        with suppress(OSError, ValueError):  # one of the two is closed
            while data := self.sockets[channel].recv(FRAME_BYTES):
                self.send(channel, data)
        with suppress(OSError, ValueError):
            self.send(channel, b"")

    def write_to_socket(self, channel: int, data: bytes) -> None:
        """Write what a frame brought to the channel's socket, which may be closed at its other end."""
        with suppress(OSError):
            if data:
                self.sockets[channel].sendall(data)
            else:
                self.sockets[channel].shutdown(socket.SHUT_WR)


def read_frame(pipe: IO[bytes]) -> tuple[int, bytes] | None:
    """The next channel and its bytes; None at the end. Raises ProtocolError."""
    header = pipe.read(FRAME_HEADER.size)
    if not header:
        return None
    if len(header) < FRAME_HEADER.size:
        raise ProtocolError("half a header")
    channel, length = FRAME_HEADER.unpack(header)
    if length > FRAME_BYTES:
        raise ProtocolError(f"a frame of {length:,} bytes")
    data = pipe.read(length)
    if len(data) < length:
        raise ProtocolError("half a frame")
    return channel, data
