"""Code is made comparable by the rules of copydetect, and each character leads back to where it stood."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from grader.intake import read_path
from grader.marking.bare_code import filtered, traced, without_padding
from tests import zoo
from tests.reference.loading import WhenUsed

copydetect: Any = WhenUsed("copydetect.utils")
ODD = (
    "", "x", "#", "\n\n", 'def (((\0 \ud800 é\'"""', "%%bash\n!ls -l", "#!/usr/bin/x\n@decorated\ndef f(): pass",
    "x\r\ny\x0cz\u2028w", "class A(B):\n    'doc'\n    x = f'{a!r}' # said\n", "x = 'open", '"""\nopen too',
)  # fmt: skip


def real_submissions() -> list[str]:
    told = [(name, zoo.expected(name)) for name in zoo.names()]
    return [
        "\n".join(read_path(zoo.ZOO / name / story["path"], student=name).script.cells)
        for name, story in told
        if story["assignment"] == "exercise1" and "pattern" in story and name != "zip-with-sibling"
    ]


def test_code_looks_as_copydetect_makes_it_look() -> None:
    sources = [*real_submissions(), *ODD]
    assert len(sources) > 40
    for source in sources:
        bare = without_padding(source)
        assert filtered(bare) == copydetect.filter_code(bare, "submission.py", language="python")[0]


code = st.lists(
    st.sampled_from(
        ["x", "model.fit", "(", ")", "'text'", "# said", "\n", "    ", "\t", " ", "=", "12", ", ", '"' * 3, "class A", "é",
         "\r", "\f", "\u2028", "[" + "1, " * 50 + "]", "'" + "long " * 50 + "'", "%%time", "\\", "\ufeff", "\ud800"]
    )
).map("".join)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(code)
def test_each_character_leads_back_to_where_it_stood(source: str) -> None:
    found = traced(source, 10_000)
    assert found.text == filtered(without_padding(source))
    assert len(found.starts) == len(found.ends) == len(found.text)
    for letter, begin, end in zip(found.text, found.starts.tolist(), found.ends.tolist(), strict=True):
        assert 0 <= begin <= end <= len(source)
        if letter not in 'VFOSP"0':
            assert source[begin:end] == letter or source[begin:end].isspace() or begin == end


def test_only_so_much_of_it_is_compared() -> None:
    found = traced("# said\n" + "x = y + 1\n" * 100, 50)
    assert found.text == filtered(without_padding("x = y + 1\n" * 100)[:50])
    assert found.ends.max() <= 60
