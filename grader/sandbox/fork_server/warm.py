"""Warm starts: bubblewrap, with a fork server for each kind of program that names what it may find done (`preload`).

All of a program that its interpreter must know from the start (environment, inputs, folders, links) must be what the server
was made for, which is the first program of that kind; another one is started cold, and so is everything where warm starts
fail. A server that died costs its children a second try, as any fault of our own does, and is replaced.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from grader.core.errors import Infrastructure
from grader.sandbox.bubblewrap import (
    Bubblewrap,
    Host,
    bubblewrap_arguments,
    names_of_user,
    outer_view,
    require_unprivileged,
    sources,
)
from grader.sandbox.fork_server.client import Server, WarmStartFailed, start_server
from grader.sandbox.interface import Confined, Input, Preload, Program, Sandbox

FOLDER = Path(__file__).resolve().parents[1]
INSIDE = "run/fork_server/grader/sandbox"
OUR_FILES = ("launcher.py", "fork_server/server.py", "fork_server/namespaces.py")
OPTIONS = ("-s", "-P", "-B")  # of the interpreter: those of every program that may be forked
ATTEMPTS = 2


@dataclass(frozen=True)
class ServerKind:
    """What programs that one server can start have in common."""

    entry: str
    environment: tuple[tuple[str, str], ...]
    inputs: tuple[Input, ...]
    scratch: tuple[str, ...]
    links: tuple[tuple[str, str], ...]

    @staticmethod
    def of(program: Program, preload: Preload) -> "ServerKind":
        """The kind of `program`."""
        return ServerKind(
            entry=preload.entry,
            environment=tuple(sorted(program.environment.items())),
            inputs=program.inputs,
            scratch=tuple(scratch.inside for scratch in program.scratch),
            links=tuple(program.links.items()),
        )


class WarmBubblewrap(Bubblewrap):
    """Bubblewrap whose programs are forked where they may be; `tell` is told where that is not to be had.

    Close it: its servers hold a few hundred megabytes each.
    """

    def __init__(self, host: Host, tell: Callable[[str], None]) -> None:
        super().__init__(host)
        self._tell = tell
        self._kinds: dict[str, ServerKind] = {}  # of each entry, the one that servers are made for
        self._servers: dict[str, Server] = {}
        self._opening: dict[str, threading.Lock] = {}
        self._said: set[str] = set()
        self._cold = self._closed = False
        self._lock = threading.Lock()

    def start(self, program: Program) -> Confined:
        """Fork it, or start it cold. Raises Infrastructure, and SandboxUnavailable where it would run as root."""
        require_unprivileged(self.host)
        preload = program.preload
        if preload is not None and self._is_of_kind(program, preload):
            for _ in range(ATTEMPTS):
                server = self._server(program, preload)
                if server is None:
                    break
                try:
                    return server.start(program, self._group(program), self._kept(program))
                except WarmStartFailed as error:
                    if not server.lost():
                        self._say(f"a warm start failed, so that one was cold: {error.message}")
                        break
                    self._replace(preload, server)
        return super().start(program)

    def prepare_server(self, program: Program) -> None:
        """Start a server for programs like this one meanwhile: one of them will come."""
        preload = program.preload
        if preload is not None and self._is_of_kind(program, preload) and preload.entry not in self._servers:
            threading.Thread(target=self._server, args=(program, preload), name="preparing", daemon=True).start()

    def close(self) -> None:
        """End every server; one that is being started ends as soon as it is there."""
        with self._lock:
            self._closed = True
            servers, self._servers = self._servers, {}
        for server in servers.values():
            server.close()

    def _kept(self, program: Program) -> list[str]:
        """What a child must see again where its scratch folders cover it: an environment may itself lie below /tmp."""
        return [*(str(tree) for tree in self.host.trees), *(f"/{item.inside}" for item in program.inputs)]

    def _is_of_kind(self, program: Program, preload: Preload) -> bool:
        """Whether it may be forked; the first program of an entry says what kind its servers are of."""
        kind = ServerKind.of(program, preload)
        with self._lock:
            return not self._cold and self._kinds.setdefault(preload.entry, kind) == kind

    def _server(self, program: Program, preload: Preload) -> Server | None:
        """The server for programs of this kind; None where there can be none, which is told."""
        with self._lock:
            opening = self._opening.setdefault(preload.entry, threading.Lock())
        with opening:  # the others wait for the same server
            found = self._servers.get(preload.entry)
            if found is not None or self._cold or self._closed:
                return found
            try:
                server = self._open_server(program, preload)
            except Infrastructure as error:
                self._cold = True
                self._say(f"no warm starts, everything is started cold: {error.message}")
                return None
            with self._lock:
                if not self._closed:
                    self._servers[preload.entry] = server
                    return server
            server.close()
            return None

    def _replace(self, preload: Preload, server: Server) -> None:
        with self._lock:
            if self._servers.get(preload.entry) is server:
                del self._servers[preload.entry]
        server.close()

    def _open_server(self, program: Program, preload: Preload) -> Server:
        """A server for programs like this one, in a sandbox with everything of theirs but the submission's own files."""
        ours = tuple(Input(FOLDER / name, f"{INSIDE}/{name}") for name in OUR_FILES)
        like = replace(program, inputs=(*program.inputs, *ours), files={}, descriptors=())
        with names_of_user(self.host) as (passwd, names):
            inner = bubblewrap_arguments(self.host, like, passwd=passwd, group=names, nesting=True)
            inner += [word for name, value in like.environment.items() for word in ("--setenv", name, value)]
            script = str(like.root / INSIDE / "fork_server/server.py")
            before = outer_view(self.host, sources(self.host, like))

            def command(requests: int, orders: int) -> list[str]:
                return [*before, *inner, "--", sys.executable, *OPTIONS, script, str(requests), str(orders)]

            return start_server(command, preload, like.root, (passwd, names))

    def _say(self, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            self._tell(words)


def prepare_server(sandbox: Sandbox, program: Program) -> None:
    """Have a sandbox of warm starts start its server for programs like this one; any other one does nothing."""
    if isinstance(sandbox, WarmBubblewrap):
        sandbox.prepare_server(program)


@contextmanager
def with_warm_starts(sandbox: Sandbox, tell: Callable[[str], None]) -> Iterator[Sandbox]:
    """The same sandbox with warm starts, where it is one that can have them."""
    if type(sandbox) is not Bubblewrap:
        yield sandbox
        return
    warm = WarmBubblewrap(sandbox.host, tell)
    try:
        yield warm
    finally:
        warm.close()
