"""Pages as single files that ask nothing of any network: the only place that knows Jinja.

Style and script stand inside the page and are named by digest in its Content-Security-Policy, so a style or a
script that somebody smuggled in would not run even if it got past the escaping.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from grader.core.evidence import Evidence
from grader.core.limits import Limits
from grader.core.results import Result
from grader.core.text import one_line, shorten
from grader.core.totals import CourseTable
from grader.pages.accuracy import Mistake
from grader.pages.class_page import ClassView, SimilarPair, class_view
from grader.pages.course_page import CourseView, course_view
from grader.pages.language import count, many, number, numbers, percent, say, use_language, write_duration
from grader.pages.plots import accuracy_strip, curves, histogram, number_line, points_strip, share_bar
from grader.pages.view import StudentView, student_view
from grader.pages.wording import shape

# Plots by the names that templates call them by.
PLOTS: dict[str, Callable[..., str]] = {
    plot.__name__: plot for plot in (accuracy_strip, curves, histogram, number_line, points_strip, share_bar)
}


def student_page(
    result: Result,
    evidence: Evidence | None,
    *,
    templates: Path,
    classes: Sequence[str] = (),
    limits: Limits | None = None,
    mistakes: tuple[Mistake, ...] = (),
    language: str = "en",
    key: str = "",
) -> str:
    """A student's report. Raises RubricError for a language without a catalogue.

    `templates` is the folder of the templates, with `static/` and `languages/` beside it; `classes` are class names in
    order, for the confusion matrix; `limits` is what the run might use; `mistakes` are the most certain ones, where a
    rubric lets students see images that decide their mark. `key` is put into the page's head.
    """
    with use_language(templates.parent / "languages", language):
        view = student_view(result, evidence, classes=classes, limits=limits, mistakes=mistakes)
        return _render(templates, "student.html.j2", view, language, key)


def class_page(
    results: Sequence[Result],
    *,
    title: str,
    links: Mapping[str, str],
    templates: Path,
    language: str = "en",
    pairs: Sequence[SimilarPair] = (),
) -> str:
    """The overview of a class. Raises RubricError for a language without a catalogue.

    `links` maps a student to the relative address of the report; `pairs` have similar code, the closest first.
    """
    with use_language(templates.parent / "languages", language):
        view = class_view(results, title=title, links=links, pairs=pairs)
        return _render(templates, "class.html.j2", view, language)


def course_page(table: CourseTable, *, templates: Path, language: str = "en") -> str:
    """All assignments of a course. Raises RubricError for a language without a catalogue."""
    with use_language(templates.parent / "languages", language):
        return _render(templates, "course.html.j2", course_view(table), language)


def review_page(templates: Path, name: str, values: Mapping[str, object]) -> tuple[str, str]:
    """A page of the review desk, in English, and its policy, which is sent as a header.

    It may send forms to the server that it came from, and ask it for parts of a page; nothing else.
    """
    static = _static(templates.parent / "static", "review")
    page = _environment(templates).get_template(f"review/{name}").render(**values, static=static)
    policy = static.policy.replace(
        "form-action 'none'", "form-action 'self'; connect-src 'self'; frame-ancestors 'none'"
    )
    return page, policy


def page_key(
    result: Result,
    evidence: Evidence | None,
    *,
    templates: Path,
    classes: Sequence[str],
    limits: Limits | None,
    mistakes: bool,
    language: str,
) -> str:
    """A digest of everything that a student's page depends on; `mistakes`: whether they may be shown.

    It stands in the page's head, so that an equal page need not be made again.
    """
    parts = [
        result.model_dump_json(),
        str(evidence is not None),
        repr(tuple(classes)),
        "" if limits is None else limits.model_dump_json(),
        str(mistakes),
        language,
        _look(templates.parent),
    ]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()


def has_key(path: Path, key: str) -> bool:
    """Whether the page at `path` has this key."""
    try:
        with path.open("rb") as page:
            return f'content="{key}"'.encode() in page.read(400)
    except OSError:
        return False


@lru_cache(maxsize=8)
def _look(folder: Path) -> str:
    """The digest of templates, style, script, catalogues, and of the code that fills them."""
    code = Path(__file__).parent
    digest = hashlib.sha256()
    for path in (*sorted(folder.rglob("*")), *sorted(code.glob("*.py"))):
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _render(
    templates: Path, name: str, view: StudentView | ClassView | CourseView, language: str, key: str = ""
) -> str:
    static = _static(templates.parent / "static")
    template = _environment(templates).get_template(name)
    return template.render(page=view, language=language, key=key, static=static)


@dataclass(frozen=True)
class _Static:
    """Style and script of a page, and the policy that allows these two alone."""

    style: Markup
    script: Markup
    policy: str


@lru_cache(maxsize=8)
def _static(folder: Path, name: str = "report") -> _Static:
    """`report` is the look of all pages; what `name` says comes after it, with a script of its own."""
    styles = dict.fromkeys(("report", name))
    style = "\n".join((folder / f"{file}.css").read_text(encoding="utf-8") for file in styles)
    script = (folder / f"{name}.js").read_text(encoding="utf-8")
    for text, end in ((style, "</style"), (script, "</script")):
        if end in text.lower():
            raise ValueError(f"{folder} may not contain {end}")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return _Static(Markup(style), Markup(script), policy)


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _prose(text: str) -> Markup:
    """The escaped text, with what stands between backticks set as code."""
    parts = re.split(r"`([^`\n]{1,200})`", text)
    return Markup("").join(Markup(f"<code>{escape(p)}</code>") if i % 2 else escape(p) for i, p in enumerate(parts))


def _as_markup(plot: Callable[..., str]) -> Callable[..., Markup]:
    return lambda *args, **options: Markup(plot(*args, **options))


@lru_cache(maxsize=8)
def _environment(templates: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"prose": _prose, "line": one_line, "shorten": shorten}
    written = {told.__name__: told for told in (count, many, number, numbers, percent, shape, write_duration)}
    environment.globals |= {"_": say, **written, **{name: _as_markup(plot) for name, plot in PLOTS.items()}}
    return environment
