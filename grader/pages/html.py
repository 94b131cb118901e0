"""The languages of the pages: one catalogue `<code>.po` each, in the folder `languages/` beside the templates.

Pages as single files: the only place that knows Jinja. Each page asks nothing of any network.

Styles and script stand inside the page and are named by digest in its Content-Security-Policy, so a style or a
script that somebody smuggled in would not run even if it got past the escaping.
"""

import base64
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from gettext import GNUTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from grader.core.assignment import did_you_mean
from grader.core.errors import RubricError
from grader.core.evidence import Evidence
from grader.core.limits import Limits
from grader.core.results import Result
from grader.pages.accuracy import Mistake
from grader.pages.class_page import ClassView, class_view
from grader.pages.class_plots import accuracy_strip, histogram
from grader.pages.plots import curves, number_line, points_strip, share_bar
from grader.pages.view import StudentView, student_view
from grader.pages.wording import ENGLISH, Joined, Language, Phrase, Speech, Text, in_other_languages, many, say

_BRACES = re.compile(r"\{[^}]*\}?")


@lru_cache(maxsize=16)
def find_speech(folder: Path, language: str) -> Speech:
    """Pages in `language` that can be switched to every other one of `folder`.

    Raises RubricError for a language without a catalogue, and for a catalogue that can't be read.
    """
    languages = _read_languages(folder)
    own = next((found for found in languages if found.code == language), None)
    if own is None:
        near = did_you_mean(language, tuple(found.code for found in languages))
        raise RubricError(
            f"key `report.language`: there is no catalogue {folder / language}.po{near}.",
            "Choose a language that there is.",
        )
    return Speech(own, tuple(found for found in languages if found is not own))


@lru_cache(maxsize=8)
def _read_languages(folder: Path) -> tuple[Language, ...]:
    found = [_read_language(path) for path in sorted(folder.glob("*.po"))]
    return tuple(found) if any(language.code == ENGLISH.code for language in found) else (ENGLISH, *found)


def _read_language(path: Path) -> Language:
    code = path.stem
    try:
        name = Locale.parse(code, sep="-").get_display_name(code) or code
        with path.open("rb") as stream:
            catalogue = read_po(stream, locale=code.replace("-", "_"), abort_invalid=True)
        for message in catalogue:
            _require_same_braces(message)
        packed = io.BytesIO()
        write_mo(packed, catalogue)
        packed.seek(0)
        return Language(code, f"{name[:1].upper()}{name[1:]}", GNUTranslations(packed))
    except (OSError, ValueError, UnknownLocaleError, PoFileError) as error:
        raise RubricError(f"{path}: is no catalogue: {error}.", "Name it after its language, as in it.po.") from None


def _require_same_braces(message: Message) -> None:
    """ValueError for a translation that has other braces than its message: what is filled in would be missing."""
    ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
    said = message.string if isinstance(message.string, tuple | list) else (message.string,)
    known = {brace for text in ids for brace in _BRACES.findall(text)}
    for text in said:
        if text and message.id and not set(_BRACES.findall(text)) <= known:
            raise ValueError(f"the translation of “{ids[0]}” has braces that the message has not")


NARROW = 340  # a phone's width, for plots that would shrink beyond reading


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
    view = student_view(result, evidence, classes=classes, limits=limits, mistakes=mistakes)
    speech = find_speech(templates.parent / "languages", language)
    line = view.accuracy.line if view.accuracy else None
    plots = {
        "strip": _strip(view, speech),
        "line": number_line(line, speech=speech) if line else "",
        "narrow_line": number_line(line, width=NARROW, speech=speech) if line else "",
    }
    charts = [Markup(curves(chart, speech=speech)) for chart in view.training.charts] if view.training else []
    return _render(templates, "student.html.j2", view, plots, charts, speech, key)


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
    """A digest of all that a student's page depends on; `mistakes`: whether they may be shown.

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
    """Whether the page at `path` was made of what `key` is the digest of."""
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


def class_page(
    results: Sequence[Result],
    *,
    title: str,
    links: Mapping[str, str],
    templates: Path,
    language: str = "en",
) -> str:
    """The overview of a class. Raises RubricError for a language without a catalogue.

    `links` maps a student to the relative address of the report.
    """
    view = class_view(results, title=title, links=links)
    speech = find_speech(templates.parent / "languages", language)
    words = many(len(view.rows), "{n} student", "{n} students")
    strip = view.accuracies
    plots = {
        "strip": points_strip(view.strip, pass_share=None, words=words, speech=speech) if view.rows else "",
        "histogram": histogram(view.bins, pass_share=view.pass_share, speech=speech),
        "accuracies": accuracy_strip(strip, speech=speech) if strip else "",
        "narrow_accuracies": accuracy_strip(strip, width=NARROW, speech=speech) if strip else "",
    }
    return _render(templates, "class.html.j2", view, plots, [], speech, "")


def _strip(view: StudentView, speech: Speech) -> str:
    words = say(
        "{points} of {all} points, pass mark {needed}.", points=view.earned, all=view.out_of, needed=view.pass_mark
    )
    return points_strip(view.strip, pass_share=view.pass_share, words=words, speech=speech) if view.strip else ""


def _render(
    templates: Path,
    name: str,
    view: StudentView | ClassView,
    plots: Mapping[str, str],
    charts: Sequence[Markup],
    speech: Speech,
    key: str,
) -> str:
    static = _static(templates.parent / "static")
    return (
        _environment(templates, speech)
        .get_template(name)
        .render(
            page=view,
            plots={key: Markup(value) for key, value in plots.items()},
            charts=charts,
            speech=speech,
            style=static.style,
            script=static.script,
            policy=static.policy,
            key=key,
        )
    )


@dataclass(frozen=True)
class _Static:
    """Style and script as they stand in a page, and the policy that lets just these two act."""

    style: Markup
    script: Markup
    policy: str


@lru_cache(maxsize=8)
def _static(folder: Path) -> _Static:
    style, script = ((folder / file).read_text(encoding="utf-8") for file in ("report.css", "report.js"))
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


def _spoken(value: object, *, speech: Speech) -> object:
    """A phrase as an element that knows what it is in other languages; anything else as it is."""
    if isinstance(value, Phrase) and not value.values:
        return _remembered(value, speech)
    if isinstance(value, Phrase | Joined):
        return _element(value, escape(speech.write(value)), speech)
    return value


@lru_cache(maxsize=4096)
def _remembered(text: Phrase, speech: Speech) -> Markup:
    return _element(text, escape(speech.write(text)), speech)


def _prose(text: Text, *, speech: Speech) -> Markup:
    """The escaped text, with what stands between backticks set as code."""
    parts = re.split(r"`([^`\n]{1,200})`", speech.write(text))
    written = Markup("").join(Markup(f"<code>{escape(p)}</code>") if i % 2 else escape(p) for i, p in enumerate(parts))
    return _element(text, written, speech)


def _element(text: Text, written: Markup, speech: Speech) -> Markup:
    others = in_other_languages(text, speech)
    return Markup(f"<span{others}>{written}</span>") if others else written


def _attribute(name: str, text: Text, *, speech: Speech) -> Markup:
    """An attribute with what it is in other languages: ` title="..." data-it-title="..."`."""
    return Markup(f' {name}="{escape(speech.write(text))}"{in_other_languages(text, speech, name)}')


@lru_cache(maxsize=8)
def _environment(templates: Path, speech: Speech) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=partial(_spoken, speech=speech),
    )
    environment.filters["prose"] = partial(_prose, speech=speech)
    environment.filters["plain"] = speech.write
    environment.filters["bar"] = lambda share, words: Markup(share_bar(share, words, speech))
    environment.globals |= {
        "_": say,
        "many": many,
        "attribute": partial(_attribute, speech=speech),
        "others": lambda text: Markup(in_other_languages(text, speech)),
    }
    return environment
