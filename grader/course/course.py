"""`Course`: the one place that knows where content is (rubrics, references, datasets, report templates)."""

import ast
import difflib
from dataclasses import dataclass
from pathlib import Path

from grader.core.assignment import Assignment, read_assignment
from grader.core.course_rules import FILE as COURSE_FILE
from grader.core.course_rules import CourseRules, read_course_rules
from grader.core.errors import DataError, RubricError, UsageError
from grader.core.text import did_you_mean
from grader.course.dataset import Dataset, read_dataset

REFERENCES = ("solution.ipynb", "solution.py")
PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class ReferenceArchitecture:
    """A known architecture, scaled down: its file with a Keras builder, and the smallest square image it takes."""

    name: str
    title: str
    path: Path
    smallest: int


@dataclass(frozen=True)
class Course:
    """A folder with `assignments/`, `datasets/` and perhaps `reference/`, `reports/`, `examples/`."""

    root: Path

    @staticmethod
    def at(root: Path | None = None) -> "Course":
        """The course at `root`; without one, the content of this checkout or of the installed package."""
        if root is None:
            checkout = PACKAGE.parent
            return Course(checkout if (checkout / "assignments").is_dir() else PACKAGE / "content")
        if not (root / "assignments").is_dir():
            raise UsageError(
                f"{root} is not a course: it has no folder `assignments`.",
                "Name a folder that holds assignments/<id>/assignment.toml.",
            )
        return Course(root.resolve())

    def assignment_ids(self) -> list[str]:
        """The assignments there are, sorted."""
        return sorted(path.parent.name for path in (self.root / "assignments").glob("*/assignment.toml"))

    def assignment_folders(self) -> list[str]:
        """The folders in which assignments are looked for, also those without a rubric, sorted."""
        return sorted(
            path.name
            for path in (self.root / "assignments").iterdir()
            if path.is_dir() and not path.name.startswith((".", "_"))
        )

    def assignment_file(self, assignment: str) -> Path:
        """The rubric of `assignment`. Raises UsageError with the nearest name."""
        there = self.assignment_ids()
        if assignment in there:
            return self.root / "assignments" / assignment / "assignment.toml"
        elsewhere = "" if self.option() else " A course of your own is named with --course or GRADER_COURSE."
        raise _unknown("assignment", assignment, there, elsewhere)

    def assignment(self, assignment: str) -> Assignment:
        """The rubric of `assignment`, read and checked."""
        return read_assignment(self.assignment_file(assignment))

    def rules(self) -> CourseRules | None:
        """What the course says of all its assignments; None where it has no `course.toml`. Raises RubricError."""
        path = self.root / COURSE_FILE
        if not path.is_file():
            return None
        rules = read_course_rules(path, self.assignment_ids())
        known = tuple(sorted({"en", *(found.stem for found in (self.report_templates() / "languages").glob("*.po"))}))
        if rules.language not in known:
            near = did_you_mean(rules.language, known)
            raise RubricError(f"{path}: key `language`: there is no catalogue of `{rules.language}`{near}.")
        return rules

    def dataset(self, dataset: str) -> Dataset:
        """The manifest of `dataset`, read and checked. Raises UsageError where there is none."""
        return read_dataset(self.manifest_file(dataset))

    def option(self) -> str:
        """What a command needs behind it to mean this course: ` --course DIR`, or nothing where it is the grader's own."""
        return "" if self.root == Course.at().root else f" --course {self.root}"

    def manifest_file(self, dataset: str) -> Path:
        """The manifest of `dataset`. Raises UsageError where there is none."""
        there = self._manifests()
        if dataset not in there:
            raise _unknown("dataset", dataset, sorted(there))
        return there[dataset]

    def datasets(self) -> list[Dataset]:
        """Every dataset's manifest, by id."""
        return [read_dataset(path) for _, path in sorted(self._manifests().items())]

    def _manifests(self) -> dict[str, Path]:
        """The manifest of each dataset by id: the course's own, and those that come with the grader."""
        roots = [Course.at().root, self.root]  # the course's own win
        return {path.parent.name: path for root in roots for path in (root / "datasets").glob("*/dataset.toml")}

    def baseline_file(self, assignment: str, architecture: str | None = None) -> Path:
        """Where the recorded baseline of `assignment` (or of an architecture on it) is, whether it is there or not."""
        name = f"{architecture}.baseline.json" if architecture else "baseline.json"
        return self.reference_folder(assignment) / name

    def baseline_files(self) -> list[Path]:
        """Every recorded baseline: each assignment's own first, then its architectures'."""
        found = (self._content("reference")).glob("*/*baseline.json")
        return sorted(found, key=lambda path: (path.parent.name, path.name != "baseline.json", path.name))

    def architectures(self) -> list[ReferenceArchitecture]:
        """The known architectures, by name. Raises DataError for a file that does not say its smallest image."""
        found = sorted((self._content("reference") / "architectures").glob("*.py"))
        return [_read_architecture(path) for path in found]

    def architecture(self, name: str) -> ReferenceArchitecture:
        """The architecture called `name`. Raises UsageError with the nearest name."""
        there = {item.name: item for item in self.architectures()}
        if name in there:
            return there[name]
        raise _unknown("architecture", name, list(there))

    def architecture_training(self, assignment: str) -> Path:
        """The module that trains any architecture on the data of `assignment`. Raises UsageError where there is none."""
        path = self._content("reference") / assignment / "train_architecture.py"
        if not path.is_file():
            others = sorted(found.parent.name for found in path.parent.parent.glob(f"*/{path.name}"))
            raise UsageError(
                f"`{assignment}` trains no architectures: {path} is missing.",
                f"Those that do: {', '.join(others) or 'none'}.",
            )
        return path

    def reference(self, assignment: str) -> Path:
        """The reference solution of `assignment`, a notebook or else a module. Raises UsageError where there is none."""
        paths = [self.reference_folder(assignment) / name for name in REFERENCES]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise UsageError(
                f"{paths[0]}: `{assignment}` has no reference solution.", f"Write one: {' or '.join(REFERENCES)}."
            )
        return path

    def reference_folder(self, assignment: str) -> Path:
        """The folder with the reference solutions of `assignment`, whether it is there or not."""
        own, theirs = self.root / "reference" / assignment, self._content("reference") / assignment
        return theirs if theirs.is_dir() and not own.is_dir() else own

    def report_templates(self) -> Path:
        """The folder with `templates/` and `static/` that reports are made from."""
        return self._content("reports")

    def examples(self, folder: str = "class") -> Path:
        """An example class: `class` for the first exercise, `pets` for the third."""
        return self._content("examples") / folder

    def shared_data(self) -> Path:
        """`../shared/data` beside the checkout, whether it is there or not."""
        return self.root.parent / "shared" / "data"

    def _content(self, name: str) -> Path:
        """A folder of this course, else the one that comes with the grader (a course need not bring everything)."""
        own = self.root / name
        return own if own.is_dir() else Course.at().root / name


def _read_architecture(path: Path) -> ReferenceArchitecture:
    """TITLE and SMALLEST of an architecture's file, read and not run: it imports Keras."""
    said: dict[str, object] = {}
    for node in ast.parse(path.read_bytes(), str(path)).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Constant):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(target, ast.Name):
            said[target.id] = node.value.value
    title, smallest = said.get("TITLE"), said.get("SMALLEST")
    if not isinstance(title, str) or not isinstance(smallest, int):
        raise DataError(f"{path}: does not say TITLE and SMALLEST.", "Give it both, as plain constants.")
    return ReferenceArchitecture(name=path.stem, title=title, path=path, smallest=smallest)


def _unknown(what: str, name: str, known: list[str], more: str = "") -> UsageError:
    folded = {word.lower(): word for word in known}
    near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.4)
    guess = f"Did you mean `{folded[near[0]]}`? " if near else ""
    return UsageError(f"There is no {what} `{name}`.", f"{guess}Available: {', '.join(known) or 'none'}.{more}")
