"""What columns are called in the languages of Moodle's sites, and in rosters that teachers write. Pure.

The titles of a grading worksheet are strings of Moodle's language packs (mod/assign and core): English, Italian, German,
French, Spanish. Titles are compared without case, signs and accents.
"""

from collections.abc import Iterable, Mapping, Sequence

from grader.intake.names import squeeze, without_accents

IDENTIFIER = ("Identifier", "Identificativo", "ID", "Identifiant", "Identificador")
NAME = ("Full name", "Nome completo", "Cognome e nome", "Vollständiger Name", "Nom complet", "Nombre completo")
ID_NUMBER = ("ID number", "Codice identificativo", "ID-Nummer", "Numéro d'identification", "Número de ID")
USERNAME = ("Username", "Anmeldename", "Nom d'utilisateur", "Nombre de usuario")
EMAIL = ("Email address", "Indirizzo email", "E-Mail-Adresse", "Adresse de courriel", "Dirección de correo")
GRADE = ("Grade", "Valutazione", "Bewertung", "Note", "Calificación")
MAXIMUM = ("Maximum Grade", "Valutazione massima", "Bestwertung", "Note maximale", "Calificación máxima")
LOCK = (
    "Grade can be changed", "La valutazione può essere cambiata", "Bewertung kann geändert werden",
    "La note peut être modifiée", "La calificación puede ser cambiada", "La calificación puede cambiarse",
)  # fmt: skip
MODIFIED = (
    "Last modified (grade)", "Ultima modifica (valutazione)", "Zuletzt geändert (Bewertung)",
    "Dernière modification (note)", "Última modificación (calificación)",
)  # fmt: skip
SCALE = ("Scale", "Scala", "Skala", "Barème", "Escala")
COMMENTS = (
    "Feedback comments", "Commenti", "Feedback als Kommentar", "Feedback par commentaires",
    "Comentarios de retroalimentación",
)  # fmt: skip
NO = frozenset({"no", "nein", "non"})  # a grade that can't be changed

# What a roster calls its columns, beside the titles above.
ROSTER: Mapping[str, tuple[str, ...]] = {
    "name": (
        "name", "full name", "student", "student name", "display name", *NAME, "studente", "nominativo", "étudiant",
        "estudiante", "alumno",
    ),
    "first": ("first name", "first", "given name", "forename", "nome", "vorname", "prénom", "nombre"),
    "last": (
        "last name", "last", "surname", "family name", "cognome", "nachname", "familienname", "nom", "nom de famille",
        "apellidos", "apellido", "apellido(s)",
    ),
    "identity": (
        "id", "sid", "student id", "identity", "student number", "matriculation number", "registration number",
        "sis user id", "sis id", *ID_NUMBER, "matricola", "numero di matricola", "matrikelnummer", "matrikel-nr.",
        "numéro d'étudiant", "numéro étudiant", "matricule", "matrícula", "número de matrícula",
    ),
    "email": (
        "email", "mail", *EMAIL, "posta elettronica", "courriel", "adresse e-mail", "correo", "correo electrónico",
    ),
    "login": (
        "login", "user name", "user", "github", "github username", "github login", "net id", "account", "sis login id",
        *USERNAME, "nome utente", "utente", "benutzername", "utilisateur", "usuario",
    ),
    "participant": (
        "participant", "participant id", "participant number", "moodle id", "canvas id", "canvas user id",
        "identificativo", "identifiant", "identificador",
    ),
    "group": ("group", "group name", "groups", "team", "team name", "gruppo", "gruppe", "groupe", "grupo"),
    "extension": (
        "extension", "extended until", "new due date", "extension until", "due", "proroga", "verlängerung",
        "prolongation", "prórroga",
    ),
}  # fmt: skip
WHOLE_NAMES = ("nome", "nombre")  # without a column for the family name, they hold the whole one


def plain_title(title: str) -> str:
    """A title as it is compared: letters and digits without case and accents."""
    return squeeze(without_accents(title))


def is_moodle(header: Sequence[str]) -> bool:
    """Whether it is the header of a grading worksheet of Moodle."""
    titles = {plain_title(title) for title in (*LOCK, *MODIFIED)}
    return any(plain_title(cell) in titles for cell in header)


def places_of(header: Sequence[str], titles: Iterable[str]) -> list[int]:
    """The places of the columns that have one of these titles."""
    wanted = {plain_title(title) for title in titles}
    return [place for place, cell in enumerate(header) if plain_title(cell) in wanted]
