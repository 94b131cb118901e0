"""What the recorder keeps of a network that was trained."""

from dataclasses import dataclass, field
from typing import Any

from grader.kernel.guest.describing import number, summarise
from grader.kernel.guest.looks import accuracy_in, moved, sample_weights
from grader.kernel.guest.neutral import neutrally
from grader.kernel.guest.rows import FirstRows

MOST_EVALUATIONS = 20
MOST_COPIES = 8192  # small copies of rows


@dataclass
class Network:
    """A network that was trained: a strong reference, what it was called then, and the first rows of its last training.

    `earlier` are the rows of trainings before, `evaluations` those since its last one, `left` a sample of the weights that
    its last `fit` left.
    """

    model: Any
    name: str
    cell: int
    rows: FirstRows
    loops: list[tuple[Any, int, str]] = field(default_factory=list)  # optimizer, its steps before, how
    used: int = 0  # the tick of its last `evaluate` or `predict`
    trained: int = 0  # the tick of its last training
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    earlier: list[FirstRows] = field(default_factory=list)
    left: Any = None

    def fitted(self, rows: FirstRows) -> None:
        """A `fit` has ended, which saw these rows."""
        if rows.x is not None:
            if sum(map(len, self.copies())) < MOST_COPIES:
                self.earlier.append(self.rows)
            self.rows = rows
        self.left = sample_weights(self.model)

    def copies(self) -> list[Any]:
        """Small copies of rows of all its trainings, the last one's first."""
        return [copies for rows in (self.rows, *self.earlier) for copies in rows.glances.copies]

    @neutrally
    def evaluated(self, x: Any, cell: int | None) -> None:
        """`evaluate` was called from outside of a training. Never raises."""
        try:
            found = self.model.get_metrics_result()
            told = {
                "cell": cell, "identity": id(self.model), "accuracy": accuracy_in(found),
                "loss": number(found.get("loss")), "x": summarise(x),
            }  # fmt: skip
            self.evaluations = [*self.evaluations, told][-MOST_EVALUATIONS:]
        except Exception:
            return

    def changed(self) -> bool | None:
        """Whether its weights are not those that its last `fit` left; None where nobody can say."""
        distance = moved(self.left, sample_weights(self.model)) if not self.loops else None
        return None if distance is None else distance > 0
