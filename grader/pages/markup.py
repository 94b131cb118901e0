"""Students' code and Markdown as markup that may stand in a page: the only place that knows Pygments, markdown-it and nh3.

Code becomes lines with a class for each kind of word; Markdown becomes a few plain elements without classes, addresses or
styles. Nothing of it can load or run anything: an image is shown if it lies in the notebook itself, a link's address is
written out behind its words, and formulas stay the text that they are.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from html import escape, unescape
from typing import NewType
from urllib.parse import unquote

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String

from grader.core.text import shorten, visible
from grader.pages.language import say

Markup = NewType("Markup", str)  # may stand in a page as it is
Draw = Callable[[str, str], Markup]  # a picture of the notebook, by its name and its words; empty where there is none

DEEPEST = 20  # elements within one another: whoever nests more is shown as text, and so loses nothing
# Kinds of words by the class that colours them; the first that holds wins.
KINDS = (
    (Comment, "c"), (String, "s"), (Number, "n"), (Keyword, "k"), (Operator.Word, "k"),
    (Name.Function, "f"), (Name.Class, "f"), (Name.Decorator, "f"), (Name.Builtin, "b"),
)  # fmt: skip


def code_lines(source: str) -> tuple[Markup, ...]:
    """The lines of Python code with their words coloured; without colours where the lexer takes lines apart otherwise."""
    lines: list[list[str]] = [[]]
    for kind, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(source):
        name = next((name for known, name in KINDS if kind in known), "")
        for place, part in enumerate(text.split("\n")):
            if place:
                lines.append([])
            shown = escape(part)
            lines[-1].append(f'<span class="{name}">{shown}</span>' if name and shown.strip() else shown)
    coloured = tuple(Markup("".join(parts)) for parts in lines)
    return coloured if len(coloured) == source.count("\n") + 1 else plain_lines(source)


def plain_lines(source: str) -> tuple[Markup, ...]:
    """The lines of code without colours."""
    return tuple(Markup(escape(line)) for line in source.split("\n"))


def as_written(source: str) -> Markup:
    """A text that keeps its lines and is no markup."""
    return Markup(f'<pre tabindex="0">{escape(source)}</pre>')


def markdown(source: str, draw: Draw) -> Markup:
    """Markdown as a few plain elements; as it was written where they are nested too deep. What is unseen is written out."""
    source = visible(source.replace("\ue000", "\ufffd"))
    drawn: list[Markup] = []
    written = _markdown_it().render(source, {"draw": draw, "drawn": drawn, "links": []})
    clean = visible(nh3.clean(written, tags=TAGS, clean_content_tags=DROPPED, attributes={"*": set()}, link_rel=None))
    if _depth(clean) > DEEPEST:
        return as_written(source)
    for bare, dressed in DRESSED.items():  # exact: no attribute is left, and no text holds an angle bracket
        clean = clean.replace(bare, dressed)
    pictures = dict(enumerate(drawn))
    return Markup(PLACE.sub(lambda found: pictures.pop(int(found[1]), Markup("")), clean))


def _depth(markup: str) -> int:
    """How many elements lie within one another at most."""
    deepest = depth = 0
    for found in TAG.finditer(markup):
        depth += 0 if found[2] in VOID else -1 if found[1] else 1
        deepest = max(deepest, depth)
    return deepest


TAGS = {
    "b", "blockquote", "br", "center", "code", "dd", "del", "details", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "i", "kbd", "li", "ol", "p", "pre", "s", "small", "strong", "sub", "summary", "sup", "table", "tbody", "td",
    "th", "thead", "tr", "u", "ul",
}  # fmt: skip
DROPPED = {"script", "style", "iframe", "noscript", "template", "textarea", "select", "title", "object", "svg", "math"}
# A page has headings of its own, and what scrolls has to be reached by a keyboard.
DRESSED = {
    "<table>": '<div class="scroll" tabindex="0"><table>', "</table>": "</table></div>", "<pre>": '<pre tabindex="0">',
    **{f"<h{n}>": f'<div class="title title-{n}">' for n in range(1, 7)}, **{f"</h{n}>": "</div>" for n in range(1, 7)},
    "<center>": "<div>", "</center>": "</div>",
}  # fmt: skip
TAG = re.compile(r"<(/?)([a-z0-9]+)")
VOID = {"br", "hr"}
IMG = re.compile(r"<img\b([^<>]{0,2000})>", re.IGNORECASE)
ATTRIBUTE = re.compile(r"""\b(src|alt)\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
# Where a picture stands, in characters that no language uses. A text that holds them moves no picture but its own.
PLACE = re.compile("\ue000([0-9]{1,4})\ue001")
FORMULA = re.compile(r"\$\$[^$]{1,5000}\$\$|\$(?![\s$])[^$]{1,2000}(?<!\s)\$(?!\d)")
BLOCK = re.compile(r"(\$\$)|\\begin\{")
LONGEST_BLOCK = 200  # lines of a formula


@lru_cache(maxsize=1)
def _markdown_it() -> MarkdownIt:
    """A reader of Markdown as Jupyter writes it, for which formulas are text."""
    reader = MarkdownIt("commonmark", {"html": True, "maxNesting": DEEPEST + 4}).enable(["table", "strikethrough"])
    reader.inline.ruler.before("escape", "formula", _inline_formula)
    reader.block.ruler.before("fence", "formula_block", _formula_block, {"alt": ["paragraph", "blockquote", "list"]})
    reader.add_render_rule("formula_block", _write_formula)
    reader.add_render_rule("image", _write_image)
    reader.add_render_rule("html_inline", _write_html)
    reader.add_render_rule("html_block", _write_html)
    reader.add_render_rule("link_open", _begin_link)
    reader.add_render_rule("link_close", _end_link)
    return reader


def _inline_formula(state: StateInline, silent: bool) -> bool:
    found = FORMULA.match(state.src, state.pos)
    if found is None:
        return False
    if not silent:
        state.push("text", "", 0).content = found[0]
    state.pos = found.end()
    return True


def _formula_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """From a line that begins a formula to the one that ends it."""
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    found = BLOCK.match(first)
    if found is None or state.is_code_block(start):
        return False
    closing = found[1] or "\\end{"
    for line in range(start, min(end, start + LONGEST_BLOCK)):
        text = first[found.end() :] if line == start else state.src[state.bMarks[line] : state.eMarks[line]]
        if closing in text:
            break
    else:
        return False
    if not silent:
        state.push("formula_block", "", 0).content = state.getLines(start, line + 1, state.blkIndent, False)
        state.line = line + 1
    return True


def _write_formula(
    renderer: RendererProtocol, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    return f"<pre>{escape(tokens[at].content)}</pre>\n"


def _write_image(
    renderer: RendererProtocol, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    return _picture(str(tokens[at].attrs.get("src", "")), tokens[at].content, env)


def _write_html(
    renderer: RendererProtocol, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    """Markup of the student's own, with its images as those of Markdown; it is cleaned later, with all the rest."""

    def picture(image: re.Match[str]) -> str:
        said = {name.lower(): "".join(value) for name, *value in ATTRIBUTE.findall(image[1])}
        return _picture(unescape(said.get("src", "")), unescape(said.get("alt", "")), env)

    return IMG.sub(picture, tokens[at].content)


def _picture(address: str, words: str, env: EnvType) -> str:
    """A place for a picture of the notebook; of one from elsewhere the words and the address."""
    address = unquote(address)
    kind, _, name = address.partition(":")
    picture = env["draw"](name, words) if kind == "attachment" else ""
    if not picture:
        told = shorten(words, 300), shorten(address, 300)
        return escape(say("[picture: {words}]", words=" ".join(filter(None, told))))
    env["drawn"].append(picture)
    return f"\ue000{len(env['drawn']) - 1}\ue001"


def _begin_link(
    renderer: RendererProtocol, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    """Nothing: who clicks on what a stranger wrote leaves the page and says so to the stranger."""
    address = str(tokens[at].attrs.get("href", ""))
    env["links"].append("" if tokens[at].info == "auto" or address.startswith("#") else address)
    return ""


def _end_link(renderer: RendererProtocol, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
    address = env["links"].pop()
    return f" (<code>{escape(shorten(address, 300))}</code>)" if address else ""
