"""The catalogues say everything that the pages say, and nothing else."""

import string
from collections.abc import Sequence

import pytest
from babel.messages.catalog import Catalog

from tests.pages.messages import LANGUAGES, collect, read_catalogue

CODES = sorted(path.stem for path in LANGUAGES.glob("*.po"))
UPDATE = "run `python -m tests.pages.messages`"


def ids(catalog: Catalog) -> set[object]:
    return {(message.context, message.id) for message in catalog if message.id}


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
