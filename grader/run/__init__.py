"""Stage A: submissions are run, and what is known of each is stored as evidence. A batch never stops and never loses a row.

`context` is all that one assignment needs while submissions go through, made once. `collect` turns one submission into
evidence: kernel, judge, calls of functions; wherever `executors` or `cluster` says. `grade_one` is the way of one
submission: which runs are stored, which are due, what they come to. `batch` leads a class along it, and `result_writer` puts
each row on disk, into the gradebook and on the class page.

Every step leaves the disk so that the same command goes on from there: evidence is complete or not there, a result follows
from evidence, a row of the gradebook from a result. So whatever ends a batch, nothing is run twice and nothing is lost.
"""
