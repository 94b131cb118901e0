"""Between a hostile kernel and the grader: bytes are counted before they are read, and what is read is cut to what is kept.

`SocketProxy` stands between the kernel's sockets and ours. libzmq bounds a frame, but a message may have any number of
frames, and all of them are kept until the last one is there: a single forged message drove a grader to 2 GB. So no socket
of ours touches one of the kernel's. The proxy connects to those once, while nothing of the submission runs yet, and never
again; it follows the framing of ZMTP 3 (RFC 23 and 37 of rfc.zeromq.org) and stops the kernel at the first header that
announces too much.

What passed the proxy is bounded, and may still say anything: the clients of jupyter_client and nbclient are hardened
against that. `SandboxProvisioner` makes jupyter_client start the kernel in its sandbox, behind the proxy.
"""

import asyncio
import json
import os
import socket
import stat
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, TypeVar, cast

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.connect import KernelConnectionInfo, channel_socket_types
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal
from nbformat import NotebookNode

from grader.core.errors import Infrastructure
from grader.core.evidence import Cause
from grader.core.limits import Limits, write_size
from grader.core.notebook import MOST_TEXT, STRING
from grader.core.workspace import workspace
from grader.sandbox.interface import Confined, Program, Sandbox

T = TypeVar("T")
MESSAGE_BYTES = 8 << 20  # of all frames of one message
MOST_FRAMES = 16  # of one message; a notebook's have five to seven
ENVELOPE = 1 << 10  # bytes of a message that are header and signature, not output
COMMAND_BYTES = 512
BLOCK = 64 << 10
LISTENING_TRIES = 200
CLOSING_S = 10.0  # a kernel that ends closes its connections first
GREETING = 64
MORE, LONG, COMMAND = 1, 2, 4  # bits of a frame's flags


class ProtocolViolation(Exception):
    """The kernel sent something that may not pass: the cause that the run ends with, and words for its message."""

    def __init__(self, cause: Cause, what: str) -> None:
        super().__init__(what)
        self.cause, self.what = cause, what


class Budget:
    """What one kernel may still send over all its sockets."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes = self._messages = 0

    def spend(self, size: int) -> None:
        """Count a message of `size` bytes. Raises ProtocolViolation."""
        self._messages += 1
        self._bytes += max(0, size - ENVELOPE)
        if self._bytes > self._limits.output:
            raise ProtocolViolation(Cause.OUTPUT_LIMIT, write_size(self._limits.output))
        if self._messages > self._limits.messages:
            raise ProtocolViolation(Cause.OUTPUT_LIMIT, f"{self._limits.messages:,} times")


class FrameReader:
    """Follows the frames of one connection, in whatever blocks its bytes come; keeps none of them."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._header = bytearray()  # of what comes next, as far as it is there
        self._greeted = False
        self._skip = 0  # bytes of the present frame that are still to come
        self._frames = self._size = 0  # of the present message

    def feed(self, block: bytes) -> None:
        """The next bytes. Raises ProtocolViolation at the first that may not pass."""
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
                raise ProtocolViolation(Cause.PROTOCOL_VIOLATION, "a greeting that is not ZMTP 3")
            self._greeted = True
            self._header.clear()
        elif len(header) > 1:
            self._header.clear()
            self._skip = int.from_bytes(header[1:])
            self._count(header[0])

    def _count(self, flags: int) -> None:
        if flags & COMMAND:
            if flags & MORE or self._skip > COMMAND_BYTES:
                raise ProtocolViolation(Cause.PROTOCOL_VIOLATION, "a command that is not ZMTP")
            self._budget.spend(0)
            return
        if flags & ~(MORE | LONG):
            raise ProtocolViolation(Cause.PROTOCOL_VIOLATION, "a frame that is not ZMTP")
        self._frames += 1
        self._size += self._skip
        if self._size > MESSAGE_BYTES:
            raise ProtocolViolation(Cause.OUTPUT_LIMIT, f"{write_size(MESSAGE_BYTES)} at once")
        if self._frames > MOST_FRAMES:
            raise ProtocolViolation(Cause.PROTOCOL_VIOLATION, f"a message in more than {MOST_FRAMES} parts")
        if not flags & MORE:
            self._budget.spend(self._size)
            self._frames = self._size = 0


class SocketProxy:
    """Carries bytes between a kernel and the client, which connects to `prefix`. `violation`: why it ended the run."""

    def __init__(self, limits: Limits, confined: Confined) -> None:
        self.violation: ProtocolViolation | None = None
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
        """Carry nothing any more; nothing that the kernel does from here on counts as a violation."""
        self._shut = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for used in self._sockets:
            used.close()
        self._thrown_away.close()

    def refuse(self, violation: ProtocolViolation) -> None:
        """End the run for it; the first is remembered."""
        if self._shut:
            return
        self.violation = self.violation or violation
        self._confined.kill(violation.cause)

    def _socket(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sockets.append(made)
        made.setblocking(False)
        return made

    async def _reach(self, path: str) -> socket.socket:
        """A connection to a socket that is bound, though perhaps not listened at yet. Raises OSError."""
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise OSError(f"{path} is not a socket")
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
        except ProtocolViolation as violation:
            self.refuse(violation)
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
        raise ProtocolViolation(Cause.PROTOCOL_VIOLATION, "a connection closed while the kernel runs")


async def _carry(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        while block := await loop.sock_recv(source, BLOCK):
            await loop.sock_sendall(target, block)


QUEUED_MESSAGES = 64
DISPLAYS, PLACES = 200, 10  # that are kept up to date; in which one of them is
SHOWN = ("text/plain", "image/png")
KEPT = 4 * MOST_TEXT  # characters of one text that anybody will look at
LINES = 200  # of a traceback
# The compiler of Python 3.13 and later calls an error so where code ends too early; students know it by its public name.
PUBLIC = {"_IncompleteInputError": "SyntaxError"}
SMALL_JSON, MOST_VALUES, MOST_CONTAINERS = 256 << 10, 1_000_000, 100_000


class GuardedChannel(AsyncZMQSocketChannel):
    """A channel on which a message that can't be read ends the run, whoever waits for it and for how long."""

    proxy: SocketProxy

    async def _recv(self, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        try:
            return await super()._recv(**options)
        except Exception as error:
            raise name_violation(self.proxy, error) from None


class HardenedKernelClient(AsyncKernelClient):
    """Shell and iopub alone (no stdin, no heartbeat, no control), connected once, to the proxy."""

    proxy: SocketProxy
    shell_channel_class = iopub_channel_class = GuardedChannel

    def start_at(self, proxy: SocketProxy) -> None:
        """Connect both channels."""
        self.proxy = proxy
        self.session.unpack = read_json
        self.start_channels(stdin=False, hb=False, control=False)
        self.shell_channel.proxy = self.iopub_channel.proxy = proxy

    def stop_channels(self) -> None:
        """Close the two channels without touching the others: jupyter_client would open those when asked for them."""
        for channel in (self._shell_channel, self._iopub_channel):
            if channel is not None:
                channel.stop()
        if self._created_context and not self.context.closed:
            self.context.destroy(linger=0)

    def _create_connected_socket(self, channel: str, identity: bytes | None = None) -> Any:
        socket = self.context.socket(channel_socket_types[channel])
        socket.linger = 0
        socket.maxmsgsize = MESSAGE_BYTES
        socket.rcvhwm = QUEUED_MESSAGES
        socket.reconnect_ivl = -1
        if identity:
            socket.identity = identity
        socket.connect(f"ipc://{self.ip}-{getattr(self, f'{channel}_port')}")
        return socket


class HardenedNotebookClient(NotebookClient):
    """nbclient that keeps only what a report can show; no widgets, no comms."""

    proxy: SocketProxy
    heard: Callable[[str], None] | None = None  # told what a cell prints, as it comes

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """As nbclient does it, with what is shown of the message; what nbclient can't process ends the run."""
        try:
            shown = shown_part(msg)
            if self.heard is not None and shown["msg_type"] == "stream":
                self.heard(shown["content"]["text"])
            return super().process_message(shown, cell, cell_index)
        except CellControlSignal:
            raise
        except Exception as error:
            raise name_violation(self.proxy, error) from None

    def _update_display_id(self, display_id: str, msg: dict[str, Any]) -> None:
        """Only the newest displays, and their newest places, are kept up to date: a message goes through all of them."""
        displays = self._display_id_map
        places = [(cell, index) for cell, found in displays.get(display_id, {}).items() for index in found]
        if len(places) > PLACES:
            displays[display_id] = {}
            for cell, index in places[-PLACES:]:
                displays[display_id].setdefault(cell, []).append(index)
        while len(displays) > DISPLAYS:
            displays.pop(next(iter(displays)))
        super()._update_display_id(display_id, msg)

    def handle_comm_msg(self, outs: list[NotebookNode], msg: dict[str, Any], cell_index: int) -> None:
        """Do nothing: widgets would run code on the host when a kernel says so."""

    def register_output_hook(self, msg_id: str, hook: Any) -> None:
        """Do nothing: there are no output widgets either."""


def name_violation(proxy: SocketProxy, error: Exception) -> ProtocolViolation:
    """Whatever a kernel's message raised here, as a violation of the protocol that ends the run."""
    if not isinstance(error, ProtocolViolation):
        error = ProtocolViolation(Cause.PROTOCOL_VIOLATION, type(error).__name__)
    proxy.refuse(error)
    return error


def read_json(data: bytes) -> Any:
    """A part of a message. Raises ProtocolViolation for what would take far more memory as values than as bytes."""
    if len(data) > SMALL_JSON:
        bare = STRING.sub(b"", data)
        values = bare.count(b",") + bare.count(b":")
        if values > MOST_VALUES or bare.count(b"[") + bare.count(b"{") > MOST_CONTAINERS:
            raise ProtocolViolation(Cause.PROTOCOL_VIOLATION, "JSON of too many values")
    return json.loads(data.decode("utf-8", "replace"))


def shown_part(msg: dict[str, Any]) -> dict[str, Any]:
    """`msg` with texts no longer than anybody will see, and of all ways to display a value only those that are kept.

    Raises TypeError for what has another type than a kernel's own messages have, KeyError for what lacks a part.
    """
    content = _of_type(dict, msg["content"])
    kind = msg["msg_type"]
    if kind == "stream":
        content = {"name": content["name"], "text": _beginning(content["text"])}
    elif kind in ("display_data", "execute_result", "update_display_data"):
        data = {name: value for name, value in _of_type(dict, content["data"]).items() if name in SHOWN}
        if isinstance(data.get("text/plain"), str):
            data["text/plain"] = _beginning(data["text/plain"])
        content = {**content, "data": data, "metadata": {}}
    elif kind == "error":
        lines = [_beginning(line) for line in _of_type(list, content["traceback"])[:LINES]]
        name = _beginning(content["ename"])
        content = {"ename": PUBLIC.get(name, name), "evalue": _beginning(content["evalue"]), "traceback": lines}
    return {**msg, "content": content}


def _beginning(text: Any) -> str:
    return _of_type(str, text)[:KEPT]


def _of_type(kind: type[T], value: Any) -> T:
    """The value. Raises TypeError: slicing a dictionary would raise that or KeyError, depending on Python's version."""
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} belongs")
    return value


SOCKETS = "run/kernel"  # scratch folder that holds the kernel's sockets
CONNECTION = f"{SOCKETS}/connection.json"
PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "hb_port": 4, "control_port": 5}
SHORTEST_START_S = 60.0


class SandboxProvisioner(KernelProvisionerBase):
    """Starts `program` in `sandbox`; set both before the manager starts."""

    sandbox: Sandbox
    program: Program
    confined: Confined | None = None
    proxy: SocketProxy | None = None

    @property
    def has_process(self) -> bool:
        """Whether a kernel was started."""
        return self.confined is not None

    async def poll(self) -> int | None:
        """The exit status, or None while the kernel runs."""
        return 0 if self.confined is None else self.confined.poll()

    async def wait(self) -> int | None:
        """Wait for the end without blocking the loop."""
        while (status := await self.poll()) is None:
            await asyncio.sleep(0.05)
        return status

    async def send_signal(self, signum: int) -> None:
        """Signals stop at the namespace: anything else than a check for life becomes a kill."""
        if signum and self.confined is not None:
            self.confined.kill()

    async def kill(self, restart: bool = False) -> None:
        """Kill the whole tree."""
        if self.confined is not None:
            self.confined.kill()

    async def terminate(self, restart: bool = False) -> None:
        """Kill the whole tree."""
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        """Close the proxy; `run` closes the sandbox when it has read the artefacts."""
        if self.proxy is not None:
            await self.proxy.close()

    async def pre_launch(self, **options: Any) -> dict[str, Any]:
        """No connection file on the host, and no command of jupyter_client's."""
        return {"cmd": []}

    async def launch_kernel(self, cmd: list[str], **options: Any) -> KernelConnectionInfo:
        """Start the sandbox in this thread (its life is tied to it); the host's view of the sockets."""
        assert self.parent is not None
        session = self.parent.session
        shared: dict[str, Any] = {"transport": "ipc", "signature_scheme": session.signature_scheme, **PORTS}
        inside = {**shared, "ip": str(self.program.root / SOCKETS / "kernel"), "key": session.key.decode()}
        files = {**self.program.files, CONNECTION: json.dumps(inside).encode()}
        self.confined = self.sandbox.start(replace(self.program, files=files))
        prefix = f"/proc/self/fd/{self.confined.folders[SOCKETS]}/kernel"
        if not os.path.isdir("/proc/self/fd"):  # noqa: PTH112 - without /proc there is no sandbox either
            prefix = inside["ip"]
        await wait_for_sockets(self.confined, prefix)
        self.proxy = SocketProxy(self.program.limits, self.confined)
        await self.proxy.open(prefix, (PORTS["shell_port"], PORTS["iopub_port"]))
        self.connection_info = cast(KernelConnectionInfo, {**shared, "ip": self.proxy.prefix, "key": session.key})
        return self.connection_info


async def wait_for_sockets(confined: Confined, prefix: str) -> None:
    """Wait until the kernel has bound its five sockets: we connect once and never again. Raises Infrastructure."""
    waited = 0.0
    while not all(os.path.lexists(f"{prefix}-{port}") for port in PORTS.values()):
        if confined.poll() is not None or waited > SHORTEST_START_S:
            confined.kill(Cause.INFRASTRUCTURE)
            stopped = confined.wait(SHORTEST_START_S)
            raise Infrastructure(f"The kernel did not start: {stopped.log[-2000:] or 'it said nothing'}")
        await asyncio.sleep(0.02)
        waited += 0.02
