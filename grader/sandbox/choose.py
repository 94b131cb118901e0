"""Which sandbox: the one that was asked for, or the reason why it can't be had; never silently a weaker one."""

from grader.core.errors import UsageError
from grader.core.evidence import Isolation
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.interface import Sandbox
from grader.sandbox.podman import Podman
from grader.sandbox.unsandboxed import NoSandbox


def open_sandbox(isolation: Isolation) -> Sandbox:
    """The sandbox of that name. Raises SandboxUnavailable with the reason and the remedy, UsageError for docker."""
    match isolation:
        case "none":
            return NoSandbox()
        case "podman":
            return Podman.on_this_host()
        case "docker":  # a name that only stored results of earlier versions have
            raise UsageError("docker no longer holds submissions: type --sandbox podman.")
        case "bubblewrap":
            return Bubblewrap.on_this_host()
