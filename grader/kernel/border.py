"""The border between a kernel's sockets and ours: bytes are counted before anything of them is read.

libzmq bounds a frame, but a message may have any number of frames, and all of them are kept until the last one is there:
a single forged message drove a grader to 2 GB. So no socket of ours touches one of the kernel's. The border connects to
those once, while nothing of the submission runs yet, and never again; it follows the framing of ZMTP 3 (RFC 23 and 37 of
rfc.zeromq.org) and stops the kernel at the first header that announces too much.
"""

import asyncio
import os
import socket
import stat
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from grader.errors import Infrastructure
from grader.evidence import Cause
from grader.limits import Limits, write_size
from grader.sandbox.interface import Confined
from grader.workspace import workspace

MESSAGE_BYTES = 8 << 20  # of all frames of one message
MOST_FRAMES = 16  # of one message; a notebook's have five to seven
ENVELOPE = 1 << 10  # bytes of a message that are header and signature, not output
COMMAND_BYTES = 512
BLOCK = 64 << 10
LISTENING_TRIES = 200
CLOSING_S = 10.0  # a kernel that ends closes its connections first
GREETING = 64
MORE, LONG, COMMAND = 1, 2, 4  # bits of a frame's flags


class Trespass(Exception):
    """Something that may not pass: the cause that the run ends with, and what it was, in words for its message."""

    def __init__(self, cause: Cause, what: str) -> None:
        super().__init__(what)
        self.cause, self.what = cause, what


class Budget:
    """What one kernel may still send over all its sockets."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes = self._messages = 0

    def spend(self, size: int) -> None:
        """Count a message of `size` bytes. Raises Trespass."""
        self._messages += 1
        self._bytes += max(0, size - ENVELOPE)
        if self._bytes > self._limits.output:
            raise Trespass(Cause.OUTPUT_LIMIT, write_size(self._limits.output))
        if self._messages > self._limits.messages:
            raise Trespass(Cause.OUTPUT_LIMIT, f"{self._limits.messages:,} times")


class FrameReader:
    """Follows the frames of one connection, whatever the blocks that its bytes come in; keeps none of them."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._header = bytearray()  # of what comes next, as far as it is there
        self._greeted = False
        self._skip = 0  # bytes of the present frame that are still to come
        self._frames = self._size = 0  # of the present message

    def feed(self, block: bytes) -> None:
        """The next bytes. Raises Trespass at the first that may not pass."""
        place = 0
        while place < len(block):
            if self._skip:
                step = min(self._skip, len(block) - place)
                self._skip -= step
            else:
                step = min(self._wanted() - len(self._header), len(block) - place)
                self._header += block[place : place + step]
                if len(self._header) == self._wanted():
                    self._read_header()
            place += step

    def _wanted(self) -> int:
        if not self._greeted:
            return GREETING
        if not self._header:
            return 1
        return 9 if self._header[0] & LONG else 2

    def _read_header(self) -> None:
        header = bytes(self._header)
        if not self._greeted:
            if header[0] != 0xFF or header[9] != 0x7F or header[10] < 3:
                raise Trespass(Cause.PROTOCOL_VIOLATION, "a greeting that is not ZMTP 3")
            self._greeted = True
            self._header.clear()
        elif len(header) > 1:
            self._header.clear()
            self._skip = int.from_bytes(header[1:])
            self._count(header[0])

    def _count(self, flags: int) -> None:
        if flags & COMMAND:
            if flags & MORE or self._skip > COMMAND_BYTES:
                raise Trespass(Cause.PROTOCOL_VIOLATION, "a command that is none of ZMTP")
            self._budget.spend(0)
            return
        if flags & ~(MORE | LONG):
            raise Trespass(Cause.PROTOCOL_VIOLATION, "a frame that is none of ZMTP")
        self._frames += 1
        self._size += self._skip
        if self._size > MESSAGE_BYTES:
            raise Trespass(Cause.OUTPUT_LIMIT, f"{write_size(MESSAGE_BYTES)} at once")
        if self._frames > MOST_FRAMES:
            raise Trespass(Cause.PROTOCOL_VIOLATION, f"a message in more than {MOST_FRAMES} parts")
        if not flags & MORE:
            self._budget.spend(self._size)
            self._frames = self._size = 0


class Border:
    """Carries bytes between a kernel and the client. `prefix` is where the client connects; `trespass`: why it was shut."""

    def __init__(self, limits: Limits, confined: Confined) -> None:
        self.trespass: Trespass | None = None
        self._budget, self._confined, self._shut = Budget(limits), confined, False
        self._thrown_away = ExitStack()
        self.prefix = str(self._thrown_away.enter_context(workspace(private=True)) / "kernel")
        self._sockets: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, kernel: str, ports: Sequence[int]) -> None:
        """Connect to the kernel's sockets `kernel`-PORT, listen at our own. Raises Infrastructure."""
        for port in ports:
            try:
                theirs = await self._reach(f"{kernel}-{port}")
                listener = self._socket()
                listener.bind(f"{self.prefix}-{port}")
                listener.listen(1)
            except OSError as error:
                raise Infrastructure(f"The kernel's socket {port} could not be reached: {error}.") from None
            self._tasks.append(asyncio.create_task(self._serve(listener, theirs)))

    async def close(self) -> None:
        """Carry nothing any more, and hold nothing against the kernel from here on."""
        self._shut = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for used in self._sockets:
            used.close()
        self._thrown_away.close()

    def refuse(self, trespass: Trespass) -> None:
        """End the run for it; the first is remembered."""
        if self._shut:
            return
        self.trespass = self.trespass or trespass
        self._confined.kill(trespass.cause)

    def _socket(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sockets.append(made)
        made.setblocking(False)
        return made

    async def _reach(self, path: str) -> socket.socket:
        """A connection to a socket that is bound, though perhaps not listened at yet. Raises OSError."""
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise OSError(f"{path} is no socket")
        for attempt in range(LISTENING_TRIES):
            theirs = self._socket()
            try:
                theirs.connect(path)
                return theirs
            except (ConnectionRefusedError, BlockingIOError):
                if attempt + 1 == LISTENING_TRIES:
                    raise
                await asyncio.sleep(0.05)
        raise AssertionError("the last attempt returns or raises")

    async def _serve(self, listener: socket.socket, theirs: socket.socket) -> None:
        """One connection of ours, carried in both directions until it ends."""
        loop = asyncio.get_running_loop()
        ours, _ = await loop.sock_accept(listener)
        self._sockets.append(ours)
        ours.setblocking(False)
        listener.close()
        outward = asyncio.create_task(_carry(ours, theirs))
        try:
            await self._carry_in(theirs, ours)
        except Trespass as trespass:
            self.refuse(trespass)
        finally:
            outward.cancel()

    async def _carry_in(self, theirs: socket.socket, ours: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        frames = FrameReader(self._budget)
        with suppress(OSError):
            while block := await loop.sock_recv(theirs, BLOCK):
                frames.feed(block)
                await loop.sock_sendall(ours, block)
        for _ in range(int(CLOSING_S / 0.1)):
            await asyncio.sleep(0.1)
            if self._confined.poll() is not None:
                return
        raise Trespass(Cause.PROTOCOL_VIOLATION, "a connection closed while the kernel runs")


async def _carry(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        while block := await loop.sock_recv(source, BLOCK):
            await loop.sock_sendall(target, block)
