"""Many submissions: each becomes a result, whatever happens to it; a batch never stops and never loses a row.

Slow and quick are apart. Collecting (a kernel, a judge: minutes) happens wherever `grader.executors` says, a submission at a
time; all that follows happens here, in the batch's own process, as each comes back: storing, marking, publishing, recording.

`attending` is the way of one submission, as a generator that asks for runs; `schedule` leads a class along it; `rows` holds
what came of everyone; `registrar` puts it on disk and into the gradebook.

Every step leaves the disk so that the same command goes on from there: evidence is complete or not there, a result follows
from evidence, a row of the gradebook from a result. So whatever ends a batch, nothing is run twice and nothing is lost.
"""

from grader.batch.attending import grade_submission, reusable
from grader.batch.rows import Rows
from grader.batch.schedule import grade_class

__all__ = ["Rows", "grade_class", "grade_submission", "reusable"]
