"""The page on platforms' downloads: each listing is made into files, and is read as the table below it says."""

import re
from pathlib import Path

import pytest

from grader.core.errors import SubmissionError
from grader.intake import Entry, read_entry
from tests.intake.zips import NOTEBOOK, opened, write_tree, write_zip, zip_of

PAGE = (Path(__file__).parents[2] / "docs/reference/downloads.md").read_text(encoding="utf-8")
SECTIONS = {text.split("\n")[0]: text for text in PAGE.split("\n## ")[1:]}
FORMS = {
    "Moodle": "moodle", "Canvas": "canvas", "nbgrader": "nbgrader", "Clones from GitHub": "classroom",
    "Gradescope": "gradescope", "None of these": "plain",
}  # fmt: skip
CLONES = ("Clones from GitHub", True)  # a zip's hidden folders are not read, so zipped clones can't be told


def block(section: str, kind: str) -> str:
    """The section's block of that kind; "" where it has none."""
    found = re.search(rf"^```{kind}\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def bytes_of(name: str, number: int, section: str) -> bytes:
    """What a file of this name holds; no two notebooks are the same."""
    if name.endswith("submission_metadata.yml"):
        return f"---\n{block(section, 'yaml')}".encode()
    if name.endswith("timestamp.txt"):
        return b"2026-11-10 18:03:12.000000 UTC\n"
    notebook = NOTEBOOK.replace(b"a = 1", f"a = {number}".encode())
    if name.endswith(".zip"):
        return zip_of(("work.ipynb", notebook))
    return notebook if name.endswith(".ipynb") else f"a = {number}".encode()


def rows_of(section: str) -> set[tuple[str, str, str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {(student, number, graded.strip("`")) for student, number, graded, _ in rows[2:]}


def told(entry: Entry) -> tuple[str, str, str]:
    """A row as the table has it: a group by its members."""
    people = entry.members or (entry.who,)
    numbers = ", ".join(person.participant or person.identity for person in people)
    try:
        graded = read_entry(entry, assignment="exercise1").script.name
    except SubmissionError:
        graded = "–"
    return ", ".join(person.name for person in people), numbers, graded


@pytest.mark.parametrize(
    ("platform", "zipped"), [(name, zipped) for name in FORMS for zipped in (True, False) if (name, zipped) != CLONES]
)
def test_each_listing_is_read_as_its_table_says(tmp_path: Path, platform: str, zipped: bool) -> None:
    section = SECTIONS[platform]
    names = block(section, "text").splitlines()
    members = [(name, bytes_of(name, number, section)) for number, name in enumerate(names)]
    source = write_zip(tmp_path / "all.zip", *members) if zipped else write_tree(tmp_path / "all", *members)
    found = opened(source)
    assert found.form == FORMS[platform]
    assert set(map(told, found.entries)) == rows_of(section)
    late = {entry.student for entry in found.entries if entry.late}
    assert late == ({"turingalan"} if platform == "Canvas" else set())
