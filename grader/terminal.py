"""Progress in a terminal: a live line for people, plain lines for logs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from grader.progress import Progress, Silent
from grader.report.visible import defused


class Lines:
    """One line for each finished submission and each download; safe to use from several threads."""

    def __init__(self, total: int, stream: IO[str]) -> None:
        self._total, self._stream = total, stream
        self._done = 0
        self._lock = threading.Lock()

    def step(self, who: str, what: str) -> None:
        """Only downloads are worth a line in a log."""
        if what.startswith("downloading"):
            print(f"{who}: {what}", file=self._stream, flush=True)

    def done(self, who: str, what: str) -> None:
        """Count it and say so."""
        with self._lock:
            self._done += 1
            print(f"[{self._done}/{self._total}] {_plain(who)}: {what}", file=self._stream, flush=True)


class Live:
    """The last word of each submission that is on its way, in one line that is overwritten."""

    def __init__(self, total: int, update: Callable[[str], None]) -> None:
        self._total, self._update = total, update
        self._now: dict[str, str] = {}
        self._done = 0
        self._lock = threading.Lock()

    def step(self, who: str, what: str) -> None:
        """Show where `who` is."""
        with self._lock:
            self._now[who] = what
            self._show()

    def done(self, who: str, what: str) -> None:
        """Take `who` off the line."""
        with self._lock:
            self._now.pop(who, None)
            self._done += 1
            self._show()

    def _show(self) -> None:
        words = " · ".join(f"{_plain(who)}: {what}" for who, what in self._now.items())
        counted = f"{self._done}/{self._total} " if self._total > 1 else ""
        self._update(f"{counted}{words}")


@contextmanager
def show_progress(total: int, stream: IO[str], *, quiet: bool) -> Iterator[Progress]:
    """What suits `stream`: a live line in a terminal, else plain lines, nothing where `quiet`."""
    if quiet:
        yield Silent()
    elif stream.isatty():
        with live_status(total) as live:
            yield live
    else:
        yield Lines(total, stream)


@contextmanager
def live_status(total: int) -> Iterator[Live]:
    """A spinner with words on standard error."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    with console.status("starting") as status:
        yield Live(total, lambda words: status.update(Text(words, overflow="ellipsis", no_wrap=True)))


def _plain(text: str) -> str:
    return defused("".join(char if char.isprintable() else "?" for char in text))
