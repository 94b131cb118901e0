"""Packs the grader with a course as a wheel for students: one file for pip, which checks work and gives no mark.

It holds the code that a check runs, the part of the course that students may have (`students_course`), and asks for fewer
packages: no database, no server. A wheel is a zip with four files about itself (packaging.python.org, "Binary distribution
format"), so nothing is built and no compiler is needed.
"""

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import files, metadata, requires

from packaging.requirements import Requirement

from grader import __version__
from grader.authoring.packing import LEFT_OUT, add_file, files_below
from grader.authoring.students_course import StudentsCourse
from grader.core.installation import CONTENT, PACKAGE, STUDENTS, WHOLE

ROOMS_LEFT_OUT = frozenset({"authoring", "ci", "doctor", "gradebook", "review"})
PACKAGES_LEFT_OUT = frozenset({"alembic", "hypothesis", "sqlalchemy", "starlette", "tomlkit", "uvicorn"})
EXTRA = "classroom"  # what students import beside Keras
SUMMARY = "Checks your deep-learning coursework before you hand it in: what fails and why, what is certain. No mark."
ENTRY = f"[console_scripts]\n{WHOLE} = grader.cli:main\n"
TAG = "py3-none-any"
ABOUT = f"Wheel-Version: 1.0\nGenerator: grader {__version__}\nRoot-Is-Purelib: true\nTag: {TAG}\n"


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """The file: its name, which pip reads the version from, and its bytes."""

    name: str
    data: bytes


def pack_wheel(content: StudentsCourse, built: datetime) -> Wheel:
    """The wheel. Its version tells by `built` (to the minute) a later copy from an earlier one, so that pip replaces it."""
    version = f"{__version__}.post{built:%Y%m%d%H%M}"
    stem = f"{STUDENTS.replace('-', '_')}-{version}"
    held = {name: path.read_bytes() for name, path in files_below(WHOLE, PACKAGE, LEFT_OUT | ROOMS_LEFT_OUT)}
    held |= {f"{WHOLE}/{CONTENT}/{name}": data for name, data in content.files.items()}
    about = f"{stem}.dist-info"
    held |= {
        f"{about}/METADATA": write_metadata(version).encode(),
        f"{about}/WHEEL": ABOUT.encode(),
        f"{about}/entry_points.txt": ENTRY.encode(),
        **{f"{about}/licenses/{name}": data for name, data in _licences().items()},
    }
    held[f"{about}/RECORD"] = _record(held, f"{about}/RECORD").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in held.items():
            add_file(archive, name, data)
    return Wheel(name=f"{stem}-{TAG}.whl", data=buffer.getvalue())


def write_metadata(version: str) -> str:
    """What pip reads: the packages that it needs, and for which Pythons it is."""
    own = metadata(WHOLE)
    lines = [
        "Metadata-Version: 2.4", f"Name: {STUDENTS}", f"Version: {version}", f"Summary: {SUMMARY}",
        f"License-Expression: {own['License-Expression']}", f"Requires-Python: {own['Requires-Python']}",
        *(f"License-File: {name}" for name in _licences()),
        *(f"Requires-Dist: {requirement}" for requirement in students_requirements()),
        f"Provides-Extra: {EXTRA}",
    ]  # fmt: skip
    return "\n".join([*lines, ""])


def students_requirements() -> list[str]:
    """What pip installs along: the grader's own packages without those of an instructor, and the extra for a classroom."""
    found = []
    for text in requires(WHOLE) or []:
        requirement = Requirement(text)
        needed = "extra" not in str(requirement.marker or "") or f'extra == "{EXTRA}"' in str(requirement.marker)
        if needed and requirement.name.lower() not in PACKAGES_LEFT_OUT:
            found.append(text)
    return found


def _licences() -> dict[str, bytes]:
    found = [path for path in files(WHOLE) or [] if path.parent.name == "licenses"]
    return {path.name: path.read_binary() for path in found}


def _record(held: Mapping[str, bytes], own: str) -> str:
    """The digest and the size of each file; of the list itself neither."""
    lines = []
    for name, data in held.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}")
    return "\n".join([*lines, f"{own},,", ""])
