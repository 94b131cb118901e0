"""Pages: whole, self-contained, and deaf to whatever a student writes into them."""

import base64
import hashlib
import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.evidence import Cell, CellError, Claims, Evidence, Output, Value
from grader.core.limits import Limits
from grader.core.results import (
    Attempt,
    CheckResult,
    Comparison,
    Flag,
    FunctionFinding,
    GroupFinding,
    ModelSummary,
    Outcome,
    Result,
    Status,
)
from grader.pages.html import class_page, student_page
from grader.pages.markup import TAGS
from tests.pages.builders import (
    CLASSES,
    TEMPLATES,
    a_check,
    a_result,
    an_accuracy,
    png,
    some_cells,
    some_evidence,
)
from tests.pages.classes import a_class
from tests.pages.layers import an_architecture

HOSTILE = "</pre></code><script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>{{7*7}}"
V = TypeVar("V", bound=Value)


class Page(HTMLParser):
    """A page taken apart: its tags, the names of their attributes, and what stands in style and script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: set[str] = set()
        self.attributes: list[dict[str, str | None]] = []
        self.raw: dict[str, list[str]] = {"style": [], "script": []}
        self.text: list[str] = []
        self._open = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}
        self.attributes.append(dict(attrs))
        self._open = tag
        if tag in self.raw:
            self.raw[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.raw:
            self.raw[self._open][-1] += data
        else:
            self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [found for item in self.attributes if (found := item.get(name)) is not None]


def a_page(result: Result | None = None, evidence: Evidence | None = None) -> str:
    return student_page(
        result or a_result(), evidence or some_evidence(), templates=TEMPLATES, classes=CLASSES, limits=Limits()
    )


def a_class_page(results: list[Result], links: dict[str, str] | None = None) -> str:
    return class_page(results, title="Exercise 2", links=links or {}, templates=TEMPLATES)


def rewritten(value: V, write: Callable[[str], str]) -> V:
    """The value with every free text in it rewritten, keys of dictionaries too."""

    def walk(item: object, literal: bool) -> object:
        if isinstance(item, Value):
            fields = type(item).model_fields
            return {
                (field.alias or name): walk(getattr(item, name), "Literal" in repr(field.annotation))
                for name, field in fields.items()
            }
        if type(item) is str:
            return item if literal else write(item)
        if isinstance(item, tuple | list):
            return tuple(walk(part, literal) for part in item)
        if isinstance(item, dict):
            return {walk(key, literal): walk(part, literal) for key, part in item.items()}
        return item

    return type(value).model_validate(walk(value, False))


def _assert_unharmed(html: str, known: Page) -> None:
    page = Page(html)
    assert set(page.tags) <= set(known.tags) | TAGS
    assert page.names <= known.names
    assert page.tags.count("script") == page.tags.count("style") == 1
    assert page.raw == known.raw
    assert not any(name.startswith("on") or name == "style" for name in page.names)


@cache
def a_harmless_page() -> Page:
    """What the others are compared with."""
    return Page(a_page())


@cache
def a_harmless_class() -> Page:
    flagged = a_result(flags=(Flag(kind="k", reason="r"),), isolation="none")
    return Page(a_class_page([flagged, *a_class(60)], {"Ada Lovelace": "a.html"}))


@settings(max_examples=40, deadline=None)
@given(st.text(), st.sampled_from(["{}", "<probe-tag {}>", '"><script>{}</script>', "</style>{}<style>", "`<b>{}`"]))
def test_no_text_in_any_field_ever_becomes_a_tag(text: str, frame: str) -> None:
    def write(_: str) -> str:
        return frame.replace("{}", text)

    result, evidence = rewritten(a_result(), write), rewritten(some_evidence(), write)
    _assert_unharmed(student_page(result, evidence, templates=TEMPLATES, classes=(write(""),) * 10), a_harmless_page())
    flagged = result.model_copy(update={"flags": (Flag(kind=write(""), reason=write("")),)})
    links = {result.student: write("")}
    _assert_unharmed(class_page([flagged], title=write(""), links=links, templates=TEMPLATES), a_harmless_class())


def test_hostile_names_sources_outputs_and_tracebacks_are_shown_as_text() -> None:
    cell = Cell(
        number=1,
        source=HOSTILE,
        executed=True,
        outputs=(
            Output(kind="stream", text=HOSTILE),
            Output(kind="display", text=HOSTILE, png=png()),
            Output(kind="display", text="", png=HOSTILE),
        ),
        error=CellError(name=HOSTILE, message=HOSTILE, traceback=HOSTILE),
    )
    base = some_evidence()
    evidence = base.model_copy(update={"claims": base.claims.model_copy(update={"cells": (cell,)})})
    html = a_page(a_result(student=HOSTILE, submission=HOSTILE), evidence)
    _assert_unharmed(html, a_harmless_page())
    assert "".join(Page(html).text).count("<script>alert(1)</script>") >= 6
    assert "{{7*7}}" in "".join(Page(html).text)
    assert "not a readable PNG" in html


def test_a_name_that_runs_backwards_is_unmasked_on_both_pages() -> None:
    result = a_result(student="x\u202efdp.exe")
    for html in (a_page(result), a_class_page([result])):
        assert "\u202e" not in html and "x⟨U+202E⟩fdp.exe" in html


def test_only_the_styles_and_the_script_that_we_wrote_may_act() -> None:
    for html in (a_page(), a_class_page(a_class(3))):
        page = Page(html)
        policy = next(item["content"] for item in page.attributes if "http-equiv" in item) or ""
        for name in ("style", "script"):
            digest = base64.b64encode(hashlib.sha256(page.raw[name][0].encode()).digest()).decode()
            assert f"{name}-src 'sha256-{digest}'" in policy
        assert policy.startswith("default-src 'none';") and "unsafe" not in policy


def test_a_page_asks_nothing_of_any_network() -> None:
    for html in (a_page(), a_class_page(a_class(3), {"a": "b"})):
        page = Page(html)
        assert all(address.startswith("data:image/png;base64,") for address in page.values("src"))
        assert all(address.startswith(("#", "data:,")) for address in page.values("href"))
        code = [*page.raw["style"], *page.raw["script"]]
        written = [*code, *(value or "" for item in page.attributes for value in item.values())]
        assert not any(re.search(r"https?:|@import|url\(", text) for text in written)  # as words it is only read


def test_links_in_a_page_lead_somewhere_and_ids_are_unique() -> None:
    page = Page(a_page())
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {address[1:] for address in page.values("href") if address.startswith("#")} <= set(ids)


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("with_evidence", [True, False])
def test_every_status_has_a_page_with_and_without_evidence(status: Status, with_evidence: bool) -> None:
    result = a_result(status=status, accuracy=None, model=ModelSummary(), compared=())
    html = student_page(result, some_evidence() if with_evidence else None, templates=TEMPLATES)
    assert "<h1" in html and "No network was graded." in html


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_mark_and_a_word(outcome: Outcome) -> None:
    html = student_page(a_result((a_check(outcome),)), None, templates=TEMPLATES)
    words = {
        Outcome.PASSED: "passed",
        Outcome.PARTIAL: "partly",
        Outcome.FAILED: "failed",
        Outcome.SKIPPED: "not looked at",
        Outcome.BROKEN: "our fault",
        Outcome.AWAITING: "awaits a person",
    }
    assert f'<span class="word">{words[outcome]}</span>' in html


def test_substitute_data_and_a_missing_sandbox_stand_at_the_top_of_both_pages() -> None:
    result = a_result(flags=(Flag(kind="substitute_data", reason="Demo digits."),), isolation="none")
    for html in (a_page(result), a_class_page([result])):
        assert html.index("not the real test set") < html.index("<h1")
        assert html.index("without a sandbox") < html.index("<h1")


def test_a_student_page_shows_every_part_of_the_evidence() -> None:
    html = a_page()
    for part in ("Checks", "Accuracy", "Network", "Training", "Notebook", "Run", "Provenance", "NameError", "153,728"):
        assert part in html
    for part in ("stand-ins", "bubblewrap sandbox", "1 min 35 s of 30 min", "20240101", "<code>dropout</code>"):
        assert part in html
    assert html.count("data:image/png;base64,") == 2  # what a cell drew, and what was put into a Markdown cell


def test_a_student_page_explains_the_numbers_of_the_network_in_a_fold() -> None:
    html = a_page()
    start = html.index("<summary>How these numbers come about</summary>")
    fold = html[start : html.index("</details>", start)]
    for part in ("floor((m + 2p - f)/s + 1)", "(28 - 3)/1 + 1 = 26", "(3 · 3 · 1 + 1) · 24 = 240", "53,000 times"):
        assert part in fold
    assert "none: it has nothing to learn" in fold and "Dense layers from the same inputs" in html[:start]


def test_a_network_without_convolutions_is_explained_without_the_size_rule() -> None:
    base = some_evidence()
    architecture = an_architecture().model_copy(update={"layers": an_architecture().layers[-2:]})
    judgement = base.facts.judgement.model_copy(update={"architecture": architecture})
    html = a_page(evidence=base.model_copy(update={"facts": base.facts.model_copy(update={"judgement": judgement})}))
    assert "(1,200 + 1) · 128 = 153,728" in html and "floor(" not in html


def test_a_network_of_a_thousand_layers_gives_a_page_that_still_opens() -> None:
    base = some_evidence()
    architecture = an_architecture().model_copy(update={"layers": an_architecture().layers * 125})
    judgement = base.facts.judgement.model_copy(update={"architecture": architecture})
    html = a_page(evidence=base.model_copy(update={"facts": base.facts.model_copy(update={"judgement": judgement})}))
    assert "and 800 more layers" in html and len(html) < 500_000 + len(a_page())


def test_the_reference_is_drawn_named_and_told() -> None:
    html = a_page()
    assert html.count('class="band"') == 2  # wide, and for phones
    assert "reference: 98.61\u00a0% ± 0.05 (5 seeds)" in html
    assert "reference solution reaches 98.61\u00a0% on the same images" in html
    assert "reference" not in a_page(a_result(baseline=None)).split("<body>")[1]


@pytest.mark.parametrize("status", list(Status))
def test_an_exercise_without_data_and_network_has_a_page_without_their_parts(status: Status) -> None:
    result = a_result(
        status=status, dataset="", judged_on="", accuracy=None, compared=(), baseline=None, model=ModelSummary()
    )
    for evidence in (None, some_evidence(claims=Claims(cells=some_cells()))):
        page = Page(student_page(result, evidence, templates=TEMPLATES))
        text = " ".join(page.text)
        assert not {"#accuracy", "#network"} & set(page.values("href"))
        assert not {"accuracy", "network"} & set(page.values("id"))
        for word in ("No network", "No accuracy", "stand-ins", "not recorded", "trained network"):
            assert word not in text
        assert {"checks", "run", "provenance"} <= set(page.values("id"))


def test_a_source_that_starts_with_blank_lines_and_ends_in_the_middle_is_kept_in_its_lines() -> None:
    base = some_evidence()
    cell = Cell(number=1, source="  indented\n\n\nlast", executed=True)
    evidence = base.model_copy(update={"claims": base.claims.model_copy(update={"cells": (cell,)})})
    assert "<code>  indented\n\n\nlast</code>" in a_page(evidence=evidence)


def test_a_class_of_five_hundred_renders_with_a_row_for_each() -> None:
    results = a_class(500)
    html = a_class_page(results, {result.student: f"{result.student}/report.html" for result in results[:-1]})
    page = Page(html)
    assert page.tags.count("tr") > 500
    assert len({address for address in page.values("href") if "report.html" in address}) == 499
    assert "no report:" in html
    assert len(html) < 500_000


def test_the_class_table_can_be_sorted_by_buttons_and_says_how_it_is_sorted() -> None:
    page = Page(a_class_page(a_class(5)))
    assert len(page.values("data-sort")) == 8
    assert page.values("aria-sort") == ["ascending"] + ["none"] * 7
    assert page.tags.count("input") == 1


def test_an_empty_class_has_a_page() -> None:
    assert "There are no submissions here yet." in a_class_page([])


def test_checks_of_any_number_of_points_are_drawn() -> None:
    checks: tuple[CheckResult, ...] = (a_check(points=0.0, out_of=0.0), a_check(points=33.333, out_of=66.67))
    assert "33.33 / 66.67" in student_page(a_result(checks), None, templates=TEMPLATES)
    assert "<h1" in student_page(a_result((), out_of=0.0, pass_mark=0.0), None, templates=TEMPLATES)


def test_functions_stand_on_the_page_with_what_is_right_and_a_case_that_is_wrong_as_text() -> None:
    right = GroupFinding(title="padding", tried=20, right=True)
    wrong = GroupFinding(
        title="strides", tried=2, right=False, fault=f"returned {HOSTILE}", shown=f"image = 1\n{HOSTILE}"
    )
    idle = GroupFinding(title="fractions", tried=0, right=False)
    functions = (
        FunctionFinding(name="f", signature="f(image)", groups=(right, wrong, idle)),
        FunctionFinding(name="g", signature="g(image)", problem="the module has no `g`", groups=(idle,)),
    )
    text = student_page(a_result(functions=functions), None, templates=TEMPLATES)
    page = Page(text)
    assert "script" not in page.tags[page.tags.index("body") :] or HOSTILE not in text
    assert HOSTILE not in text
    words = " ".join("".join(page.text).split())
    for said in (
        "1 of 3 kinds of cases right",
        "20 cases",
        "strides wrong",
        "fractions not tried",
        "the module has no g",
    ):
        assert said in words, said
    assert 'href="#functions"' in text
    assert 'id="functions"' not in student_page(a_result(), None, templates=TEMPLATES)


def test_a_repeated_run_shows_every_attempt_and_which_counts() -> None:
    tries = tuple(
        Attempt(
            seed=seed, accuracy=0.77 + seed / 1e5, correct=770, judged=1000, points=50, evidence="e", counted=bool(seed)
        )
        for seed in (0, 1000)
    )
    result = a_result(accuracy=an_accuracy(9_730), attempts=tries)
    text = " ".join("".join(Page(student_page(result, None, templates=TEMPLATES)).text).split())
    assert "run again with another seed" in text
    rows = re.findall(r"<tr><td>(\d+)</td><td class=\"right\">(\S+)", student_page(result, None, templates=TEMPLATES))
    assert [(seed, reached.partition("\u00a0")[0]) for seed, reached in rows] == [("0", "77"), ("1000", "78")]
    assert text.count("✓ counts") == 1
    once = student_page(a_result(accuracy=an_accuracy(9_730), attempts=tries[:1]), None, templates=TEMPLATES)
    assert "run again with another seed" not in once


def test_a_doubt_that_was_granted_is_said_and_not_called_a_failure() -> None:
    accuracy = an_accuracy(9_690).model_copy(update={"verdict": "borderline", "threshold": 0.97, "granted": True})
    text = " ".join("".join(Page(student_page(a_result(accuracy=accuracy), None, templates=TEMPLATES)).text).split())
    assert "borderline, counted as reached" in text
    assert "so close that chance may have decided: it counts as reached" in text
    assert "Just short" not in text


def test_a_comparison_tells_the_paired_test_or_the_range_of_a_baseline() -> None:
    own = Comparison(
        assignment="exercise1", source="exercise1 of the same student", accuracy=0.97, judged=10_000, judged_on="digits",
        only_here=108, only_there=24, p_value=0.00001,
    )  # fmt: skip
    baseline = Comparison(
        assignment="exercise1", source="the baseline", accuracy=0.98, judged=10_000, runs=5, lowest=0.979, highest=0.981
    )
    text = student_page(a_result(accuracy=an_accuracy(9_800), compared=(own, baseline)), None, templates=TEMPLATES)
    assert "108 images recognised by this network alone, 24 by the other; McNemar&#39;s test: p = 1e-05" in text
    assert "5 runs, 97.9" in text
