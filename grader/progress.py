"""`Progress`: what long work says while it goes on. Silent unless someone listens."""

from typing import Protocol


class Progress(Protocol):
    """Told about each step; must return quickly and never raise."""

    def step(self, who: str, what: str) -> None:
        """`who` (a submission, a download) has come to `what` ("cell 3 of 12")."""

    def done(self, who: str, what: str) -> None:
        """`who` is finished, with `what` to say about it."""


class Silent:
    """The default: says nothing."""

    def step(self, who: str, what: str) -> None:
        """Say nothing."""

    def done(self, who: str, what: str) -> None:
        """Say nothing."""
