"""What the columns of a roster mean, by the names that learning platforms and teachers give them. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from grader.intake.names import squeeze

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "full name", "student", "student name", "display name"),
    "first": ("first name", "first", "given name", "forename"),
    "last": ("last name", "last", "surname", "family name"),
    "identity": ("id", "sid", "student id", "id number", "identity", "student number", "matriculation number",
                 "registration number", "sis user id", "sis id"),
    "email": ("email", "email address", "mail"),
    "login": ("login", "username", "user name", "user", "github", "github username", "github login", "net id", "account",
              "sis login id"),
    "participant": ("participant", "participant id", "participant number", "moodle id", "canvas id", "canvas user id"),
    "group": ("group", "group name", "groups", "team", "team name"),
    "extension": ("extension", "extended until", "new due date", "extension until", "due"),
}  # fmt: skip
SEVERAL = {"login"}  # a student may have one at the university and one at GitHub
KEYS = ("name", "last", "identity", "email", "login", "participant")
IDENTIFIER = squeeze("Identifier")  # of a Moodle worksheet, or of a roster of GitHub Classroom
GITHUB = squeeze("github_username")
CANVAS = {squeeze("SIS User ID"), squeeze("SIS Login ID")}  # in whose company "ID" is Canvas' own number


def recognise(header: Sequence[str]) -> dict[str, list[int]]:
    """The places of the columns that each field has in this header. ValueError, in words, where two would be one."""
    known = {squeeze(word): field for field, words in SYNONYMS.items() for word in words}
    squeezed = [squeeze(cell) for cell in header]
    known[IDENTIFIER] = "identity" if GITHUB in squeezed else "participant"
    if is_canvas(header):
        known["id"] = "participant"
    places: dict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(squeezed):
        if word in known:
            places[known[word]].append(place)
    for field, found in places.items():
        if len(found) > 1 and field not in SEVERAL:
            both = " and ".join(repr(header[place][:60]) for place in found[:2])
            raise ValueError(f"the columns {both} both mean the {field}: rename one")
    return dict(places)


def is_canvas(header: Sequence[str]) -> bool:
    """Whether it is the header of a gradebook of Canvas."""
    words = {squeeze(cell) for cell in header}
    return "id" in words and bool(CANVAS & words)
