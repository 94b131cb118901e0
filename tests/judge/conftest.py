"""What the tests of the judge share."""

from pathlib import Path

import pytest

from tests.judge.models import make_models


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every network that the tests need, as Keras saved it: `NAME.keras`."""
    return make_models(tmp_path_factory.mktemp("models"))
