"""A real server on the loopback for an ASGI application, and requests that say exactly what a test wants to say."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import uvicorn
from starlette.types import ASGIApp

from grader.review.access import FORM, Access
from grader.review.serve import open_port


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Client:
    """Somebody who asks a desk: `headers` are those of a browser that has the cookie, changed as a test wants."""

    access: Access

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Host": f"127.0.0.1:{self.access.port}", "Cookie": f"{self.access.cookie}={self.access.secret('session')}",
            "Sec-Fetch-Site": "same-origin",
        }  # fmt: skip

    def ask(
        self, method: str, path: str, headers: Mapping[str, str | None] | None = None, body: bytes | None = None,
        more: Sequence[tuple[str, str]] = (),
    ) -> Answer:  # fmt: skip
        """One request. A header of None is left out; `more` are sent beside them, even twice."""
        told = {name: value for name, value in {**self.headers, **(headers or {})}.items() if value is not None}
        connection = http.client.HTTPConnection("127.0.0.1", self.access.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            if body is not None and "Content-Length" not in (headers or {}):
                told["Content-Length"] = str(len(body))
            for name, value in [*told.items(), *more]:
                connection.putheader(name, value)
            connection.endheaders()
            if body is not None:
                connection.send(body)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read().decode("utf-8", "replace"))
        finally:
            connection.close()

    def get(self, path: str, **headers: str | None) -> Answer:
        """A page."""
        return self.ask("GET", path, headers)

    def post(
        self,
        path: str,
        fields: Mapping[str, str],
        headers: Mapping[str, str | None] | None = None,
        *,
        csrf: bool = True,
    ) -> Answer:
        """A form as a page of the desk sends it."""
        known = {"csrf": self.access.secret("form"), **fields} if csrf else dict(fields)
        own = {"Origin": f"http://127.0.0.1:{self.access.port}", "Content-Type": FORM, **(headers or {})}
        return self.ask("POST", path, own, urlencode(known).encode())


@contextmanager
def serving(make: Callable[[Access], ASGIApp]) -> Iterator[Client]:
    """Serve what `make` makes of the access, until the block ends."""
    listener = open_port("127.0.0.1", 0, has_token=False)
    access = Access(host="127.0.0.1", port=listener.getsockname()[1])
    server = uvicorn.Server(
        uvicorn.Config(make(access), log_level="error", access_log=False, lifespan="off", server_header=False)
    )
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Client(access)
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
