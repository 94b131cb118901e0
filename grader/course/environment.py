"""What a course adds to what its notebooks may import: installed once, into a folder of the course's own.

The grader's own packages stay what they are; the folder holds what is missing beside them, and is mounted read-only behind
them. Its name is a digest of what was asked for and of what it was asked for beside, so a changed pin, or another version of
Keras, is another folder. pip fills it when a person says so (`grader env install`), and never while anything is graded.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.version import InvalidVersion, Version
from pydantic import ValidationError

from grader.core.course_rules import FILE, NOT_FOR_NOTEBOOKS, ExtraPackages, package_name
from grader.core.errors import GraderError, Infrastructure, RubricError, UsageError
from grader.core.evidence import CourseEnvironment
from grader.core.text import one_line
from grader.core.workspace import user_cache, write_whole
from grader.course.course import Course
from grader.sandbox.environment import PACKAGES
from grader.sandbox.interface import Input
from grader.sandbox.pip import Missing, PipFailed, find_missing, install_into, installed_packages

LOCK, INSIDE = "environment.json", "site-packages"
UNREACHABLE = re.compile(
    r"connection broken by|Max retries exceeded|Failed to establish|name resolution|timed out", re.I
)
NOT_FOUND = re.compile(r"satisfies the requirement (\S+)(?: \(from (.*?)\))? \(from versions: (.*?)\)")
CAUSED_BY = re.compile(r"conflict is caused by:\n((?:    .*\n)+)")
LONGEST_WORDS = 300  # of pip's own


@dataclass(frozen=True, kw_only=True)
class InstalledEnvironment:
    """A course's packages on this machine, and what evidence says of them; `folder` is None where all are here anyway."""

    folder: Path | None
    described: CourseEnvironment

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What a sandbox is given of it."""
        return () if self.folder is None else (Input(self.folder, PACKAGES),)


class NotInstalled(UsageError):
    """The course's packages are not on this machine: which, and the command that installs them."""

    def __init__(self, packages: Mapping[str, str], course: Course) -> None:
        self.named = ", ".join(f"{name} {version}" for name, version in packages.items())
        self.command = f"grader env install{course.option()}"
        super().__init__(
            f"The packages that the course adds are not installed on this machine: {self.named}.",
            f"Type `{self.command}`, once.",
        )


def open_environment(course: Course) -> InstalledEnvironment | None:
    """What the course adds; None where it adds nothing. Raises NotInstalled, and RubricError where it can't be had."""
    rules = course.rules()
    if rules is None or not rules.environment.packages:
        return None
    wanted = _wanted(rules.environment, course)
    if not wanted:
        return InstalledEnvironment(folder=None, described=describe(rules.environment.packages, {}))
    found = _read(_place(rules.environment), rules.environment)
    if found is None:
        raise NotInstalled(wanted, course)
    return found


def install_environment(course: Course) -> InstalledEnvironment | None:
    """The same, installed where it is not here yet. Raises RubricError, UsageError, Infrastructure, with pip's reason."""
    try:
        return open_environment(course)
    except NotInstalled:
        rules = course.rules()
    assert rules is not None
    extra = rules.environment
    place = _place(extra)
    try:
        missing = find_missing(_wanted(extra, course), extra.from_source)
        hidden = [item.name for item in missing if item.name in NOT_FOR_NOTEBOOKS]
        if hidden:
            raise RubricError(
                f"{_table(course)}: {hidden[0]} comes along, and no notebook may import it: it holds labels."
            )
        _install(place, extra, missing)
    except PipFailed as failed:
        raise _explain(failed.output, course) from None
    found = _read(place, extra)
    if found is None:
        raise Infrastructure(
            f"{place}: what was installed there can't be read back.", "Remove the folder, and try again."
        )
    return found


def describe(pins: Mapping[str, str], packages: Mapping[str, str]) -> CourseEnvironment:
    """What evidence says of an environment with these pins, in which these packages are."""
    lines = "".join(f"{name}=={version}\n" for name, version in sorted({**pins, **packages}.items()))
    digest = hashlib.sha256(lines.encode()).hexdigest()
    return CourseEnvironment(digest=digest, pins=dict(pins), packages=dict(packages))


def environments_folder() -> Path:
    """Where the environments of all courses of this user lie."""
    return user_cache() / "environments"


def _table(course: Course) -> str:
    return f"{course.root / FILE}: `[environment]`"


def _wanted(extra: ExtraPackages, course: Course) -> dict[str, str]:
    """The pins that are not here anyway. Raises RubricError for one that contradicts what is."""
    wanted = {}
    for name, version in extra.packages.items():
        here = installed_packages().get(name)
        if here is None:
            wanted[name] = version
        elif Version(here) != Version(version):
            raise RubricError(
                f"{_table(course)}: `{name}` {version} contradicts the grader's own {name} {here}.",
                f"Take the line out: {here} is always there.",
            )
    return wanted


def _place(extra: ExtraPackages) -> Path:
    asked = {
        "packages": extra.packages, "from_source": extra.from_source, "beside": dict(installed_packages()),
        "python": f"{platform.python_implementation()} {platform.python_version()} {sysconfig.get_platform()}",
    }  # fmt: skip
    return environments_folder() / hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def _read(place: Path, extra: ExtraPackages) -> InstalledEnvironment | None:
    """What lies there whole; None where nothing does."""
    try:
        described = CourseEnvironment.model_validate_json((place / LOCK).read_bytes())
    except (OSError, ValidationError):
        return None
    folder = place / INSIDE
    whole = described == describe(extra.packages, described.packages) and folder.is_dir()
    return InstalledEnvironment(folder=folder, described=described) if whole else None


def _install(place: Path, extra: ExtraPackages, missing: tuple[Missing, ...]) -> None:
    """Fill a folder beside its place, and move it there once it is whole. Raises PipFailed, Infrastructure."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    except OSError as error:
        raise Infrastructure(
            f"{place.parent}: can't be written to ({error.strerror}).", "Check its permissions."
        ) from None
    try:
        install_into(partial / INSIDE, missing, extra.from_source)
        described = describe(extra.packages, {item.name: item.version for item in missing})
        write_whole(partial / LOCK, described.model_dump_json(indent=2) + "\n")
        _let_everybody_read(partial)
        if _read(place, extra) is None:
            shutil.rmtree(place, ignore_errors=True)
            with suppress(OSError):  # somebody else was faster
                partial.rename(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _let_everybody_read(folder: Path) -> None:
    """A sandbox may have a user of its own."""
    for above, _, files in os.walk(folder):
        for path in (Path(above), *(Path(above, name) for name in files)):
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if path.is_dir() or mode & 0o100 else 0))


def _explain(output: str, course: Course) -> GraderError:
    """What pip said, in one line and what to do."""
    table, python = _table(course), f"Python {'.'.join(platform.python_version_tuple()[:2])}"
    if UNREACHABLE.search(output):
        return UsageError(
            "The index of packages can't be reached from this machine, so nothing was installed.",
            "Try it again with a network, or give pip a folder of wheels: PIP_NO_INDEX=1 PIP_FIND_LINKS=DIR.",
        )
    caused = CAUSED_BY.search(output)
    if caused is not None:
        lines = [" ".join(line.split()) for line in caused[1].splitlines() if line.strip()]
        reasons = [line for line in lines if "(constraint)" not in line]
        here = [line.rpartition(" ")[2].replace("==", " ") for line in lines if "(constraint)" in line]
        beside = f", and the grader's own is {', '.join(here)}" if here else ""
        return RubricError(
            f"{table}: {one_line('; '.join(reasons), LONGEST_WORDS)}{beside}.", "Name a version that goes with that."
        )
    lost = NOT_FOUND.search(output)
    if lost is not None:
        name, _, version = lost[1].partition("==")
        known = sorted(_versions(lost[3]))
        if lost[2]:
            return RubricError(
                f"{table}: {lost[2]} needs `{lost[1]}`, of which there is no wheel for {python}.",
                "Name it in `from_source` if it comes as source: its build code then runs as you, once.",
            )
        if known:
            there = f"there is no version {version} of `{name}`"
            return RubricError(f"{table}: {there} for {python}.", f"The newest is {known[-1]}.")
        return RubricError(
            f"{table}: there is no package `{name}` with a wheel for {python}.",
            "Check the name. If it comes as source alone, name it in `from_source`: its build code then runs as you, once.",
        )
    said = next((line for line in output.splitlines() if line.startswith("ERROR: ")), "ERROR: it said nothing")
    return RubricError(f"{table}: pip failed: {one_line(said.removeprefix('ERROR: '), LONGEST_WORDS)}")


def _versions(words: str) -> Iterator[Version]:
    for word in words.split(", "):
        with suppress(InvalidVersion):
            version = Version(word)
            if not version.is_prerelease:
                yield version


def imported_names(folder: Path | None = None) -> dict[str, str]:
    """The names that can be imported, each with its package and version: of a folder, or of all that is installed here."""
    found: dict[str, str] = {}
    for item in distributions() if folder is None else distributions(path=[str(folder)]):
        name = package_name(item.metadata["Name"] or "")
        if name and name not in NOT_FOR_NOTEBOOKS:
            found |= dict.fromkeys(_top_level(item), f"{name} {item.version}")
    return dict(sorted(found.items(), key=lambda pair: pair[0].casefold()))


def _top_level(item: Distribution) -> set[str]:
    said = item.read_text("top_level.txt")
    names = set(said.split()) if said else {
        path.parts[0].removesuffix(".py") for path in item.files or () if path.suffix == ".py" and len(path.parts) < 3
    }  # fmt: skip
    return {name for name in names if name.isidentifier() and not name.startswith("_")}
