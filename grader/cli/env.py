"""`grader env`: what a notebook may import, and the packages that a course adds to it."""

from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.command import Commands
from grader.cli.options import CourseOption, Debug, Json, Quiet, find_course, progress_bar
from grader.cli.terminal import print_json, print_lines
from grader.core.installation import distribution

if TYPE_CHECKING:
    from grader.course.course import Course

app = typer.Typer(
    cls=Commands, help="List what notebooks may import; install what a course adds.", invoke_without_command=True
)
USUAL = (
    "keras", "tensorflow", "numpy", "matplotlib", "pandas", "PIL", "scipy", "sklearn", "seaborn", "cv2", "h5py", "pydot",
    "tensorboard", "tqdm",
)  # fmt: skip


@app.callback()
def env(
    called: typer.Context,
    whole: Annotated[bool, typer.Option("--all", "-a",
        help="List all that is there, too: what the usual ones brought.")] = False,
    course: CourseOption = None, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Say what a notebook may import, and install what the course adds.

    Without a command it lists what is there: the course's own packages first. Each line is a name to import, its package
    and version.
    """
    if called.invoked_subcommand is not None:
        return
    from grader.course.environment import imported_names

    home = find_course(course)
    pins, added, missing = _of_course(home)
    always = imported_names()
    if as_json:
        told = {"pins": pins, "installed": not missing, "added": added, "always": always}
        print_json(told)
        return
    if pins:
        print_lines([f"What the course adds ({home.root / 'course.toml'}):"])
        print_lines(_rows(added) or [f"  {name}: {version}" for name, version in pins.items()])
        print_lines([f"! Not installed on this machine: {missing}" if missing else "", ""] if missing else [""])
    print_lines(["What is always there:", *_rows({name: always[name] for name in USUAL if name in always})])
    left = {name: where for name, where in always.items() if name not in USUAL}
    if whole:
        print_lines(["", "And what came along with that, or with the grader:", *_rows(left)])
    else:
        print_lines([f"And {len(left)} more that came along: --all lists them."])
    absent = [name for name in USUAL if name not in always]
    if absent:
        print_lines(
            [
                f"Not here: {', '.join(absent)}. `pip install '{distribution()}[classroom]'` brings what students use most."
            ]
        )


def _of_course(home: "Course") -> tuple[dict[str, str], dict[str, str], str]:
    """The course's pins; the names that they bring; and the command that installs them, where they are not here."""
    from grader.course.environment import NotInstalled, imported_names, open_environment

    rules = home.rules()
    pins = rules.environment.packages if rules is not None else {}
    try:
        found = open_environment(home)
    except NotInstalled as missing:
        return pins, {}, f"`{missing.command}` installs them."
    if found is None or found.folder is None:
        return pins, {}, ""
    return pins, imported_names(found.folder), ""


def _rows(names: dict[str, str]) -> list[str]:
    longest = max(map(len, names), default=0)
    return [f"  {name:<{longest}}  {where}" for name, where in names.items()]


@app.command("install")
def env_install(course: CourseOption = None, quiet: Quiet = False, debug: Debug = False) -> None:
    """Install what the course adds, once on each machine that grades or checks.

    The packages and versions are those under `[environment]` of course.toml. They are downloaded by pip, with its own
    settings, into a folder of their own in the user's cache; what is installed already stays what it is.
    """
    from grader.course.environment import imported_names, install_environment

    home = find_course(course)
    with progress_bar(quiet) as progress:
        progress.step("pip", "looking for what the course adds, and for what that needs")
        found = install_environment(home)
    if found is None:
        print_lines([f"{home.root / 'course.toml'} adds no packages: there is nothing to install."])
    elif found.folder is None:
        print_lines(["All that the course names is there already: there is nothing to install."])
    else:
        packages = found.described.packages
        print_lines(
            [
                f"{len(packages)} package{'s are' if len(packages) != 1 else ' is'} in {found.folder}:",
                *(f"  {name} {version}" for name, version in packages.items()),
                f"Notebooks may import them from now on: {', '.join(imported_names(found.folder))}.",
            ]
        )
