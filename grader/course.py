"""`Course`: the one place that knows where content is (rubrics, references, datasets, report templates)."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from grader.assignment import Assignment, read_assignment
from grader.dataset import Dataset, read_dataset
from grader.errors import UsageError

PACKAGE = Path(__file__).resolve().parent


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
                f"{root} is no course: it has no folder `assignments`.",
                "Name a folder that holds assignments/<id>/assignment.toml.",
            )
        return Course(root.resolve())

    def assignment_ids(self) -> list[str]:
        """The assignments there are, sorted."""
        return sorted(path.parent.name for path in (self.root / "assignments").glob("*/assignment.toml"))

    def assignment_file(self, assignment: str) -> Path:
        """The rubric of `assignment`. Raises UsageError with the nearest name."""
        there = self.assignment_ids()
        if assignment in there:
            return self.root / "assignments" / assignment / "assignment.toml"
        near = difflib.get_close_matches(assignment, there, n=1, cutoff=0.4)
        guess = f"Did you mean `{near[0]}`? " if near else ""
        raise UsageError(f"There is no assignment `{assignment}`.", f"{guess}There is: {', '.join(there) or 'none'}.")

    def assignment(self, assignment: str) -> Assignment:
        """The rubric of `assignment`, read and checked."""
        return read_assignment(self.assignment_file(assignment))

    def dataset(self, dataset: str) -> Dataset:
        """The manifest of `dataset`. Raises UsageError where there is none."""
        path = self._content("datasets") / dataset / "dataset.toml"
        if not path.is_file():
            there = sorted(entry.parent.name for entry in self._content("datasets").glob("*/dataset.toml"))
            raise UsageError(f"There is no dataset `{dataset}`.", f"There is: {', '.join(there) or 'none'}.")
        return read_dataset(path)

    def datasets(self) -> list[Dataset]:
        """Every dataset's manifest, by id."""
        return [read_dataset(path) for path in sorted(self._content("datasets").glob("*/dataset.toml"))]

    def baseline_file(self, assignment: str) -> Path:
        """Where the recorded baseline of `assignment` is, whether it is there or not."""
        return self._content("reference") / assignment / "baseline.json"

    def reference(self, assignment: str) -> Path:
        """The reference solution of `assignment`, a notebook. Raises UsageError where there is none."""
        path = self._content("reference") / assignment / "solution.ipynb"
        if not path.is_file():
            raise UsageError(f"{path}: `{assignment}` has no reference solution.", "Write one: an ordinary notebook.")
        return path

    def report_templates(self) -> Path:
        """The folder with `templates/` and `static/` that reports are made from."""
        return self._content("reports")

    def examples(self) -> Path:
        """The example class."""
        return self._content("examples") / "class"

    def shared_data(self) -> Path:
        """`../shared/data` beside the checkout, whether it is there or not."""
        return self.root.parent / "shared" / "data"

    def _content(self, name: str) -> Path:
        """A folder of this course, else the one that comes with the grader (a course need not bring everything)."""
        own = self.root / name
        return own if own.is_dir() else Course.at().root / name
