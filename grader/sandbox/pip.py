"""pip, as the grader runs it for a course's packages: what is missing beside what is installed, and that put into a folder.

What is installed here stays as it is: every installed version is a constraint, and what is missing goes into a folder of its
own. Of what is installed wheels are unpacked and no code is run, but for packages without a wheel that are named for it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

from grader.core.course_rules import package_name
from grader.core.errors import Infrastructure, UsageError
from grader.core.installation import STUDENTS, WHOLE
from grader.core.workspace import workspace

LONGEST_S = 1800.0
# Builds of one package under two names: where one is installed, pip is told that the other one is.
EQUAL = (("tensorflow", "tensorflow-cpu"), ("opencv-python", "opencv-python-headless"))


class PipFailed(Exception):
    """pip could not do it; `output` is all that it said."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A package that has to be installed: its version, and the SHA-256 of its file ("" where pip tells none)."""

    name: str
    version: str
    sha256: str


@cache
def installed_packages() -> Mapping[str, str]:
    """What is installed beside the grader, by name, also under the other name of a build that has two."""
    found = {package_name(item.metadata["Name"]): item.version for item in distributions() if item.metadata["Name"]}
    for one, other in EQUAL:
        for name, also in ((one, other), (other, one)):
            if name in found:
                found.setdefault(also, found[name])
    return {name: found[name] for name in sorted(found) if name not in (WHOLE, STUDENTS)}


def find_missing(wanted: Mapping[str, str], from_source: Sequence[str]) -> tuple[Missing, ...]:
    """What has to be installed for these packages, what they need among it. Raises PipFailed, UsageError, Infrastructure."""
    with workspace(private=True) as folder:
        report, constraints = folder / "report.json", folder / "constraints.txt"
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in installed_packages().items()))
        for name, version in _under_other_names().items():
            metadata = folder / "known" / f"{name.replace('-', '_')}-{version}.dist-info" / "METADATA"
            metadata.parent.mkdir(parents=True)
            metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        _run(
            ["--dry-run", "--report", str(report), "--constraint", str(constraints), *_from(from_source),
             *(f"{name}=={version}" for name, version in wanted.items())],
            {"PYTHONPATH": str(folder / "known"), "PIP_BREAK_SYSTEM_PACKAGES": "1"},
        )  # fmt: skip
        found = [_read_missing(item) for item in json.loads(report.read_bytes())["install"]]
    return tuple(sorted(found, key=lambda item: item.name))


def install_into(folder: Path, missing: Iterable[Missing], from_source: Sequence[str]) -> None:
    """Put exactly these packages into a folder. Raises PipFailed, UsageError, Infrastructure."""
    lines = [f"{item.name}=={item.version}" + (f" --hash=sha256:{item.sha256}" * bool(item.sha256)) for item in missing]
    with workspace(private=True) as own:
        requirements = own / "requirements.txt"
        requirements.write_text("".join(f"{line}\n" for line in lines))
        _run(["--no-deps", "--target", str(folder), *_from(from_source), "--requirement", str(requirements)], {})


def _under_other_names() -> dict[str, str]:
    """The packages that are here under another name alone."""
    own = {package_name(item.metadata["Name"]) for item in distributions() if item.metadata["Name"]}
    return {name: version for name, version in installed_packages().items() if name not in own}


def _from(from_source: Sequence[str]) -> list[str]:
    """Wheels for all packages but those that are named."""
    return ["--only-binary", ":all:", *(word for name in from_source for word in ("--no-binary", name))]


def _run(words: Sequence[str], variables: Mapping[str, str]) -> None:
    """`pip install`, with pip's own settings of this machine: an index, a folder of wheels. Raises as above."""
    if find_spec("pip") is None:
        raise UsageError("This Python has no pip, which installs a course's packages.", "Type `python -m ensurepip`.")
    command = [
        sys.executable, "-s", "-P", "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
        "--progress-bar", "off", "--no-color", "--retries", "2", *words,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LONGEST_S,
            env={**os.environ, "PIP_USER": "0", **variables}, text=True, errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Infrastructure(f"pip could not be run: {error}.", "Try it again.") from None
    if done.returncode != 0:
        raise PipFailed(done.stdout)


def _read_missing(item: Mapping[str, Mapping[str, object]]) -> Missing:
    archive = item["download_info"].get("archive_info")
    hashes = archive.get("hashes", {}) if isinstance(archive, dict) else {}
    metadata = item["metadata"]
    return Missing(
        name=package_name(str(metadata["name"])), version=str(metadata["version"]), sha256=str(hashes.get("sha256", ""))
    )  # fmt: skip
