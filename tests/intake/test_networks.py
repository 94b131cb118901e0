"""Which files are trained networks, how large they may be, and which one counts."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.errors import SubmissionError
from grader.intake import read_path
from grader.intake.networks import ENDINGS, NetworkFile, choose_network_file, is_network, is_network_name

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
