"""`Progress`: what long work says while it goes on. Silent unless someone listens."""

from collections.abc import Sequence
from typing import Protocol


class Progress(Protocol):
    """Told about each step; must return quickly and never raise. Called from several threads."""

    def begin(self, total: int, jobs: int) -> None:
        """A batch of `total` submissions begins, at most `jobs` of them at a time."""

    def step(self, who: str, what: str) -> None:
        """`who` (a submission, a download) has reached `what` ("cell 3 of 12")."""

    def done(self, who: str, what: str, *, trouble: bool = False) -> None:
        """`who` is finished, with `what` to say about it; `trouble`: a person will want to know now."""

    def say(self, what: str) -> None:
        """Something about the whole: fewer jobs than asked for, a gradebook that does not answer."""


class Several:
    """Passes everything on to each of `listeners`."""

    _listeners: tuple[Progress, ...] = ()

    def __init__(self, listeners: Sequence[Progress] = ()) -> None:
        self._listeners = tuple(listeners)

    def begin(self, total: int, jobs: int) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.begin(total, jobs)

    def step(self, who: str, what: str) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.step(who, what)

    def done(self, who: str, what: str, *, trouble: bool = False) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.done(who, what, trouble=trouble)

    def say(self, what: str) -> None:
        """Pass it on."""
        for listener in self._listeners:
            listener.say(what)


class Silent(Several):
    """The default: nobody listens."""
