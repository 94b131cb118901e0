"""Students' code and Markdown as markup: readable, harmless whatever it is, and bounded in time."""

import re
import time
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.evidence import Attachment, Cell, MarkdownCell
from grader.pages.cells import PAGE_TEXT, PROSE, notebook_view
from grader.pages.markup import DEEPEST, TAGS, Markup, code_lines, markdown, plain_lines
from tests.pages.builders import png

ALLOWED = TAGS | {"div"}
DRESS = {"class", "tabindex", "role", "aria-label"}  # what the grader itself puts on elements


class Parts(HTMLParser):
    """Markup taken apart: tags, attributes, text, and how deep it goes."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.open: list[str] = []
        self.deepest = 0
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}
        if tag not in ("br", "hr", "img"):
            self.open.append(tag)
            self.deepest = max(self.deepest, len(self.open))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.text += data


def no_picture(name: str, words: str) -> Markup:
    return Markup("")


def written(source: str) -> str:
    return markdown(source, no_picture)


def test_markdown_becomes_plain_elements() -> None:
    text = "# Conclusion\n\nIt is *better* with **Dropout**:\n\n- one\n- two\n\n```python\nmodel.fit(x)\n```\n"
    shown = written(text)
    for part in (
        '<div class="title title-1">Conclusion</div>', "<em>better</em>", "<strong>Dropout</strong>", "<li>two</li>",
        '<pre tabindex="0"><code>model.fit(x)\n</code></pre>',
    ):  # fmt: skip
        assert part in shown


def test_a_table_scrolls_by_itself() -> None:
    shown = written("| a | b |\n|---|---|\n| 1 | 2 |")
    assert '<div class="scroll" tabindex="0"><table>' in shown and "<td>2</td>" in shown
    assert shown.count("<div") == shown.count("</div>")


def test_a_link_is_its_words_and_its_address_and_leads_nowhere() -> None:
    shown = written("see [the paper](https://example.org/a?b=1&c=2) or <https://example.org/>")
    assert "<a" not in shown
    assert "see the paper (<code>https://example.org/a?b=1&amp;c=2</code>) or https://example.org/" in shown


def test_formulas_stay_the_text_that_they_are() -> None:
    assert "$a_1 * b_1 * c$" in written("Let $a_1 * b_1 * c$ be")
    assert "$$\n\\sum_i x_i * y_i * z\n$$" in unescape(written("$$\n\\sum_i x_i * y_i * z\n$$"))
    assert "costs $5 and <em>more</em> than $6" in written("costs $5 and *more* than $6")


def test_a_picture_of_the_notebook_is_drawn_and_another_is_told() -> None:
    def draw(name: str, words: str) -> Markup:
        return Markup(f"<img alt='{words}'>") if name == "my plot.png" else Markup("")

    shown = markdown("![curves](attachment:my%20plot.png) ![far](https://example.org/x.png)", draw)
    assert "<img alt='curves'>" in shown and "[picture: far https://example.org/x.png]" in shown
    own = markdown('<img src="attachment:my plot.png" alt="wide" width=300 onerror="alert(1)">', draw)
    assert "<img alt='wide'>" in own and "onerror" not in own
    assert markdown("\ue0000\ue001 ![a](attachment:my%20plot.png)", draw).count("<img") == 1


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "<javascript:alert(1)>",
        "![x](data:image/svg+xml;base64,PHN2Zz4=)", "<svg onload=alert(1)><style><img src=x onerror=alert(1)></style></svg>",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">", "<form><button formaction=javascript:alert(1)>x",
        "</div></main></body><h1 style='position:fixed' title=a lang=b id=main class=banner>x",
        "<p title='x' lang=x dir=rtl>x",
        "<details open ontoggle=alert(1)><summary>x", "<xmp><script>alert(1)</script></xmp>", "<plaintext><b>x",
        "<base href=//evil><meta http-equiv=refresh content=0><link rel=stylesheet href=//evil>", "<iframe srcdoc='<b>'>",
        "[a]: javascript:alert(1)\n\n[a] ![a]", "`</code><script>alert(1)</script>`", "| <b onclick=alert(1)>a</b> |\n|-|\n",
        "&lt;script&gt;alert(1)&lt;/script&gt;", "a\u202eb \x1b[31m \x00",
    ],
)  # fmt: skip
def test_nothing_in_markdown_can_run_load_or_lead_anywhere(source: str) -> None:
    parts = Parts(written(source))
    assert parts.tags <= ALLOWED and not parts.open
    assert {name for name, _ in parts.attributes} <= DRESS
    assert not re.search("[\u202e\x1b\x00]", parts.text)


@given(st.text(alphabet=st.sampled_from("<>/&\"'`[](){}!#*_~|-+= \n\tabimgscript$\\:\ue000\u202e0"), max_size=300))
def test_no_markdown_leaves_its_frame(source: str) -> None:
    parts = Parts(written(source))
    assert parts.tags <= ALLOWED and not parts.open and {name for name, _ in parts.attributes} <= DRESS


@pytest.mark.parametrize(
    "source", ["> " * 5_000 + "x", "\n".join("  " * n + "- x" for n in range(300)), "<b>" * 900 + "x"]
)
def test_what_is_nested_too_deep_is_shown_as_it_was_written_and_loses_nothing(source: str) -> None:
    parts = Parts(written(source))
    assert parts.deepest <= DEEPEST and parts.text == source


HEAVY = {
    "brackets": "[" * 1_000_000, "pictures": "![" * 500_000, "links": "[a](" * 250_000, "quotes": ">" * 1_000_000,
    "emphasis": "*_" * 500_000, "stars": "a**" * 300_000, "tags": "<b>" * 300_000, "open tags": "<" * 1_000_000,
    "comments": "<!--" * 250_000, "images": "<img " * 200_000, "code": "".join("`" * n + " " for n in range(1_400)),
    "formulas": "$a " * 300_000, "blocks": "\\begin{x}\n" * 100_000, "lines": "a\n" * 500_000,
    "table": "|a" * 500 + "|\n" + "|-" * 500 + "|\n" + "|a|\n" * 100_000, "entities": "&#x41;" * 160_000,
    "references": "".join(f"[{n}]: /x\n" for n in range(90_000)),
}  # fmt: skip


@pytest.mark.parametrize("source", HEAVY.values(), ids=HEAVY.keys())
def test_a_megabyte_of_the_heaviest_markdown_takes_seconds_and_little_room(source: str) -> None:
    cells = [MarkdownCell(after=0, source=source[at : at + 20_000]) for at in range(0, len(source), 20_000)]
    started = time.process_time()
    view = notebook_view((Cell(number=1, source="x", executed=True),), cells)
    assert time.process_time() - started < 6
    shown = sum(len(cell.markup) for cell in view.cells[0].before)
    assert shown < 2 * PAGE_TEXT and not view.after


@pytest.mark.parametrize(
    "source",
    ['"' * 20_000, 'f"{' * 6_000, "\\" * 20_000, "(" * 20_000, "'''" * 6_000, "@" * 20_000, "a." * 9_000, "0" * 20_000],
)
def test_code_is_coloured_in_bounded_time(source: str) -> None:
    started = time.process_time()
    lines = code_lines(source)
    assert time.process_time() - started < 3 and Parts("".join(lines)).text == source


def test_code_has_a_class_for_each_kind_of_word() -> None:
    shown = "\n".join(code_lines('def f(x):\n    """Doc."""\n    return len(x) + 1  # why\n'))
    for part in (
        '<span class="k">def</span>',
        '<span class="f">f</span>',
        '<span class="b">len</span>',
        '<span class="n">1</span>',
    ):
        assert part in shown
    assert '<span class="c"># why</span>' in shown and '<span class="s">' in shown


@given(st.text(max_size=200))
def test_colours_change_no_letter_and_no_line_of_code(source: str) -> None:
    lines = code_lines(source)
    assert len(lines) == source.count("\n") + 1
    assert [unescape(re.sub("<[^>]*>", "", line)) for line in lines] == [unescape(line) for line in plain_lines(source)]
    assert set(re.findall("<[^>]*>", "".join(lines))) <= {"</span>", *(f'<span class="{name}">' for name in "csnkfb")}


def prose(after: int, source: str) -> MarkdownCell:
    return MarkdownCell(after=after, source=source)


def test_prose_stands_where_it_stood_among_the_code() -> None:
    cells = [Cell(number=n, source=f"x = {n}", executed=True) for n in (1, 2, 3)]
    told = [prose(0, "first"), prose(0, "second"), prose(2, "before three"), prose(3, "the end")]
    view = notebook_view(cells, told)
    assert [[item.markup for item in cell.before] for cell in view.cells] == [
        ["<p>first</p>\n", "<p>second</p>\n"], [], ["<p>before three</p>\n"],
    ]  # fmt: skip
    assert [item.markup for item in view.after] == ["<p>the end</p>\n"]


def test_prose_is_kept_where_a_run_ended_early() -> None:
    view = notebook_view([Cell(number=1, source="x", executed=True)], [prose(7, "far below")])
    assert [item.markup for item in view.after] == ["<p>far below</p>\n"]


def test_a_cell_tells_the_number_that_jupyter_had_put_beside_it_where_that_is_another() -> None:
    cells = [Cell(number=n, source=f"x = {n}", executed=True) for n in (1, 2, 3)]
    assert [cell.count for cell in notebook_view(cells, (), (1, 7, None)).cells] == ["", "7", ""]


def test_an_attached_picture_is_drawn_within_the_figures_of_the_page() -> None:
    cell = MarkdownCell(
        after=0, source="![curves](attachment:a.png)", attachments=(Attachment(name="a.png", png=png()),)
    )
    view = notebook_view([Cell(number=1, source="x", executed=True)], [cell])
    assert '<img src="data:image/png;base64,' in view.cells[0].before[0].markup
    none = notebook_view([Cell(number=1, source="x", executed=True)], [cell], figure_bytes=10)
    assert "<img" not in none.cells[0].before[0].markup and "1 figure is left out" in none.notes[0]
    bad = cell.model_copy(update={"attachments": (Attachment(name="a.png", png='x" onerror="alert(1)'),)})
    shown = notebook_view([Cell(number=1, source="x", executed=True)], [bad]).cells[0].before[0].markup
    assert "<img" not in shown and "[picture: curves attachment:a.png]" in shown


def test_prose_beyond_what_is_read_as_markdown_is_shown_as_it_was_written() -> None:
    long = [prose(0, "*a* " * 4_000)] * 4
    view = notebook_view([Cell(number=1, source="x", executed=True)], long)
    assert PROSE < 4 * 16_000
    assert ["<em>" in item.markup for item in view.cells[0].before] == [True, True, False, False]
