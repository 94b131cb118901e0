"""Clients hardened against a hostile kernel: unguarded, forged messages drove a grader to 6 GB of memory."""

import os
import stat
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.connect import channel_socket_types
from nbclient import NotebookClient
from nbformat import NotebookNode

from grader.evidence import Cause
from grader.limits import Limits, write_size
from grader.sandbox.interface import Confined

MESSAGE_BYTES = 8 << 20
QUEUED_MESSAGES = 64
COUNTED = {"stream", "display_data", "execute_result", "error", "update_display_data", "clear_output"}


class OutputLimitError(Exception):
    """The notebook printed or drew more than it may."""


class HardenedKernelClient(AsyncKernelClient):
    """Bounded messages and queues; connects once, to sockets only."""

    def _create_connected_socket(self, channel: str, identity: bytes | None = None) -> Any:
        path = f"{self.ip}-{getattr(self, f'{channel}_port')}"
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ConnectionError(f"{channel}: not a socket")
        socket = self.context.socket(channel_socket_types[channel])
        socket.linger = 0
        socket.maxmsgsize = MESSAGE_BYTES  # libzmq drops the peer instead of allocating
        socket.rcvhwm = QUEUED_MESSAGES
        socket.reconnect_ivl = -1  # never re-resolves a path that the kernel may have replaced
        if identity:
            socket.identity = identity
        socket.connect(f"ipc://{path}")
        return socket


class DroppedPeer:
    """Says whether libzmq dropped the kernel for a message over the limit, which otherwise looks like silence."""

    def __init__(self, client: HardenedKernelClient) -> None:
        channels = (client.iopub_channel, client.shell_channel)
        self._sockets = [channel.socket for channel in channels]
        dropped = zmq.EVENT_DISCONNECTED  # type: ignore[attr-defined]
        self._monitors = [socket.get_monitor_socket(dropped) for socket in self._sockets]

    async def seen(self) -> bool:
        """Whether one channel was disconnected and the other is still there: a kernel that ends closes both."""
        gone = [bool(await monitor.poll(0)) for monitor in self._monitors]
        return any(gone) and not all(gone)

    def close(self) -> None:
        """Stop monitoring."""
        for socket in self._sockets:
            socket.disable_monitor()


class HardenedNotebookClient(NotebookClient):
    """nbclient with budgets for output, no widgets and no comms."""

    limits: Limits
    confined: Confined

    def prepare(self, limits: Limits, confined: Confined) -> None:
        """Set what to hold the kernel to."""
        self.limits, self.confined = limits, confined
        self._bytes = self._messages = 0

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """Count what is shown; past the budget the kernel is killed."""
        if msg.get("msg_type") in COUNTED:
            self._messages += 1
            self._bytes += len(repr(msg.get("content")))
            if self._bytes > self.limits.output or self._messages > self.limits.messages:
                self.confined.kill(Cause.OUTPUT_LIMIT)
                raise OutputLimitError(
                    f"more than {write_size(self.limits.output)} or {self.limits.messages:,} messages of output"
                )
        return super().process_message(msg, cell, cell_index)

    def handle_comm_msg(self, outs: list[NotebookNode], msg: dict[str, Any], cell_index: int) -> None:
        """Widgets run code on the host at a kernel's word: not here."""

    def register_output_hook(self, msg_id: str, hook: Any) -> None:
        """Neither are output widgets."""
