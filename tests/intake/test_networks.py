"""Which files are trained networks, how large they may be, and which one counts."""

import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.errors import SubmissionError
from grader.intake import Entry, Submission, read_entry, read_path
from grader.intake.networks import ENDINGS, NetworkFile, choose_network_file, is_network, is_network_name
from tests.intake.zips import NOTEBOOK, both_ways, opened, problem, row_of, write_tree, write_zip, zip_of

HDF5 = b"\x89HDF\r\n\x1a\n" + b"0" * 100
CODE = "model.fit(x)\nmodel.save('best.keras')\nmodel.save_weights('last.weights.h5')\n"


def put(folder: Path, **files: bytes) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def test_networks_are_known_by_their_names_or_by_their_bytes() -> None:
    assert all(is_network_name(f"a{ending.upper()}") for ending in ENDINGS)
    assert is_network("renamed.bin", HDF5)
    assert not is_network("a.zip", b"PK\x03\x04 nothing of Keras")
    assert is_network("renamed.zip", b"PK\x03\x04 config.json model.weights.h5")


def test_a_small_network_stays_among_the_files_as_before(tmp_path: Path) -> None:
    found = read_path(put(tmp_path / "ada", work__py=b"x = 1", model__keras=b"PK"))
    assert set(found.files) == {"work.py", "model.keras"}
    assert set(found.networks) == {"model.keras"}


def test_a_large_network_does_not_count_in_what_a_submission_may_weigh(tmp_path: Path) -> None:
    folder = put(tmp_path / "ada", work__py=b"x = 1")
    with (folder / "model.keras").open("wb") as file:
        file.truncate(60 << 20)
    found = read_path(folder)
    assert set(found.files) == {"work.py"}
    assert len(found.networks["model.keras"].data) == 60 << 20
    with pytest.raises(SubmissionError, match="of 60 MiB; at most 50 MiB"):
        read_path(folder, most_network=50 << 20)
    with (folder / "data.bin").open("wb") as file:
        file.truncate(51 << 20)
    with pytest.raises(SubmissionError, match="50 MiB"):
        read_path(folder)


def test_a_zip_in_a_zip_may_bring_a_network_and_not_much_else(tmp_path: Path) -> None:
    for name, ok in (("model.keras", True), ("data.bin", False)):
        inner, outer = tmp_path / "work.zip", tmp_path / f"{name}.zip"
        with zipfile.ZipFile(inner, "w") as packed:
            packed.writestr("work.py", "x = 1")
            packed.writestr(name, b"0" * (60 << 20))
        with zipfile.ZipFile(outer, "w") as packed:
            packed.write(inner, "work.zip")
        if ok:
            assert set(read_path(outer).networks) == {"model.keras"}
        else:
            with pytest.raises(SubmissionError, match="50 MiB"):
                read_path(outer)


def test_too_many_networks_are_too_much_together(tmp_path: Path) -> None:
    folder = put(tmp_path / "ada", work__py=b"x = 1")
    for number in range(3):
        with (folder / f"{number}.keras").open("wb") as file:
            file.truncate(9 << 20)
    with pytest.raises(SubmissionError, match="Hand in the one that counts"):
        read_path(folder, most_network=10 << 20)


def test_the_network_that_the_code_saves_last_counts_else_the_newest() -> None:
    old, new = NetworkFile(data=b"1", saved=1.0), NetworkFile(data=b"2", saved=2.0)
    both = {"best.keras": old, "z.keras": new}
    chosen = choose_network_file(both, [CODE])
    assert chosen is not None
    assert (chosen.name, chosen.why) == ("best.keras", "of 2 networks it is the one that cell 1 saves last")
    chosen = choose_network_file({"runs/Last.weights.h5": old, **both}, [CODE, "x"])
    assert chosen is not None
    assert chosen.name == "runs/Last.weights.h5"
    chosen = choose_network_file(both, ["model.save(path)"])
    assert chosen is not None
    assert (chosen.name, chosen.why) == ("z.keras", "it is the newest of 2 networks")
    alone = choose_network_file({"a.h5": old}, [CODE])
    assert alone is not None
    assert alone.why == ""
    assert choose_network_file({}, [CODE]) is None


@given(st.text(max_size=400))
def test_whatever_the_code_says_one_network_is_chosen(code: str) -> None:
    networks = {"a.keras": NetworkFile(data=b"1"), "b.h5": NetworkFile(data=b"2")}
    chosen = choose_network_file(networks, [code, f"model.save({code!r}"])
    assert chosen is not None
    assert chosen.name in networks


def test_a_network_alone_is_a_submission_only_where_it_may_be_one(tmp_path: Path) -> None:
    path = tmp_path / "ada.keras"
    path.write_bytes(b"PK")
    with pytest.raises(SubmissionError, match="neither a notebook"):
        read_path(path)
    found = read_path(path, alone=True)
    assert found.without_code is not None
    assert found.script.cells == ()
    assert set(found.networks) == {"ada.keras"}


def test_a_network_named_after_another_student_is_the_one_of_whose_hand_in_it_lies_in(tmp_path: Path) -> None:
    found = read_path(put(tmp_path / "ada", work__py=b"x = 1", bob__keras=b"PK"))
    assert found.student == "ada"
    assert set(found.networks) == {"bob.keras"}


IN_ONE = zip_of(("work/work.ipynb", NOTEBOOK), ("work/model.keras", b"PK one"), ("work/checkpoints/07.keras", b"PK 07"))
CODE_ALONE = zip_of(("work/work.ipynb", NOTEBOOK))
HEAD = ("exercise1-ada/.git/HEAD", b"ref: refs/heads/main"), ("exercise1-bob/.git/HEAD", b"ref: refs/heads/main")
# Of each form: Ada hands in two files, Bob one zip with a folder of checkpoints, Cy a zip and a network beside it.
DOWNLOADS = {
    "moodle": (
        ("Ada_1_assignsubmission_file/work.ipynb", NOTEBOOK), ("Ada_1_assignsubmission_file/model.keras", b"PK one"),
        ("Bob_2_assignsubmission_file/all.zip", IN_ONE), ("Cy_3_assignsubmission_file/code.zip", CODE_ALONE),
        ("Cy_3_assignsubmission_file/model.keras", b"PK one"),
    ),
    "moodle, flat": (
        ("Ada_1_assignsubmission_file_work.ipynb", NOTEBOOK), ("Ada_1_assignsubmission_file_model.keras", b"PK one"),
        ("Bob_2_assignsubmission_file_all.zip", IN_ONE), ("Cy_3_assignsubmission_file_code.zip", CODE_ALONE),
        ("Cy_3_assignsubmission_file_model.keras", b"PK one"),
    ),
    "canvas": (
        ("ada_11_3001_work.ipynb", NOTEBOOK), ("ada_11_3002_model.keras", b"PK old"),
        ("ada_11_3003_model-1.keras", b"PK one"), ("bob_12_3004_all.zip", IN_ONE), ("cy_13_3005_code.zip", CODE_ALONE),
        ("cy_13_3006_model.keras", b"PK one"),
    ),
    "nbgrader": (
        ("submitted/ada/exercise1/work.ipynb", NOTEBOOK), ("submitted/ada/exercise1/model.keras", b"PK one"),
        ("submitted/ada/exercise1/timestamp.txt", b"2026-11-02 14:58:23 UTC"),
        ("submitted/bob/exercise1/all.zip", IN_ONE), ("submitted/cy/exercise1/code.zip", CODE_ALONE),
        ("submitted/cy/exercise1/model.keras", b"PK one"),
    ),
    "classroom": (
        *HEAD, ("exercise1-ada/work.ipynb", NOTEBOOK), ("exercise1-ada/models/model.keras", b"PK one"),
        ("exercise1-bob/work.ipynb", NOTEBOOK), ("exercise1-bob/model.keras", b"PK one"),
        ("exercise1-bob/checkpoints/07.keras", b"PK 07"), ("exercise1-cy/code.zip", CODE_ALONE),
        ("exercise1-cy/model.keras", b"PK one"),
    ),
    "plain": (
        ("Ada.ipynb", NOTEBOOK), ("ada.keras", b"PK one"), ("Bob.zip", IN_ONE), ("Cy/code.zip", CODE_ALONE),
        ("Cy.weights.h5", b"PK one"),
    ),
}  # fmt: skip


def chosen(entry: Entry) -> bytes:
    """The bytes of the network that counts."""
    found: Submission = read_entry(entry, assignment="exercise1", alone=True)
    assert found.script.cells, "there is code"
    network = choose_network_file(found.networks, ["model.save('model.keras')"])
    assert network is not None
    return network.data


@pytest.mark.parametrize("form", DOWNLOADS)
def test_in_every_download_each_student_has_one_row_with_the_network_of_that_hand_in(tmp_path: Path, form: str) -> None:
    found = both_ways(tmp_path, *DOWNLOADS[form])
    assert found.form == form.split(",")[0]
    assert [entry.student.lower() for entry in found.entries] == ["ada", "bob", "cy"]
    assert [chosen(entry) for entry in found.entries] == [b"PK one"] * 3


def test_in_a_plain_class_a_network_belongs_to_the_one_work_of_its_name_and_else_to_nobody(tmp_path: Path) -> None:
    members = (
        ("ada.py", b"a = 1"), ("bob.keras", b"PK"), ("cy.py", b"a = 1"), ("cy.ipynb", NOTEBOOK), ("cy.h5", b"PK"),
        ("ada2.keras", b"PK"),
    )  # fmt: skip
    found = both_ways(tmp_path, *members)
    assert len(found.entries) == 6, "whose network cy.h5 is, is open"
    assert not read_entry(row_of(found, "ada")).networks
    alone = read_entry(row_of(found, "bob"), alone=True)
    assert (set(alone.networks), alone.script.cells) == ({"bob.keras"}, ())


def test_of_several_uploads_of_a_network_the_last_counts_and_a_folder_tells_two_of_one_name_apart() -> None:
    again = {name: NetworkFile(data=name.encode()) for name in ("model.keras", "model (1).keras", "best.keras")}
    found = choose_network_file(again, ["model.save('best.keras')\nmodel.save('model.keras')"])
    assert found is not None
    assert found.name == "model (1).keras"
    places = {name: NetworkFile(data=b"") for name in ("checkpoints/model.keras", "model.keras", "old/model.keras")}
    for code, name in (("/content/model.keras", "model.keras"), ("old\\model.keras", "old/model.keras")):
        found = choose_network_file(places, [f"model.save({code!r})"])
        assert found is not None
        assert found.name == name


def test_a_network_as_large_as_may_be_is_read_once_and_three_gigabytes_not_at_all(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "class", ("ada.py", b"a = 1"), ("bob.py", b"a = 1"))
    for name, size in (("ada.keras", 180 << 20), ("bob.keras", 3 << 30)):
        with (folder / name).open("wb") as file:
            file.truncate(size)
    tracemalloc.start()
    try:
        found = opened(folder)
        ada = read_entry(row_of(found, "ada"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(ada.networks["ada.keras"].data) == 180 << 20
    assert "bob.keras: is a trained network of 3 GiB; at most 200 MiB" in problem(row_of(found, "bob"))
    assert peak < 400 << 20


def test_a_zip_says_how_large_a_network_is_before_anything_of_it_is_unpacked(tmp_path: Path) -> None:
    packed = zipfile.ZipFile(
        write_zip(tmp_path / "ada.zip", ("ada/work.py", b"a = 1"), ("ada/model.keras", b"PK")), "a"
    )
    with packed:
        packed.getinfo("ada/model.keras").file_size = 3 << 30
        packed._didModify = True  # type: ignore[attr-defined]
    with pytest.raises(SubmissionError, match="of 3 GiB; at most 200 MiB"):
        read_path(tmp_path / "ada.zip")
