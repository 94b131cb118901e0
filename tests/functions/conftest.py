"""What the tests of functions share."""

import pytest

from grader.sandbox import open_sandbox
from grader.sandbox.interface import Sandbox


@pytest.fixture(scope="package")
def sandbox() -> Sandbox:
    """The real thing."""
    return open_sandbox("bubblewrap")
