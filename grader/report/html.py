"""Pages as single files: the only place that knows Jinja. Each page asks nothing of any network.

Styles and script stand inside the page and are named by digest in its Content-Security-Policy, so a style or a
script that somebody smuggled in would not run even if it got past the escaping.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from grader.evidence import Evidence
from grader.limits import Limits
from grader.report.classroom import ClassView, class_view
from grader.report.plots import curves, histogram, number_line, points_strip, share_bar
from grader.report.view import StudentView, student_view
from grader.results import Result

NARROW = 340  # a phone's width, for plots that would shrink beyond reading


def student_page(
    result: Result,
    evidence: Evidence | None,
    *,
    templates: Path,
    classes: Sequence[str] = (),
    limits: Limits | None = None,
) -> str:
    """A student's report.

    `templates` is the folder of the templates, with `static/` beside it; `classes` are class names in order, for
    the confusion matrix; `limits` is what the run might use.
    """
    view = student_view(result, evidence, classes=classes, limits=limits)
    plots = {
        "strip": _strip(view),
        "line": number_line(view.accuracy.line) if view.accuracy else "",
        "narrow_line": number_line(view.accuracy.line, width=NARROW) if view.accuracy else "",
    }
    charts = [Markup(curves(chart)) for chart in view.training.charts] if view.training else []
    return _render(templates, "student.html.j2", view, plots, charts)


def class_page(results: Sequence[Result], *, title: str, links: Mapping[str, str], templates: Path) -> str:
    """The overview of a class; `links` maps a student to the relative address of the report."""
    view = class_view(results, title=title, links=links)
    words = f"{len(view.rows)} submissions: " + ", ".join(f"{n} {word}" for word, n, _ in view.tally if n)
    plots = {
        "strip": points_strip(view.strip, pass_share=None, words=words) if view.rows else "",
        "histogram": histogram(view.bins, pass_share=view.pass_share),
    }
    return _render(templates, "class.html.j2", view, plots, [])


def _strip(view: StudentView) -> str:
    words = f"{view.points} of {view.out_of} points, pass mark {view.pass_mark}."
    return points_strip(view.strip, pass_share=view.pass_share, words=words) if view.strip else ""


def _render(
    templates: Path, name: str, view: StudentView | ClassView, plots: Mapping[str, str], charts: Sequence[Markup]
) -> str:
    static = templates.parent / "static"
    style, script = ((static / file).read_text(encoding="utf-8") for file in ("report.css", "report.js"))
    for text, end in ((style, "</style"), (script, "</script")):
        if end in text.lower():
            raise ValueError(f"reports/static may not contain {end}")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    template = _environment(templates).get_template(name)
    return template.render(
        page=view,
        plots={key: Markup(value) for key, value in plots.items()},
        charts=charts,
        style=Markup(style),
        script=Markup(script),
        policy=policy,
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _prose(text: str) -> Markup:
    """The escaped text, with what stands between backticks set as code."""
    parts = re.split(r"`([^`\n]{1,200})`", text)
    return Markup("").join(Markup(f"<code>{escape(p)}</code>") if i % 2 else escape(p) for i, p in enumerate(parts))


@lru_cache(maxsize=8)
def _environment(templates: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    environment.filters["bar"] = lambda share, words: Markup(share_bar(share, words))
    return environment
