"""The how-to as a reader lives it: the class of the gallery is reviewed in a browser, and each picture of the page is taken.

`make pictures` puts them into docs/images; an ordinary run takes them, and looks whether the page has each of them.
"""

import gzip
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from grader.core.evidence import Evidence
from grader.core.grades import HandIn
from grader.core.results import Result, Student
from grader.core.store import Stored, pack_outputs, save_evidence, save_result
from grader.course.course import Course
from grader.course.rubric import Rubric, open_rubric
from grader.gradebook import open_gradebook
from grader.intake import safe_name
from grader.marking.mark import mark_attempts
from grader.marking.publish import EVIDENCE_FOLDER
from grader.review.desk import Desk, ReviewOptions
from tests.checks.builders import answers
from tests.datasets import data_root
from tests.review.browsing import visiting
from tests.review.desks import RunningDesk, serving

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/review-a-class.md"
RECORD = ROOT / "docs/records/example-class.json.gz"


def write_class(out: Path, rubric: Rubric) -> list[tuple[Result, HandIn]]:
    """The gallery's class on disk, as a batch leaves it, with networks that are as good on the tests' digits."""
    told = []
    for kept in json.loads(gzip.decompress(RECORD.read_bytes()))["students"]:
        result = Result.model_validate(kept["result"])
        folder = out / safe_name(result.student)
        folder.mkdir(parents=True)
        digest = ""
        if kept["evidence"]:
            stored = judged_here(Evidence.model_validate(kept["evidence"]), result, rubric)
            save_evidence(folder / EVIDENCE_FOLDER, stored, None)
            result, digest = mark_attempts([stored], rubric, {}), stored.evidence.submission.sha256
        save_result(folder, result)
        hand_in = HandIn(
            student=Student(name=result.student), digest=digest, name=result.submission, folder=folder.name
        )  # fmt: skip
        told.append((result, hand_in))
    return told


def judged_here(evidence: Evidence, result: Result, rubric: Rubric) -> Stored:
    """The evidence with outputs that recognise the same share of the images that there are here."""
    assert rubric.labels is not None
    judgement, outputs = evidence.facts.judgement, None
    if result.accuracy is not None:
        count = len(rubric.labels)
        outputs = answers(rubric.labels, round(result.accuracy.value * count), units=len(rubric.classes))
        digest = hashlib.sha256(pack_outputs(outputs)).hexdigest()
        judgement = judgement.model_copy(update={"predictions": digest, "judged": count})
    facts = evidence.facts.model_copy(update={"judgement": judgement, "model": None})
    here = {"facts": facts, "data_digest": rubric.data_digest, "judged_on": rubric.judged_on}
    return Stored(evidence=evidence.model_copy(update=here), outputs=outputs)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    out, course = tmp_path_factory.mktemp("class"), Course.at(ROOT)
    rubric = open_rubric(course, "exercise1", data_root())
    with open_gradebook(out) as book:
        for result, hand_in in write_class(out, rubric):
            book.record(result, hand_in, rubric_digest=rubric.digest)
        options = ReviewOptions(out=out, course=course, rubric=rubric, author="kim")
        with serving(Desk(options, book), course) as running:
            yield running


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go."""
    named = os.environ.get("GRADER_PICTURES")
    return Path(named) if named else tmp_path_factory.mktemp("pictures")


def take(page: Page, path: Path) -> None:
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=path, animations="disabled")
    assert path.stat().st_size > 10_000


def test_the_first_minutes_with_the_desk(browser: Browser, desk: RunningDesk, pictures: Path) -> None:
    with visiting(browser, desk) as seen:
        page = seen.page
        assert page.locator("tbody tr").count() == 10
        take(page, pictures / "review-class.png")

        page.get_by_role("link", name="Zoë de Vries").click()
        page.get_by_role("heading", name="Zoë de Vries").wait_for()
        page.keyboard.press("m")
        page.keyboard.type("Why does the accuracy stop rising after the third epoch?")
        page.keyboard.press("Control+Enter")
        page.wait_for_url("**#comments")
        page.evaluate("window.scrollTo(0, 0)")
        page.locator("#decide").evaluate("panel => panel.scrollTo(0, 0)")
        take(page, pictures / "review-submission.png")

        page.goto(f"{desk.origin}/check/accuracy?shows=figure")
        take(page, pictures / "review-check.png")

        page.goto(f"{desk.origin}/what-if")
        page.get_by_label("pass mark").first.fill("80")
        page.get_by_text("1 student moves").wait_for()
        take(page, pictures / "review-what-if.png")
        assert seen.errors == []
    (entry,) = desk.desk.state().log
    assert (entry.kind, entry.student, entry.author) == ("comment", "Zoë de Vries", "kim")
    assert {path.name for path in pictures.glob("review-*.png")} >= set(named_pictures())


def named_pictures() -> list[str]:
    """The pictures that the how-to shows."""
    return re.findall(r"!\[[^]]+\]\(\.\./images/(review-[\w-]+\.png)\)", PAGE.read_text(encoding="utf-8"))


def test_the_how_to_shows_the_pictures_that_are_there() -> None:
    assert len(named_pictures()) == 4
    assert all((ROOT / "docs/images" / name).is_file() for name in named_pictures())
