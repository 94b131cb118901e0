"""A whole class from one source: every hand-in and every student of the roster becomes an `Entry`, whatever is wrong."""

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath

from grader.core.errors import SubmissionError, UsageError
from grader.core.limits import write_size
from grader.core.notebook import without_surrogates
from grader.core.results import Student
from grader.core.workspace import require_room
from grader.intake.class_folder_or_zip import FolderTree, Found, Tree, is_stray, open_class_zip, visible
from grader.intake.match import PLATFORMS, Matches, RosterMatch, match
from grader.intake.names import name_some, tell_apart
from grader.intake.networks import MOST_NETWORK
from grader.intake.platforms import Form, find, nbgrader, read_form, recognise_form, title_of, unread_form
from grader.intake.roster import Enrolled, Roster, read_roster
from grader.intake.submissions import Entry

SPARE = 1 << 30  # bytes of the disk that unpacking leaves alone


@dataclass(frozen=True, kw_only=True)
class OpenedClass:
    """The entries of a class, the form that its source was read as, and what a teacher should be told about it."""

    entries: tuple[Entry, ...]
    form: Form
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    """A hand-in, or a student without any, before it has a name of its own."""

    found: Found
    match: RosterMatch


def open_class(
    source: Path, *, assignment: str, workspace: Path, roster: Path | None = None, as_: str | None = None,
    apart: Iterable[Path] = (), most_network: int = MOST_NETWORK,
) -> OpenedClass:  # fmt: skip
    """Every hand-in in `source`, a folder or one zip, and every student of the `roster`, as an entry.

    `as_`: a form of `FORMS`, or "nbgrader:NAME"; else it is recognised. `apart`: what the user named for something else,
    as the results' folder, which is no hand-in where it lies among them, and neither is the roster.
    `most_network`: bytes of a trained network. `workspace`: a folder that stays until the entries were read; what lay in a
    zip, or in parts, is put there. A hand-in
    that can't be read has its reason and nothing on disk. Raises UsageError where there is no class, or the roster can't
    be read, Infrastructure where `workspace` can't be written.
    """
    wanted, called = read_form(as_) if as_ else (None, "")
    students = read_roster(roster) if roster is not None else Roster(students=())
    named = frozenset(path.resolve() for path in (*apart, *([] if roster is None else [roster])))
    with _open_tree(source, named, most_network) as top:
        form, tree = recognise_form(top, called or assignment, wanted)
        found = find(form, tree, called or assignment)
        if not found:
            raise UsageError(
                f"{source} holds no submission.", "Name the folder that holds one file or folder per student."
            )
        _require_room(tree, found, workspace)
        matches = match(found, students)
        rows = [*map(_Row, found, matches.matches), *(_missing(student, doubt) for student, doubt in matches.missing)]
        names, of_members = _own_names(rows)
        entries = tuple(
            _entry(tree, row, name, of_members, workspace / f"{number:05}")
            for number, (row, name) in enumerate(zip(rows, names, strict=True), 1)
        )
        where = f" in {tree.where}" if tree.where != top.where else ""
        told = f"{source}: read as {title_of(form)}{where}; {len(found)} found."
        aside = _set_aside(top, tree, form, wanted)
        notes = (told, *aside, *_doubts(form, tree, roster), *_notes(found, matches, students))
    return OpenedClass(entries=entries, form=form, notes=tuple(map(_shown, notes)))


@contextmanager
def _open_tree(source: Path, apart: frozenset[Path], most_network: int) -> Iterator[Tree]:
    if source.is_dir():
        yield FolderTree(source, apart, most_network)
    elif source.is_file() and source.suffix.lower() == ".zip":
        with open_class_zip(source, most_network) as tree:
            yield tree
    else:
        raise UsageError(
            f"{source} is neither a folder nor a zip.",
            "Name the folder that holds one file or folder for each student, or the zip that was downloaded.",
        )


def _require_room(tree: Tree, found: Sequence[Found], workspace: Path) -> None:
    need = sum(tree.weight(item.parts) for item in found)
    free = shutil.disk_usage(workspace).free
    if need and need > free - SPARE:
        raise UsageError(
            f"{tree.where}: unpacks to {write_size(need)}, but {workspace} has room for {write_size(free)}.",
            "Make room for temporary files, let TMPDIR name a place that has some, or unpack it and name the folder.",
        )


def _missing(student: Enrolled, doubt: str) -> _Row:
    """The row of a student of the roster to whom no hand-in was matched."""
    found = Found(
        name=student.name or student.told_by,
        label=student.name or student.told_by,
        handed_in=False,
        problem="Nothing could be matched." if doubt else "Nothing was handed in.",
        remedy=f"{doubt}. Give the roster a number or a login that tells them apart." if doubt else "",
    )
    return _Row(found, RosterMatch(student=student))


def _own_names(rows: Sequence[_Row]) -> tuple[list[str], dict[int, str]]:
    """A name for each row, and for each member of a group by the line of the roster; no two are the same."""
    members = {student.line: student for row in rows for student in row.match.members}
    told = [(student.name or student.told_by, f"{student.name} ({student.told_by})") for student in members.values()]
    wanted, longer = zip(*map(_names, rows), *told, strict=True)
    names = tell_apart(wanted, longer)
    return names[: len(rows)], dict(zip(members, names[len(rows) :], strict=True))


def _names(row: _Row) -> tuple[str, str]:
    """What a student should be called, and the longer name for when somebody else is called so too."""
    student, found = row.match.student, row.found
    name = (student.name if student is not None else "") or found.name
    longer = (
        f"{name} ({student.told_by})" if student is not None else f"{name} ({found.key})" if found.key else found.label
    )
    return _storable(name), _storable(longer)


def _entry(tree: Tree, row: _Row, name: str, of_members: Mapping[int, str], into: Path) -> Entry:
    found, notes = row.found, row.found.notes
    path, problem, remedy = None, found.problem, found.remedy
    if not problem:
        try:
            placed = tree.place(found.label, found.parts, into)
            path, notes = placed.path, (*notes, *placed.notes)
        except SubmissionError as error:
            problem, remedy = error.message, error.remedy
        except (OSError, ValueError, RecursionError) as error:  # whatever a name makes of it is that row's
            require_room(into.parent)
            problem = f"{found.label}: can't be put on disk ({error})."
            remedy = "Hand it in again under plain names, as one zip."
    return Entry(
        student=name,
        path=path or into / _component(found.label),
        who=_student(name, row),
        submitted=found.submitted,
        late=found.late,
        extension=_extension(row.match),
        problem=problem,
        remedy=remedy,
        handed_in=found.handed_in,
        members=tuple(_person(member, of_members[member.line]) for member in row.match.members),
        notes=notes,
    )


def _component(label: str) -> str:
    """A label as the name of a file. The label may be a path that leads elsewhere, which must not be followed."""
    return _shown(label).replace("/", "_")[:60] if label.strip(".") else "nothing"


def _shown(text: str) -> str:
    """What a student wrote, as a terminal may show it."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _storable(text: str) -> str:
    """A name as files and databases can hold it."""
    return without_surrogates(text).replace("\0", "?")


def _student(name: str, row: _Row) -> Student:
    key, enrolled = _storable(row.found.key), row.match.student
    login = ""
    if row.found.kind not in PLATFORMS and key.isdecimal():  # a login of digits would pass for another's number
        key, login = "", key
    if enrolled is None:
        group = row.match.members[0].group if row.match.members else ""
        return Student(name=name, participant=key, login=login, group=group)
    person = _person(enrolled, name)
    return person.model_copy(update={"participant": key}) if key else person


def _person(enrolled: Enrolled, name: str) -> Student:
    return Student(
        name=name,
        identity=enrolled.identity or next(iter(enrolled.logins), ""),
        login=next(iter(enrolled.logins), ""),
        email=enrolled.email,
        participant=enrolled.participant,
        group=enrolled.group,
    )


def _extension(match: RosterMatch) -> str:
    """The extension of the student, or the one that all members of a group have; none where they differ."""
    students = match.members if match.student is None else (match.student,)
    given = {student.extension for student in students}
    return next(iter(given)) if len(given) == 1 else ""


def _set_aside(top: Tree, tree: Tree, form: Form, wanted: Form | None) -> Iterator[str]:
    """What lies around the folder that was read as the class, or astray in it; what was not read as nbgrader's course."""
    stray = [node.name for node in visible(tree.nodes()) if is_stray(node)] if form == "plain" else []
    if stray:
        yield f"{len(stray)} pictures among the submissions are nobody's hand-in: {name_some(stray)}."
    place, left = top, list[str]()
    for name in PurePath(tree.where).relative_to(top.where).parts:
        left += [node.name for node in visible(place.nodes()) if node.name != name]
        place = place.inside(name)
    if left:
        yield f"{len(left)} files and folders beside {place.where} were not looked at: {name_some(left)}."
    beside = nbgrader.beside_submitted(tree) if wanted is None else []
    if beside:
        yield (
            f"{nbgrader.SUBMITTED} may be nbgrader's folder of students, but beside it others handed something in "
            f"({name_some(beside)}), so everything there has a row. If it is a course of nbgrader's, type --format nbgrader."
        )


def _doubts(form: Form, tree: Tree, roster: Path | None) -> Iterator[str]:
    """What a teacher should know about the source itself."""
    if form == "plain" and (platform := unread_form(tree)):
        yield (
            f"This looks like a download of {platform}, whose form is unknown here: every file at its top has a row, also "
            "older attempts and texts. Put what counts into one folder for each student."
        )
    if tree.doubtful:
        yield (
            f"{len(tree.doubtful)} names are in an old code page that the zip does not name, and may be misread: "
            f"{name_some(tree.doubtful)}. A roster with numbers, or the unpacked folder, tells who it is."
        )
    if roster is None and any(node.name.lower() == "roster.csv" for node in tree.nodes()):
        yield "There is a roster.csv; name it with --roster to use it."


def _notes(found: Sequence[Found], matches: Matches, roster: Roster) -> Iterator[str]:
    """What a teacher should know about the hand-ins, a sentence each."""
    yield from roster.notes
    remarks = defaultdict(list)
    for item in found:
        remarks[item.remark].append(item.label)
    yield from (f"{len(names)} {remark}: {name_some(names)}." for remark, names in remarks.items() if remark)
    if roster.students:
        yield from _roster_notes(found, matches)


def _roster_notes(found: Sequence[Found], matches: Matches) -> Iterator[str]:
    pairs = list(zip(found, matches.matches, strict=True))
    yield from (f"{item.doubt}: matched with nobody." for item in matches.matches if item.doubt)
    strangers = [item.label for item, of in pairs if of.stranger]
    if strangers:
        yield f"{len(strangers)} not in the roster: {name_some(strangers)}."
    several = defaultdict(list)
    for item, of in pairs:
        if of.student is not None:
            several[of.student.line].append(item.label)
    yield from (f"{len(names)} from one student: {name_some(names)}." for names in several.values() if len(names) > 1)
    teams = [item.label for item, of in pairs if of.members and not item.people]
    if teams:
        yield f"{len(teams)} read as the hand-ins of groups, by their names: {name_some(teams)}."
    for item, of in pairs:
        if len({member.extension for member in of.members}) > 1:
            yield f"{item.label}: its members were given different extensions, so none counts."
    absent = [student.name or student.told_by for student, doubt in matches.missing if not doubt]
    if absent:
        yield f"{len(absent)} of the roster handed in nothing: {name_some(absent)}."
