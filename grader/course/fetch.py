"""A dataset's files from their addresses: goes on where it broke off, keeps nothing whose digest is wrong.

What has arrived lies in `<cache>/.downloads/<dataset>/` until it is complete. A file whose manifest names no digest is
pinned at its first fetch, in `<cache>/<dataset>.pins.toml`: what another fetch brings has to be the same.
"""

import hashlib
import os
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from grader.core.errors import DataError, GraderError
from grader.core.evidence import Value
from grader.core.limits import write_size
from grader.core.progress import Progress
from grader.core.toml import load_toml
from grader.core.workspace import write_whole
from grader.course.dataset import JPEG, UNREADABLE, Dataset, Download, Naming, import_photographs, toml_text

CHUNK = 1 << 13  # the last one is lost where an answer breaks off
TIMEOUT_S = 60
LOCK = ".lock"
EVERY_S = 5.0  # seconds between two words about progress
MOST_BYTES = 4 << 30  # of one file
REMEDY = "Check the address in the dataset's manifest, or name a folder that has the data with --data."
MOST_PHOTOGRAPHS = 100_000  # in one zip
MOST_PHOTOGRAPH = 40 << 20  # bytes of one, unpacked


def download(dataset: Dataset, folder: Path, progress: Progress) -> Path:
    """All files of `dataset` at `folder`, which is there whole or not at all. Raises DataError."""
    try:
        downloads = folder.parent / ".downloads" / dataset.id
        downloads.mkdir(parents=True, exist_ok=True)
        with _alone(downloads):
            if folder.is_dir() and any(folder.iterdir()):  # somebody else was faster
                return folder
            pins = folder.with_name(f"{dataset.id}.pins.toml")
            files = [(item, _fetch(dataset, item, downloads, pins, progress)) for item in dataset.download]
            digests = {item.url: digest_file(path) for item, path in files if not item.sha256}
            try:
                _move_in(dataset, files, folder)
            except DataError:  # it is complete and of another form: there is nothing to go on from
                _clear(downloads)
                raise
            _write_pins(pins, {**_read_pins(pins), **digests})
            _clear(downloads)
    except OSError as error:
        raise DataError(
            f"{folder}: could not be written ({error.strerror or error}).",
            "Make room there, and give the same command again: it goes on where it stopped.",
        ) from None
    progress.say(f"{dataset.id}: downloaded to {folder}")
    return folder


@contextmanager
def _alone(downloads: Path) -> Iterator[None]:
    """One download of a dataset at a time: a second one waits, and then finds the data there."""
    with (downloads / LOCK).open("wb") as lock:
        with suppress(ImportError):  # Windows has no fcntl; only a student's own check runs there
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clear(downloads: Path) -> None:
    """Remove what arrived, but not the lock: somebody else may wait for it."""
    for path in downloads.iterdir():
        if path.name != LOCK:
            path.unlink()


def _fetch(dataset: Dataset, item: Download, downloads: Path, pins: Path, progress: Progress) -> Path:
    """One complete file with the right digest. What broke off stays for the next time; what is wrong does not."""
    import requests

    partial = downloads / f"{item.file}.part"
    try:
        _receive(dataset, item, partial, progress)
    except requests.RequestException as error:
        there = partial.stat().st_size if partial.is_file() else 0
        kept = f" The first {write_size(there)} are kept: the same command goes on from there." if there else ""
        raise DataError(
            f"The dataset `{dataset.id}` is not on this machine and could not be downloaded from {item.url}: "
            f"{_in_words(error)}.",
            f"Check the network, or name a folder that has it with --data.{kept}",
        ) from None
    try:
        _check_digest(dataset, item, partial, pins)
    except DataError:
        partial.unlink()
        raise
    return partial


def _in_words(error: Exception) -> str:
    """Why a download failed, for a person who knows no names of errors."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}".rstrip()
    kinds = (
        (requests.Timeout, "the server does not answer"),
        (requests.exceptions.ChunkedEncodingError, "the connection broke off"),
        (requests.exceptions.SSLError, "the server's certificate is not accepted on this machine"),
        (requests.exceptions.ProxyError, "the proxy can't be reached"),
        (requests.ConnectionError, "there is no connection to the server"),
    )
    return next((words for kind, words in kinds if isinstance(error, kind)), type(error).__name__)


def _receive(dataset: Dataset, item: Download, partial: Path, progress: Progress) -> None:
    """Bring `partial` to its full length. Raises OSError, requests.RequestException, DataError."""
    import requests

    validator = partial.with_name(f"{partial.name}.validator")  # what the server called the version that we have
    there = partial.stat().st_size if partial.is_file() and (validator.is_file() or item.sha256) else 0
    headers = {"Accept-Encoding": "identity"}
    if there:
        headers["Range"] = f"bytes={there}-"
        if validator.is_file():
            headers["If-Range"] = validator.read_text(encoding="ascii")
    progress.step(dataset.id, f"downloading {item.url}")
    with requests.get(item.url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
        if answer.status_code == 416:  # there is nothing behind what we have: the digest says whether that is all
            return
        answer.raise_for_status()
        goes_on = answer.status_code == 206
        there = there if goes_on else 0
        length = answer.headers.get("Content-Length", "")
        total = there + int(length) if length.isdecimal() else None
        if total is not None and total > MOST_BYTES:
            raise DataError(
                f"{item.url}: offers {write_size(total)}; at most {write_size(MOST_BYTES)} are taken.", REMEDY
            )
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        if version and version.isascii() and not version.startswith("W/"):
            validator.write_text(version, encoding="ascii")
        else:
            validator.unlink(missing_ok=True)
        with partial.open("ab" if goes_on else "wb") as file:
            last = time.monotonic()
            for chunk in answer.iter_content(CHUNK):
                file.write(chunk)
                there += len(chunk)
                if there > MOST_BYTES:
                    raise DataError(
                        f"{item.url}: sends more than {write_size(MOST_BYTES)}, which is not accepted.", REMEDY
                    )
                if time.monotonic() - last >= EVERY_S:
                    last = time.monotonic()
                    of = f" of {write_size(total)} ({there / total:.0%})" if total else ""
                    progress.step(dataset.id, f"downloading {item.url}: {write_size(there)}{of}")


def _check_digest(dataset: Dataset, item: Download, partial: Path, pins: Path) -> None:
    """Compare with the manifest's digest, or with that of the first fetch. Raises DataError."""
    found = digest_file(partial)
    expected = item.sha256 or _read_pins(pins).get(item.url, found)
    if found == expected:
        return
    described = "the manifest describes" if item.sha256 else f"was fetched first, as {pins} says"
    anew = "" if item.sha256 else f" If the collection was changed on purpose, remove {pins} and fetch again."
    raise DataError(
        f"What {item.url} sent is not the `{dataset.id}` that {described} (SHA-256 differs: {found[:12]}..., not "
        f"{expected[:12]}...).",
        f"Nothing of it was kept. Try again later, or name a folder that has it with --data.{anew}",
    )


def digest_file(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Pin(Value):
    """What a file was when it was first fetched."""

    url: str
    sha256: str


class Pins(Value):
    """The `.pins.toml` of a dataset."""

    file: tuple[Pin, ...]


def _read_pins(path: Path) -> dict[str, str]:
    """Address to digest. Raises DataError."""
    if not path.is_file():
        return {}
    pins = load_toml(path, Pins, DataError, "Remove it: the next fetch pins anew.")
    return {pin.url: pin.sha256 for pin in pins.file}


def _write_pins(path: Path, pins: dict[str, str]) -> None:
    if not pins or pins == _read_pins(path):
        return
    today = datetime.now(UTC).date().isoformat()
    lines = [f"# What `grader data fetch` brought first; another fetch has to bring the same. Written on {today}."]
    for url, digest in pins.items():
        lines += ["", "[[file]]", f"url = {toml_text(url)}", f'sha256 = "{digest}"']
    write_whole(path, "\n".join(lines) + "\n")


def _move_in(dataset: Dataset, files: Sequence[tuple[Download, Path]], folder: Path) -> None:
    """Complete files under their names, zips of photographs unpacked; `folder` appears whole."""
    with tempfile.TemporaryDirectory(prefix=f".{dataset.id}-", dir=folder.parent) as temporary:
        made = Path(temporary) / dataset.id
        for item, path in files:
            if item.unpack is None:
                made.mkdir(exist_ok=True)
                os.replace(path, made / item.file)  # noqa: PTH105
                continue
            unpacked = Path(temporary) / "unpacked" / Path(item.file).stem
            try:
                _unpack(dataset, item, path, unpacked)
                counts = import_photographs(dataset, unpacked, made, Naming(classes=item.unpack.classes))
            except GraderError as error:
                raise _another_form(item, error.message) from None
            for name, count in counts.items():
                if count != dataset.split[name].count:
                    wanted = f"{dataset.split[name].count:,}"
                    raise _another_form(item, f"It holds {count:,} photographs in `{name}`, not {wanted}.")
        if folder.is_dir():
            folder.rmdir()  # an empty one
        os.replace(made, folder)  # noqa: PTH105


def _another_form(item: Download, why: str) -> DataError:
    return DataError(
        f"What {item.url} sent is not the collection that was expected. {why}",
        "Nothing of it was kept. Take photographs of your own in with `grader data import`.",
    )


def _unpack(dataset: Dataset, item: Download, path: Path, into: Path) -> None:
    """The photographs of a zip at `into`/<split>/<class>/, and nothing else. Raises DataError."""
    assert item.unpack is not None
    wanted = {
        f"{item.unpack.folder}/{split.folder}/{name}".strip("/"): into / split.folder / name
        for split in dataset.split.values()
        for name in (item.unpack.classes.get(known, known) for known in dataset.classes)
    }
    for folder in wanted.values():
        folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(path) as archive:
            taken = 0
            for member in archive.infolist():
                above, _, name = member.filename.rpartition("/")
                if above not in wanted or Path(name).suffix.lower() not in JPEG or name.startswith("."):
                    continue
                taken += 1
                if taken > MOST_PHOTOGRAPHS or member.file_size > MOST_PHOTOGRAPH:
                    raise DataError("It holds more, or larger, photographs than are taken.")
                (wanted[above] / Path(name).name).write_bytes(archive.read(member))
    except (*UNREADABLE, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # a full disk is not the zip's fault
        raise DataError(f"It can't be unpacked: {error}.") from None
