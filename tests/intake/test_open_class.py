"""A whole class from one source: nobody is lost, nothing is unpacked before it was looked at."""

import os
import shutil
import stat
import subprocess
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.errors import Infrastructure, UsageError
from grader.core.grades import Extension
from grader.core.results import Student
from grader.intake import class_folder_or_zip, is_leftover, open_class, safe_name, submission_zip
from grader.intake.submissions import Entry
from tests.intake.test_zipped import entry as special
from tests.intake.zips import (
    NOTEBOOK,
    another_notebook,
    both_ways,
    graded,
    opened,
    problem,
    row_of,
    write_tree,
    write_zip,
    zip_of,
)

ROSTER = "name,id,email,login,extension\nAda,s1,ada@x.org,al,2d\nBob,s2,,bob,2026-05-01\nCy,s3,,,\n"


def test_a_plain_class_is_the_same_as_a_folder_as_a_zip_and_as_a_zip_of_that_folder(tmp_path: Path) -> None:
    members = [("ada.ipynb", NOTEBOOK), ("bob/work.py", b"a = 1"), ("cy.zip", zip_of(("w/work.ipynb", NOTEBOOK)))]
    members += [("dee.docx", b"words"), ("README.md", b"about"), ("__MACOSX/._ada.ipynb", b"x"), (".DS_Store", b"x")]
    found = both_ways(tmp_path, *members)
    assert [entry.student for entry in found.entries] == ["ada", "bob", "cy", "dee"]
    inside = opened(write_zip(tmp_path / "around.zip", *((f"class/{name}", data) for name, data in members)))
    assert [entry.student for entry in inside.entries] == ["ada", "bob", "cy", "dee"]
    assert [graded(entry) for entry in inside.entries[:3]] == ["ada.ipynb", "work.py", "work.ipynb"]
    assert "is neither a notebook" in problem(inside.entries[3])
    assert inside.notes[0].endswith(
        f"read as one file or folder for each student in {tmp_path}/around.zip/class; 4 found."
    )


def test_stray_files_are_no_submissions_and_are_told(tmp_path: Path) -> None:
    stray = [("README.txt", b"about"), ("LICENSE", b"mit"), ("photo.PNG", b"x"), ("team.jpg", b"y")]
    found = both_ways(tmp_path, ("ada.ipynb", NOTEBOOK), ("bob.pdf", b"words"), ("cy.png/work.py", b"a = 1"), *stray)
    assert [entry.student for entry in found.entries] == ["ada", "bob", "cy.png"]
    assert "2 pictures among the submissions are nobody's hand-in: photo.PNG, team.jpg." in found.notes


def test_who_is_in_the_roster_has_numbers_and_an_extension_and_who_handed_in_nothing_has_a_row(tmp_path: Path) -> None:
    found = both_ways(tmp_path, ("AL.ipynb", NOTEBOOK), ("bob.py", b"a = 1"), ("eve.py", b"a = 1"), roster=ROSTER)
    ada, bob, eve, cy = found.entries
    assert ada.who == Student(name="Ada", identity="s1", login="al", email="ada@x.org")
    assert (ada.student, ada.extension, ada.enrolment.extension) == ("Ada", "2d", Extension(seconds=2 * 24 * 3600))
    assert bob.enrolment.extension is not None
    assert (eve.who, eve.extension, eve.enrolment.extension) == (Student(name="eve"), "", None)
    assert (cy.handed_in, cy.problem, cy.file, cy.who.identity) == (False, "Nothing was handed in.", "", "s3")
    assert any(note == "1 not in the roster: eve.py." for note in found.notes)
    assert any(note == "1 of the roster handed in nothing: Cy." for note in found.notes)


def test_a_doubt_is_told_and_everybody_in_it_has_a_row(tmp_path: Path) -> None:
    found = both_ways(tmp_path, ("Ada.py", b"a = 1"), ("bob.py", b"a = 1"), roster="name,id\nAda,1\nada,2\nBob,3\n")
    assert [(entry.student, entry.handed_in) for entry in found.entries] == [
        ("Ada.py", True), ("Bob", True), ("Ada (1)", False), ("ada (2)", False),
    ]  # fmt: skip
    assert found.entries[2].problem == "Nothing could be matched."
    assert "2 students of the roster have the name 'Ada'" in found.entries[2].remedy
    assert any("matched with nobody" in note for note in found.notes)


def test_two_hand_ins_of_one_student_keep_a_row_each_and_the_teacher_is_told(tmp_path: Path) -> None:
    found = both_ways(tmp_path, ("al.py", b"a = 1"), ("s1.py", b"b = 1"), ("bob.py", b"a = 1"), roster=ROSTER)
    assert [(entry.student, entry.who.identity) for entry in found.entries[:3]] == [
        ("Ada (s1)", "s1"), ("Bob", "s2"), ("Ada (s1) (2)", "s1"),
    ]  # fmt: skip
    assert any(note == "2 from one student: al.py, s1.py." for note in found.notes)


def test_the_roster_among_the_hand_ins_is_no_hand_in(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "class", ("ada.py", b"a = 1"), ("students.csv", b"name\nada\n"))
    found = open_class(folder, assignment="exercise1", workspace=tmp_path, roster=folder / "students.csv")
    assert [entry.student for entry in found.entries] == ["ada"]
    write_tree(folder, ("roster.csv", b"name\nada\n"))
    assert any("--roster" in note for note in open_class(folder, assignment="x", workspace=tmp_path).notes)


def test_what_was_named_for_something_else_neither_spoils_the_form_nor_has_a_row(tmp_path: Path) -> None:
    folder = write_tree(
        tmp_path / "class", ("submitted/dst/exercise1/work.py", b"a = 1"), ("students.csv", b"login,name\ndst,Dee\n"),
        ("out/index.html", b"x"),
    )  # fmt: skip
    found = open_class(
        folder, assignment="exercise1", workspace=tmp_path, roster=folder / "students.csv", apart=[folder / "out"]
    )
    assert (found.form, [entry.student for entry in found.entries]) == ("nbgrader", ["Dee"])
    assert all("of nobody" not in note for note in found.notes)


@pytest.mark.parametrize(
    ("platform", "names"),
    [
        ("Blackboard", ("gradebook_CNN_Ex1_aberg_attempt_2026-11-10-18-03-12_work.ipynb",
                        "gradebook_CNN_Ex1_aberg_attempt_2026-11-10-18-03-12.txt")),
        ("Brightspace", ("12345-67890 - Ada Berg - Nov 10, 2026 603 PM/work.ipynb",
                         "12345-67891 - Bo Lind- 10 November, 2026 6:03 PM - work.ipynb", "index.html")),
    ],
)  # fmt: skip
def test_a_download_whose_form_is_not_read_is_said_to_be_one(
    tmp_path: Path, platform: str, names: tuple[str, ...]
) -> None:
    found = both_ways(tmp_path, *((name, name.encode()) for name in names))
    assert any(f"looks like a download of {platform}, whose form is unknown here" in note for note in found.notes)
    plain = opened(write_tree(tmp_path / "plain", ("2026-1 - a.py", b"a = 1"), ("ada.py", b"a"), ("bo.py", b"b")))
    assert not any("looks like" in note for note in plain.notes)


def test_names_in_an_old_code_page_are_told_to_be_in_doubt(tmp_path: Path) -> None:
    packed = zip_of(("SXren KjYr/work.py", b"a = 1"), ("Zoë/work.py", b"b = 1"), ("bob.py", b"c = 1"))
    (tmp_path / "class.zip").write_bytes(packed.replace(b"SXren KjYr", b"S\x9bren Kj\x91r"))  # as DOS has it, in cp850
    told = [note for note in opened(tmp_path / "class.zip").notes if "old code page" in note]
    assert len(told) == 1
    assert told[0].startswith(
        "1 names are in an old code page that the zip does not name, and may be misread: S¢ren Kjær."
    )


def test_one_hostile_student_costs_one_row(tmp_path: Path) -> None:
    start = "_assignsubmission_file"
    link = special(f"Link_4{start}/work.py", stat.S_IFLNK | 0o777)
    path = write_zip(
        tmp_path / "class.zip",
        (f"Ada_1{start}/work.ipynb", NOTEBOOK),
        (f"Bomb_2{start}/big.bin", bytes(2 << 20)),
        (f"Large_3{start}/big.bin", bytes(submission_zip.MOST_BYTES + 1)),
        (link, b"/etc/passwd"),
        (f"Up_5{start}/../../../x.py", b"a = 1"),
        (f"../../x_6{start}_work.py", b"a = 1"),
        ("../../x.py", b"a = 1"),
        ("/etc/passwd", b"a = 1"),
        ("C:\\work.py", b"a = 1"),
        *((f"Many_7{start}/{number}.py", b"a = 1") for number in range(submission_zip.MOST_FILES + 1)),
    )
    found = opened(path)
    assert graded(row_of(found, "Ada")) == "work.ipynb"
    reasons = {entry.student: problem(entry) for entry in found.entries if entry.student != "Ada"}
    assert {name: reason.split(": ", 1)[1].split(" (")[0] for name, reason in reasons.items()} == {
        "Bomb": "holds a file that unpacks to more than 200 times its size",
        "Large": "holds more than 500 files or 50 MiB.",
        "Link": "holds a link or a device where a file belongs",
        "Up": "holds a file whose name leads elsewhere or is none",
        "../../x": "holds a file whose name leads elsewhere or is none",
        "../../x.py": "holds a file whose name leads elsewhere or is none",
        "/etc/passwd": "holds a file whose name leads elsewhere or is none",
        "C:": "holds a file whose name leads elsewhere or is none",
        "Many": "holds more than 500 files or 50 MiB.",
    }
    there = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {name.split("/", 2)[-1] for name in there} == {"class.zip", f"Ada_1{start}/work.ipynb"}
    assert all(not entry.path.exists() for entry in found.entries if entry.student != "Ada")


@pytest.mark.parametrize("name", ["x" * 300, "a\nb", "\u202eb"])
def test_an_empty_folder_with_a_name_that_no_disk_takes_costs_its_own_row(tmp_path: Path, name: str) -> None:
    found = opened(write_zip(tmp_path / "class.zip", (f"{name}/", b""), ("ada.py", b"a = 1")))
    assert graded(row_of(found, "ada")) == "ada.py"
    assert "name leads elsewhere or is none" in problem(row_of(found, name))


def test_parts_that_would_lie_in_one_place_are_that_students_problem(tmp_path: Path) -> None:
    start = "Ada_1_assignsubmission_file"
    found = both_ways(tmp_path, (f"{start}/a.py/b.py", b"a = 1"), (f"{start}_a.py", b"a = 1"), ("bob.py", b"a = 1"))
    assert "a file and a folder of one name" in problem(row_of(found, "Ada"))
    assert graded(row_of(found, "bob")) == "bob.py"


def test_a_damaged_member_costs_its_own_row(tmp_path: Path) -> None:
    packed = bytearray(zip_of(("ada.py", b"a = 1"), ("bob.py", b"bob = 'bob'"), packing=zipfile.ZIP_STORED))
    packed[packed.index(b"bob = ")] ^= 1
    (tmp_path / "class.zip").write_bytes(bytes(packed))
    found = opened(tmp_path / "class.zip")
    assert graded(row_of(found, "ada")) == "ada.py"
    assert problem(row_of(found, "bob")) == "bob.py: is damaged (BadZipFile)."


def test_a_member_with_a_password_costs_its_own_row_and_a_locked_class_is_refused(tmp_path: Path) -> None:
    def locked(names: str) -> Path:
        packed = bytearray(zip_of(("ada.py", b"a = 1"), ("bob.py", b"a = 1")))
        for name in names.split():
            packed[packed.index(name.encode()) - 24] |= 1
            packed[packed.rindex(name.encode()) - 38] |= 1
        path = tmp_path / f"{names}.zip"
        path.write_bytes(bytes(packed))
        return path

    assert "is locked with a password" in problem(row_of(opened(locked("bob.py")), "bob"))
    with pytest.raises(UsageError, match=r"is locked with a password\. Unpack it and name the folder"):
        opened(locked("ada.py bob.py"))


def test_of_one_name_twice_in_the_zip_the_newest_counts_and_the_note_says_so(tmp_path: Path) -> None:
    def at(hour: int) -> zipfile.ZipInfo:
        return zipfile.ZipInfo("ada/work.ipynb", (2024, 5, 1, hour, 0, 0))

    path = write_zip(tmp_path / "c.zip", (at(9), another_notebook("new")), (at(8), NOTEBOOK), ("bob.py", b"a = 1"))
    ada = row_of(opened(path), "ada")
    assert (ada.path / "work.ipynb").read_bytes() == another_notebook("new")
    assert ada.notes == ("work.ipynb was there more than once; the newest counts",)


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04 nothing", zip_of(("ada.py", b"a = 1"))[:-25]], ids=["empty", "begins as one", "cut off"]
)
def test_a_class_that_is_no_zip_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "class.zip").write_bytes(data)
    with pytest.raises(UsageError, match=r"class\.zip: is not a zip, or is damaged .*Download it again"):
        opened(tmp_path / "class.zip")


def test_a_directory_of_very_many_entries_is_refused_before_it_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path / "class.zip", *((f"{number}.py", b"a = 1") for number in range(30)))
    monkeypatch.setattr(class_folder_or_zip, "MOST_ENTRIES", 29)
    with pytest.raises(UsageError, match="lists more files than a class has"):
        opened(path)


def test_no_more_room_is_made_for_a_directory_than_the_file_has(tmp_path: Path) -> None:
    (tmp_path / "class.zip").write_bytes(bytes(1000))
    with (tmp_path / "class.zip").open("rb") as plain, class_folder_or_zip._Bounded(plain.raw) as file:
        tracemalloc.start()
        try:
            assert len(file.read(1 << 40)) == 1000
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()


def test_a_class_that_the_disk_has_no_room_for_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path / "class.zip", ("ada.py", b"a = 1"), ("bob.py", b"a = 1"))
    real = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: real._replace(free=1 << 20))
    with pytest.raises(UsageError, match=r"unpacks to 10 B, but .* has room for 1 MiB\. Make room"):
        opened(path)
    assert not list((tmp_path / "class.zip workspace").iterdir())


def test_a_workspace_that_can_not_be_written_is_our_fault(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "class.zip", ("ada.py", b"a = 1"), ("bob.py", b"a = 1"))
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "00001").write_bytes(b"")
    with pytest.raises(Infrastructure, match="can't be unpacked there"):
        open_class(path, assignment="exercise1", workspace=tmp_path / "workspace")


def test_what_is_no_class_is_refused_with_what_to_name(tmp_path: Path) -> None:
    (tmp_path / "ada.py").write_bytes(b"a = 1")
    with pytest.raises(UsageError, match="is neither a folder nor a zip"):
        opened(tmp_path / "ada.py")
    for empty in (write_tree(tmp_path / "empty", ("x/", b"")) / "x", write_zip(tmp_path / "empty.zip")):
        with pytest.raises(UsageError, match="holds no submission"):
            opened(empty)
    with pytest.raises(UsageError, match=r"--format 'blackboard' is not known\. Available: plain, moodle, canvas"):
        open_class(tmp_path, assignment="exercise1", workspace=tmp_path, as_="blackboard")


def test_a_form_can_be_forced_and_so_can_none(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "class", ("Ada_1_assignsubmission_file/work.ipynb", NOTEBOOK))
    assert [entry.student for entry in opened(folder, as_="plain").entries] == ["Ada_1_assignsubmission_file"]
    (tmp_path / "class workspace").rmdir()
    assert [entry.student for entry in opened(folder, as_="Moodle").entries] == ["Ada"]


def test_a_link_in_a_hand_in_of_several_parts_is_not_followed(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "class", ("Ada_1_assignsubmission_file_work.ipynb", NOTEBOOK), ("secret.txt", b"s"))
    (folder / "Ada_1_assignsubmission_file_x.txt").symlink_to(folder / "secret.txt")
    assert "holds a link" in problem(row_of(opened(folder), "Ada"))


def test_a_pipe_among_the_hand_ins_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "class", ("Ada_1_assignsubmission_file_a.ipynb", NOTEBOOK))
    os.mkfifo(folder / "Bob_2_assignsubmission_file_b.py")
    found = opened(folder)
    assert graded(row_of(found, "Ada")) == "a.ipynb"
    assert "holds a link or a device" in problem(row_of(found, "Bob"))


@pytest.mark.parametrize("name", ["..", "."])
@pytest.mark.parametrize("form", ["Eve_2_assignsubmission_file_{}", "rotheve_102_5002_{}"])
def test_a_part_that_leads_elsewhere_costs_its_own_row_on_disk_too(tmp_path: Path, form: str, name: str) -> None:
    other = form.replace("Eve_2", "Ada_1").replace("rotheve_102_5002", "lovelaceada_101_5001")
    names = [form.format(name), form.format("b.py").replace("5002", "5003"), other.format("work.ipynb")]
    found = both_ways(tmp_path, *((name, NOTEBOOK) for name in names))
    eve = next(entry for entry in found.entries if entry.student in ("Eve", "rotheve"))
    assert "holds a file whose name leads elsewhere or is none" in problem(eve)
    assert [graded(entry) for entry in found.entries if entry is not eve] == ["work.ipynb"]


def test_folders_1500_deep_cost_their_own_row(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "class", ("ada.py", b"a = 1"), ("eve/b.py", b"a = 1"))
    place = os.open(folder / "eve", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=place)
        inner = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    found = opened(folder)
    assert problem(row_of(found, "eve")) == "eve: holds folders in folders, more than 64 deep."
    assert graded(row_of(found, "ada")) == "ada.py"
    subprocess.run(["rm", "-rf", str(folder / "eve")], check=True)  # which Python's own can't
    zipped = write_zip(tmp_path / "class.zip", ("ada.py", b"a = 1"), ("eve/" + "d/" * 300 + "b.py", b"a = 1"))
    assert "more than 64 deep" in problem(row_of(opened(zipped), "eve"))


@pytest.mark.parametrize("name", ["Eve_1_assignsubmission_file_work.ipynb", "submission_metadata.yml"])
def test_one_name_of_a_platform_is_no_download_of_it(tmp_path: Path, name: str) -> None:
    others = [(f"{who}.ipynb", NOTEBOOK) for who in ("ada", "bob", "cy")]
    metadata = b"".join(
        b"%s.ipynb:\n  :submitters:\n  - :name: Eve\n    :sid: '1'\n" % who for who in (b"ada", b"bob", b"cy")
    )
    roster = "name,id,participant\nada,1,1\nbob,2,2\ncy,3,3\n"
    found = both_ways(tmp_path, *others, (name, metadata if name.endswith("yml") else NOTEBOOK), roster=roster)
    assert found.form == "plain"
    assert [graded(row_of(found, who)) for who in ("ada", "bob", "cy")] == ["ada.ipynb", "bob.ipynb", "cy.ipynb"]


def test_names_equal_but_for_case_get_names_of_their_own(tmp_path: Path) -> None:
    found = both_ways(
        tmp_path, ("Ada.py", b"a = 1"), ("ada.ipynb", NOTEBOOK), ("ADA.ipynb", NOTEBOOK), ("bob.py", b"a = 1")
    )
    assert [entry.student for entry in found.entries] == ["ADA.ipynb", "Ada.py", "ada.ipynb (2)", "bob"]


def test_members_of_groups_have_names_of_their_own_too(tmp_path: Path) -> None:
    roster = "name,id,group\nAda,1,Red\nada,2,Red\nBob,3,Red\nBob,4,Blue\n"
    found = both_ways(tmp_path, ("red.py", b"a = 1"), ("Bob (3).py", b"a = 1"), roster=roster)
    assert [member.name for member in row_of(found, "red").members] == ["Ada (1)", "ada (2)", "Bob (3) (2)"]
    assert [entry.student for entry in found.entries] == ["Bob (3)", "red", "Bob (4)"]


def test_who_always_bears_the_name_of_the_row(tmp_path: Path) -> None:
    assert Entry(student="Ada (2)", path=tmp_path, who=Student(name="Ada", identity="1")).who.name == "Ada (2)"
    assert Entry(student="Ada", path=tmp_path).who == Student(name="Ada")


def test_a_class_of_two_thousand_is_listed_in_two_seconds(tmp_path: Path) -> None:
    members = [(f"Student {number}_{number}_assignsubmission_file/work.ipynb", NOTEBOOK) for number in range(2000)]
    roster = "full name,identifier\n" + "".join(f"Student {number},Participant {number}\n" for number in range(2000))
    used = []
    for name in ("one.zip", "two.zip", "three.zip"):  # the lowest is the work's own, whatever runs beside
        path = write_zip(tmp_path / name, *members)
        start = os.times().user  # what the kernel takes for four thousand files is another's matter, and varies a lot
        found = opened(path, roster=roster)
        used.append(os.times().user - start)
        assert len(found.entries) == 2000
        assert all(entry.handed_in for entry in found.entries)
    assert min(used) < 2, used


NAMES = st.text(st.sampled_from("aA1_-. /\\é"), min_size=1, max_size=9) | st.sampled_from(
    ["..", "Ada_1_assignsubmission_file", "ada_12_345_x", "submitted", "LATE", "a.zip", "b.py", "__MACOSX"]
)


@settings(max_examples=100, deadline=None)
@given(names=st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=6))
def test_everything_in_any_zip_is_in_some_row(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("class")
    path = write_zip(folder / "class.zip", *((name, name.encode()) for name in names))
    try:
        found = opened(path)
    except UsageError:
        return
    assert len({safe_name(entry.student) for entry in found.entries}) == len(found.entries)
    placed = set[bytes]()
    for row in found.entries:
        assert bool(row.problem) != row.path.exists()
        if not row.problem:
            files = [row.path] if row.path.is_file() else [path for path in row.path.rglob("*") if path.is_file()]
            assert all(path.resolve().is_relative_to(folder) for path in files)
            placed |= {path.read_bytes() for path in files}
    shown = {name: name.replace("\\", "/").split("/") for name in names}
    lost = {parts[0] for name, parts in shown.items() if name.encode() not in placed and not skipped(parts)}
    assert len(lost) <= sum(bool(row.problem) for row in found.entries), (lost, found.entries)


def skipped(parts: list[str]) -> bool:
    """Whether a path is a folder's, hidden, or left by a tool: then it is nobody's."""
    return parts[-1] == "" or any(part.startswith(".") or is_leftover(part) for part in parts)
