"""What a self-check says is in one language: that of the course, or the one that was asked for.

`kept/` holds what short runs of submissions of the zoo left.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from grader.checks.architecture import asked_of_network
from grader.checks.cell_and_line import Places
from grader.cli.application import app
from grader.core.evidence import Evidence, Smoke
from grader.core.store import Stored
from grader.course.course import Course
from grader.course.rubric import network_rubric
from grader.pages.html import student_page
from grader.pages.language import use_language
from grader.selfcheck.check_submission import check_stored
from grader.selfcheck.estimate import Checked, Estimate, NetworkBeside, data_fed, estimate, failed_cells
from grader.selfcheck.text import Card, changes, describe, headline
from tests.pages.builders import TEMPLATES, an_accuracy
from tests.pages.messages import LANGUAGES
from tests.pages.test_translate_findings import ENGLISH, FOREIGN, english_in

ROOT = Path(__file__).parents[2]
KEPT = sorted((Path(__file__).parent / "kept").glob("*.json"))
CODE = re.compile(r"^    in: .*$")  # the student's own line


@dataclass(frozen=True)
class KeptCheck:
    """A stored self-check."""

    name: str
    checked: Checked
    evidence: Evidence


@cache
def kept() -> tuple[KeptCheck, ...]:
    """Marked as today's checks mark them."""
    return tuple(kept_check(path) for path in KEPT)


def kept_check(path: Path) -> KeptCheck:
    evidence = Evidence.model_validate_json(path.read_text(encoding="utf-8"))
    course = Course.at(ROOT)
    assignment = course.assignment(evidence.assignment)
    dataset = course.dataset(assignment.dataset or "")
    rubric = network_rubric(course, assignment, dataset, np.zeros(0, np.int64))
    remarks = ("Your code runs without a sandbox here, like any program that you start. bubblewrap needs Linux.",)
    checked = check_stored(Stored(evidence=evidence, outputs=None), "smoke", rubric, {}, (), remarks, 0.0)
    found = {
        "failures": failed_cells(Places.of(evidence), asked_of_network(rubric.planned)), "fed": data_fed(evidence),
        "estimate": estimate(evidence, assignment.run),
    }  # fmt: skip
    return KeptCheck(path.stem, checked.model_copy(update=found), evidence)


@pytest.fixture
def italian() -> Iterator[None]:
    with use_language(LANGUAGES, "it"):
        yield


def english_lines(lines: list[str]) -> list[str]:
    return [line for line in lines if ENGLISH.search(FOREIGN.sub(" ", CODE.sub("", line)))]


def test_the_kept_checks_failed_in_many_ways() -> None:
    found = kept()
    assert len(found) >= 10
    assert sum(bool(item.checked.failures) for item in found) >= 5
    assert all(item.checked.costs_points for item in found if item.checked.failures)


@pytest.mark.parametrize("item", kept(), ids=lambda item: item.name)
def test_a_check_in_italian_says_nothing_in_english(italian: None, item: KeptCheck) -> None:
    assert not english_lines([*describe(item.checked), *describe(item.checked, fold=True)])
    assert not english_lines(repr(Card(item.checked)).split("\n"))
    shown = html.unescape(re.sub(r"<[^>]*>", "\n", Card(item.checked)._repr_html_()))
    assert not english_lines(shown.split("\n"))


@pytest.mark.parametrize("item", kept(), ids=lambda item: item.name)
def test_an_italian_page_with_its_evidence_says_nothing_in_english(item: KeptCheck) -> None:
    page = student_page(item.checked.result, item.evidence, templates=TEMPLATES, language="it")
    assert not english_in(page)


def test_what_changed_between_two_rounds_is_told_in_italian(italian: None) -> None:
    found = [item.checked for item in kept()]
    told = [line for old in found for new in found for line in changes(old, new)]
    assert len({line.split(":")[0] for line in told}) >= 4
    assert not english_lines(told)


def test_what_a_check_seldom_says_is_told_in_italian(italian: None) -> None:
    checked = next(
        item.checked for item in kept() if item.checked.estimate is not None and item.checked.estimate.trainings
    )
    known = checked.estimate
    assert isinstance(known, Estimate)
    result = checked.result
    accuracy = an_accuracy()
    beside = NetworkBeside(name="model.keras", size=1 << 20, allowed=1 << 26, accuracy=accuracy)
    slow = known.model_copy(update={"cells": (3,), "memory_mb": 4_090.0})
    cut = result.model_copy(update={"ending": result.ending.model_copy(update={"cut": 3}), "smoke": Smoke()})
    seldom: tuple[dict[str, object], ...] = (
        {"estimate": slow}, {"estimate": slow.model_copy(update={"seconds": 9e4, "at_least": True})},
        {"mode": "full", "result": result.model_copy(update={"smoke": None, "accuracy": accuracy})}, {"result": cut},
        {"result": cut.model_copy(update={"submission": "work.py"})}, {"network": beside},
        {"network": beside.model_copy(update={"maker": "same"})},
        {"network": beside.model_copy(update={"maker": "different"})},
        {"standing": checked.standing.model_copy(update={"lost": 0.0, "by_person": 10.0})},
        {"mode": "live", "standing": checked.standing.model_copy(update={"lost": 1.0})},
    )  # fmt: skip
    for changed in seldom:
        now = checked.model_copy(update=changed)
        assert not english_lines(describe(now)), changed
        assert not english_lines([headline(now)])


def test_a_language_that_nobody_translated_is_refused_with_those_there_are() -> None:
    told = CliRunner().invoke(app, ["check", "exercise1", "x.ipynb", "--language", "itt"])
    assert told.exit_code != 0
    assert (
        "--language itt" in str(told.exception) and "en, it" in f"{told.exception!s} {vars(told.exception or object())}"
    )
