"""A report of a hostile notebook, in a browser: nothing runs and nothing is asked for. Each trap is known to snap."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error

from grader.core.evidence import Cell, CellError, Claims, Evidence, Output
from grader.core.results import Flag, FunctionFinding, GroupFinding
from grader.pages.html import class_page, student_page
from tests.browser.conftest import Visits, Witness
from tests.kernel.test_run_notebook import run
from tests.pages.builders import CLASSES, TEMPLATES, a_check, a_result, png, some_evidence
from tests.pages.test_html import rewritten

# Each of these does something as soon as a page holds it as markup.
TRAPS = (
    "<script>window.ran = 1; fetch('{to}/script')</script>",
    "<img src=x onerror=\"window.ran = 1; new Image().src = '{to}/onerror'\">",
    "<img src='{to}/image'>",
    "<svg onload=\"window.ran = 1\"><image href='{to}/svg' width=9 height=9 /></svg>",
    "<iframe src='{to}/frame'></iframe><iframe srcdoc=\"<script>parent.ran = 1</script>\"></iframe>",
    "<link rel=stylesheet href='{to}/style'><style>@import '{to}/import'; body {{ background: url({to}/css) }}</style>",
    "<meta http-equiv=refresh content='0; url={to}/refresh'>",
    "<object data='{to}/object'></object><embed src='{to}/embed'><video autoplay src='{to}/video'></video>",
    "<details open ontoggle='window.ran = 1'>x</details><input autofocus onfocus='window.ran = 1'>",
    "<form id=f action='{to}/form'></form><script>document.forms[0]?.submit()</script>",
    "<base href='{to}/'><a id=trap href='javascript:window.ran = 1'>click</a>",
    "</style></script></textarea></title></pre></code></svg><script>window.ran = 1</script>",
    '"onmouseover=window.ran=1 autofocus onfocus=window.ran=1 x="',
    "'\"><body onload=window.ran=1>",
)
OTHER = "\u202egpj.exe \x1b[2J\x1b]0;title\x07 \x00 {{7*7}} ${{7*7}} <!-- ]]> &lt;script&gt;"


def payload(to: str) -> str:
    return "\n".join(trap.format(to=to) for trap in TRAPS) + OTHER


def hostile_evidence(evil: str) -> Evidence:
    """A notebook that puts its traps wherever a notebook can put text."""
    outputs = (
        Output(kind="stream", text=evil),
        Output(kind="result", text=evil),
        Output(kind="display", text=evil, png=png()),
        Output(kind="display", text=evil, png=f'{png()}" onerror="window.ran=1'),
        Output(kind="display", text="", png="PHN2ZyBvbmxvYWQ9J3dpbmRvdy5yYW49MSc+"),
        Output(kind="stream", text="<b>" * 2_000_000),
    )
    cell = Cell(
        number=1, source=evil, executed=True, outputs=outputs, error=CellError(name=evil, message=evil, traceback=evil)
    )
    base = rewritten(some_evidence(), lambda _: evil)
    return base.model_copy(update={"claims": Claims.model_validate({**dict(base.claims), "cells": (cell,)})})


def hostile_page(to: str) -> str:
    evil = payload(to)
    checks = (a_check(title=evil, reason=evil, hint=evil),)
    groups = (GroupFinding(title=evil, tried=2, right=False, fault=evil, shown=evil),)
    result = rewritten(a_result(checks), lambda _: evil).model_copy(
        update={
            "flags": (Flag(kind=evil, reason=evil), Flag(kind="substitute_data", reason=evil)),
            "functions": (FunctionFinding(name=evil, signature=evil, groups=groups),),
        }
    )
    return student_page(result, hostile_evidence(evil), templates=TEMPLATES, classes=(evil,) * 10)


def hostile_class(to: str) -> str:
    evil = payload(to)
    result = a_result((a_check(title=evil, points=0.0),), student=evil, submission=evil, title=evil)
    flagged = result.model_copy(update={"flags": (Flag(kind=evil, reason=evil),)})
    links = {evil: f"javascript:window.ran=1//{to}/link"}
    return class_page([flagged, a_result(student="Ada")], title=evil, links=links, templates=TEMPLATES)


def visited(visits: Visits, path: Path, html: str) -> tuple[object, list[str], list[str]]:
    """Open it, touch everything, wait: what ran, the addresses that the browser went for, dialogs."""
    path.write_text(html, encoding="utf-8", errors="replace")
    ran: object = "it left the page"
    with visits.open(str(path)) as seen:
        page = seen.page
        with suppress(Error):  # a page that goes elsewhere while it is touched
            page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
            page.evaluate("for (const button of document.querySelectorAll('button')) button.click()")
            page.evaluate("document.getElementById('trap')?.click()")
            page.mouse.move(400, 400)
            page.wait_for_timeout(200)
            ran = page.evaluate("window.ran")
        asked = [url for url in seen.asked if not url.startswith(("file:", "data:"))]
        return ran, asked, seen.dialogs


@pytest.mark.parametrize("make", [hostile_page, hostile_class])
def test_a_hostile_notebook_runs_nothing_and_asks_for_nothing(
    visits: Visits, witness: Witness, tmp_path: Path, make: object
) -> None:
    html = make(witness.address)  # type: ignore[operator]
    ran, asked, dialogs = visited(visits, tmp_path / "hostile.html", html)
    assert (ran, asked, dialogs, witness.asked) == (None, [], [], [])
    with visits.open(str(tmp_path / "hostile.html")) as seen:
        text = seen.page.locator("body").inner_text()
        assert "window.ran = 1" in text and "{{7*7}}" in text, "it is shown, as text"
        assert "⟨U+202E⟩gpj.exe" in text and "\u202e" not in text
        assert seen.page.locator("iframe, object, embed, form, base, video").count() == 0
        links = seen.page.locator("a").evaluate_all(
            "all => all.map(a => new URL(a.href.baseVal ?? a.href, location).protocol)"
        )
        assert set(links) <= {"file:"}


SHOWS = """
from IPython.display import HTML, SVG, IFrame, Javascript, Markdown, display
evil = {evil!r}
display(HTML(evil), Javascript("window.ran = 1; fetch('{to}/javascript')"), Markdown(evil), IFrame("{to}/iframe", 9, 9))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload='window.ran = 1'><image href='{to}/in-svg'/></svg>"))
display({{"text/html": evil, "image/svg+xml": evil, "text/plain": evil, "application/vnd.x": evil}}, raw=True)
display({{"image/png": "PHN2ZyBvbmxvYWQ9J3dpbmRvdy5yYW49MSc+", "text/plain": "no png"}}, raw=True)
print(evil, "\\x1b[31m red \\x1b]8;;{to}/link\\x07 click", "<b>" * 300_000)
raise ValueError(evil)
"""


def test_a_notebook_that_shows_every_kind_of_rich_output_is_run_and_reported_without_harm(
    visits: Visits, witness: Witness, tmp_path: Path
) -> None:
    code = SHOWS.format(evil=payload(witness.address), to=witness.address)
    with ThreadPoolExecutor() as aside:  # Playwright's loop is already running in this thread
        execution = aside.submit(run, code).result()
    (cell,) = execution.claims.cells
    assert cell.error is not None and cell.error.name == "ValueError", "it ran to the last line"
    evidence = some_evidence(claims=execution.claims)
    html = student_page(a_result(), evidence, templates=TEMPLATES, classes=CLASSES)
    ran, asked, dialogs = visited(visits, tmp_path / "run.html", html)
    assert (ran, asked, dialogs, witness.asked) == (None, [], [], [])
    assert "window.ran = 1" in html and "characters are left out here" in html


def test_the_same_traps_snap_where_they_are_markup(visits: Visits, witness: Witness, tmp_path: Path) -> None:
    for number, trap in enumerate(TRAPS[:9]):
        witness.asked.clear()
        markup = f"<!doctype html><body>{trap.format(to=witness.address)}"
        ran, asked, _ = visited(visits, tmp_path / f"trap-{number}.html", markup)
        assert ran is not None or asked or witness.asked, trap


def test_the_policy_of_a_page_holds_even_what_got_past_the_escaping(
    visits: Visits, witness: Witness, tmp_path: Path
) -> None:
    page = student_page(a_result(), some_evidence(), templates=TEMPLATES, classes=CLASSES)
    # a policy can't forbid a page to leave by itself, and what closes the page's own elements only spoils it
    traps = [trap.format(to=witness.address) for trap in TRAPS[:9] if "refresh" not in trap]
    smuggled = page.replace("<h1", f"{''.join(traps)}<h1")
    assert len(traps) == 8 and "<script>window.ran" in smuggled
    ran, _, dialogs = visited(visits, tmp_path / "smuggled.html", smuggled)
    assert (ran, dialogs, witness.asked) == (None, [], [])
