"""`Progress`: what long work says while it goes on. Silent unless someone listens."""

from collections.abc import Sequence
from typing import Protocol


class Progress(Protocol):
    """Told about each step; must return quickly and never raise. Called from several threads."""

    def begin(self, total: int, jobs: int) -> None:
        """A batch of `total` submissions begins, at most `jobs` of them at a time."""

    def step(self, who: str, what: str) -> None:
        """`who` (a submission, a download) has come to `what` ("cell 3 of 12")."""

    def done(self, who: str, what: str, *, trouble: bool = False) -> None:
        """`who` is finished, with `what` to say about it; `trouble`: a person will want to know now."""

    def say(self, what: str) -> None:
        """Something about the whole: fewer jobs than asked for, a gradebook that went away."""


class Silent:
    """The default: says nothing."""

    def begin(self, total: int, jobs: int) -> None:
        """Say nothing."""

    def step(self, who: str, what: str) -> None:
        """Say nothing."""

    def done(self, who: str, what: str, *, trouble: bool = False) -> None:
        """Say nothing."""

    def say(self, what: str) -> None:
        """Say nothing."""


class Several:
    """Passes everything on to each of `listeners`."""

    def __init__(self, listeners: Sequence[Progress]) -> None:
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


class TimeLeft:
    """How long the rest of a batch will take, from its own times; all of them seconds of one monotonic clock.

    What was never started (a run that was stored) takes no time and is no measure.
    """

    def __init__(self) -> None:
        self._started: dict[str, float] = {}
        self._seconds = 0.0
        self._runs = 0

    def start(self, who: str, now: float) -> None:
        """`who` is on the way from now on; said again, nothing changes."""
        self._started.setdefault(who, now)

    def finish(self, who: str, now: float) -> float | None:
        """How long `who` took; None where it was never on the way."""
        started = self._started.pop(who, None)
        if started is None:
            return None
        self._seconds += now - started
        self._runs += 1
        return now - started

    def since(self, who: str, now: float) -> float:
        """How long `who` has been on the way."""
        return now - self._started.get(who, now)

    def left(self, remaining: int, jobs: int, now: float) -> float | None:
        """Seconds until `remaining` submissions, those on the way among them, are done; None before the first is."""
        if not self._runs or remaining <= 0:
            return None
        mean = self._seconds / self._runs
        spent = sum(min(now - started, mean) for started in self._started.values())
        return max(0.0, remaining * mean - spent) / max(1, jobs)
