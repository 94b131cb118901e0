"""A web server on the loopback that can break off, go on, change its mind, and send what nobody asked for."""

import gc
import http.server
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from grader.core.errors import DataError
from grader.course.dataset import Dataset
from grader.course.find_dataset import Places, find_data
from tests.fakes import write_course


@dataclass
class Offer:
    """What lies at one address: `breaks_at` cuts an answer after so many bytes of the file, the next time no more."""

    content: bytes
    etag: str | None = '"first"'
    breaks_at: int | None = None
    ranges: bool = True  # whether it can go on in the middle


@dataclass
class Shelf:
    """All addresses of a server, and what it was asked for: the path and the Range."""

    address: str
    offers: dict[str, Offer] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def put(self, path: str, content: bytes, *, etag: str | None = '"first"', breaks_at: int | None = None,
            ranges: bool = True) -> str:  # fmt: skip
        """Offer `content` at `path`; its address."""
        self.offers[path] = Offer(content, etag, breaks_at, ranges)
        return self.address + path


@contextmanager
def serving() -> Iterator[Shelf]:
    """A server for as long as it is needed."""
    shelf = Shelf("")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shelf.asked.append((self.path, self.headers.get("Range")))
            offer = shelf.offers.get(self.path)
            if offer is None:
                self.send_error(404)
                return
            first = self._first(offer)
            if first >= len(offer.content):
                self.send_error(416)
                return
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(offer.content) - first))
            if offer.etag:
                self.send_header("ETag", offer.etag)
            self.end_headers()
            until, offer.breaks_at = offer.breaks_at, None
            self.wfile.write(offer.content[first:until])

        def _first(self, offer: Offer) -> int:
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
            same = self.headers.get("If-Range") in (None, offer.etag)
            return int(wanted[1]) if wanted and same and offer.ranges else 0

        def log_message(self, format: str, *words: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        shelf.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield shelf
        server.shutdown()
        thread.join()


def refusal(dataset: Dataset, where: Places) -> str:
    """What is said about a download that fails; requests leaves the connection of a cut answer to the collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(DataError) as caught:
            find_data(dataset, where)
        message = str(caught.value)
        del caught
        gc.collect()
    return message


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []


def offered(tmp_path: Path, *downloads: tuple[str, str | None], unpack: str = "") -> Dataset:
    """The tiny dataset, which may be had from these addresses with these digests."""
    course = write_course(tmp_path / "course")
    manifest = course.root / "datasets" / "tiny" / "dataset.toml"
    for number, (url, digest) in enumerate(downloads):
        with manifest.open("a", encoding="utf-8") as file:
            file.write(f'[[download]]\nurl = "{url}"\nfile = "{number}.bin"\n')
            file.write(f'sha256 = "{digest}"\n' if digest else "")
            file.write(unpack)
    return course.dataset("tiny")
