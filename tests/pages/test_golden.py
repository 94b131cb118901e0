"""Pages have the structure that was looked at last; `GOLDEN=write pytest tests/pages/test_golden.py` keeps a new one."""

import itertools
import os
from pathlib import Path

import pytest

from grader.core.evidence import Cause, Ending
from grader.core.results import FunctionFinding, GroupFinding, ModelSummary, Status
from grader.pages.html import class_page, student_page
from tests.pages.builders import CLASSES, TEMPLATES, a_check, a_result, some_evidence
from tests.pages.classes import a_class
from tests.pages.outline import Outline

GOLDEN = Path(__file__).parent / "golden"


def a_student() -> str:
    return student_page(a_result(), some_evidence(), templates=TEMPLATES, classes=CLASSES)


def an_unread_student() -> str:
    ending = Ending(cause=Cause.NOT_RUN, message="The file is empty.")
    result = a_result(status=Status.EXPLAINED, accuracy=None, model=ModelSummary(), compared=(), ending=ending)
    return student_page(result, None, templates=TEMPLATES)


def a_module() -> str:
    groups = (GroupFinding(title="padding", tried=20, right=True), GroupFinding(title="strides", tried=2, right=False))
    functions = (FunctionFinding(name="f", signature="f(image)", groups=groups),)
    result = a_result(
        (a_check(),), dataset="", judged_on="", accuracy=None, compared=(), baseline=None, model=ModelSummary(),
        functions=functions,
    )  # fmt: skip
    return student_page(result, None, templates=TEMPLATES)


def the_class() -> str:
    results = a_class(60)
    links = {result.student: f"{n}/report.html" for n, result in enumerate(results)}
    return class_page(results, title="Exercise 2", links=links, templates=TEMPLATES)


PAGES = {"student": a_student, "unread": an_unread_student, "module": a_module, "class": the_class}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_structure_that_was_looked_at_last(name: str) -> None:
    found = "\n".join(Outline(PAGES[name]()).lines()) + "\n"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8"), "look at the page, then keep it: GOLDEN=write"


def test_headings_never_skip_a_level() -> None:
    for page in PAGES.values():
        levels = [int(line.strip()[1]) for line in Outline(page()).lines() if line.strip()[:2] in ("h1", "h2", "h3")]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
