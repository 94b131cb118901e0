"""axe-core finds no serious fault on any page, in light and dark, on a phone and on a desk."""

import pytest

from tests.browser.conftest import PHONE, WIDE, Visits


@pytest.mark.parametrize(
    ("name", "dark", "width"),
    [
        ("passed", False, PHONE),
        ("passed", True, WIDE),
        ("wrong", True, PHONE),
        ("close", False, WIDE),
        ("unread", False, WIDE),
        ("class-40", False, PHONE),
        ("class-40", True, WIDE),
        ("grades", False, WIDE),
        ("awaiting", False, PHONE),
        ("reviewed", False, WIDE),
        ("reviewed", True, PHONE),
    ],
)
def test_axe_finds_no_serious_fault(visits: Visits, axe: str, name: str, dark: bool, width: int) -> None:
    with visits.open(f"{name}.html", dark=dark, width=width) as seen:
        seen.page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
        seen.page.evaluate(axe)
        found = seen.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        (fault["id"], fault["impact"], [node["html"][:160] for node in fault["nodes"][:3]])
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_axe_would_have_found_one(visits: Visits, axe: str) -> None:
    with visits.open("passed.html") as seen:
        seen.page.evaluate("document.querySelector('img').removeAttribute('alt')")
        seen.page.evaluate(axe)
        found = seen.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert "image-alt" in [fault["id"] for fault in found["violations"]]
