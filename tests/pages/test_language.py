"""Fixed texts: filled, joined, counted, said in other languages, and harmless."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.errors import RubricError
from grader.core.text import joined
from grader.pages.language import gettext_noop, many, say, use_language
from grader.pages.plots import Canvas

PO = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
POINTS = 'msgid "{n} point"\nmsgid_plural "{n} points"\nmsgstr[0] "{n} unité"\nmsgstr[1] "{n} unités"\n'


def a_folder(folder: Path, **catalogues: str) -> Path:
    for code, text in catalogues.items():
        (folder / f"{code}.po").write_text(PO + text, encoding="utf-8")
    return folder


def points(number: int) -> str:
    return many(number, "{n} point", "{n} points")


def test_a_message_is_filled_with_texts_and_numbers() -> None:
    assert say("{who} has {what}", who="Ada", what=points(1_200)) == "Ada has 1,200 points"
    assert say("{n} of {all}", n=1_000, all=2) == "1,000 of 2"
    assert points(1) == "1 point"


def test_braces_that_a_student_wrote_are_text() -> None:
    assert say("It {fault}", fault="{evil} {0} {n.__class__}") == "It {evil} {0} {n.__class__}"
    assert say("{evil}") == "{evil}"


def test_joined_leaves_out_what_is_empty() -> None:
    assert joined(("", "a", "", "b"), ", ") == "a, b"
    assert joined(()) == ""


def test_another_language_is_one_file_and_is_spoken_inside_its_block_alone(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, fr=POINTS + 'msgid "passed"\nmsgstr "réussi"\n')
    passed = gettext_noop("passed")
    with use_language(folder, "fr"):
        assert (points(1), points(3), say(passed)) == ("1 unité", "3 unités", "réussi")
        assert say("no such message") == "no such message" and say("") == ""
        with use_language(folder, "en"):
            assert points(3) == "3 points"
        assert points(3) == "3 unités"
    assert points(3) == "3 points" and say(passed) == "passed"


def test_a_language_ends_with_its_block_whatever_happens_there(tmp_path: Path) -> None:
    with pytest.raises(KeyError), use_language(a_folder(tmp_path, fr=POINTS), "fr"):
        raise KeyError
    assert points(3) == "3 points"


def test_a_language_without_a_catalogue_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    refused = pytest.raises(
        RubricError, match=r"`report\.language`: there is no catalogue .*itt\.po \(did you mean `it`\?\)"
    )
    with refused as told, use_language(a_folder(tmp_path, it=""), "itt"):
        pass
    assert told.value.remedy == "Available: en, it."


@pytest.mark.parametrize(
    ("code", "text", "why"),
    [
        ("xx-no-such", "", "is not a catalogue"),
        ("it", 'msgid "{n} of {all}"\nmsgstr "{n} su {tutti}"\n', "braces that are not in the message"),
        ("it", 'msgid "a"\nmsgstr "{0.__class__}"\n', "braces that are not in the message"),
        ("it", 'msgid "a"\nmsgstr "{"\n', "braces that are not in the message"),
    ],
)
def test_a_catalogue_that_cannot_be_used_is_refused_by_name(tmp_path: Path, code: str, text: str, why: str) -> None:
    folder = a_folder(tmp_path, **{code: text})
    with pytest.raises(RubricError, match=why) as told, use_language(folder, code):
        pass
    assert f"{code}.po" in told.value.message


def test_a_catalogue_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "it.po").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RubricError, match=r"it\.po is not a catalogue"), use_language(tmp_path, "it"):
        pass


@given(st.text())
def test_what_is_said_in_another_language_never_leaves_its_attribute(text: str) -> None:
    with use_language(Path(__file__).parents[2] / "reports" / "languages", "it"):
        drawn = Canvas(10, 10, say("no report: {reason}", reason=text), "kind").written()
    label, _, rest = drawn.partition('aria-label="')[2].partition('"')
    assert label.startswith("nessun rapporto: ") and "<" not in label and rest.startswith("><title>")
