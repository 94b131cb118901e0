"""The documentation site as it is built loads nothing from elsewhere, and links of every document lead somewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown.extensions.toc import slugify

from tests.project.sites import ROOT, build_site

LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}
ELSEWHERE = {"node_modules", ".venv", ".pytest_cache", "out", "kept", "submissions", "site"}
DOCUMENTS = sorted(path for path in ROOT.rglob("*.md") if not set(path.relative_to(ROOT).parts) & ELSEWHERE)


class Loads(HTMLParser):
    """Collects the addresses that a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name == LOADED.get(tag)]


def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    site = build_site(tmp_path / "site")
    pages = [path for path in site.rglob("*.html") if "gallery" not in path.parts]
    assert len(pages) > 30
    for path in pages:
        loads = Loads()
        loads.feed(path.read_text(encoding="utf-8"))
        assert loads.found
        for address in loads.found:
            parts = urlsplit(address)
            assert not parts.netloc and parts.scheme in ("", "data"), f"{path.name}: {address}"
            assert parts.scheme or (path.parent / unquote(parts.path)).exists() or path.name == "404.html", address
    for path in site.rglob("*.css"):
        assert not re.findall(r"url\(['\"]?(?:https?:)?//", path.read_text(encoding="utf-8")), path.name


def links_of(page: Path) -> list[str]:
    """The targets of a document's links and pictures, outside of code."""
    text = re.sub(r"^( *)```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text))


def anchors_of(page: Path) -> set[str]:
    """The anchors of a document's headings, as the site names them."""
    text = re.sub(r"^( *)```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    found: set[str] = set()
    for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).replace("`", "").replace("*", "")
        found.add(slugify(plain, "-"))
    return found


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_document_leads_somewhere(page: Path) -> None:
    for target in links_of(page):
        parts = urlsplit(target)
        if parts.scheme:
            assert (parts.scheme in ("https", "mailto")) and (parts.netloc or parts.path), target
            continue
        there = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        made = there.is_relative_to(
            ROOT / "docs/gallery"
        )  # by `make gallery`; tests/pages/test_gallery.py looks at these
        assert there.exists() or made, target
        if parts.fragment and there.suffix == ".md":
            assert parts.fragment in anchors_of(there), target
