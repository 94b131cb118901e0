"""Collects every message that catalogues must know: `python -m tests.pages.messages` brings all of them up to date."""

import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from grader.checks.registry import built_in
from grader.core.assignment import read_assignment
from grader.course.course import Course
from grader.pages.language import FINDING
from tests.pages.sentences import PLURAL, find_sentences

ROOT = Path(__file__).parents[2]
LANGUAGES = ROOT / "reports" / "languages"
KEYWORDS = {"say": None, "_": None, "many": (2, 3), "gettext_noop": None}
SPEAKERS = (
    "pages/*.py",
    "selfcheck/text.py",
    "exports/github.py",
    "exports/what_may_leave.py",
    "ci/*.py",
    "cli/check.py",
)
WIDTH = 120
HEADER = """# What the pages of reports say, message by message; an empty translation is said in English.
# Another language: run `python -m tests.pages.messages <code>` and translate `<code>.po`."""
UNSAID = tuple(
    f'"{name}' for name in ("Project-Id", "Report-Msgid", "POT-", "PO-", "Last-", "Language-Team", "Generated")
)


def collect() -> Catalog:
    """Messages of the report's code and templates, titles of shipped checks, assignments and datasets; findings."""
    catalog = Catalog(project="grader", charset="utf-8")
    speakers = sorted(path for pattern in SPEAKERS for path in (ROOT / "grader").glob(pattern))
    sources = [(path, "python") for path in speakers]
    sources += [(path, "jinja2.ext:babel_extract") for path in sorted((ROOT / "reports" / "templates").glob("*.j2"))]
    for path, method in sources:
        options = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
        for _line, message, _comments, _context in extract(
            method, BytesIO(path.read_bytes()), KEYWORDS, options=options if "jinja" in method else {}
        ):
            catalog.add(message, locations=[(str(path.relative_to(ROOT)), 0)])
    for title, where in shipped_titles():
        catalog.add(title, locations=[(where, 0)])
    for sentence, where in find_sentences():
        counted = PLURAL.search(sentence)
        catalog.add((sentence, sentence) if counted else sentence, locations=[(where, 0)], context=FINDING)
    return catalog


def shipped_titles() -> list[tuple[str, str]]:
    """Titles that come with the grader, with where they stand."""
    found = [(check.title, "grader/checks") for check in built_in().values()]
    course = Course.at(ROOT)
    for name in course.assignment_ids():
        assignment = read_assignment(course.assignment_file(name))
        where = f"assignments/{name}"
        found += [(assignment.title, where), *((spec.title, where) for spec in assignment.check if spec.title)]
    return found + [(dataset.judged_title, f"datasets/{dataset.id}") for dataset in course.datasets()]


def read_catalogue(path: Path) -> Catalog:
    """A catalogue as it stands."""
    with path.open("rb") as stream:
        return read_po(stream, locale=path.stem, abort_invalid=True)


def update(path: Path) -> None:
    """Bring one catalogue up to date; what is new stands there without a translation."""
    fresh = collect()
    catalogue = read_catalogue(path) if path.exists() else Catalog(locale=path.stem, project="grader")
    catalogue.update(fresh, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.fuzzy = False
    catalogue.header_comment = HEADER
    packed = BytesIO()
    write_po(packed, catalogue, width=WIDTH, sort_by_file=True, include_lineno=False)
    lines = packed.getvalue().decode("utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(UNSAID)), encoding="utf-8")


if __name__ == "__main__":
    for code in sys.argv[1:] or [path.stem for path in sorted(LANGUAGES.glob("*.po"))]:
        update(LANGUAGES / f"{code}.po")
