"""Stage A: submissions are run, and what is known of each is stored as evidence. A batch never stops and never loses a row.

The way of a submission: `batch` gives it to `grade_one` in a thread, which asks a collector (here, or of `cluster`:
elsewhere) for each run that is due, stores it and marks all; `collect` is the run itself, from the code to its evidence;
`result_writer` puts the result on disk, into the gradebook and on the class page; at the end `similar_code` compares the
class. `context` is all that one assignment needs meanwhile, made once.

Every step leaves the disk so that the same command goes on from there: evidence is complete or not there, a result follows
from evidence, a row of the gradebook from a result. So whatever ends a batch, nothing is run twice and nothing is lost.
"""
