"""Which sandbox: the one that was asked for, or the reason why it can't be had; never silently a weaker one."""

from grader.core.evidence import Isolation
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.container import Container
from grader.sandbox.interface import Sandbox
from grader.sandbox.unsandboxed import NoSandbox


def open_sandbox(isolation: Isolation) -> Sandbox:
    """The sandbox of that name. Raises SandboxUnavailable with the reason and the remedy."""
    if isolation == "none":
        return NoSandbox()
    if isolation in ("podman", "docker"):
        return Container.on_this_host()
    return Bubblewrap.on_this_host()
