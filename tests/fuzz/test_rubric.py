"""Rubrics and manifests: TOML that a person wrote by hand, or damaged. Followed, or refused with file and key."""

import math
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.checks.registry import built_in, plan
from grader.core.assignment import read_assignment
from grader.core.errors import DataError, RubricError
from grader.course.course import Course
from grader.course.dataset import OWN_DIGESTS, read_dataset, with_own_digests
from tests.fuzz.cases import TEXT, cases, mutated, only, spoilt

HUGE = "0x" + "f" * 5000  # too long for Python to write in decimals, though TOML can hold it
COURSE = Course.at()
RUBRICS = [tomllib.loads(path.read_text()) for path in sorted(COURSE.root.glob("assignments/*/assignment.toml"))]
MANIFESTS = [tomllib.loads(path.read_text()) for path in sorted(COURSE.root.glob("datasets/*/dataset.toml"))]
PARAMETERS = st.dictionaries(
    st.sampled_from([name for item in built_in().values() for name in item.parameters.model_fields] or ["x"]),
    st.sampled_from(
        [1, 0, -1, 0.5, "Dense", ["Dense"], [[784]], [[-1, -1, 3]], [[3, 3]], True, {"at": 0.5}, [{"at": 1}], []]
    ),
    max_size=3,
)
CHECKS = st.builds(
    lambda use, points, parameters: {"use": use, "points": points, **parameters},
    st.sampled_from([*built_in(), "acuracy", ""]), st.integers(-1, 100) | st.floats(), PARAMETERS,
)  # fmt: skip


def toml(value: Any) -> str:
    """A value of JSON's kinds as TOML, inline; what TOML does not have becomes text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return hex(value) if value >= 10**300 else str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "nan" if math.isnan(value) else f"{'-' * (value < 0)}inf"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{quoted(str(key))} = {toml(part)}' for key, part in value.items())}}}"
    return quoted("none" if value is None else str(value))


def quoted(text: str) -> str:
    return '"' + "".join(char if char.isalnum() else f"\\U{ord(char):08X}" for char in text) + '"'


def written(raw: Any) -> bytes:
    """A whole file: a line for each key at the top."""
    lines = [f"{quoted(key)} = {toml(value)}" for key, value in raw.items()] if isinstance(raw, dict) else [toml(raw)]
    return "\n".join(lines).encode("utf-8", "replace")


ADDED = st.builds(lambda raw, checks: {**raw, "check": [*raw["check"][:1], *checks]}, st.sampled_from(RUBRICS),
                  st.lists(CHECKS, min_size=1, max_size=3))  # fmt: skip
LINES = st.sampled_from(
    ["schema = 1", "schema = 1.0", "schema = true", f"schema = {HUGE}", f"pass_mark = {HUGE}", "pass_mark = nan", "[run]",
     'wall = "30m"', 'wall = "1e9h"', f"wall = {HUGE}", 'memory = "999999999999999GiB"', "memory = 1e300", "[[check]]",
     'use = "accuracy"', "points = inf", f"points = {HUGE}", "bands = [{at = 0, share = 1}]", "at_least = 0.5", "[check]",
     'title = """', "date = 1979-05-27T07:32:00Z", "points = 10", "a.b.c = 1", "[run.run]", 'dataset = "mnist"', "x = {}"]
)  # fmt: skip
RUBRIC = (
    mutated(st.sampled_from(RUBRICS)).map(written)
    | ADDED.map(written)
    | spoilt(st.sampled_from(RUBRICS).map(written))
    | st.lists(LINES | TEXT, max_size=8).map(lambda lines: "\n".join(lines).encode("utf-8", "replace"))
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("rubric")
    yield made
    shutil.rmtree(made)


@cases
@given(RUBRIC)
@example(f"schema = {HUGE}".encode())
@example(f'schema = 1\ntitle = "t"\ndataset = "d"\npass_mark = {HUGE}\n[[check]]\nuse = "trained"\npoints = 1'.encode())
@example(
    f'schema = 1\ntitle = "t"\ndataset = "d"\npass_mark = 0\n[[check]]\nuse = "accuracy"\npoints = 1\nx = {HUGE}'.encode()
)
def test_any_rubric_is_followed_or_refused_with_its_file(folder: Path, data: bytes) -> None:
    path = folder / "assignment.toml"
    path.write_bytes(data)
    with only(RubricError):
        assignment = read_assignment(path)
        assert plan(assignment.check, origin=str(path))
        assert math.isfinite(assignment.out_of)
        assert assignment.pass_mark <= assignment.out_of


@cases
@given(mutated(st.sampled_from(MANIFESTS)).map(written) | spoilt(st.sampled_from(MANIFESTS).map(written)))
@example(f"schema = {HUGE}".encode())
def test_any_manifest_of_a_dataset_is_read_or_refused_with_its_file(folder: Path, data: bytes) -> None:
    path = folder / "dataset.toml"
    path.write_bytes(data)
    with only(DataError):
        dataset = read_dataset(path)
        assert len(dataset.digest) == 64
        assert dataset.judged in dataset.split


DIGESTS = {
    "origin": "photos", "split": {
        name: {"count": 3, "folder": name, "images": "0" * 64, "labels": "1" * 64}
        for name in ("train", "validation", "test")
    },
}  # fmt: skip


@cases
@given(mutated(st.just(DIGESTS)).map(written) | spoilt(st.just(written(DIGESTS))))
@example(f"origin = {HUGE}\n".encode() + written({"split": DIGESTS["split"]}))
@example(f"split = {HUGE}".encode())
def test_any_digests_of_imported_data_are_read_or_refused_with_their_file(folder: Path, data: bytes) -> None:
    (folder / OWN_DIGESTS).write_bytes(data)
    with only(DataError):
        dataset = with_own_digests(COURSE.dataset("pets"), folder)
        dataset.source.encode("utf-8")
        assert dataset.split
