"""Serves the desk on one port, and decides which requests are answered: who asks, from where, by which method, how much.

Whoever knows the token in the printed address gets a cookie; every other request is refused before any page is made. The
rules are those against pages of other origins in the same browser: DNS rebinding (`Host`), forged forms (`Origin`,
`Sec-Fetch-Site`, a token in every form), framing and foreign scripts (headers).
"""

import asyncio
import hashlib
import hmac
import html
import ipaddress
import os
import secrets
import socket
import stat
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import uvicorn
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from grader.core.errors import UsageError

SHORTEST_TOKEN = 32  # characters
KEEP_ALIVE = 20  # seconds that a connection may ask nothing
MOST_BODY = 512 * 1024  # bytes of a form: a comment of 4,000 characters fits forty times
MOST_FIELDS = 2_000
MOST_ADDRESS = 4_000  # bytes of path and query
METHODS = ("GET", "HEAD", "POST")
FORM = "application/x-www-form-urlencoded"
HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # "no-referrer" would make the Origin of our own forms null
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'",
}


@dataclass(frozen=True, kw_only=True)
class Access:
    """Where the desk is served, and the secret that admits: `host` and `port` as they are typed in a browser."""

    host: str
    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def address(self) -> str:
        """The first address, which holds the token."""
        return f"{self.origin(socket.gethostname() if self.everywhere else self.host)}/?token={self.token}"

    @property
    def everywhere(self) -> bool:
        """Whether it listens on every address of this machine, whose names nobody knows here."""
        return self.host in ("0.0.0.0", "::")

    def origin(self, host: str) -> str:
        """The origin of the desk under one of its names."""
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.port}"

    def own_origin(self, host: str) -> str | None:
        """The origin of pages that are asked for by this `Host` header; None where the desk is not served so.

        On the loopback all names of it are the desk's. Where it listens everywhere, any name with its port is: whoever
        makes another name point here (DNS rebinding) does not have the cookie, which is bound to the name.
        """
        names = ("127.0.0.1", "localhost", "::1") if is_loopback(self.host) else (self.host,)
        if self.everywhere and host.rpartition(":")[2] == str(self.port):
            return f"http://{host}"
        return next((origin for origin in map(self.origin, names) if origin == f"http://{host}"), None)

    @property
    def cookie(self) -> str:
        """The cookie's name: cookies don't know ports, and two desks may run beside each other."""
        return f"grader_review_{self.port}"

    def secret(self, purpose: str) -> str:
        """What is derived from the token, so that neither cookie nor form holds the token itself."""
        return hmac.new(self.token.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def is_loopback(host: str) -> bool:
    """Whether nobody outside this machine can ask there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Refusal(Exception):
    """Why a request is not answered."""

    status: int
    words: str


class Guard:
    """Lets through what may be answered; `app` finds the form's bytes in the scope, as `form`."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. Whatever is answered has the headers above, unless it says otherwise itself."""
        if scope["type"] != "http":
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                extra = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in there]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        try:
            headers = _headers(scope)
            require_origin(scope, headers, self._access)
            response = self._admit(scope, headers)
            body = await _read_body(scope, headers, receive) if response is None else b""
            if response is None and scope["method"] == "POST":
                require_form(body, self._access)
        except Refusal as refusal:
            response = PlainTextResponse(f"{refusal.words}\n", refusal.status)
        if response is not None:
            await response(scope, receive, sealed)
            return
        await self._app({**scope, "form": body}, receive, sealed)

    def _admit(self, scope: Scope, headers: dict[str, str]) -> Response | None:
        """None for who has the cookie; a redirect that sets it for who has the token. Raises Refusal."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        if given is not None and scope["method"] != "POST" and _same(given, self._access.token):
            rest = urlencode([pair for pair in query if pair[0] != "token"])
            response = _go_on(f"/{'?' if rest else ''}{rest}", headers)
            value = self._access.secret("session")
            response.set_cookie(self._access.cookie, value, httponly=True, samesite="strict", path="/")
            return response
        if not _same(_cookie(headers, self._access.cookie), self._access.secret("session")):
            raise Refusal(403, "This is not open to everybody: open the address that `grader review` printed.")
        return None


def _go_on(path: str, headers: dict[str, str]) -> Response:
    """To a page of the desk. After a click on another site a redirect would not carry the cookie; a page of ours does."""
    if headers.get("sec-fetch-site") in (None, "none", "same-origin"):
        return RedirectResponse(path, 303)
    shown = html.escape(path)
    head = f'<meta charset="utf-8"><title>Review desk</title><meta http-equiv="refresh" content="0;url={shown}">'
    return HTMLResponse(f'<!doctype html><html lang="en">{head}<a href="{shown}">Open the review desk</a></html>')


def require_origin(scope: Scope, headers: dict[str, str], access: Access) -> None:
    """Raise Refusal for a method, a host, an origin or an address that is not the desk's own."""
    if scope["method"] not in METHODS:
        raise Refusal(405, "Only GET, HEAD and POST are answered.")
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_ADDRESS:
        raise Refusal(414, "The address is too long.")
    here = access.own_origin(headers.get("host", ""))
    if here is None:
        raise Refusal(421, "The review desk is not served under this name.")
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    own = {"same-origin", "none"}
    if site is not None and site not in own and not _opens_page(scope, headers):
        raise Refusal(403, "Requests from other sites are not answered.")
    if scope["method"] == "POST" and (origin != here or site not in {None, "same-origin"}):
        raise Refusal(403, "Forms of other sites are not taken.")
    if origin not in {None, here}:
        raise Refusal(403, "Requests from other sites are not answered.")


def _opens_page(scope: Scope, headers: dict[str, str]) -> bool:
    """Whether a person follows a link to the desk, from a chat or a mail: the cookie decides, which then is not sent."""
    return scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"


def require_form(body: bytes, access: Access) -> None:
    """Raise Refusal for a form that no page of the desk made."""
    try:
        given = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Refusal(413, f"The form has more than {MOST_FIELDS:,} fields.") from None
    if not _same(given.get("csrf", ""), access.secret("form")):
        raise Refusal(403, "This form is not one of this desk: it may be of an earlier session. Open the page again.")


def _headers(scope: Scope) -> dict[str, str]:
    """The headers by name. Raises Refusal where one that decides is there twice."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in found and key in ("host", "origin", "content-length", "sec-fetch-site", "content-type"):
            raise Refusal(400, f"The header {key} is there twice.")
        found[key] = f"{found[key]}; {value.decode('latin-1')}" if key in found else value.decode("latin-1")
    return found


def _cookie(headers: dict[str, str], name: str) -> str:
    """The value of one cookie. Cookies know no ports: what other programs of this machine set may have any form."""
    pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    return next((value for key, _, value in pairs if key == name), "")


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


async def _read_body(scope: Scope, headers: dict[str, str], receive: Receive) -> bytes:
    """The bytes of a form. Raises Refusal for more than a form may have, or another kind of body."""
    if scope["method"] != "POST":
        return b""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Refusal(415, "Only forms are taken.")
    length = headers.get("content-length", "")
    if not length.isdecimal():
        raise Refusal(411, "The length of the form is not given.")
    if int(length) > MOST_BODY:
        raise Refusal(413, f"The form is larger than {MOST_BODY // 1024} KiB.")
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "The form is not complete.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > MOST_BODY:
            raise Refusal(413, f"The form is larger than {MOST_BODY // 1024} KiB.")
    return b"".join(parts)


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
