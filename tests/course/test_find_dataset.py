"""Where data is looked for, in which order, and what is said where it is nowhere."""

import hashlib
import os
import socket
from pathlib import Path

import pytest

from grader.core.errors import DataError, UsageError
from grader.course.course import Course
from grader.course.find_dataset import Places, find_data
from tests.course.server import Shelf, offered
from tests.fakes import Said, data_of, run_cli, write_course

CONTENT = b"0123456789" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def gone() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def places(tmp_path: Path, *, given: bool = False) -> Places:
    return Places(
        given=tmp_path / "given" if given else None, shared=tmp_path / "shared" / "data", cache=tmp_path / "cache"
    )


def test_the_given_folder_goes_before_the_shared_one_and_that_before_the_cache(tmp_path: Path) -> None:
    dataset = offered(tmp_path)
    for name in ("cache", "shared/data", "given"):
        folder = tmp_path / name / "tiny"
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
        assert find_data(dataset, places(tmp_path, given=name == "given")) == folder


def test_an_empty_folder_is_passed_over(tmp_path: Path) -> None:
    dataset = offered(tmp_path)
    (tmp_path / "given" / "tiny").mkdir(parents=True)
    (tmp_path / "cache" / "tiny").mkdir(parents=True)
    (tmp_path / "cache" / "tiny" / "file").write_text("x")
    assert find_data(dataset, places(tmp_path, given=True)) == tmp_path / "cache" / "tiny"


def test_data_that_is_nowhere_is_named_with_every_place_and_a_remedy(tmp_path: Path) -> None:
    dataset = offered(tmp_path)
    with pytest.raises(DataError) as caught:
        find_data(dataset, places(tmp_path, given=True))
    for word in ("given/tiny", "shared/data/tiny", "cache/tiny", "--data", "grader data import tiny"):
        assert word in str(caught.value)


def test_a_given_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        Places.of(Course.at(), tmp_path / "nowhere")


def test_the_places_are_the_given_folder_the_shared_data_and_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    course = write_course(tmp_path / "course")
    (tmp_path / "mnist").mkdir()
    found = Places.of(course, tmp_path)
    assert found.roots() == [tmp_path, course.shared_data(), tmp_path / "cache" / "grader" / "data"]
    assert not found.without_download().download


def test_data_inside_a_package_has_no_folder(tmp_path: Path) -> None:
    assert find_data(Course.at().dataset("mnist-5k"), places(tmp_path)) is None


def test_without_a_server_the_error_names_the_address_and_a_remedy(tmp_path: Path, gone: str) -> None:
    with pytest.raises(DataError, match="Check the network") as caught:
        find_data(offered(tmp_path, (f"{gone}/a", DIGEST)), places(tmp_path))
    assert gone in str(caught.value)
    assert not (tmp_path / "cache" / "tiny").exists()


def test_what_is_only_looked_for_is_not_downloaded(tmp_path: Path, shelf: Shelf) -> None:
    with pytest.raises(DataError, match="is not on this machine"):
        find_data(offered(tmp_path, (shelf.put("/a", CONTENT), DIGEST)), places(tmp_path).without_download())
    assert not (tmp_path / "cache" / "tiny").exists()


def fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Said:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return run_cli("data", "fetch", "tiny", "--course", tmp_path / "course")


def test_fetch_and_list_say_where_data_is_and_verify_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offered(tmp_path)
    assert fetch(tmp_path, monkeypatch).code == 2
    (tmp_path / "shared").mkdir()
    os.rename(data_of(tmp_path / "course"), tmp_path / "shared" / "data")  # noqa: PTH104
    said = fetch(tmp_path, monkeypatch)
    assert (said.code, said.out) == (0, f"tiny: {tmp_path / 'shared' / 'data' / 'tiny'}, verified\n")
    said = run_cli("data", "list", "--course", tmp_path / "course")
    assert str(tmp_path / "shared" / "data" / "tiny") in said.out


def test_fetch_refuses_what_a_server_gave_that_is_not_the_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shelf: Shelf
) -> None:
    offered(tmp_path, (shelf.put("/a", CONTENT), DIGEST))
    said = fetch(tmp_path, monkeypatch)
    assert said.code == 2
    assert "Traceback" not in said.err
    assert "grader: " in said.err


def test_a_folder_without_any_dataset_is_no_place_of_data(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no dataset, so that other data would be taken"):
        Places.of(Course.at(), tmp_path)
    (tmp_path / "pets").mkdir()
    assert Places.of(Course.at(), tmp_path).given == tmp_path
