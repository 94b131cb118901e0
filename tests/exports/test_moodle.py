"""A downloaded worksheet comes back with grades that Moodle takes, and with nothing else changed."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.errors import UsageError
from grader.core.results import Grade, Status
from grader.exports.moodle import MoodleOptions, fill_worksheet, write_comment
from grader.exports.what_may_leave import Filled
from tests.exports.builders import LATE, a_grade, absent, decided, hostile_texts
from tests.exports.validators import MoodleSite, import_into_moodle, php_csv

HEADER = (
    "Identifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
    "Last modified (submission),Last modified (grade),Feedback comments"
)
SHEET = (
    f"\ufeff{HEADER}\r\n"
    'Participant 101,"Lovelace, Ada",s101,ada@x.org,"Submitted for grading - ",,100.00,Yes,"Friday, 20 Nov, 6 PM",-,\r\n'
    'Participant 102,Bob Stone,s102,bob@x.org,None,"55.00",100.00,Yes,-,"Friday, 20 Nov, 7 PM",<p>Well done</p>\r\n'
    "Participant 103,Eve Moss,s103,eve@x.org,No submission,,100.00,No,-,-,\r\n"
    "Participant 104,=SUM(A1),s104,sum@x.org,No submission,40.00,100.00,Yes,-,-,\r\n"
)  # fmt: skip
SITE = MoodleSite(participants=(101, 102, 103, 104), grades={102: 55.0, 104: 40.0})


def fill(*grades: Grade, sheet: str = SHEET, **options: object) -> Filled:
    return fill_worksheet(
        sheet.encode(),
        grades,
        name="w.csv",
        options=MoodleOptions(**options),  # type: ignore[arg-type]
    )


def test_a_grade_is_put_into_its_row_and_every_other_byte_stays() -> None:
    filled = fill(a_grade("x", 61.5, participant="101"), a_grade("y", 0, identity="s102"))
    assert filled.content.decode() == SHEET.replace('grading - ",,100', 'grading - ",61.50,100').replace(
        '"55.00"', '"0.00"'
    )
    assert (filled.filled, filled.unplaced) == (2, ())
    assert import_into_moodle(filled.content, SITE).grades == {101: 61.5, 102: 0.0}


def test_what_is_replaced_and_who_has_no_grade_is_said() -> None:
    filled = fill(a_grade("y", 71, participant="102"))
    assert filled.remarks == (
        "y: 55.00 in the worksheet became 71.00", "w.csv: 3 of 4 rows have no grade here and stay as they were",
    )  # fmt: skip


def test_a_grade_that_is_there_already_changes_no_byte() -> None:
    filled = fill(a_grade("y", 55.0, participant="102"))
    assert (filled.content, filled.filled) == (SHEET.encode(), 1)
    assert import_into_moodle(filled.content, SITE).skipped[102] == "not modified"


def test_nothing_is_written_for_whom_no_mark_stands_and_it_is_said() -> None:
    filled = fill(
        a_grade("Lovelace, Ada", None, status=Status.BROKEN), a_grade("Bob Stone", 50, status=Status.NEEDS_REVIEW),
        a_grade("=SUM(A1)", None, override=decided(excused=True)), absent("Eve Moss"),
    )  # fmt: skip
    assert (filled.content, filled.filled) == (SHEET.encode(), 0)
    assert filled.unplaced == (
        "Lovelace, Ada: the grader broke, so no mark was decided",
        "Bob Stone: a person must look at it before the mark stands (--provisional hands it on all the same)",
        "=SUM(A1): is excused, which a worksheet can't say",
    )


def test_a_mark_in_need_of_review_is_handed_on_by_request_or_by_a_persons_decision() -> None:
    grade = a_grade("Bob Stone", 50, status=Status.NEEDS_REVIEW)
    assert import_into_moodle(fill(grade, provisional=True).content, SITE).grades == {102: 50.0}
    decision = grade.model_copy(update={"override": decided(70), "points": 70.0})
    assert import_into_moodle(fill(decision).content, SITE).grades == {102: 70.0}
    repaired = a_grade("Bob Stone", 64, status=Status.BROKEN, override=decided(64))
    assert import_into_moodle(fill(repaired).content, SITE).grades == {102: 64.0}


def test_what_moodle_would_skip_without_a_word_is_left_alone_and_said() -> None:
    filled = fill(a_grade("Eve Moss", 50), a_grade("Bob Stone", 104), a_grade("Lovelace, Ada", -1))
    assert filled.content == SHEET.encode()
    assert filled.unplaced == (
        "Eve Moss: Moodle says that this grade can't be changed",
        "Bob Stone: 104 points, and Moodle takes 0 to 100",
        "Lovelace, Ada: -1 points, and Moodle takes 0 to 100",
    )


def test_points_of_another_scale_are_refused_unless_they_are_to_be_converted() -> None:
    of_ten = SHEET.replace("100.00", "10.00")
    with pytest.raises(
        UsageError,
        match=r"w.csv, row 1 below the header: at most 10 points, but grades here are out of 100. Type --scale",
    ):
        fill(a_grade("x", 61.5, participant="101"), sheet=of_ten)
    filled = fill(a_grade("x", 61.5, participant="101"), sheet=of_ten, scale=True)
    site = MoodleSite(participants=SITE.participants, grades=SITE.grades, maximum=10)
    assert import_into_moodle(filled.content, site).grades[101] == 6.15


def test_an_assignment_that_is_graded_in_words_is_refused() -> None:
    with pytest.raises(UsageError, match="words of a scale"):
        fill(a_grade(), sheet=SHEET.replace("Maximum Grade", "Scale"))


def test_columns_of_another_language_are_named() -> None:
    german = SHEET.replace("Identifier,", "ID,").replace(",Grade,Maximum Grade", ",Bewertung,Bestwertung")
    german = german.replace("Participant ", "Teilnehmer/in ").replace("100.00", '"100,00"').replace("55.00", "55,00")
    german = german.replace("40.00", '"40,00"').replace("Last modified (grade)", "Zuletzt geändert (Bewertung)")
    names = {"identifier": "ID", "grade": "Bewertung", "maximum": "Bestwertung"}
    filled = fill(a_grade("x", 61.5, participant="101"), sheet=german, **names)
    assert b',"61,50",' in filled.content
    site = MoodleSite(
        participants=SITE.participants, grades=SITE.grades, identifier="ID", grade="Bewertung", decimal=",",
        modified="Zuletzt geändert (Bewertung)", hidden_user="Teilnehmer/in ",
    )  # fmt: skip
    assert import_into_moodle(filled.content, site).grades == {101: 61.5}
    with pytest.raises(UsageError, match="--maximum"):
        fill(a_grade(), sheet=german, identifier="ID", grade="Bewertung", maximum="Bestnote")


LANGUAGES = {
    "it": (
        "Identificativo,Nome completo,Codice identificativo,Indirizzo email,Stato,Valutazione,Valutazione massima,"
        "La valutazione può essere cambiata,Ultima modifica (consegna),Ultima modifica (valutazione),Commenti",
        "Partecipante ", "Sì", "No",
    ),
    "de": (
        "ID,Vollständiger Name,ID-Nummer,E-Mail-Adresse,Status,Bewertung,Bestwertung,Bewertung kann geändert werden,"
        "Zuletzt geändert (Abgabe),Zuletzt geändert (Bewertung),Feedback als Kommentar",
        "Teilnehmer/in", "Ja", "Nein",
    ),
    "fr": (
        "Identifiant,Nom complet,Numéro d'identification,Adresse de courriel,Statut,Note,Note maximale,"
        "La note peut être modifiée,Dernière modification (travail remis),Dernière modification (note),"
        "Feedback par commentaires",
        "Participant", "Oui", "Non",
    ),
    "es": (
        "Identificador,Nombre completo,Número de ID,Dirección de correo,Estado,Calificación,Calificación máxima,"
        "La calificación puede ser cambiada,Última modificación (entrega),Última modificación (calificación),"
        "Comentarios de retroalimentación",
        "Participante ", "Sí", "No",
    ),
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_worksheet_is_filled_in_whatever_language_its_site_speaks(language: str) -> None:
    header, participant, yes, no = LANGUAGES[language]
    sheet = SHEET.replace(HEADER, header).replace("Participant ", participant).replace(",Yes,", f",{yes},")
    sheet = sheet.replace(",No,", f",{no},").replace("100.00", '"100,00"').replace('"55.00"', '"55,00"')
    sheet = sheet.replace("40.00", '"40,00"')
    grades = (a_grade("x", 61.5, participant="101"), a_grade("Eve Moss", 7, identity="s103"))
    filled = fill(*grades, sheet=sheet, comments="Feedback comments")
    assert b',"61,50",' in filled.content and b"Graded automatically" in filled.content
    assert any("Moodle says that this grade can't be changed" in reason for reason in filled.unplaced)
    assert not any("has no column" in remark for remark in filled.remarks)
    identifier, grade, modified = (header.split(",")[place] for place in (0, 5, 9))
    site = MoodleSite(
        participants=SITE.participants, grades=SITE.grades, identifier=identifier, grade=grade, decimal=",",
        modified=modified, hidden_user=participant,
    )  # fmt: skip
    assert import_into_moodle(filled.content, site).grades == {101: 61.5}


def test_a_maximum_that_can_be_read_in_two_ways_is_not_guessed() -> None:
    filled = fill(a_grade("x", 61.5, participant="101"), sheet=SHEET.replace("100.00", '"1,000"'))
    assert (filled.filled, filled.unplaced) == (0, ("x: the maximum grade 1,000 can be read in two ways",))


def test_a_worksheet_that_moodle_would_refuse_is_remarked_upon() -> None:
    filled = fill(a_grade("x", participant="101"), sheet=SHEET.replace("Last modified (grade)", "Changed"))
    assert any("has no column `Last modified (grade)`" in remark for remark in filled.remarks)
    filled = fill(a_grade("x", participant="101"), sheet=SHEET.replace("Maximum Grade", "Most"))
    assert any("name it with --maximum" in remark for remark in filled.remarks)


def test_comments_are_filled_in_only_where_asked_for_and_where_nobody_wrote_one() -> None:
    grades = (a_grade("x", 51.5, participant="101", penalty=LATE), a_grade("Bob Stone", 50))
    assert b"Graded automatically" not in fill(*grades).content
    filled = fill(*grades, comments="Feedback comments")
    found = import_into_moodle(filled.content, SITE)
    assert found.comments == {
        101: "<p>Graded automatically: 51.5 of 100 points; 2 days late: 5 points a day.</p>", 102: "<p>Well done</p>",
    }  # fmt: skip
    assert "Bob Stone: has a comment in the worksheet already; it stays" in filled.remarks
    again = fill(a_grade("x", 70, participant="101"), sheet=filled.content.decode(), comments="Feedback comments")
    assert import_into_moodle(again.content, SITE).comments[101] == "<p>Graded automatically: 70 of 100 points.</p>"


@settings(max_examples=200)
@given(hostile_texts)
def test_any_comment_reads_back_in_phps_csv_and_is_neither_markup_nor_formula(words: str) -> None:
    comment = write_comment(a_grade(comment=words or "x"))
    assert comment.startswith("<p>")
    assert set(comment.removeprefix("<p>").removesuffix("</p>").replace("<br>", "")).isdisjoint('<>"\\\r\n')
    filled = fill(a_grade("x", participant="101", comment=words or "x"), comments="Feedback comments")
    assert import_into_moodle(filled.content, SITE).comments[101] == comment


@settings(max_examples=100)
@given(st.lists(st.tuples(hostile_texts, hostile_texts), min_size=1, max_size=3), st.floats(0, 100))
def test_only_grade_cells_change_whatever_stands_in_a_worksheet(people: list[tuple[str, str]], points: float) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(HEADER.split(","))
    for number, (name, text) in enumerate(people):
        name, text = (word.encode("utf-8", "replace").decode() for word in (name, text))
        writer.writerow([f"Participant {number}", name, "", "", "", "", "100.00", "Yes", "-", "-", text])
    sheet = buffer.getvalue()
    filled = fill(
        *(a_grade(f"unknown {number}", points, participant=str(number)) for number in range(len(people))), sheet=sheet
    )
    before, after = (list(csv.reader(io.StringIO(text, newline=""))) for text in (sheet, filled.content.decode()))
    assert [row[5] for row in after[1:]] == [f"{points:.2f}"] * len(people)
    assert [[*row[:5], *row[6:]] for row in before] == [[*row[:5], *row[6:]] for row in after]


def test_the_validator_reads_php_and_notices_what_moodle_refuses() -> None:
    assert php_csv('a,"b\\"c,d",e\n', ",") == [["a", 'b\\"c,d', "e"]]
    site = MoodleSite(participants=(1,), grades={})
    assert import_into_moodle(b"Identifier,Grade,Last modified (grade)\nParticipant 1,101,-\n", site).skipped == {
        1: "out of range"
    }
    with pytest.raises(AssertionError, match="invalidgradeimport"):
        import_into_moodle(b"Identifier,Grade\nParticipant 1,5\n", site)
    with pytest.raises(AssertionError, match="csvweirdcolumns"):
        import_into_moodle(b"Identifier,Grade,Last modified (grade)\nParticipant 1,5\n", site)
