"""The documents name files and folders that exist: in links, and in backticks."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    + [path for room in ("assignments", "benchmarks", "examples", "reference") for path in (ROOT / room).rglob("*.md")]
)  # fmt: skip
HISTORY = ROOT / "CHANGELOG.md"  # tells of files that were
# What begins like this is a path of the repository, unless it has a part that the reader is to fill in.
TOPS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} - {
    "out",
    "site",
    "dist",
}
TO_FILL_IN = re.compile(r"[<>*{}$]|NAME|\.\.\.")
# A course of one's own has folders of the same names; and what is made is not in the clone.
OF_ANOTHER_COURSE = ("assignments/fashion", "assignments/scores", "datasets/fashion", "reference/fashion")
MADE = ("docs/gallery/", "tests/browser/node_modules")


def named_paths(text: str) -> set[str]:
    """Paths of the repository that a document names in backticks."""
    spans = re.findall(r"`([^`\s]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    paths = {span.split("::")[0].removesuffix(":") for span in spans if span.split("/")[0] in TOPS and "/" in span}
    return {path for path in paths if not TO_FILL_IN.search(path) and not path.startswith((*OF_ANOTHER_COURSE, *MADE))}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_and_link_of_a_document_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if page != HISTORY:
        assert [path for path in sorted(named_paths(text)) if not (ROOT / path).exists()] == []
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    local = [link.partition("#")[0] for link in links if not re.match(r"\w+://|#|mailto:", link)]
    assert [link for link in local if not (page.parent / link).exists() and "gallery/" not in link] == []


def test_a_path_that_is_not_there_is_found() -> None:
    assert named_paths("`grader/gone.py`, `grader/<room>/`, `tests/a/` and `grader grade`") == {
        "grader/gone.py",
        "tests/a/",
    }
