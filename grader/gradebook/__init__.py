"""The gradebook: what every student got, how it came about, and who decided otherwise. SQLite or PostgreSQL.

Theory of operation. One row is written once: results and overrides are history, the newest row of a submission (of a
student's grade) stands. A grade itself is never stored: `decide_grade.GradeBasis` makes it, purely, from the
results that stand, the assignment's rules, the roster's extensions and the newest override. So no regrade can overwrite
a person's decision, and a moved deadline needs nothing but the new rules.

Every write is one transaction that takes the writer's lock first (SQLite: BEGIN IMMEDIATE; PostgreSQL: the student's
row), and writing the same thing again changes nothing. So writers may be many, and what was interrupted is repeated.
"""

from grader.core.grades import rubric_digest
from grader.gradebook.book import FILE, Gradebook, open_gradebook
from grader.gradebook.database import Refused
from grader.gradebook.reading import MarkedBy
from grader.gradebook.recording import digest_with
from grader.gradebook.stored_decisions import Change, Superseded

__all__ = [
    "FILE", "Change", "Gradebook", "MarkedBy", "Refused", "Superseded", "digest_with", "open_gradebook", "rubric_digest",
]  # fmt: skip
