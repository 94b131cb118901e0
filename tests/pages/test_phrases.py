"""Fixed texts: filled, joined, counted, said in other languages, and harmless."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.errors import RubricError
from grader.pages.html import find_speech
from grader.pages.wording import Joined, in_other_languages, joined, many, say, write

PO = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'


def a_folder(folder: Path, **catalogues: str) -> Path:
    for code, text in catalogues.items():
        (folder / f"{code}.po").write_text(PO + text, encoding="utf-8")
    return folder


def test_a_phrase_is_filled_with_texts_numbers_and_phrases() -> None:
    text = say("{who} has {what}", who="Ada", what=many(1_200, "{n} point", "{n} points"))
    assert str(text) == "Ada has 1,200 points"
    assert str(many(1, "{n} point", "{n} points")) == "1 point"


def test_braces_that_a_student_wrote_are_text() -> None:
    assert str(say("It {fault}", fault="{evil} {0} {n.__class__}")) == "It {evil} {0} {n.__class__}"


def test_joined_leaves_out_what_is_empty() -> None:
    assert joined(("", "a", "", "b"), ", ") == "a, b"
    assert joined(()) == "" and joined((say("a"), "")) == say("a")
    both = joined((say("a"), "b"))
    assert isinstance(both, Joined) and str(both) == "a b"


def test_another_language_is_one_file(tmp_path: Path) -> None:
    french = 'msgid "{n} point"\nmsgid_plural "{n} points"\nmsgstr[0] "{n} unité"\nmsgstr[1] "{n} unités"\n'
    speech = find_speech(a_folder(tmp_path, fr=french), "en")
    assert [language.name for language in speech.languages] == ["English", "Français"]
    text = many(3, "{n} point", "{n} points")
    assert in_other_languages(text, speech) == ' data-fr="3 unités"'
    assert in_other_languages(text, speech, "title") == ' data-fr-title="3 unités"'
    assert in_other_languages("3 points", speech) == "" == in_other_languages(say("no such message"), speech)
    assert find_speech(tmp_path, "fr").write(text) == "3 unités"


def test_a_language_without_a_catalogue_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(
        RubricError, match=r"`report\.language`: there is no catalogue .*itt\.po \(did you mean `it`\?\)"
    ):
        find_speech(a_folder(tmp_path, it=""), "itt")


@pytest.mark.parametrize(
    ("code", "text", "why"),
    [
        ("xx-no-such", "", "is no catalogue"),
        ("it", 'msgid "{n} of {all}"\nmsgstr "{n} su {tutti}"\n', "braces that the message has not"),
        ("it", 'msgid "a"\nmsgstr "{0.__class__}"\n', "braces that the message has not"),
        ("it", 'msgid "a"\nmsgstr "{"\n', "braces that the message has not"),
    ],
)
def test_a_catalogue_that_cannot_be_used_is_refused_by_name(tmp_path: Path, code: str, text: str, why: str) -> None:
    with pytest.raises(RubricError, match=why) as told:
        find_speech(a_folder(tmp_path, **{code: text}), "en")
    assert f"{code}.po" in told.value.message


def test_a_catalogue_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "it.po").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RubricError, match=r"it\.po: is no catalogue"):
        find_speech(tmp_path, "en")


@given(st.text())
def test_what_is_said_in_another_language_never_leaves_its_attribute(text: str) -> None:
    catalogue = find_speech(Path(__file__).parents[2] / "reports" / "languages", "en")
    said = in_other_languages(say("no report: {reason}", reason=text), catalogue)
    assert said.startswith(' data-it="nessun rapporto: ') and said.count('"') == 2 and "<" not in said
    assert write(text) == text
