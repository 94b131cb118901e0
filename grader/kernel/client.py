"""Clients hardened against a hostile kernel: what passed the border is bounded, and what it says may still be anything."""

import json
from collections.abc import Callable
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.connect import channel_socket_types
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal
from nbformat import NotebookNode

from grader.evidence import Cause
from grader.kernel.border import MESSAGE_BYTES, Border, Trespass
from grader.notebook import MOST_TEXT, STRING

QUEUED_MESSAGES = 64
DISPLAYS, PLACES = 200, 10  # that are kept up to date; in which one of them is
SHOWN = ("text/plain", "image/png")
KEPT = 4 * MOST_TEXT  # characters of one text that anybody will look at
LINES = 200  # of a traceback
SMALL_JSON, MOST_VALUES, MOST_CONTAINERS = 256 << 10, 1_000_000, 100_000


class GuardedChannel(AsyncZMQSocketChannel):
    """A channel on which a message that can't be read ends the run, whoever waits for it and for how long."""

    border: Border

    async def _recv(self, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        try:
            return await super()._recv(**options)
        except Exception as error:
            raise name_violation(self.border, error) from None


class HardenedKernelClient(AsyncKernelClient):
    """Shell and iopub alone (no stdin, no heartbeat, no control), connected once, to the border."""

    border: Border
    shell_channel_class = iopub_channel_class = GuardedChannel

    def start_at(self, border: Border) -> None:
        """Connect both channels."""
        self.border = border
        self.session.unpack = read_json
        self.start_channels(stdin=False, hb=False, control=False)
        self.shell_channel.border = self.iopub_channel.border = border

    def stop_channels(self) -> None:
        """Close what was opened; the channels that were not would be, at a mention."""
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

    border: Border
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
            raise name_violation(self.border, error) from None

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
        """Widgets run code on the host at a kernel's word: not here."""

    def register_output_hook(self, msg_id: str, hook: Any) -> None:
        """Neither are output widgets."""


def name_violation(border: Border, error: Exception) -> Trespass:
    """Whatever a kernel's message raised here, as a violation of the protocol that ends the run."""
    trespass = error if isinstance(error, Trespass) else Trespass(Cause.PROTOCOL_VIOLATION, type(error).__name__)
    border.refuse(trespass)
    return trespass


def read_json(data: bytes) -> Any:
    """A part of a message. Raises Trespass for what would take far more memory as values than as bytes."""
    if len(data) > SMALL_JSON:
        bare = STRING.sub(b"", data)
        values = bare.count(b",") + bare.count(b":")
        if values > MOST_VALUES or bare.count(b"[") + bare.count(b"{") > MOST_CONTAINERS:
            raise Trespass(Cause.PROTOCOL_VIOLATION, "JSON of too many values")
    return json.loads(data.decode("utf-8", "replace"))


def shown_part(msg: dict[str, Any]) -> dict[str, Any]:
    """`msg` with texts no longer than anybody will see, and of all ways to display a value only those that are kept."""
    content = msg["content"]
    kind = msg["msg_type"]
    if kind == "stream":
        content = {"name": content["name"], "text": content["text"][:KEPT]}
    elif kind in ("display_data", "execute_result", "update_display_data"):
        data = {name: value for name, value in content["data"].items() if name in SHOWN}
        if isinstance(data.get("text/plain"), str):
            data["text/plain"] = data["text/plain"][:KEPT]
        content = {**content, "data": data, "metadata": {}}
    elif kind == "error":
        lines = [line[:KEPT] for line in content["traceback"][:LINES]]
        content = {"ename": content["ename"][:KEPT], "evalue": content["evalue"][:KEPT], "traceback": lines}
    return {**msg, "content": content}
