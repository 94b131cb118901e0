"""The catalogues say everything that the pages say, and nothing else."""

import re
import string
from collections.abc import Sequence

import pytest
from babel.messages.catalog import Catalog

from grader.core.evidence import Source
from grader.pages.html import student_page
from tests.pages.builders import DIGEST, TEMPLATES, a_result, some_evidence
from tests.pages.messages import LANGUAGES, collect, read_catalogue

CODES = sorted(path.stem for path in LANGUAGES.glob("*.po"))
UPDATE = "run `python -m tests.pages.messages`"


def ids(catalog: Catalog) -> set[object]:
    return {message.id for message in catalog if message.id}


def test_italian_is_there_and_english_needs_no_catalogue() -> None:
    assert CODES == ["it"]


@pytest.mark.parametrize("code", CODES)
def test_no_message_is_missing_from_a_catalogue_and_none_is_unused(code: str) -> None:
    there, needed = ids(read_catalogue(LANGUAGES / f"{code}.po")), ids(collect())
    assert not needed - there, f"missing: {UPDATE}"
    assert not there - needed, f"no longer used: {UPDATE}"


@pytest.mark.parametrize("code", CODES)
def test_no_message_is_left_untranslated(code: str) -> None:
    for message in read_catalogue(LANGUAGES / f"{code}.po"):
        assert all(_texts(message.string)), f"{message.id} has no translation"
        assert not message.fuzzy, f"{message.id} is marked as fuzzy"


@pytest.mark.parametrize("code", CODES)
def test_a_translation_fills_in_all_that_its_message_does(code: str) -> None:
    for message in read_catalogue(LANGUAGES / f"{code}.po"):
        wanted = _texts(message.id)
        said = _texts(message.string)
        for english, other in zip(wanted, said, strict=False):
            if other and message.id:
                assert _braces(english) == _braces(other), message.id
                assert english.count("`") == other.count("`"), message.id


def _texts(text: str | Sequence[str] | None) -> Sequence[str]:
    return (text or "",) if isinstance(text, str | None) else text


def _braces(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_an_italian_page_says_nothing_in_english_but_what_was_written_in_english() -> None:
    own_words_left_out = some_evidence(submission=Source(name="a.ipynb", sha256=DIGEST))
    html = student_page(a_result(shims=(), notes=()), own_words_left_out, templates=TEMPLATES, language="it")
    body = html[html.index("<body>") :]
    body = re.sub(r"<(p|span)[^>]* lang=\"en\">.*?</\1>", "", body, flags=re.S)
    body = re.sub(r"<(pre|code)\b.*?</\1>|<[^>]*>", " ", body, flags=re.S)
    for word in (" the ", " of ", " and ", " was ", " are ", " your ", " images ", "Checks", "Accuracy", "Network"):
        found = [match.start() for match in re.finditer(re.escape(word), body)]
        context = [" ".join(body[max(at - 60, 0) : at + 60].split()) for at in found]
        assert all(any(own in text for own in OWN) for text in context), (word, context)


# what the test's own result says, which is no fixed text
OWN = (
    "Exercise 2: MNIST with", "The notebook runs", "At least 97 %", "A figure shows", "Dropout holds", "The dropout rate",
    "Later convolutions", "The suggested", "test images of MNIST", "exercise1 of the same", "divided by 255", "All 9 cells",
    "the last one trained", "trained before",
)  # fmt: skip
