"""The zoo: submissions as they come, each with what it must get beside it (`submissions/<name>/expected.toml`).

All of them are run once, two at a time, as a class would be; then each one's story is compared. Sandbox and judge are the
real ones.

`make test` takes them all through a *smoke run*: every `fit` is cut to a few hundred images, and what is chosen, served,
made to work and explained is compared, but no accuracy. A few (`JUDGED`) are judged in its place. `make zoo` judges all,
each `fit` cut to a few batches (`zoo.QUICK_LIMITS`).
"""

import os
from collections.abc import Iterator

import pytest

from grader.core.evidence import Smoke
from grader.core.results import Result, Status
from tests import zoo
from tests.datasets import data_root, real_root

NAMES = zoo.names()
PATTERNS = [name for name in NAMES if "pattern" in zoo.expected(name)]
DEFECTS = [name for name in NAMES if "pattern" not in zoo.expected(name)]
EVERYTHING = os.environ.get("ZOO") == "all"
# Judged even in `make test`: two networks of one notebook, an unusual preparation, swapped classes, and one that diverged.
JUDGED = ["inverted-classes", "minus-one-to-one", "nan-predictions", "two-nets-for-exercise-1"]
# All of them on the real data where it is: some stories tell an accuracy.
DATA = (real_root() if EVERYTHING else None) or data_root()
IN_FULL = NAMES if EVERYTHING else JUDGED
IN_SMOKE = [] if EVERYTHING else [name for name in NAMES if name not in JUDGED]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Result]]:
    yield dict(zoo.run_zoo(IN_FULL, tmp_path_factory.mktemp("zoo"), data=DATA))


@pytest.fixture(scope="module")
def smoked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Result]]:
    yield dict(zoo.run_zoo(IN_SMOKE, tmp_path_factory.mktemp("smoke"), data=DATA, smoke=Smoke(seconds=300)))


def compare(results: dict[str, Result], name: str) -> Result:
    """Fail with every difference and all that was told."""
    story = zoo.expected(name)
    wrong = zoo.differences(story, results[name])
    assert not wrong, "\n".join([*wrong, "", "What was told:", zoo.story_told(results[name])])
    return results[name]


def test_there_is_a_zoo_of_defects_and_of_patterns() -> None:
    assert len(DEFECTS) >= 30
    assert len(PATTERNS) >= 40
    assert not set(JUDGED) - set(NAMES)


def test_submissions_come_in_several_human_languages() -> None:
    assert len({zoo.expected(name)["language"] for name in PATTERNS}) >= 8


@pytest.mark.parametrize("name", IN_FULL)
def test_each_submission_gets_what_it_deserves(judged: dict[str, Result], name: str) -> None:
    assert compare(judged, name).smoke is None


@pytest.mark.parametrize("name", IN_SMOKE)
def test_each_submission_is_understood_in_a_smoke_run(smoked: dict[str, Result], name: str) -> None:
    result = compare(smoked, name)
    assert result.accuracy is None
    assert not result.passed
    assert result.status is Status.EXPLAINED


def test_what_did_not_come_true_is_told(judged: dict[str, Result], smoked: dict[str, Result]) -> None:
    result = (smoked or judged)["empty-file"]
    story = {"status": "graded", "says": ["is empty", "bananas"], "passes": ["trained"], "chosen": "model"}
    assert zoo.differences(story, result) == [
        "says nothing of 'bananas'",
        "status is 'explained', not 'graded'",
        "chosen is None, not 'model'",
        "trained failed",
    ]
