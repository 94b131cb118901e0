"""Serves the review desk on one port until Ctrl-C."""

import asyncio
import os
import socket
import stat
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from grader.core.errors import UsageError
from grader.review.access import is_loopback

SHORTEST_TOKEN = 32  # characters
KEEP_ALIVE = 20  # seconds that a connection may ask nothing


def read_token(path: Path) -> str:
    """The token in a file that nobody else may read. Raises UsageError."""
    try:
        mode, token = path.stat().st_mode, path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"--token-file {path}: can't be read ({error}).", "Name a file with a long random word."
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"--token-file {path}: others may read it.", f"Type `chmod 600 {path}`.")
    if len(token) < SHORTEST_TOKEN or not token.replace("-", "").replace("_", "").isalnum():
        raise UsageError(
            f"--token-file {path}: a token has at least {SHORTEST_TOKEN} letters and digits.",
            'Make one: python -c "import secrets; print(secrets.token_urlsafe(32))"',
        )
    return token


def open_port(host: str, port: int, *, has_token: bool) -> socket.socket:
    """The port, open already, so that the address that is printed is the one that answers. Raises UsageError.

    Beyond this machine it is opened only with a token that was chosen on purpose: what goes over the network is not
    encrypted, and whoever reads it may decide marks.
    """
    if not is_loopback(host) and not has_token:
        raise UsageError(
            f"--host {host}: other machines could reach the desk there, without encryption.",
            "Leave it out and use `ssh -L`, or name a file with a secret by --token-file if you mean it.",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"--port {port}: can't be opened on {host} ({error.strerror}).", "Name another one, or leave it out."
        ) from None
    return listener


class Impatient(H11Protocol):
    """Closes a connection that asks nothing: uvicorn itself waits for the first request for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's, with the time that a connection has between two requests."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)


def make_server(app: ASGIApp) -> uvicorn.Server:
    """The server as it is set up for the desk: it waits for nobody for long, and says nothing of itself."""
    return uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="off", proxy_headers=False, server_header=False,
            http=Impatient, limit_concurrency=256, timeout_keep_alive=KEEP_ALIVE, timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=16_384,
        )
    )  # fmt: skip


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Answer requests until Ctrl-C or a request to end."""
    try:
        make_server(app).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()
