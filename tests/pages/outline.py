"""The structure of a page: its elements with their classes, roles and ids, and no text."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "input", "br", "hr"}
DRAWN = {"svg"}  # what is inside is a plot's own matter
NAMED = ("id", "role", "scope", "aria-sort", "data-sort", "type")


@dataclass(frozen=True)
class Node:
    """An element with those inside it."""

    label: str
    children: list["Node"] = field(default_factory=list)


class Outline(HTMLParser):
    """Elements as an indented list; siblings that are the same are counted."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self._root: list[Node] = []
        self._open: list[tuple[str, list[Node]]] = [("", self._root)]
        self._drawing = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._drawing:
            return
        children: list[Node] = []
        if attrs or tag != "span":
            self._open[-1][1].append(Node(_label(tag, dict(attrs)), children))
        if tag in DRAWN:
            self._drawing = tag
        elif tag not in VOID:
            self._open.append((tag, children))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Only drawings have elements without an end."""

    def handle_endtag(self, tag: str) -> None:
        if self._drawing:
            self._drawing = "" if tag == self._drawing else self._drawing
            return
        name, _ = self._open.pop()
        assert name == tag, f"</{tag}> ends <{name}>"

    def lines(self) -> list[str]:
        """The outline; raises AssertionError for elements that were never ended."""
        assert len(self._open) == 1, f"never ended: {[name for name, _ in self._open[1:]]}"
        return _written(self._root, 0)


def _label(tag: str, attrs: dict[str, str | None]) -> str:
    classes = "".join(f".{name}" for name in (attrs.get("class") or "").split())
    named = "".join(f" {name}={attrs[name]}" for name in NAMED if attrs.get(name))
    return f"{tag}{classes}{named}"


def _written(nodes: list[Node], depth: int) -> list[str]:
    blocks = [[f"{'  ' * depth}{node.label}", *_written(node.children, depth + 1)] for node in nodes]
    lines: list[str] = []
    i = 0
    while i < len(blocks):
        n = 1
        while i + n < len(blocks) and blocks[i + n] == blocks[i]:
            n += 1
        first, *rest = blocks[i]
        lines += [f"{first} × {n}" if n > 1 else first, *rest]
        i += n
    return lines
