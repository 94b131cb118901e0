"""A group whose members' decisions differ, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.review.browsing import SIGHTS, faults, overflow, visiting
from tests.review.desks import Entrant, running_desk
from tests.review.test_groups import GROUP, SECOND, decide_one, stands


@pytest.mark.parametrize(("width", "dark"), SIGHTS)
def test_what_members_have_is_legible_and_replaced_by_a_tick(
    browser: Browser, axe: str, tmp_path: Path, width: int, dark: bool
) -> None:
    with running_desk(tmp_path, [Entrant(name=GROUP, members=("Dina Haddad", SECOND))]) as desk:
        decide_one(desk, SECOND, "check", {"points": 3}, "did nothing", "trained")
        decide_one(desk, SECOND, "adjustment", {"points": -30}, "lazy " + "x" * 300)
        with visiting(browser, desk, f"/submission/{desk.key(GROUP)}", width=width, dark=dark) as seen:
            page = seen.page
            assert faults(page, axe) == [] and overflow(page) <= 0
            page.get_by_label("More or fewer").fill("-5")
            page.locator("#more-reason").fill("late")
            page.get_by_label(f"also for {SECOND}, who has -30").check()
            page.get_by_role("button", name="Give or take").click()
            expect(page.locator(".history")).to_contain_text("-30 → -5")
            expect(page.locator("#more")).to_have_value("-5")
            assert stands(desk, "adjustment") == [-5, -5]
            page.goto(f"{desk.origin}/check/trained?seed=1")
            assert faults(page, axe) == [] and overflow(page) <= 0
            page.keyboard.press("j")
            page.locator("input[name=reason]").fill("shown in person")
            page.get_by_role("button", name="full").click()
            expect(page.locator(".so-far")).to_contain_text("1 of 1 decided")
            assert stands(desk, "check", "trained") == [10, 3], "what was not ticked stays"
