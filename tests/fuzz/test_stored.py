"""What the grader wrote and reads again: evidence, predictions, results, baselines; damaged by a disk or a hand."""

import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.core.errors import DataError, Infrastructure, UsageError
from grader.core.store import (
    CALLS,
    EVIDENCE,
    PREDICTIONS,
    RESULT,
    evidence_digest,
    load_evidence,
    load_result,
    pack_outputs,
)
from grader.course.baselines import read_baseline
from grader.course.course import Course
from grader.course.rubric import Rubric
from grader.marking.mark import mark
from tests.checks import builders as built
from tests.fakes import LABELS, a_judgement, a_result, trained_claims
from tests.fuzz.cases import cases, dumped, mutated, only, replaced, spoilt


def setitem(container: Any, key: str | int, *, value: object) -> None:
    container[key] = value


BASELINES = [json.loads(path.read_bytes()) for path in sorted(Course.at().root.glob("reference/*/baseline.json"))]
PLAIN: dict[str, Any] = json.loads(built.evidence(trained_claims(), a_judgement()).model_dump_json(by_alias=True))
OUTPUTS = built.answers(LABELS, 7, units=2)
DESCRIBED = replaced(
    PLAIN,
    ("facts", "judgement", "predictions"),
    partial(setitem, value=hashlib.sha256(pack_outputs(OUTPUTS)).hexdigest()),
)
SAMPLE = json.loads(a_result().model_dump_json(by_alias=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("stored")
    yield made
    shutil.rmtree(made)


def load(folder: Path, evidence: bytes, predictions: bytes, rubric: Rubric) -> None:
    (folder / EVIDENCE).write_bytes(evidence)
    (folder / PREDICTIONS).write_bytes(predictions)
    with only(UsageError, Infrastructure):  # the latter: predictions that are not as many as the labels
        stored = load_evidence(folder)
        assert len(evidence_digest(stored.evidence)) == 64
        result = mark(stored, rubric, {})
        assert 0 <= result.points <= result.out_of
        result.model_dump_json(by_alias=True).encode("utf-8")


@cases
@given(dumped(mutated(st.just(DESCRIBED))))
def test_any_evidence_is_marked_or_refused_with_its_file(folder: Path, rubric: Rubric, evidence: bytes) -> None:
    load(folder, evidence, pack_outputs(OUTPUTS), rubric)


@cases
@given(spoilt(st.just(json.dumps(DESCRIBED).encode())))
def test_any_damaged_evidence_is_marked_or_refused_with_its_file(folder: Path, rubric: Rubric, evidence: bytes) -> None:
    load(folder, evidence, pack_outputs(OUTPUTS), rubric)


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def header(text: str, version: bytes = b"\x01\x00", payload: bytes = b"\0" * 80) -> bytes:
    """A `.npy` with any header (numpy.lib.format describes it)."""
    raw = text.encode("latin-1", "replace")
    size = len(raw).to_bytes(2 if version[0] == 1 else 4, "little", signed=False)
    return b"\x93NUMPY" + version + size + raw + payload


DESCRIPTIONS = st.sampled_from(
    ["'<f4'", "'|O'", "'<f8'", "'|S5'", "'<U3'", "'>f4'", "'|V0'", "'<M8[s]'", "[('a', '<f4')]", "'f4,f4'", "'4096000000f4'",
     "None", "1", "()", "[]", "('<f4', (2,))", "'" + "x" * 500 + "'", "[('a', '|O')]", "'|b1'", "'<c8'", "'<f2'"]
)  # fmt: skip
SHAPES = st.sampled_from(
    ["(10, 2)", "(10,)", "()", "(0, 2)", "(-1, 2)", "(10, 2, 1)", "(2**40, 2**40)", "(10**12,)", "(4294967296,)",
     "(1000000000,)", "(10.0, 2)", "('a',)", "None", "[10, 2]", "(True, 20)",
     "(10, 2" + ", 1" * 70 + ")", "(99999999999999999999999,)"]
)  # fmt: skip
HEADERS = st.builds(
    lambda descr, order, shape, more, end: f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}{more}}}{end}",
    DESCRIPTIONS, st.sampled_from(["False", "True", "0", "None"]), SHAPES,
    st.sampled_from(["", ", 'x': 1", ", 'shape': (1,)", ", ", "L"]), st.sampled_from(["\n", "", " " * 20 + "\n", "(", "\0"]),
)  # fmt: skip
TEXTS = st.sampled_from(
    ["", "(" * 5000, "{" * 3000, "'", "'''", "1 +", "lambda: 0", "-" * 9000 + "1", "\t  x\n y", "9" * 5000]
)
VERSIONS = st.sampled_from([b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x04\x00", b"\x00\x00"])
ARRAYS = st.sampled_from(
    [np.eye(10, 2, dtype="f4"), np.zeros((10, 1), "f4"), np.full((10, 2), np.nan, "f4"), np.zeros((3, 2), "f4"),
     np.zeros(10, "f4"),
     np.array("text"), np.zeros((10, 2), "c8"), np.zeros((10, 2), "f8"), np.zeros((10, 0), "f4"), np.zeros((0, 2), "f4"),
     np.array([b"a"] * 10), np.zeros((10, 2), "i8"), np.zeros((10, 2), "?"), np.zeros((10, 2), "M8[s]"),
     np.zeros(10, [("a", "f4"), ("b", "f4")])]
)  # fmt: skip
NPY = (
    st.builds(header, HEADERS | HEADERS | TEXTS, VERSIONS, st.binary(max_size=100))
    | spoilt(ARRAYS.map(npy))
    | st.sampled_from([b"PK\x03\x04", b"\x80\x04.", b""])
)


@cases
@given(NPY)
@example(header("(" * 500))
@example(npy(np.zeros((10, 0), "f4")))
@example(npy(np.zeros(10, "f4")))
@example(npy(np.array("text")))
@example(header("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,)}"))
def test_any_predictions_are_marked_or_refused_with_their_file(
    folder: Path, rubric: Rubric, predictions: bytes
) -> None:
    digest = hashlib.sha256(predictions).hexdigest()
    evidence = replaced(PLAIN, ("facts", "judgement", "predictions"), partial(setitem, value=digest))
    load(folder, json.dumps(evidence).encode(), predictions, rubric)


PACKED = {"dtype": "<f8", "shape": [1], "data": "AAAAAAAA8D8="}
CALL = {"function": "dot", "group": "small", "outcome": "returned", "form": "array", "value": PACKED, "said": ""}
CALLS_MADE = [
    {**CALL, "arguments": [PACKED, 3, "a", 0.5]},
    {**CALL, "arguments": [], "outcome": "raised", "form": "other", "value": None, "said": "raised E"},
]


@cases
@given(dumped(mutated(st.just(CALLS_MADE))) | spoilt(st.just(json.dumps(CALLS_MADE).encode())))
def test_any_calls_of_functions_are_read_or_refused_with_their_file(folder: Path, calls: bytes) -> None:
    digest = hashlib.sha256(calls).hexdigest()
    (folder / EVIDENCE).write_text(json.dumps(replaced(PLAIN, ("facts", "calls"), partial(setitem, value=digest))))
    (folder / CALLS).write_bytes(calls)
    with only(UsageError):
        stored = load_evidence(folder)
        assert len(stored.calls) == len(json.loads(calls.decode("utf-8-sig")))


@cases
@given(dumped(mutated(st.just(SAMPLE))) | spoilt(st.just(json.dumps(SAMPLE).encode())))
def test_any_result_is_read_or_none(folder: Path, data: bytes) -> None:
    (folder / RESULT).write_bytes(data)
    result = load_result(folder)
    if result is not None:
        result.model_dump_json(by_alias=True).encode("utf-8")


@cases
@given(
    dumped(mutated(st.sampled_from(BASELINES)))
    | spoilt(st.sampled_from(BASELINES).map(lambda raw: json.dumps(raw).encode()))
)
def test_any_baseline_is_read_or_refused_with_its_file(folder: Path, data: bytes) -> None:
    path = folder / "baseline.json"
    path.write_bytes(data)
    with only(DataError):
        baseline = read_baseline(path)
        assert baseline is not None
        assert baseline.summary.lowest <= baseline.summary.mean <= baseline.summary.highest
