"""Assignments of one's own: `scaffold` makes a new one, `lint` says whether it can be given to students.

`new_assignment` writes rubric, exercise, starter, reference solution and test into a course's folder, and takes a folder of
images in as a dataset. `lint_assignment` reads what is there and runs starter and reference for a moment: a class must not
find out that the reference solution fails, or that the starter passes. `baseline` measures what the reference reaches;
`packing` packs an assignment as an autograder, `student_wheel` the grader with a course for students.
"""
