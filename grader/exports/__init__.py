"""Results and grades as files for other programs. Nothing is read or written here: text or bytes in, text or bytes out.

From *grades*, what the gradebook says of a class: `csv_files` writes tables of our own; `moodle` and `canvas` fill in a
file that the platform wrote, cell by cell, in the row of each student (`platform_csv`). From *results*, what the rubric
says of a submission: `gradescope`, `classroom50`, `autograding`, `junit`, and for GitHub a log and a summary (`github`).
`what_may_leave` decides what may leave the grader: which marks stand, and what a student may see.
"""
