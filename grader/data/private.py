"""A private split: photographs that only the instructor has, judged instead of those that students can know."""

import shutil
from dataclasses import replace
from pathlib import Path

from grader.data.find import Places
from grader.data.importing import Naming, import_photographs
from grader.data.load import OWN_DIGESTS, list_photographs, read_photograph
from grader.dataset import Dataset, SplitManifest, digest_images
from grader.errors import DataError
from grader.toml_file import read_toml

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
    path = folder / OWN_DIGESTS
    raw = read_toml(path, DataError)
    try:
        manifest = SplitManifest.model_validate({**raw["split"][PRIVATE], "folder": str(folder.resolve())})
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: can't be read: {error}.", "Import the private photographs again.") from None
    named = raw.get("origin")
    origin = f" (imported from {named})" if isinstance(named, str) else ""
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
    alone = dataset.model_copy(update={"split": {PRIVATE: SplitManifest(count=1, images="", labels="")}})
    counts = import_photographs(alone, source, target, naming_of_private(naming))
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


def naming_of_private(naming: Naming) -> Naming:
    """The classes lie in the folder itself, unless `--split private=FOLDER` says otherwise."""
    return replace(naming, splits={PRIVATE: naming.splits.get(PRIVATE, ".")} | dict(naming.splits))


def _shared(dataset: Dataset, known: Path, target: Path) -> list[str]:
    """The names of photographs in `target` that `known` has as well, pixel by pixel."""
    pixels = {
        digest_images([read_photograph(path)])
        for manifest in dataset.split.values()
        for path, _ in list_photographs(dataset, known / manifest.folder)
    }
    listed = list_photographs(dataset, target)
    return [path.name for path, _ in listed if digest_images([read_photograph(path)]) in pixels]
