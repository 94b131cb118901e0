"""The page on `grader check` names each option and each key, and the limits that are written in the code."""

from pathlib import Path

import typer.main

from grader.cli import app
from grader.core.evidence import Smoke
from grader.kernel.guest import smoke, smoke_loops
from grader.selfcheck.estimate import Checked, Estimate, PointsByCertainty

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/check.md").read_text(encoding="utf-8")


def test_every_option_and_every_key_is_documented() -> None:
    command = typer.main.get_command(app).commands["check"]  # type: ignore[attr-defined]
    for parameter in command.params:
        for option in parameter.opts:
            if option.startswith("--") and option != "--help":
                assert f"`{option}" in PAGE, option
    for kind in (Checked, PointsByCertainty, Estimate):
        for name in kind.model_fields:
            assert f"`{name}`" in PAGE, name


def test_the_cuts_are_those_of_the_code() -> None:
    assert f"ends after one epoch, {Smoke().images} images (at least {smoke.SEVERAL} batches)" in PAGE
    assert f"or {smoke.FIT_PATIENCE_S:g} s after its first batch" in PAGE
    assert f"from the {smoke.MOST_CALLS + 1}st call on" in PAGE
    assert (
        f"at most {smoke_loops.MOST_STEPS} steps a cell, or as many as fit into {smoke_loops.MOST_STEPS_S:g} s" in PAGE
    )
    assert f"after {smoke.MOST_SEARCH_S:g} s the last score is given again" in PAGE
    assert f"{Smoke().seconds:g} seconds" in PAGE
    assert f"ends {smoke.PATIENCE_S:g} s after its first batch" in PAGE
    assert (Smoke().epochs, smoke.FULL) == (1, 2)


def test_the_pages_for_students_lead_somewhere() -> None:
    import re

    for page in ("docs/tutorial/for-students.md", "docs/how-to/check-in-a-notebook.md", "docs/reference/check.md"):
        for target in re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text(encoding="utf-8")):
            assert target.startswith("https://") or ((ROOT / page).parent / target).exists(), (page, target)
