"""What a sandboxed program and its launcher print themselves: the last of it is kept, for whoever must explain an end."""

import collections
import contextlib
import os
import threading
from typing import IO

BLOCKS, BLOCK = 64, 4096  # bytes: the last 256 KiB
PATIENCE_S = 2.0  # for the last words of a program that has ended: its pipe is closed, they may still be on their way


class Log:
    """The last of what comes out of `pipe`, read by a thread until its end or until it is closed."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self._pipe = pipe
        self._blocks: collections.deque[bytes] = collections.deque(maxlen=BLOCKS)
        self._reader = threading.Thread(target=self._read, name="log", daemon=True)
        self._reader.start()

    def text(self, *, ended: bool) -> str:
        """It as text; where the program has `ended`, with its last words, for which this waits `PATIENCE_S` at most."""
        if ended:
            self._reader.join(PATIENCE_S)
        return b"".join(tuple(self._blocks)).decode("utf-8", "replace").strip()

    def _read(self) -> None:
        if self._pipe is None:
            return
        with contextlib.suppress(OSError, ValueError):  # closed meanwhile
            while block := os.read(self._pipe.fileno(), BLOCK):
                self._blocks.append(block)
