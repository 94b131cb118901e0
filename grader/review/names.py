"""What a page calls a student, and how a text is shown: as it is, or with names hidden."""

from dataclasses import dataclass

from grader.review.desk import Row


@dataclass(frozen=True)
class Names:
    """Names as they are. `hidden`: whether they are hidden from who looks."""

    hidden: bool = False

    def of(self, row: Row) -> str:
        """The name of a submission's student, or of the group."""
        return row.result.student

    def member(self, row: Row, number: int) -> str:
        """The name of a group's member, counted from 0."""
        return row.students[number]

    def hide(self, text: str) -> str:
        """A text that may hold a name."""
        return text
