"""What a student's page says, and what it keeps to itself."""

import numpy as np

from grader.core.evidence import Cause, Ending, Smoke
from grader.core.results import Flag, Outcome, Status
from grader.pages.accuracy import JudgedImages, find_mistakes
from grader.pages.headline import write_headline
from grader.pages.html import student_page
from grader.pages.view import student_view
from tests.pages.builders import CLASSES, SOME_CHECKS, TEMPLATES, a_check, a_result, some_evidence
from tests.pages.layers import an_architecture


def test_a_page_for_a_student_keeps_what_is_for_the_instructor_to_itself() -> None:
    flags = (
        Flag(kind="similar_code", reason="much like Bo Becker's", audience="instructor"),
        Flag(kind="borderline", reason="chance may have decided"),
    )
    result = a_result(flags=flags)
    assert [title for title, _ in student_view(result, None).notices] == ["borderline"]
    page = student_page(result, some_evidence(), templates=TEMPLATES)
    assert "Becker" not in page and "similar" not in page


def test_a_smoke_run_says_that_it_gives_no_mark() -> None:
    fine = tuple(check for check in SOME_CHECKS if check.points >= check.out_of)
    smoked = a_result(fine, status=Status.EXPLAINED, passed=False, accuracy=None, smoke=Smoke())
    assert write_headline(smoked).headline == "It runs" and "gives no mark" in write_headline(smoked).sentence
    lossy = write_headline(a_result(status=Status.EXPLAINED, passed=False, accuracy=None, smoke=Smoke()))
    assert lossy.tone == "bad" and lossy.headline == "This needs fixing" and "gives no mark" in lossy.sentence
    ending = Ending(cause=Cause.MEMORY_LIMIT, message="m")
    failed = write_headline(smoked.model_copy(update={"ending": ending}))
    assert failed.tone == "bad" and failed.headline == "It does not run to the end"


def test_mistakes_are_shown_only_where_the_images_may_be_shown() -> None:
    images = np.zeros((4, 28, 28, 1), dtype=np.uint8)
    outputs = np.eye(10, dtype=np.float32)[:4]
    judged = JudgedImages(outputs=outputs, labels=np.arange(4)[::-1].copy(), images=images)
    found = find_mistakes(judged, an_architecture(), CLASSES)
    assert len(student_view(a_result(), some_evidence(), mistakes=found).mistakes) == 4
    assert student_view(a_result(), some_evidence()).mistakes == ()
    assert student_view(a_result(accuracy=None), some_evidence(), mistakes=found).mistakes == ()
    page = student_page(a_result(), some_evidence(), templates=TEMPLATES, mistakes=found)
    assert page.count('<img class="pixelated"') == 4 and "an image of 3 that the network took for 0" in page


def test_what_was_not_looked_at_gives_no_hint() -> None:
    seen = student_view(a_result((a_check(Outcome.SKIPPED, reason="because", hint="Mend that first."),)), None)
    assert seen.checks[0].reason == "because" and seen.checks[0].hint == "" and not seen.checks[0].looked_at


def test_a_network_that_could_not_be_judged_is_not_called_graded() -> None:
    base = some_evidence()
    refused = base.facts.judgement.model_copy(update={"outcome": "refused"})
    evidence = base.model_copy(update={"facts": base.facts.model_copy(update={"judgement": refused})})
    assert not student_view(a_result(), evidence).model.judged
    assert student_view(a_result(), base).model.judged


def test_how_the_preparation_was_found_names_the_rows_that_it_was_found_by() -> None:
    base = some_evidence()
    assert base.facts.judgement.preparation is not None
    preparation = base.facts.judgement.preparation.model_copy(update={"matched": 237})
    judgement = base.facts.judgement.model_copy(update={"preparation": preparation})
    evidence = base.model_copy(update={"facts": base.facts.model_copy(update={"judgement": judgement})})
    assert student_view(a_result(), evidence).model.matched.startswith("237 rows that the network was trained on")
