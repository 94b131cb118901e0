import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REAL


def test_every_process_collects_the_same_tests_at_any_time(request: pytest.FixtureRequest) -> None:
    # Workers of pytest-xdist compare their lists, and one name with a time or a set's order in it stops the suite.
    here = {item.nodeid for item in request.session.items}
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "tests"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert here - set(collected.stdout.splitlines()) == set()


def test_what_is_called_real_is_there() -> None:
    for name in REAL:
        assert (Path(__file__).parents[1] / name).exists(), f"{name} in tests/conftest.py"
