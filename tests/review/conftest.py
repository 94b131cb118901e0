"""A desk that answers, and the browser of `tests/browser` for its pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import axe as axe
from tests.browser.conftest import browser as browser
from tests.gradebook.conftest import on_server as on_server
from tests.gradebook.conftest import place as place
from tests.gradebook.conftest import server as server
from tests.review.desks import RunningDesk, running_desk


@pytest.fixture
def a_desk(tmp_path: Path) -> Iterator[RunningDesk]:
    """A small class with one submission of each kind (`desks.SOME`), and nothing decided."""
    with running_desk(tmp_path) as running:
        yield running
