"""A real server on the loopback for an ASGI application, and requests that say exactly what a test wants to say."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.types import ASGIApp

from grader.review.access import FORM, Access, make_server, open_port


@dataclass(frozen=True)
class Answer:
    """What a server answered, after so many seconds; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    text: str
    seconds: float

    @property
    def to(self) -> str:
        """Where a redirect leads; "" where it is none."""
        return self.headers.get("location", "")


@dataclass(frozen=True)
class Client:
    """Somebody who asks a desk: `headers` are those of a browser that has the cookie, changed as a test wants."""

    access: Access

    @property
    def headers(self) -> dict[str, str]:
        return {
            "host": f"127.0.0.1:{self.access.port}", "cookie": f"{self.access.cookie}={self.access.secret('session')}",
            "sec-fetch-site": "same-origin",
        }  # fmt: skip

    def ask(
        self, method: str, path: str, headers: Mapping[str, str | None] | None = None, body: bytes | None = None,
        more: Sequence[tuple[str, str]] = (),
    ) -> Answer:  # fmt: skip
        """One request. A header of None is left out; `more` are sent beside them, even twice."""
        wanted = {**self.headers, **{name.lower(): value for name, value in (headers or {}).items()}}
        told = {name: value for name, value in wanted.items() if value is not None}
        connection, began = http.client.HTTPConnection("127.0.0.1", self.access.port, timeout=60), time.perf_counter()
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            if body is not None and "content-length" not in wanted:
                told["content-length"] = str(len(body))
            for name, value in [*told.items(), *more]:
                connection.putheader(name, value)
            connection.endheaders()
            if body is not None:
                connection.send(body)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, text, time.perf_counter() - began)
        finally:
            connection.close()

    def get(self, path: str, **headers: str | None) -> Answer:
        """A page."""
        return self.ask("GET", path, headers)

    def post(
        self,
        path: str,
        fields: Mapping[str, str | int | float],
        headers: Mapping[str, str | None] | None = None,
        *,
        csrf: bool = True,
    ) -> Answer:
        """A form as a page of the desk sends it."""
        known = {"csrf": self.access.secret("form"), **fields} if csrf else dict(fields)
        own = {"origin": f"http://127.0.0.1:{self.access.port}", "content-type": FORM, **(headers or {})}
        return self.ask("POST", path, own, urlencode(known).encode())


@contextmanager
def serving(make: Callable[[Access], ASGIApp]) -> Iterator[Client]:
    """Serve what `make` makes of the access, until the block ends."""
    listener = open_port("127.0.0.1", 0, has_token=False)
    access = Access(host="127.0.0.1", port=listener.getsockname()[1])
    server = make_server(make(access))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Client(access)
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
