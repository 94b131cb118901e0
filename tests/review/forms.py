"""The forms of a page, as a browser would send them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class SentForm:
    """A form of a page: where it goes, what its fields hold, and its buttons (name, value)."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[SentForm] = []
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(SentForm(given.get("action", "")))
        elif tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self.found[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "textarea":
            self._text = given["name"]
            self.found[-1].fields[self._text] = ""
        elif tag == "button":
            self.found[-1].buttons.append((given.get("name", ""), given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = ""

    def handle_data(self, data: str) -> None:
        if self._text:
            self.found[-1].fields[self._text] += data


def forms_of(page: str) -> list[SentForm]:
    """Every form of a page, in order."""
    reader = _Reader()
    reader.feed(page)
    return reader.found
