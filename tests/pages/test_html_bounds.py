"""Pages stay light, and speak one language at a time."""

import pytest

from grader.core.errors import RubricError
from grader.core.evidence import Attachment, Cell, Evidence, MarkdownCell, Output
from grader.pages.html import class_page, student_page
from tests.pages.builders import TEMPLATES, a_check, a_result, photograph, some_evidence
from tests.pages.classes import a_class
from tests.pages.layers import an_architecture
from tests.pages.test_html import Page, a_class_page, a_page


def a_notebook_that_overflows() -> Evidence:
    """More of everything than a page may hold: text that grows when it is escaped, figures, names, layers, trainings."""
    figures = tuple(Output(kind="display", png=photograph(seed)) for seed in range(6))
    loud = Output(kind="stream", text="<&'\u202e\u2603" * 400_000)
    cells = tuple(Cell(number=n, source="'" * 30_000, executed=True, outputs=(loud, *figures)) for n in range(1, 60))
    base = some_evidence()
    fit = base.claims.fits[-1].model_copy(update={"model": "<" * 5_000, "error": "'" * 100_000})
    wide = an_architecture().model_copy(update={"layers": an_architecture().layers * 200})
    judgement = base.facts.judgement.model_copy(update={"architecture": wide})
    claims = base.claims.model_copy(
        update={"cells": cells, "fits": (fit,) * 500, "candidates": base.claims.candidates * 200}
    )
    facts = base.facts.model_copy(update={"judgement": judgement})
    attached = tuple(Attachment(name=f"{seed}.png", png=photograph(seed)) for seed in range(6))
    said = "".join(f"![*a*](attachment:{seed}.png) `b` " for seed in range(6))
    told = tuple(MarkdownCell(after=n, source=f"{said}{'*a* ' * 900}", attachments=attached) for n in range(100))
    submission = base.submission.model_copy(update={"markdown": told})
    return base.model_copy(update={"claims": claims, "facts": facts, "submission": submission})


def test_no_page_weighs_more_than_a_megabyte_and_a_half() -> None:
    result = a_result(tuple(a_check(reason="<" * 3_000, hint="&" * 3_000, name=str(n)) for n in range(20)))
    html = a_page(result, a_notebook_that_overflows())
    assert 500_000 < len(html.encode("utf-8")) < 1_500_000
    assert "left out" in html


def test_no_phrase_stands_where_only_text_may() -> None:
    for html in (a_page(), a_class_page(a_class(30))):
        page = Page(html)
        assert not any("<span" in (value or "") for item in page.attributes for value in item.values())
        assert "<span" not in html[html.index("<title>") : html.index("</title>")]


def test_a_page_can_be_written_in_another_language() -> None:
    options = {"templates": TEMPLATES, "language": "it"}
    html = student_page(a_result(), some_evidence(), **options)  # type: ignore[arg-type]
    assert '<html lang="it">' in html and "Superato" in html and "Passed" not in html
    assert '<html lang="it">' in class_page([a_result()], title="x", links={}, **options)  # type: ignore[arg-type]
    with pytest.raises(RubricError, match=r"no catalogue .*fr\.po"):
        student_page(a_result(), None, templates=TEMPLATES, language="fr")
