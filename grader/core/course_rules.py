"""What a course says of all its assignments together: `course.toml` beside `assignments/`, as a frozen value.

The budget of slip days is here and in no rubric, because it is spent on several assignments. How assignments add up to a
total is a tree: `[total]` counts assignments and parts, and a `[part.NAME]` counts assignments and parts. What notebooks may
import beside what is always there is here too, so that it is installed once for the whole course.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from packaging.version import InvalidVersion, Version
from pydantic import Field, ValidationInfo, field_validator

from grader.core.assignment import Language
from grader.core.errors import RubricError
from grader.core.evidence import Value
from grader.core.installation import HOLDING_ANSWERS, STUDENTS
from grader.core.text import did_you_mean
from grader.core.toml import load_toml, written

FILE = "course.toml"
SCHEMA = 1
WHOLE = (1.0, 100.0)  # what weights add up to: shares, or hundredths
ROOT = "total"
LONGEST = 100  # characters of a name
MOST_PACKAGES = 50
PACKAGE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
NOT_FOR_NOTEBOOKS = frozenset({*HOLDING_ANSWERS, STUDENTS})  # as pip calls what no course may add


class Budget(Value):
    """`[late]`: how many slip days a student has for all assignments of the course; None: there are none."""

    slip_days: Annotated[int, Field(strict=True, ge=0, le=366)] | None = None


def package_name(name: str) -> str:
    """A package's name as every index writes it: `Keras_Tuner` is `keras-tuner`."""
    return re.sub(r"[-_.]+", "-", name).lower()


class ExtraPackages(Value):
    """`[environment]`: packages that notebooks may import beside what is always there, each with its version.

    Nothing of a package is run when it is installed, unless it has no wheel and is named in `from_source`.
    """

    packages: Annotated[dict[str, str], Field(max_length=MOST_PACKAGES)] = Field(default_factory=dict)
    from_source: Annotated[tuple[str, ...], Field(max_length=MOST_PACKAGES)] = ()

    @field_validator("packages")
    @classmethod
    def _are_pinned(cls, packages: dict[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for raw, version in packages.items():
            name = _require_package(raw)
            if name in found:
                raise ValueError(f"`{name}` is named twice")
            try:
                found[name] = str(Version(version))
            except InvalidVersion:
                raise ValueError(
                    f'`{raw} = {written(version)}` is no version: write the one to install, as in `{raw} = "1.4.7"`'
                ) from None
        return dict(sorted(found.items()))

    @field_validator("from_source")
    @classmethod
    def _are_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted({_require_package(name) for name in names}))


def _require_package(raw: str) -> str:
    """The name of a package that a course may have. Raises ValueError."""
    if not PACKAGE_NAME.fullmatch(raw):
        raise ValueError(f"{written(raw)} is no name of a package, as in keras-tuner")
    name = package_name(raw)
    if name in NOT_FOR_NOTEBOOKS:
        raise ValueError(f"`{raw}` holds labels or solutions: no notebook may import it")
    return name


class Part(Value):
    """What counts, and how much: of a list all weigh the same, a table says how much. `best`: only the best so many."""

    counts: tuple[str, ...] | dict[str, float]
    best: Annotated[int, Field(strict=True, ge=1)] | None = None

    @field_validator("counts", mode="before")
    @classmethod
    def _is_list_or_table(cls, raw: object) -> object:
        if not isinstance(raw, list | tuple | dict):
            raise ValueError("is neither a list of names nor a table of names with weights")
        if not raw:
            raise ValueError("names nothing that counts")
        lost = next((name for name in raw if not isinstance(name, str) or not 0 < len(name) <= LONGEST), None)
        if lost is not None:
            raise ValueError(f"{written(lost)} is no name of an assignment or a part")
        for name, weight in raw.items() if isinstance(raw, dict) else ():
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= max(WHOLE):
                raise ValueError(f"`{name}` weighs {written(weight)}: a weight is a number above 0, as in 0.4 or 40")
        return raw

    @field_validator("counts")
    @classmethod
    def _adds_up(cls, counts: tuple[str, ...] | dict[str, float]) -> tuple[str, ...] | dict[str, float]:
        if isinstance(counts, dict):
            together = math.fsum(counts.values())
            if not any(math.isclose(together, whole, rel_tol=1e-6) for whole in WHOLE):
                raise ValueError(f"the weights add up to {together:g}, not to 1 (or to 100)")
        return counts

    @field_validator("best")
    @classmethod
    def _of_equals(cls, best: int | None, info: ValidationInfo) -> int | None:
        counts = info.data.get("counts")
        if best is not None and isinstance(counts, dict):
            raise ValueError("of the best ones all weigh the same: write `counts` as a list, without weights")
        if best is not None and counts is not None and best > len(counts):
            raise ValueError(f"the best {best} of {len(counts)} can't be taken")
        return best

    @property
    def weights(self) -> dict[str, float]:
        """Each name with its share of the part, where all of them count."""
        if not isinstance(self.counts, dict):
            return dict.fromkeys(self.counts, 1 / len(self.counts))
        whole = math.fsum(self.counts.values())
        return {name: weight / whole for name, weight in self.counts.items()}


class CourseRules(Value):
    """A course's rules of grades. `assignments` are the ids that the course has: no file sets them."""

    schema_: Annotated[Literal[1], Field(alias="schema")]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    language: Language = "en"
    late: Budget = Budget()
    environment: ExtraPackages = ExtraPackages()
    total: Part | None = None
    part: dict[str, Part] = Field(default_factory=dict)
    assignments: tuple[str, ...] = ()

    @property
    def counted(self) -> tuple[str, ...]:
        """The assignments that count, in the order in which the file names them."""
        names = list(self.total.counts) if self.total is not None else []
        found = []
        while names:
            name = names.pop(0)
            names = [*(self.part[name].counts if name in self.part else ()), *names]
            found += [name] if name in self.assignments else []
        return tuple(found)

    @property
    def parts(self) -> dict[str, Part]:
        """Every part by name, the total among them."""
        return dict(self.part) if self.total is None else {ROOT: self.total, **self.part}


def read_course_rules(path: Path, assignments: Sequence[str]) -> CourseRules:
    """The rules in the file at `path` of a course with these assignments. Raises RubricError."""
    rules = load_toml(path, CourseRules, RubricError, assignments=tuple(assignments))
    fault = next(_faults(rules), None)
    if fault is not None:
        raise RubricError(f"{path}: {fault}")
    return rules


def _faults(rules: CourseRules) -> Iterator[str]:
    """What is wrong with the names of a course's rules, the first of them the most telling."""
    for name in rules.part:
        if name in rules.assignments or name == ROOT:
            what = "the total" if name == ROOT else "an assignment"
            yield f"`[part.{name}]` is called as {what} is: a name that is counted must mean one of them. Rename the part."
    known = (*rules.assignments, *rules.part)
    for name, part in rules.parts.items():
        for counted in part.counts:
            if counted not in known:
                yield f"{_table(name)}: there is no assignment and no part `{counted}`{did_you_mean(counted, known)}."
        twice = [counted for counted, times in Counter(list(part.counts)).items() if times > 1]
        if twice:
            yield f"{_table(name)}: `{twice[0]}` is counted twice."
    cycle = _cycle(rules.parts)
    if cycle:
        yield f"a part can't count itself: {' -> '.join(f'`{name}`' for name in cycle)}. Take one of them out of `counts`."
    counted_in = Counter(counted for part in rules.parts.values() for counted in part.counts)
    for name, times in counted_in.items():
        if times > 1:
            where = " and ".join(_table(part) for part, item in rules.parts.items() if name in item.counts)
            yield f"`{name}` is counted twice, in {where}."
    for name in rules.part:
        if name not in counted_in:
            yield f"`[part.{name}]` is counted nowhere: name it in `counts` of `[total]`, or of another part."


def _table(name: str) -> str:
    return "`[total]`" if name == ROOT else f"`[part.{name}]`"


def _cycle(parts: Mapping[str, Part]) -> tuple[str, ...]:
    """The names of a way from a part back to it; none where there is no such way."""
    done: set[str] = set()
    for start in parts:
        way = [(start, iter(parts[start].counts))]  # no recursion: a file may nest as deep as it likes
        while way:
            name, left = way[-1]
            following = next((item for item in left if item in parts and item not in done), None)
            if following is None:
                done.add(name)
                way.pop()
            elif following in (names := [name for name, _ in way]):
                return (*names[names.index(following) :], following)
            else:
                way.append((following, iter(parts[following].counts)))
    return ()
