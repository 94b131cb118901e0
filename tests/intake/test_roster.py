"""A roster is read, whoever wrote it, or refused with its line."""

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.core.errors import UsageError
from grader.intake import FORMS
from grader.intake.platforms import CLONES
from grader.intake.roster import LONGEST_FIELD, ROSTER, Enrolled, parse_roster, read_roster

PLAIN = "name,id,email\nAda Lovelace,s1,ada@x.org\n"


def parse(text: str, encoding: str = "utf-8") -> tuple[Enrolled, ...]:
    return parse_roster("class.csv", text.encode(encoding)).students


@pytest.mark.parametrize(("field", "word"), [(field, word) for field, words in ROSTER.items() for word in words])
def test_every_name_of_a_column_is_known_in_any_spelling(field: str, word: str) -> None:
    for spelling in (word, word.upper(), word.replace(" ", "_"), word.title().replace(" ", ""), f" {word} "):
        other = "email" if field != "email" else "id"
        extra = ",name,last name" if field == "first" else ""
        (found,) = parse(f"{spelling},{other}{extra}\n2d,x{',B,C' if extra else ''}\n")
        value = found.logins[0] if field == "login" else getattr(found, field)
        assert value == "2d"


@pytest.mark.parametrize(
    "header",
    [
        "Identificativo,Nome completo,Codice identificativo,Indirizzo email,La valutazione può essere cambiata",
        "ID,Vollständiger Name,ID-Nummer,E-Mail-Adresse,Bewertung kann geändert werden",
        "Identifiant,Nom complet,Numéro d'identification,Adresse de courriel,La note peut être modifiée",
        "Identificador,Nombre completo,Número de ID,Dirección de correo,La calificación puede ser cambiada",
        "Identificador,Nombre completo,Numero de ID,Direccion de correo,La calificacion puede ser cambiada",
    ],
)
def test_a_worksheet_of_moodle_is_a_roster_in_its_sites_language(header: str) -> None:
    (found,) = parse(f"{header}\nTeilnehmer/in 123,Ada Lovelace,s1,ada@x.org,Sì\n")
    assert (found.participant, found.name, found.identity, found.email) == ("123", "Ada Lovelace", "s1", "ada@x.org")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Cognome;Nome;Matricola\nRossi;Niccolò;7", "Niccolò Rossi"),
        ("Nachname;Vorname;Matrikelnummer\nMüller;Eva;7", "Eva Müller"),
        ("Nom;Prénom;Numéro étudiant\nDupont;Zoé;7", "Zoé Dupont"),
        ("Apellidos;Nombre;Matrícula\nGarcía;Ana;7", "Ana García"),
        ("Nome;Matricola\nNiccolò Rossi;7", "Niccolò Rossi"),
    ],
)
def test_rosters_of_teachers_are_read_in_their_language(text: str, name: str) -> None:
    (found,) = parse(text)
    assert (found.name, found.identity) == (name, "7")


def test_a_name_in_two_columns_is_put_together() -> None:
    (found,) = parse("Surname;First name;ID\nLovelace;Ada;s1\n")
    assert (found.name, found.first, found.last, found.identity) == ("Ada Lovelace", "Ada", "Lovelace", "s1")


def test_a_worksheet_of_moodle_a_roster_of_github_and_one_of_a_university_are_read_as_they_are() -> None:
    (moodle,) = parse(
        "Identifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,Grade can be changed\n"
        "Participant 123,Ada Lovelace,s1,ada@x.org,Submitted,-,100.00,Yes\n"
    )
    assert (moodle.participant, moodle.name, moodle.identity, moodle.email) == (
        "123",
        "Ada Lovelace",
        "s1",
        "ada@x.org",
    )
    (fifty,) = parse(
        "username,first_name,last_name,email,section,github_id,role\nada-l,Ada,Lovelace,ada@x.org,A,77,student\n"
    )
    assert (fifty.name, fifty.logins, fifty.email) == ("Ada Lovelace", ("ada-l",), "ada@x.org")  # of Classroom 50
    (github,) = parse('identifier,github_username,github_id,name\n"s1","ada-l","77","Ada"\n')
    assert (github.identity, github.logins, github.participant) == ("s1", ("ada-l",), "")
    (several,) = parse("student id,net id,github\ns1,al12,ada-l\n")
    assert (several.logins, several.told_by) == (("al12", "ada-l"), "s1")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_ways_of_spreadsheets_make_no_difference(encoding: str, delimiter: str, end: str) -> None:
    text = "\n".join(["Name,Id,Group", '"Gödel, Kurt",s1,A', ",,", "Zoë,s2,", ""])
    written = text.replace(",", delimiter).replace(f"Gödel{delimiter}", "Gödel,").replace("\n", end)
    assert [(found.line, found.name) for found in parse(written, encoding)] == [(2, "Gödel, Kurt"), (4, "Zoë")]


def test_excels_own_first_line_and_its_old_encoding_are_understood() -> None:
    assert [found.line for found in parse("sep=;\nname;id\nAda;1\n")] == [3]
    roster = parse_roster("class.csv", "name,id\nGödel,1\n".encode("cp1252"))
    assert roster.students[0].name == "Gödel"
    assert roster.notes == ("class.csv is not UTF-8; it was read as Windows-1252.",)


def test_a_line_break_in_a_field_does_not_move_the_line_that_an_error_names() -> None:
    with pytest.raises(UsageError, match=r"class\.csv, line 4: does not tell who the student is"):
        parse('name,group,extension\n"Ada\nLovelace",A,\n,A,\n')


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: there is no header"),
        ("\n\n", "line 1: there is no header"),
        ("group,points\nA,3\n", "line 1: none of its columns tells who a student is; known columns: name, first name"),
        ("name,id\n", "line 1: no student follows"),
        ("name,full name\nAda,Ada\n", "line 1: the columns 'name' and 'full name' both mean the name: rename one"),
        ("name,id\nAda,1\nBob,1\n", "line 3: the identity '1' stands in line 2 too"),
        ("name,email\nAda,A@x.org\nBob,a@X.org\n", "line 3: the email 'a@x.org' stands in line 2 too"),
        ("name,login,github\nAda,a,b\nBob,b,c\n", "line 3: the login 'b' stands in line 2 too"),
        ("name,id\nAda,1,extra\n", "line 2: has 3 fields, but the header has 2"),
        ("name,extension\nAda,soon\n", r"line 2: 'soon' is not an extension: write a length \(36h, 2d\)"),
        ('name,id\nAda,1\n"Bob,2\n', "line 3: is not CSV"),
        (f"name,id\nAda,{'1' * (LONGEST_FIELD + 1)}\n", "line 2: has a field of more than 200 characters"),
    ],
)  # fmt: skip
def test_what_can_not_be_followed_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        parse(text)


def test_bytes_that_are_no_text_are_refused_with_their_line() -> None:
    with pytest.raises(UsageError, match=r"line 3: is neither UTF-8 nor Windows-1252"):
        parse_roster("class.csv", b"name\nAda\n\x81\x8d\xff\n")
    with pytest.raises(UsageError, match=r"line 2: is not UTF-16"):
        parse_roster("class.csv", "name\nAda".encode("utf-16") + b"x")


def test_a_file_that_is_not_there_or_no_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(UsageError, match="there is no such file"):
            read_roster(path)
    (tmp_path / "class.csv").write_text(PLAIN)
    assert read_roster(tmp_path / "class.csv").students[0].identity == "s1"


def test_a_column_that_nobody_needs_may_hold_anything() -> None:
    assert parse(f"name,online text\nAda,{'x' * 5000}\n")[0].name == "Ada"


VALUES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Z", "Cn", "Co")), min_size=1, max_size=20)
LINE = re.compile(r"^class\.csv, line [1-9][0-9]*: ")


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, unique_by=lambda pair: pair[1]), st.sampled_from(",;\t"))
def test_any_values_come_back_from_a_file_that_csv_wrote(rows: list[tuple[str, str]], delimiter: str) -> None:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows([("name", "participant"), *rows])
    try:
        found = parse(written.getvalue())
    except UsageError as error:  # values that differ in case or width alone
        assert "stands in line" in error.message
    else:
        assert [(student.name, student.participant) for student in found] == rows


@given(
    st.binary() | st.text().map(str.encode) | st.text(st.sampled_from('name,id;extension\t2d\n\r"\0é')).map(str.encode)
)
@example(b"name,id\n" + b'"' * 9)
def test_any_bytes_are_a_roster_or_refused_with_a_line(data: bytes) -> None:
    try:
        found = parse_roster("class.csv", data)
    except UsageError as error:
        assert LINE.match(error.message)
    else:
        assert found.students


def test_every_name_of_a_column_is_documented_and_the_example_is_a_roster() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/roster.md").read_text(encoding="utf-8")
    names = {name.lower() for name in re.findall(r"`([^`\n]+)`", page)}
    assert {word.lower() for words in ROSTER.values() for word in words} <= names
    example = page.split("```\n")[1]
    assert [student.extension for student in parse(example)] == ["", "2d"]
    assert all(student.logins and student.identity for student in parse(example))


def test_every_form_is_in_the_manual() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/grade-a-class.md").read_text(encoding="utf-8")
    assert all(f"| `{CLONES if form == 'classroom' else form}` |" in page for form in FORMS)


def test_a_number_that_a_spreadsheet_was_to_keep_as_text_is_that_number() -> None:
    found = parse_roster("r.csv", b'name,id,login\nAda,="0042",\'0107\nBob,"=""0043""",o\'b\n')
    assert [(student.identity, student.logins) for student in found.students] == [
        ("0042", ("0107",)), ("0043", ("o'b",)),
    ]  # fmt: skip
