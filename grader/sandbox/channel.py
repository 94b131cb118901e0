"""Messages between the host and a worker in a sandbox: a line of JSON, then as many raw bytes as it says; both bounded.

Standard library only: this file runs on both sides. A worker says {"ready": versions} once, before any request; what is
asked and answered then is told at the head of `judge/worker.py` and `functions/guest.py`.
"""

import json
import socket
from typing import Any

HEADER_BYTES = 4 << 20
PAYLOAD_BYTES = 1 << 30
MOST_ENTRIES = 2000  # of one list or object, characters of one text, where a message is to be kept
MOST_NUMBER = 1 << 63


class ProtocolError(Exception):
    """The other side closed, or sent something that is not a message."""


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
    """What NaN and Infinity become, which JSON does not have but Python writes."""
