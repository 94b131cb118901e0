"""What the desk's pages share: how a page is made, how a form is read, and how an error becomes a page."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from grader.core.decision_log import LONGEST
from grader.core.errors import GraderError, Infrastructure, UsageError
from grader.core.text import cleaned, one_line, read_number, visible
from grader.gradebook import Superseded
from grader.pages.html import review_page
from grader.review.access import MOST_FIELDS, Access
from grader.review.desk import Desk, Gone, Overtaken
from grader.review.names import Names

Values = Mapping[str, object]
Endpoint = Callable[["Visit"], Response]


@dataclass(frozen=True)
class Form:
    """What was typed into a form: one text a field, without the white space around it."""

    fields: Mapping[str, str]

    def text(self, name: str) -> str:
        """A field's text; empty where it is not there. Line ends are the browser's."""
        return self.fields.get(name, "").replace("\r\n", "\n").replace("\x00", "\ufffd").strip()

    def words(self, name: str) -> str:
        """A text that is kept. Raises UsageError where it is too long for it."""
        text = self.text(name)
        if len(text) > LONGEST:
            raise UsageError(f"The {name} has {len(text):,} characters; at most {LONGEST:,} are kept.", "Shorten it.")
        return text

    def number(self, name: str) -> float:
        """A finite number, with a point or a comma before the fraction. Raises UsageError."""
        text = self.text(name)
        if (found := read_number(text)) is None:
            raise UsageError(f"`{one_line(text, 40)}` is not a number.", "Write digits, as in 7.5 or 7,5.")
        return found

    def whole(self, name: str) -> int | None:
        """A whole number from 0, or None where nothing was typed. Raises UsageError."""
        text = self.text(name)
        if not text:
            return None
        if (found := whole_number(text)) is None:
            raise UsageError(f"`{one_line(text, 40)}` is not a whole number.")
        return found


def whole_number(text: str) -> int | None:
    """A whole number from 0, written in digits alone; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


@dataclass(frozen=True)
class Visit:
    """One request: what is asked, by whom it is served, and how it is answered."""

    request: Request
    desk: Desk
    access: Access

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The address' parameters: one text a name."""
        pairs = parse_qsl(self.request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return {name: value[:500] for name, value in pairs[:50]}

    @cached_property
    def form(self) -> Form:
        """The form that was sent, whose bytes were read and bounded before (`access.Guard`)."""
        text = self.request.scope["form"].decode("utf-8", "replace")
        return Form(dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)))

    @property
    def names(self) -> Names:
        """What pages call students in this visit."""
        return self.desk.names()

    def part(self, name: str) -> str:
        """A part of the path, as the route names it."""
        return str(self.request.path_params[name])

    @property
    def path(self) -> str:
        """The address' path as it was asked for, quoted: what its parts hold may have a meaning in addresses."""
        raw: bytes = self.request.scope["raw_path"]
        return "/" + raw.decode("latin-1").lstrip("/")

    @property
    def fragment(self) -> bool:
        """Whether the desk's own script asks for a part of the page."""
        return self.request.headers.get("x-fragment") == "1"

    def page(self, name: str, values: Values, *, status: int = 200) -> Response:
        """A page by its template, `review/NAME`. `csrf` is for its forms, `fresh` a new id for what is sent."""
        desk = self.desk
        shared: Values = {
            "csrf": self.access.secret("form"), "fresh": uuid.uuid4().hex, "query": self.query,
            "path": self.path, "author": visible(desk.options.author),
            "assignment": desk.options.rubric.assignment.title,
            "anonymous": self.names.hidden, "fragment": self.fragment, "address": address,
        }  # fmt: skip
        text, policy = review_page(desk.options.course.report_templates() / "templates", name, {**shared, **values})
        return HTMLResponse(self.names.hide_in_page(text), status, {"content-security-policy": policy})


def address(path: str, query: Mapping[str, str] | None = None, anchor: str = "") -> str:
    """An address of the desk: its path, its parameters as far as they say something, and a place in the page."""
    told = urlencode({name: value for name, value in (query or {}).items() if value})
    return quote(path, safe="/") + (f"?{told}" if told else "") + (f"#{quote(anchor)}" if anchor else "")


def answering(desk: Desk, access: Access, endpoint: Endpoint) -> Callable[[Request], Response]:
    """The endpoint as Starlette calls it (in a thread of its own): what goes wrong becomes a page that says so."""

    def answer(request: Request) -> Response:
        visit = Visit(request, desk, access)
        try:
            return endpoint(visit)
        except GraderError as error:
            return explain(visit, error)
        except Exception as error:  # the last door: a fault of ours costs one page, and no text that was typed
            return explain(visit, Infrastructure(f"This is our fault: {type(error).__name__}: {error}."))

    return answer


def explain(visit: Visit, error: GraderError) -> Response:
    """A page that says what went wrong, and keeps what was typed, to be sent again or copied."""
    status = 404 if isinstance(error, Gone) else 409 if isinstance(error, Superseded) else 503
    if isinstance(error, UsageError) and status == 503:
        status = 400
    kept: dict[str, str] = {}
    if visit.request.method == "POST":
        kept = {name: visible(text) for name, text in visit.form.fields.items() if name != "csrf"}
    values: dict[str, object] = {
        "message": error.message, "remedy": error.remedy, "kept": kept, "stands": {}, "asked": frozenset(),
        "about": _about(visit, kept.get("row", "")),
    }  # fmt: skip
    if isinstance(error, Overtaken):
        last = error.decided_last.items()
        values["stands"] = {visible(student): entry and cleaned(entry) for student, entry in last}
        values["asked"] = error.asked
        kept["seen"] = error.seen  # what is sent again was decided by who saw these, and no later ones
    return visit.page("trouble.html.j2", values, status=status)


def _about(visit: Visit, key: str) -> str:
    """Of whom a form says it is; "" where nobody is told, or the class can't be read."""
    try:
        row = visit.desk.state().by_key.get(key)
    except (GraderError, OSError):
        return ""
    return one_line(visit.names.of(row), 120) if row is not None else ""
