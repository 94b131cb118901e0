"""What several tests of the course need."""

from collections.abc import Iterator

import pytest

from tests.course.server import Shelf, serving


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with serving() as shelf:
        yield shelf
