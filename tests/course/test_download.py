"""Downloads: kept whole or not at all, going on where they broke off, pinned where the manifest has no digest."""

import gc
import hashlib
import io
import threading
import warnings
import zipfile
from pathlib import Path

import pytest
import requests
from PIL import Image

from grader.core.errors import DataError
from grader.core.progress import Silent
from grader.course.dataset import load_split, with_own_digests
from grader.course.fetch import CHUNK, _read_pins, _write_pins
from grader.course.find_dataset import Places, find_data
from tests.course.server import Shelf, left_in, offered, refusal
from tests.fakes import Said, photographs, run_cli

CONTENT = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Words(Silent):
    """A progress that keeps what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def step(self, who: str, what: str) -> None:
        self.said.append(what)

    def say(self, what: str) -> None:
        self.said.append(what)


def places(tmp_path: Path) -> Places:
    return Places(given=None, shared=tmp_path / "shared" / "data", cache=tmp_path / "cache")


def kept_of(folder: Path) -> list[str]:
    """What lies in the cache without the folder of downloads that go on."""
    return [name for name in left_in(folder) if not name.startswith(".downloads")]


def test_a_download_is_kept_in_the_cache_and_found_there_next_time(tmp_path: Path, shelf: Shelf) -> None:
    first, second = shelf.put("/a", CONTENT), shelf.put("/b", CONTENT, etag=None)
    dataset = offered(tmp_path, (first, DIGEST), (second, DIGEST))
    progress = Words()
    folder = find_data(dataset, places(tmp_path), progress)
    assert folder == tmp_path / "cache" / "tiny"
    assert kept_of(tmp_path / "cache") == ["tiny", "tiny/0.bin", "tiny/1.bin"]
    assert (folder / "0.bin").read_bytes() == CONTENT
    assert progress.said == [f"downloading {first}", f"downloading {second}", f"tiny: downloaded to {folder}"]
    progress.said.clear()
    assert find_data(dataset, places(tmp_path), progress) == folder
    assert progress.said == []


def test_an_empty_folder_in_the_cache_does_not_stop_a_download(tmp_path: Path, shelf: Shelf) -> None:
    (tmp_path / "cache" / "tiny").mkdir(parents=True)
    dataset = offered(tmp_path, (shelf.put("/a", CONTENT), DIGEST))
    assert find_data(dataset, places(tmp_path)) == tmp_path / "cache" / "tiny"
    assert kept_of(tmp_path / "cache") == ["tiny", "tiny/0.bin"]


def test_a_download_that_broke_off_goes_on_where_it_stopped(tmp_path: Path, shelf: Shelf) -> None:
    dataset = offered(tmp_path, (shelf.put("/a", CONTENT, breaks_at=600_000), DIGEST))
    message = refusal(dataset, places(tmp_path))
    assert f"could not be downloaded from {shelf.address}/a: the connection broke off." in message
    assert "584 KiB are kept: the same command goes on from there" in message
    assert kept_of(tmp_path / "cache") == []
    folder = find_data(dataset, places(tmp_path))
    assert folder is not None
    assert (folder / "0.bin").read_bytes() == CONTENT
    assert shelf.asked == [("/a", None), ("/a", f"bytes={600_000 // CHUNK * CHUNK}-")]


@pytest.mark.parametrize("change", [{"ranges": False}, {"etag": '"second"'}, {"etag": None}])
def test_what_can_not_go_on_or_was_changed_meanwhile_begins_anew(
    tmp_path: Path, shelf: Shelf, change: dict[str, object]
) -> None:
    dataset = offered(tmp_path, (shelf.put("/a", CONTENT[::-1], breaks_at=600_000), None))
    refusal(dataset, places(tmp_path))
    shelf.put("/a", CONTENT, **change)  # type: ignore[arg-type]
    folder = find_data(dataset, places(tmp_path))
    assert folder is not None
    assert (folder / "0.bin").read_bytes() == CONTENT


def test_a_download_that_was_complete_before_the_grader_was_killed_is_not_fetched_again(
    tmp_path: Path, shelf: Shelf
) -> None:
    dataset = offered(tmp_path, (shelf.put("/a", CONTENT), DIGEST))
    partial = tmp_path / "cache" / ".downloads" / "tiny" / "0.bin.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT)
    folder = find_data(dataset, places(tmp_path))
    assert folder is not None
    assert (folder / "0.bin").read_bytes() == CONTENT


def test_of_what_is_not_there_or_of_another_digest_nothing_is_kept(tmp_path: Path, shelf: Shelf) -> None:
    other = shelf.put("/b", CONTENT[::-1])
    for address, words in (
        (f"{shelf.address}/missing", "could not be downloaded"),
        (f"{shelf.address}/missing", "the server answers 404 Not Found"),
        ("http://127.0.0.1:1/a", "there is no connection to the server"),
        (other, "SHA-256 differs"),
    ):
        message = refusal(offered(tmp_path, (address, DIGEST)), places(tmp_path))
        assert words in message
        assert address in message
        assert "--data" in message
        assert not [name for name in left_in(tmp_path / "cache") if name.endswith(".part") or name == "tiny"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.ConnectTimeout(), "the server does not answer"),
        (requests.ReadTimeout(), "the server does not answer"),
        (requests.exceptions.SSLError(), "certificate is not accepted"),
        (requests.exceptions.ProxyError(), "the proxy can't be reached"),
        (requests.exceptions.InvalidURL(), "InvalidURL"),
    ],
)
def test_why_a_download_failed_is_said_in_words(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(requests, "get", fail)
    assert words in refusal(offered(tmp_path, (f"{shelf.address}/a", DIGEST)), places(tmp_path))


def test_two_at_a_time_fetch_once(tmp_path: Path, shelf: Shelf) -> None:
    dataset = offered(tmp_path, (shelf.put("/a", CONTENT), DIGEST))
    threads = [threading.Thread(target=find_data, args=(dataset, places(tmp_path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path for path, _ in shelf.asked] == ["/a"]
    assert kept_of(tmp_path / "cache") == ["tiny", "tiny/0.bin"]


def test_a_cache_that_can_not_be_written_is_said_in_words(tmp_path: Path, shelf: Shelf) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DataError, match=r"could not be written"):
        find_data(offered(tmp_path, (shelf.put("/a", CONTENT), DIGEST)), places(tmp_path))


def test_a_full_disk_is_said_in_words(tmp_path: Path, shelf: Shelf) -> None:
    dataset = offered(tmp_path, (shelf.put("/a", CONTENT), DIGEST))
    downloads = tmp_path / "cache" / ".downloads" / "tiny"
    downloads.mkdir(parents=True)
    (downloads / "0.bin.part").symlink_to("/dev/full")
    message = refusal(dataset, places(tmp_path))
    assert "No space left on device" in message
    assert "Make room" in message


# --- a zip of photographs, as the public collection of cats and dogs is ----------------------------------------------------

UNPACK = 'unpack = { folder = "collection", classes = { left = "lefts", right = "rights" } }\n'
COUNTS = {"train": 4, "judged": 5}


def zipped(counts: dict[str, int] = COUNTS, *, top: str = "collection", extra: dict[str, bytes] | None = None) -> bytes:
    """A zip of the form of the public collection: a folder, splits, classes in the plural, and a file of no concern."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{top}/vectorize.py", "raise SystemExit")
        for split, count in counts.items():
            for label, name in enumerate(("lefts", "rights")):
                for number, picture in enumerate(photographs(10 * label + count, count)):
                    data = io.BytesIO()
                    Image.fromarray(picture).save(data, "PNG")
                    archive.writestr(f"{top}/{split}/{name}/{name[:-1]}.{number}.png", data.getvalue())
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return buffer.getvalue()


def fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Said:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GRADER_DATA", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        said = run_cli("data", "fetch", "tiny", "--course", tmp_path / "course")
        gc.collect()
    assert "Traceback" not in said.err
    return said


def test_a_public_collection_is_fetched_unpacked_counted_and_pinned(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = zipped(
        extra={"collection/train/lefts/../../../../outside.png": b"x", "collection/train/lefts/._1.png": b"x"}
    )
    dataset = offered(tmp_path, (shelf.put("/c.zip", content, breaks_at=len(content) // 2), None), unpack=UNPACK)
    assert fetch(tmp_path, monkeypatch).code == 2
    said = fetch(tmp_path, monkeypatch)
    assert said.code == 0, said.err
    cache = tmp_path / "cache" / "grader" / "data"
    assert said.out == f"tiny: {cache / 'tiny'}, verified\n"
    assert shelf.asked[1] == ("/c.zip", f"bytes={len(content) // 2 // CHUNK * CHUNK}-")
    assert sorted(path.name for path in (cache / "tiny" / "train" / "left").iterdir()) == [
        f"left.{n}.png" for n in range(4)
    ]
    assert not list(tmp_path.rglob("outside.png"))
    pinned = (cache / "tiny.pins.toml").read_text()
    assert hashlib.sha256(content).hexdigest() in pinned
    own = with_own_digests(dataset, cache / "tiny")
    assert own.judged_title == "10 photographs imported from 0"
    assert len(load_split(own, "judged", cache / "tiny").labels) == 10


def test_another_digest_at_the_second_fetch_is_refused_until_the_pin_is_removed(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered(tmp_path, (shelf.put("/c.zip", zipped()), None), unpack=UNPACK)
    cache = tmp_path / "cache" / "grader" / "data"
    assert fetch(tmp_path, monkeypatch).code == 0
    (cache / "tiny").rename(cache / "set aside")
    shelf.put("/c.zip", zipped(extra={"collection/new": b"1"}), etag='"second"')
    said = fetch(tmp_path, monkeypatch)
    assert said.code == 2
    assert "was fetched first" in said.err
    assert "tiny.pins.toml" in said.err
    assert not (cache / "tiny").exists()
    (cache / "tiny.pins.toml").unlink()
    assert fetch(tmp_path, monkeypatch).code == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>Please log in to this network</html>", "It can't be unpacked: File is not a zip file."),
        (zipped(top="elsewhere"), "there is no photograph in it"),
        (zipped({"train": 4, "judged": 3}), "It holds 6 photographs in `judged`, not 10."),
        (zipped(extra={"collection/train/lefts/broken.png": b"no picture"}), "is not a photograph"),
    ],
)
def test_a_zip_of_another_form_is_refused_in_words_and_pins_nothing(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, content: bytes, words: str
) -> None:
    offered(tmp_path, (shelf.put("/c.zip", content), None), unpack=UNPACK)
    said = fetch(tmp_path, monkeypatch)
    assert said.code == 2
    assert words in said.err
    assert left_in(tmp_path / "cache" / "grader" / "data") == [".downloads", ".downloads/tiny", ".downloads/tiny/.lock"]
    shelf.put("/c.zip", zipped(), etag='"good"')
    assert fetch(tmp_path, monkeypatch).code == 0


def test_an_address_of_any_letters_is_pinned_as_it_is(tmp_path: Path) -> None:
    known = {'https://x.org/\U0001f431"\\.zip': DIGEST}
    _write_pins(tmp_path / "pins.toml", known)
    assert _read_pins(tmp_path / "pins.toml") == known
