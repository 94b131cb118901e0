"""What a kernel says about itself, through marking to the page that an instructor opens."""

import json
import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from grader.core.evidence import Cell, Evidence
from grader.core.store import Stored, evidence_digest
from grader.course.course import Course
from grader.course.rubric import Rubric
from grader.kernel.outcome import read_claims
from grader.marking.mark import mark
from grader.pages.html import student_page
from grader.pages.terminal import summary
from tests.fakes import a_stored
from tests.fuzz.cases import cases, dumped, mutated, spoilt

SCRIPT = re.compile(r"<script>alert", re.IGNORECASE)
TEMPLATES = Course.at().report_templates() / "templates"
CELLS = (Cell(number=1, source="model.fit(x, y)", executed=True), Cell(number=2, source="", executed=False))
FIT = {
    "cell": 1, "model": "<script>alert(1)</script>", "identity": 7, "epochs": 3, "epochs_done": 3, "batch_size": 32,
    "optimizer": "Adam", "learning_rate": 0.001, "loss": "mse", "metrics": ["accuracy"],
    "history": {"loss": [1.0, 0.5, None], "accuracy": [0.1, 0.9, 1.0], "val_loss": [2.0]}, "seconds": 1.5,
    "x": {"shape": [60000, 28, 28, 1], "dtype": "float32", "low": 0.0, "high": 1.0}, "validation": "data", "error": None,
}  # fmt: skip
RECORD: dict[str, Any] = {
    "fits": [FIT, {**FIT, "cell": 2, "identity": 8}], "shims": ["mnist served"], "problem": None, "cells": [],
    "candidates": [{"name": "model", "fitted": True, "output_units": 2, "taken": True, "reason": "the last"}],
}  # fmt: skip


def follow(record: bytes, rubric: Rubric, *, page: bool) -> None:
    """The way of a record: read, put into evidence, marked, printed, shown."""
    claims = read_claims(record, CELLS, [])
    assert claims.cells == CELLS
    stored = a_stored(rubric)
    evidence = stored.evidence.model_copy(update={"claims": claims})
    again = Evidence.model_validate_json(evidence.model_dump_json(by_alias=True))
    assert evidence_digest(again) == evidence_digest(evidence)
    result = mark(Stored(evidence=evidence, outputs=stored.outputs), rubric, {})
    assert 0 <= result.points <= result.out_of
    assert all(check.outcome != "broken" for check in result.checks), result.checks
    "\n".join(summary(result)).encode("utf-8")
    if page:
        shown = student_page(result, evidence, templates=TEMPLATES, classes=rubric.classes)
        assert not SCRIPT.search(shown)
        shown.encode("utf-8")


@cases
@given(dumped(mutated(st.just(RECORD))), st.integers(0, 9))
@example(json.dumps(RECORD).encode(), 0)
@example(b"[" * 100_000, 0)
def test_any_record_of_a_kernel_is_marked_and_shown(rubric: Rubric, record: bytes, page: int) -> None:
    follow(record, rubric, page=page == 0)


@cases
@given(spoilt(st.just(json.dumps(RECORD).encode())))
def test_any_damaged_record_is_marked(rubric: Rubric, record: bytes) -> None:
    follow(record, rubric, page=False)
