"""The zoo: submissions as they come, each with what it must get beside it (`submissions/<name>/expected.toml`).

All of them are run once, two at a time, as a class would be; then each one's story is compared. Trainings are cut to a few
batches (`zoo.QUICK_LIMITS`); data, sandbox and judge are the real ones.

`make test` runs the defects, which need few seconds each, and about a third of the patterns (`ALWAYS`, and each fifth);
`make zoo` runs them all.
"""

import os
from collections.abc import Iterator

import pytest

from grader.results import Result
from tests import zoo

PATTERNS = [name for name in zoo.names() if "pattern" in zoo.expected(name)]
DEFECTS = [name for name in zoo.names() if "pattern" not in zoo.expected(name)]
EVERYTHING = os.environ.get("ZOO") == "all"
# What no run may miss: what is chosen, what is served, what is explained, in each of the three exercises.
ALWAYS = {
    "chollet-copyfile", "class-never-run", "colab-pets", "keras-1-adadelta", "np-utils-hdf5", "two-nets-and-acc",
    "two-nets-for-exercise-1",
}  # fmt: skip
RUN = [*DEFECTS, *(name for n, name in enumerate(PATTERNS) if EVERYTHING or name in ALWAYS or n % 5 == 0)]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Result]]:
    there = [name for name in RUN if not zoo.missing_data(zoo.expected(name)["assignment"])]
    yield dict(zoo.run_zoo(there, tmp_path_factory.mktemp("zoo")))


def test_there_is_a_zoo_of_defects_and_of_patterns() -> None:
    assert len(DEFECTS) >= 30
    assert len(PATTERNS) >= 40
    assert not ALWAYS - set(PATTERNS)


def test_submissions_come_in_several_human_languages() -> None:
    assert len({zoo.expected(name)["language"] for name in PATTERNS}) >= 8


@pytest.mark.parametrize("name", RUN)
def test_each_submission_gets_what_it_deserves(results: dict[str, Result], name: str) -> None:
    story = zoo.expected(name)
    if why := zoo.missing_data(story["assignment"]):
        pytest.skip(why)
    wrong = zoo.differences(story, results[name])
    assert not wrong, "\n".join([*wrong, "", "What was told:", zoo.story_told(results[name])])


def test_what_did_not_come_true_is_told(results: dict[str, Result]) -> None:
    result = results["empty-file"]
    story = {"status": "graded", "says": ["is empty", "bananas"], "passes": ["trained"], "accuracy": [0.0, 1.0]}
    assert zoo.differences(story, result) == [
        "says nothing of 'bananas'",
        "status is 'explained', not 'graded'",
        "the accuracy is None",
        "trained failed",
    ]
